import assert from 'node:assert/strict';
import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto';
import test from 'node:test';

import type { AeadName, GroupName, SignatureAlgorithm } from '#src/core/crypto-provider.js';
import { nodeCrypto, privateKeyHandle, secretKeyHandle } from '#src/platform/crypto.js';

const aeads: readonly [AeadName, number, number][] = [
  ['aes-128-gcm', 16, 16],
  ['aes-256-gcm', 32, 16],
  ['aes-128-ccm', 16, 16],
  ['aes-128-ccm-8', 16, 8],
  ['chacha20-poly1305', 32, 16],
];

for (const [name, keyBytes, tagBytes] of aeads) {
  test(`${name} seals into place, opens what it sealed, and nothing else`, () => {
    const aead = nodeCrypto.aead(name, nodeCrypto.secretKey(new Uint8Array(keyBytes).fill(3)));
    const nonce = new Uint8Array(12).fill(1);
    const aad = new Uint8Array(13).fill(2);
    for (const length of [0, 1, 100, 16_384]) {
      const plaintext = nodeCrypto.randomBytes(length);
      const target = new Uint8Array(5 + length + tagBytes + 3).fill(0xee);
      aead.seal(nonce, aad, plaintext, target, 5);
      assert.deepEqual([...target.subarray(0, 5), ...target.subarray(-3)], new Array(8).fill(0xee));
      const sealed = target.slice(5, -3);
      assert.deepEqual(aead.open(nonce, aad, sealed), plaintext);
      for (const at of [0, sealed.length >> 1, sealed.length - 1]) {
        const forged = sealed.slice();
        forged[at] = (forged[at] ?? 0) ^ 1;
        assert.equal(aead.open(nonce, aad, forged), null);
      }
      assert.equal(aead.open(nonce, new Uint8Array(13), sealed), null);
      assert.equal(aead.open(new Uint8Array(12), aad, sealed), null);
    }
    for (let length = 0; length < tagBytes; length++)
      assert.equal(aead.open(nonce, aad, new Uint8Array(length)), null, `only ${length} bytes`);
  });
}

test('pitfall 48: a GCM tag that was cut short is not taken', () => {
  const aead = nodeCrypto.aead('aes-128-gcm', nodeCrypto.secretKey(new Uint8Array(16)));
  const sealed = new Uint8Array(10 + 16);
  aead.seal(new Uint8Array(12), new Uint8Array(1), new Uint8Array(10), sealed, 0);
  for (const cut of [1, 4, 8, 12])
    assert.equal(aead.open(new Uint8Array(12), new Uint8Array(1), sealed.subarray(0, -cut)), null);
});

const groups: readonly [GroupName, number][] = [
  ['x25519', 32],
  ['secp256r1', 65],
  ['secp384r1', 97],
  ['secp521r1', 133],
];

for (const [group, bytes] of groups) {
  test(`${group}: both sides agree`, () => {
    const [one, other] = [nodeCrypto.keyShare(group), nodeCrypto.keyShare(group)];
    assert.equal(one.publicKey.length, bytes);
    const agreed = one.agree(other.publicKey);
    assert.ok(agreed !== null);
    assert.deepEqual(other.agree(one.publicKey), agreed);
  });

  test(`pitfall 29: ${group} refuses what is no share of it`, () => {
    const share = nodeCrypto.keyShare(group);
    const good = nodeCrypto.keyShare(group).publicKey;
    assert.equal(share.agree(new Uint8Array(0)), null);
    assert.equal(share.agree(good.subarray(1)), null);
    assert.equal(share.agree(new Uint8Array(bytes)), null, 'all zeros');
    if (group === 'x25519') return;
    const off = good.slice();
    off[bytes - 1] = (off[bytes - 1] ?? 0) ^ 1;
    assert.equal(share.agree(off), null, 'a point that is not on the curve');
    const half = (bytes - 1) / 2;
    const compressed = Uint8Array.of(2 + ((good[bytes - 1] ?? 0) & 1), ...good.subarray(1, 1 + half));
    assert.equal(share.agree(compressed), null, 'a compressed point');
  });
}

test('signatures: what was signed is verified, anything else is not, and nothing throws', () => {
  const cases: readonly [SignatureAlgorithm, ReturnType<typeof generateKeyPairSync>][] = [
    [{ kind: 'ecdsa', hash: 'sha256' }, generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
    [{ kind: 'ecdsa', hash: 'sha384' }, generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
    [{ kind: 'ed25519' }, generateKeyPairSync('ed25519')],
    [{ kind: 'rsa-pss', hash: 'sha256' }, generateKeyPairSync('rsa', { modulusLength: 2048 })],
    [{ kind: 'rsa-pkcs1', hash: 'sha512' }, generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ];
  for (const [algorithm, { privateKey, publicKey }] of cases) {
    const data = nodeCrypto.randomBytes(50);
    const signature = nodeCrypto.sign(algorithm, privateKeyHandle(privateKey), data);
    const key = nodeCrypto.keyOfInfo(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })));
    assert.ok(key !== null);
    assert.equal(nodeCrypto.verify(algorithm, key, data, signature), true, algorithm.kind);
    assert.equal(nodeCrypto.verify(algorithm, key, nodeCrypto.randomBytes(50), signature), false);
    assert.equal(nodeCrypto.verify(algorithm, key, data, new Uint8Array(3)), false);
    assert.equal(nodeCrypto.kindOf(key).kind, nodeCrypto.kindOf(privateKeyHandle(privateKey)).kind);
  }
});

test('keys come in by their kind, bytes of the peer give null, and secrets come out again', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  assert.throws(() => privateKeyHandle(publicKey), TypeError);
  assert.throws(() => secretKeyHandle(privateKey), TypeError);
  assert.throws(() => nodeCrypto.secretBytes({ type: 'secret' }), TypeError);
  assert.equal(nodeCrypto.keyOfInfo(new Uint8Array(40)), null);
  assert.equal(nodeCrypto.keyOfCertificate(new Uint8Array(40)), null);
  assert.deepEqual(nodeCrypto.secretBytes(nodeCrypto.secretKey(Uint8Array.of(1, 2))), Uint8Array.of(1, 2));
  const { kind } = nodeCrypto.kindOf(privateKeyHandle(generateKeyPairSync('x25519').privateKey));
  assert.equal(kind, 'other');
});

test('hmac is what node says it is; equal compares lengths first', () => {
  const key = createSecretKey(Buffer.from('key'));
  const expected = new Uint8Array(createHmac('sha384', 'key').update('ab').digest());
  const parts = [new TextEncoder().encode('a'), new TextEncoder().encode('b')];
  assert.deepEqual(nodeCrypto.hmac('sha384', secretKeyHandle(key), parts), expected);
  assert.equal(nodeCrypto.equal(Uint8Array.of(1), Uint8Array.of(1, 2)), false);
  assert.equal(nodeCrypto.equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
});
