import assert from 'node:assert/strict';
import test from 'node:test';

import type { AeadName } from '#src/core/crypto-provider.js';
import { nodeCrypto } from '#src/platform/crypto.js';
import { contentType } from '#src/protocols/dtls/record/content-type.js';
import { MAX_SEQUENCE, parseRecord } from '#src/protocols/dtls/record/header.js';
import { RecordLayer } from '#src/protocols/dtls/record/layer.js';
import { aeadParameters, noConnectionId, RecordProtection } from '#src/protocols/dtls/record/protection.js';
import type { TrafficKeys } from '#src/protocols/dtls/record/protection.js';

function keysOf(aead: AeadName): TrafficKeys {
  const { keyBytes, fixedIvBytes } = aeadParameters[aead];
  return {
    aead,
    key: nodeCrypto.secretKey(new Uint8Array(keyBytes).fill(9)),
    fixedIv: new Uint8Array(fixedIvBytes).fill(4),
  };
}

/** A sender and a receiver under the same keys. */
function layers(
  aead: AeadName,
  connectionId: Uint8Array = noConnectionId,
): { sender: RecordLayer; receiver: RecordLayer } {
  const sender = new RecordLayer(nodeCrypto, 0, 0);
  const receiver = new RecordLayer(nodeCrypto, 0, connectionId.length);
  sender.protectWriting(keysOf(aead), connectionId);
  receiver.protectReading(keysOf(aead), connectionId);
  return { sender, receiver };
}

const text = new TextEncoder().encode('to be or not to be');

for (const aead of Object.keys(aeadParameters) as AeadName[]) {
  for (const connectionId of [noConnectionId, Uint8Array.of(1, 2, 3)]) {
    const what = `${aead}${connectionId.length > 0 ? ' with a connection ID' : ''}`;

    test(`${what}: a record opens once, and any changed bit of it never`, () => {
      const { sender, receiver } = layers(aead, connectionId);
      const record = sender.write(contentType.applicationData, 1, text);
      assert.equal(record.length, text.length + sender.overheadBytes(1));
      for (let at = 0; at < record.length; at++) {
        const changed = record.slice();
        changed[at] = (changed[at] ?? 0) ^ 0x80;
        assert.deepEqual(receiver.open(changed), [], `byte ${at}`);
      }
      const [opened] = receiver.open(record);
      assert.deepEqual(opened?.content, text);
      assert.equal(opened?.type, contentType.applicationData);
      assert.equal(opened?.isNewest, true);
      assert.deepEqual(receiver.open(record), [], 'a replay');
      assert.equal(receiver.drops.replayed, 1);
    });
  }
}

test('pitfall 42: a forged record with a huge number does not shut out the true ones', () => {
  const { sender, receiver } = layers('aes-128-gcm');
  const record = sender.write(contentType.applicationData, 1, text);
  const forged = record.slice();
  forged.fill(0xff, 5, 11);
  assert.deepEqual(receiver.open(forged), []);
  assert.equal(receiver.drops.unauthentic, 1);
  assert.equal(receiver.open(record).length, 1);
});

test('pitfall 41: application data in epoch 0 is dropped, before and after there are keys', () => {
  for (const receiver of [new RecordLayer(nodeCrypto, 0, 0), layers('aes-128-gcm').receiver]) {
    const clear = new RecordLayer(nodeCrypto, 0, 0).write(contentType.applicationData, 0, text);
    assert.deepEqual(receiver.open(clear), []);
    assert.equal(receiver.drops.wrongEpoch, 1);
  }
});

test('epoch tricks: an epoch that does not exist is dropped, and nothing of it is kept', () => {
  const { sender, receiver } = layers('aes-128-gcm');
  const record = sender.write(contentType.applicationData, 1, text);
  for (const epoch of [2, 3, 65_535]) {
    const moved = record.slice();
    moved[3] = epoch >>> 8;
    moved[4] = epoch & 0xff;
    assert.deepEqual(receiver.open(moved), []);
  }
  assert.equal(receiver.drops.wrongEpoch, 3);
});

test('pitfall 17: records before their keys are kept, a bounded number of them, and opened then', () => {
  const sender = new RecordLayer(nodeCrypto, 0, 0);
  sender.protectWriting(keysOf('aes-128-gcm'), noConnectionId);
  const receiver = new RecordLayer(nodeCrypto, 0, 0);
  for (let i = 0; i < 40; i++) receiver.open(sender.write(contentType.applicationData, 1, Uint8Array.of(i)));
  const early = receiver.protectReading(keysOf('aes-128-gcm'), noConnectionId);
  assert.equal(early.length, 16);
  assert.equal(receiver.drops.early, 24);
  assert.deepEqual(
    early.flatMap((record) => receiver.open(record).map(({ content }) => content[0])),
    [...early.keys()],
  );
  const large = new RecordLayer(nodeCrypto, 0, 0);
  for (let i = 0; i < 10; i++) large.open(sender.write(contentType.applicationData, 1, new Uint8Array(9000)));
  assert.equal(large.protectReading(keysOf('aes-128-gcm'), noConnectionId).length, 2, 'bytes are bounded, too');
});

test('pitfall 16: an unknown type or version costs that record only; a length that cannot be, the rest', () => {
  const { sender, receiver } = layers('chacha20-poly1305');
  const good = (): Uint8Array => sender.write(contentType.applicationData, 1, text);
  const unknownType = good();
  unknownType[0] = 99;
  const badVersion = good();
  badVersion[1] = 3;
  const tooLong = good();
  tooLong[11] = 0xff;
  const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
  assert.equal(receiver.open(join(unknownType, good(), badVersion, good())).length, 2);
  assert.equal(receiver.open(join(good(), tooLong, good())).length, 1);
  assert.equal(receiver.drops.malformed, 3);
});

test('datagrams of every length up to a record: nothing throws, nothing opens', () => {
  const { sender, receiver } = layers('aes-128-ccm');
  const record = sender.write(contentType.applicationData, 1, text);
  for (let length = 0; length < record.length; length++)
    assert.deepEqual(receiver.open(record.subarray(0, length)), [], `${length} bytes`);
});

test('pitfall 48: protected records shorter than nonce and tag are dropped before they are cut up', () => {
  for (const aead of Object.keys(aeadParameters) as AeadName[]) {
    const { receiver } = layers(aead);
    for (let length = 0; length < 24; length++) {
      const record = new Uint8Array(13 + length);
      record.set([23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 7, 0, length]);
      assert.deepEqual(receiver.open(record), []);
    }
  }
});

test('pitfall 43: the last sequence number is used, and none after it', () => {
  const layer = new RecordLayer(nodeCrypto, MAX_SEQUENCE, 0);
  assert.equal(layer.mayWrite(0), true);
  const record = layer.write(contentType.handshake, 0, text);
  assert.equal(parseRecord(record, 0, 0)?.header?.sequence, MAX_SEQUENCE);
  assert.equal(layer.mayWrite(0), false);
});

test('pitfall 44: the nonce is epoch and sequence number: no two records share it', () => {
  const { sender } = layers('aes-256-gcm');
  const nonces = Array.from({ length: 50 }, () => {
    return Buffer.from(sender.write(contentType.applicationData, 1, text).subarray(13, 21)).toString('hex');
  });
  assert.equal(nonces[0], '0001000000000000');
  assert.equal(nonces[49], '0001000000000031');
});

test('pitfall 49: forged records wear a key out: CCM_8 after 1,024', () => {
  const { receiver } = layers('aes-128-ccm-8');
  const forged = new Uint8Array(13 + 30);
  for (let i = 0; i < 1024; i++) {
    assert.equal(receiver.isWornOut, false);
    forged.set([23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, i >>> 8, i & 0xff, 0, 30]);
    receiver.open(forged);
  }
  assert.equal(receiver.isWornOut, true);
});

test('pitfall 50: a key seals no more records than its cipher allows', () => {
  assert.deepEqual(
    Object.values(aeadParameters).map(({ sealLimit }) => sealLimit),
    [23_726_566, 23_726_566, 2 ** 23, 2 ** 23, Infinity],
  );
  const protection = new RecordProtection(nodeCrypto, keysOf('aes-128-gcm'));
  assert.equal(protection.maySeal, true);
});

test('pitfall 57: with a connection ID records have it; the true type is inside, and must be there', () => {
  const id = Uint8Array.of(7, 7);
  const { sender, receiver } = layers('aes-128-gcm', id);
  const record = sender.write(contentType.alert, 1, Uint8Array.of(1, 0));
  assert.equal(record[0], contentType.connectionId);
  const plain = new RecordLayer(nodeCrypto, 0, 0);
  plain.protectWriting(keysOf('aes-128-gcm'), noConnectionId);
  assert.deepEqual(receiver.open(plain.write(contentType.applicationData, 1, text)), [], 'without the ID');
  assert.deepEqual(layers('aes-128-gcm').receiver.open(record), [], 'an ID that was not agreed on');
  const other = layers('aes-128-gcm', Uint8Array.of(7, 8)).sender.write(contentType.alert, 1, Uint8Array.of(1, 0));
  assert.deepEqual(receiver.open(other), [], 'another ID');
  const clear = record.slice();
  clear[4] = 0;
  assert.deepEqual(receiver.open(clear), [], 'in epoch 0');
  assert.equal(receiver.open(record)[0]?.type, contentType.alert);
  // A record of zeros has no type (RFC 9146 §4).
  const protection = new RecordProtection(nodeCrypto, keysOf('aes-128-gcm'));
  assert.deepEqual(receiver.open(protection.seal(0, 1, 60, id, new Uint8Array(4))), []);
});

test('RFC 9146 §6: only a record newer than all before says where the peer is', () => {
  const { sender, receiver } = layers('aes-128-gcm', Uint8Array.of(1));
  const [first, second] = [1, 2].map(() => sender.write(contentType.applicationData, 1, text));
  assert.equal(receiver.open(second ?? text)[0]?.isNewest, true);
  assert.equal(receiver.open(first ?? text)[0]?.isNewest, false);
});
