import assert from 'node:assert/strict';
import test from 'node:test';

import fc from 'fast-check';

import { encodeFragment, MAX_MESSAGE_BYTES, parseFragments } from '#src/protocols/dtls/handshake/fragment.js';
import type { HandshakeFragment } from '#src/protocols/dtls/handshake/fragment.js';
import { GapList } from '#src/protocols/dtls/handshake/gap-list.js';
import { HandshakeInbox } from '#src/protocols/dtls/handshake/inbox.js';
import { messageType } from '#src/protocols/dtls/handshake/message-type.js';
import { MalformedMessage } from '#src/protocols/dtls/malformed.js';

function fragment(messageSeq: number, offset: number, text: string, length = 10, type = 11): HandshakeFragment {
  return { type, length, messageSeq, offset, bytes: new TextEncoder().encode(text) };
}

test('any cutting, order, repetition and overlap of fragments gives the message', () => {
  const cuts = fc.array(fc.record({ offset: fc.nat(59), length: fc.integer({ min: 1, max: 60 }) }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), cuts, (body, pieces) => {
      const gaps = new GapList(60);
      const seen = new Set<number>();
      for (const { offset, length } of [...pieces, { offset: 0, length: 60 }]) {
        const end = Math.min(offset + length, 60);
        let missing = 0;
        for (let at = offset; at < end; at++) if (!seen.has(at)) missing += 1;
        assert.equal(gaps.missingIn(offset, end - offset), missing);
        gaps.add(offset, body.subarray(offset, end));
        for (let at = offset; at < end; at++) seen.add(at);
        assert.equal(gaps.receivedBytes, seen.size);
        assert.equal(gaps.isComplete, seen.size === 60);
      }
      assert.deepEqual(gaps.take(), new Uint8Array(body));
    }),
  );
});

test('pitfall 8: bytes that came first stay; length and type must be the same in all fragments', () => {
  const inbox = new HandshakeInbox(0);
  assert.equal(inbox.receive(fragment(0, 0, 'abcdef'), 0), 'taken');
  assert.equal(inbox.receive(fragment(0, 3, 'XXXXXXX', 11), 0), 'dropped');
  assert.equal(inbox.receive(fragment(0, 3, 'XXXXXXX', 10, 12), 0), 'dropped');
  assert.equal(inbox.receive(fragment(0, 3, 'XXXghij'), 0), 'taken');
  assert.equal(new TextDecoder().decode(inbox.next()?.body), 'abcdefghij');
});

test('pitfalls 8 and 9: a fragment beyond its message, and an empty one of a message that is not, are malformed', () => {
  const encoded = encodeFragment({ type: 11, messageSeq: 0, body: new Uint8Array(10) }, 5, 5);
  assert.equal(parseFragments(encoded).length, 1);
  encoded[8] = 6;
  assert.throws(() => parseFragments(encoded), MalformedMessage);
  assert.throws(
    () => parseFragments(encodeFragment({ type: 11, messageSeq: 0, body: new Uint8Array(10) }, 5, 0)),
    MalformedMessage,
  );
  assert.equal(parseFragments(encodeFragment({ type: 14, messageSeq: 0, body: new Uint8Array(0) }, 0, 0)).length, 1);
  assert.throws(() => parseFragments(new Uint8Array(0)), MalformedMessage);
});

test('pitfall 10: memory goes by what was received, and is bounded whatever is announced', () => {
  const announced = encodeFragment({ type: 11, messageSeq: 0, body: new Uint8Array(10) }, 0, 10);
  announced[1] = 0xff;
  assert.throws(() => parseFragments(announced), MalformedMessage, '16 MB');
  const inbox = new HandshakeInbox(0);
  for (let seq = 0; seq < 8; seq++) inbox.receive(fragment(seq, 0, 'x', MAX_MESSAGE_BYTES), 0);
  assert.ok(inbox.heldBytes < 1000);
  // One-byte fragments with holes between them are the dearest.
  let taken = 0;
  for (let offset = 0; offset < MAX_MESSAGE_BYTES; offset += 2)
    if (inbox.receive(fragment(1, offset, 'y', MAX_MESSAGE_BYTES), 0) === 'taken') taken += 1;
  assert.ok(inbox.heldBytes <= 2 * MAX_MESSAGE_BYTES);
  assert.ok(taken < 2100, `${taken} pieces`);
});

test('pitfall 11: numbers far ahead are dropped, numbers of the past are repetitions', () => {
  const inbox = new HandshakeInbox(3);
  assert.equal(inbox.receive(fragment(11, 0, 'x'), 0), 'dropped');
  assert.equal(inbox.receive(fragment(65_535, 0, 'x'), 0), 'dropped');
  assert.equal(inbox.receive(fragment(10, 0, 'x'), 0), 'taken');
  assert.equal(inbox.receive(fragment(2, 0, 'x'), 0), 'repeated');
});

test('pitfall 12: fragments of the next message in the same record go where they belong', () => {
  const record = Uint8Array.from([
    ...encodeFragment({ type: 11, messageSeq: 1, body: new TextEncoder().encode('one') }, 2, 1),
    ...encodeFragment({ type: 12, messageSeq: 2, body: new TextEncoder().encode('two') }, 0, 3),
    ...encodeFragment({ type: 11, messageSeq: 1, body: new TextEncoder().encode('one') }, 0, 2),
  ]);
  const inbox = new HandshakeInbox(1);
  for (const part of parseFragments(record)) assert.equal(inbox.receive(part, 0), 'taken');
  assert.equal(new TextDecoder().decode(inbox.next()?.body), 'one');
  inbox.advance();
  assert.equal(new TextDecoder().decode(inbox.next()?.body), 'two');
});

test('pitfall 13: a message that was thrown away is awaited still', () => {
  const inbox = new HandshakeInbox(0);
  inbox.receive(fragment(0, 0, 'damaged!!!'), 0);
  assert.ok(inbox.next() !== null);
  inbox.discard();
  assert.equal(inbox.next(), null);
  inbox.receive(fragment(0, 0, 'as it was!'), 0);
  assert.equal(new TextDecoder().decode(inbox.next()?.body), 'as it was!');
});

test('Finished counts in epoch 1 only, and everything else in epoch 0 only', () => {
  const inbox = new HandshakeInbox(0);
  assert.equal(inbox.receive(fragment(0, 0, 'x', 1, messageType.finished), 0), 'dropped');
  assert.equal(inbox.receive(fragment(0, 0, 'x', 1, messageType.certificate), 1), 'dropped');
  assert.equal(inbox.receive(fragment(0, 0, 'x', 1, messageType.finished), 1), 'taken');
});
