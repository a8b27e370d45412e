import assert from 'node:assert/strict';
import test from 'node:test';

import { nodeCrypto } from '#src/platform/crypto.js';
import { examineHello } from '#src/protocols/dtls/cookie.js';
import type { CookieSecrets } from '#src/protocols/dtls/cookie.js';
import { firstHello } from '#src/protocols/dtls/flights/client-hello.js';
import { encodeClientHello } from '#src/protocols/dtls/handshake/client-hello.js';
import type { ClientHello } from '#src/protocols/dtls/handshake/client-hello.js';
import { encodeWhole } from '#src/protocols/dtls/handshake/fragment.js';
import { parseHelloVerifyRequest } from '#src/protocols/dtls/handshake/hello-verify-request.js';
import { contentType } from '#src/protocols/dtls/record/content-type.js';
import { RecordLayer } from '#src/protocols/dtls/record/layer.js';
import { clientSettings } from './pair.js';

const secret = (): CookieSecrets['current'] => nodeCrypto.secretKey(nodeCrypto.randomBytes(32));
const secrets: CookieSecrets = { current: secret(), previous: null };
const here = Uint8Array.of(192, 0, 2, 1, 0x12, 0x34);
const elsewhere = Uint8Array.of(192, 0, 2, 1, 0x12, 0x35);
const hello = firstHello(clientSettings);

function datagramOf(said: ClientHello, messageSeq = 0, sequence = 0): Uint8Array {
  const message = encodeWhole({ type: 1, messageSeq, body: encodeClientHello(said) });
  return new RecordLayer(nodeCrypto, sequence, 0).write(contentType.handshake, 0, message);
}

/** The hello again, with the cookie that it got. */
function withCookie(address = here): ClientHello {
  const verdict = examineHello(nodeCrypto, secrets, address, datagramOf(hello));
  assert.equal(verdict.kind, 'verify');
  return { ...hello, cookie: parseHelloVerifyRequest(verdict.reply.subarray(25)).cookie };
}

test('pitfall 5: a cookie is good for the address it was sent to, and for no other', () => {
  const again = datagramOf(withCookie(), 1, 1);
  assert.equal(examineHello(nodeCrypto, secrets, here, again).kind, 'accepted');
  assert.equal(examineHello(nodeCrypto, secrets, elsewhere, again).kind, 'verify');
});

test('pitfall 6: the second hello must say what the first one said', () => {
  const again = withCookie();
  const changes: Partial<ClientHello>[] = [
    { version: 0xfefc },
    { random: nodeCrypto.randomBytes(32) },
    { sessionId: nodeCrypto.randomBytes(32) },
    { cipherSuites: [...hello.cipherSuites, 0xc02f] },
    { compressionMethods: Uint8Array.of(0, 1) },
    { extensions: hello.extensions.slice(1) },
  ];
  for (const change of changes) {
    const verdict = examineHello(nodeCrypto, secrets, here, datagramOf({ ...again, ...change }, 1));
    assert.equal(verdict.kind, 'verify', JSON.stringify(Object.keys(change)));
  }
});

test('D14: a cookie outlives one change of the secret, and not two', () => {
  const again = datagramOf(withCookie(), 1);
  const next = { current: secret(), previous: secrets.current };
  assert.equal(examineHello(nodeCrypto, next, here, again).kind, 'accepted');
  const afterNext = { current: secret(), previous: next.current };
  assert.equal(examineHello(nodeCrypto, afterNext, here, again).kind, 'verify');
});

test('pitfall 7: the answer is shorter than what it answers, always', () => {
  const shortest = datagramOf({ ...hello, cipherSuites: [0xc02b], extensions: [] });
  const verdict = examineHello(nodeCrypto, secrets, here, shortest);
  if (verdict.kind === 'verify') assert.ok(verdict.reply.length < shortest.length);
  const normal = datagramOf(hello);
  const usual = examineHello(nodeCrypto, secrets, here, normal);
  assert.equal(usual.kind, 'verify');
  assert.equal(usual.reply.length, 60);
  assert.ok(normal.length > 60);
});

test('pitfalls 3 and 4: the answer has version 1.0, the number of the record it answers, and message_seq 0', () => {
  const verdict = examineHello(nodeCrypto, secrets, here, datagramOf(hello, 0, 77));
  assert.equal(verdict.kind, 'verify');
  assert.deepEqual([...verdict.reply.subarray(0, 11)], [22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 77]);
  assert.deepEqual([...verdict.reply.subarray(13, 19)], [3, 0, 0, 35, 0, 0]);
});

test('pitfall 1: the server goes on from the numbers of the hello that had the cookie', () => {
  const verdict = examineHello(nodeCrypto, secrets, here, datagramOf(withCookie(), 2, 9));
  assert.equal(verdict.kind, 'accepted');
  assert.equal(verdict.hello.message.messageSeq, 2);
  assert.equal(verdict.hello.recordSequence, 9);
});

test('DTLS-13 a flipped bit anywhere in the second hello is not accepted', () => {
  const again = datagramOf(withCookie(), 1, 1);
  for (let at = 11; at < again.length; at++) {
    const flipped = again.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const verdict = examineHello(nodeCrypto, secrets, here, flipped);
    // The number of the message is not part of what the cookie is about: it stays the client's own affair.
    if (at === 17 || at === 18) continue;
    assert.notEqual(verdict.kind, 'accepted', `byte ${at}`);
  }
});

test('DTLS-12 what is no whole hello in its first record is dropped; what follows the record is nobody’s affair', () => {
  const good = datagramOf(hello);
  const record = (content: Uint8Array): Uint8Array =>
    new RecordLayer(nodeCrypto, 0, 0).write(contentType.handshake, 0, content);
  const message = encodeWhole({ type: 1, messageSeq: 0, body: encodeClientHello(hello) });
  const dropped: Record<string, Uint8Array> = {
    empty: new Uint8Array(0),
    'three bytes': good.subarray(0, 3),
    'the last byte missing': good.subarray(0, -1),
    'cut in the header': good.subarray(0, 14),
    'a record length of 0xffff': Uint8Array.from(good, (byte, at) => (at === 11 || at === 12 ? 0xff : byte)),
    'a byte too many inside the record': record(Uint8Array.of(...message, 0)),
    'a fragment': record(Uint8Array.of(...message.subarray(0, 6), 0, 0, 0, 0, 0, 50, ...message.subarray(12, 62))),
    'an empty handshake record': record(new Uint8Array(0)),
    'cut inside the session ID': record(
      encodeWhole({ type: 1, messageSeq: 0, body: encodeClientHello(hello).slice(0, 34) }),
    ),
    'epoch 1': Uint8Array.from(good, (byte, at) => (at === 4 ? 1 : byte)),
  };
  for (const [what, datagram] of Object.entries(dropped))
    assert.equal(examineHello(nodeCrypto, secrets, here, datagram).kind, 'dropped', what);
  assert.equal(examineHello(nodeCrypto, secrets, here, Uint8Array.of(...good, 1, 2, 3)).kind, 'verify');
});
