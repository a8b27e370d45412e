import assert from 'node:assert/strict';
import { test } from 'node:test';

import { IncompleteRead, ProtocolError } from 'bowline/core';
import type { Decoder } from 'bowline/framing';

import { MessageDecoder } from '#src/core/message-decoder.js';
import type { MessageFormat } from '#src/core/message-decoder.js';

/** A length byte, and so many bytes; 0xff is no length, and a body of 0xee is no body. Notes what it is shown. */
function lengthPrefixed(shown: [bytes: number, seen: number][] = []): MessageFormat<string> {
  return {
    name: 'a word',
    measure(bytes, seenBytes) {
      shown.push([bytes.length, seenBytes]);
      if (bytes[0] === 0xff) throw new ProtocolError('no length', 'rule 1');
      return 1 + (bytes[0] ?? 1);
    },
    parse(message) {
      if (message[1] === 0xee) throw new ProtocolError('no body', 'rule 2');
      return String.fromCharCode(...message.subarray(1));
    },
  };
}

test('it has the methods of every decoder, and messages come one after another', () => {
  const decoder: Decoder<string> = new MessageDecoder(lengthPrefixed());
  decoder.push(Uint8Array.of(2, 0x61, 0x62, 1, 0x63, 3, 0x64));
  assert.deepEqual([decoder.next(), decoder.next(), decoder.next()], ['ab', 'c', undefined]);
  assert.deepEqual([...decoder.takeRest()], [3, 0x64]);
  assert.equal(decoder.next(), undefined);
  decoder.end();
});

test('wantedBytes is what is missing at least, and no byte beyond the message is ever wanted', () => {
  const decoder = new MessageDecoder(lengthPrefixed());
  assert.equal(decoder.wantedBytes, 2);
  decoder.push(Uint8Array.of(3));
  assert.equal(decoder.wantedBytes, 3);
  decoder.push(Uint8Array.of(0x61, 0x62));
  assert.equal(decoder.wantedBytes, 1);
  decoder.push(Uint8Array.of(0x63));
  assert.equal(decoder.wantedBytes, 0);
  assert.equal(decoder.next(), 'abc');
  assert.equal(decoder.wantedBytes, 2);
});

test('what was pushed is copied, and what is parsed may be kept', () => {
  const kept: Uint8Array[] = [];
  const decoder = new MessageDecoder({ ...lengthPrefixed(), parse: (message) => kept.push(message) });
  const chunk = Uint8Array.of(1, 0x61);
  decoder.push(chunk);
  chunk.fill(0);
  decoder.next();
  decoder.push(Uint8Array.of(1, 0x62));
  decoder.next();
  assert.deepEqual(
    kept.map((message) => [...message]),
    [
      [1, 0x61],
      [1, 0x62],
    ],
  );
});

test('a search is told how far it had got', () => {
  const shown: [number, number][] = [];
  const decoder = new MessageDecoder(lengthPrefixed(shown));
  decoder.push(Uint8Array.of(2));
  decoder.push(Uint8Array.of(0x61));
  decoder.push(Uint8Array.of(0x62, 9));
  decoder.next();
  assert.deepEqual(shown, [
    [0, 0],
    [1, 0],
    [2, 1],
    [4, 2],
    [1, 0],
  ]);
});

test('an end inside a message is an IncompleteRead with what there was', () => {
  const decoder = new MessageDecoder(lengthPrefixed());
  decoder.end();
  decoder.push(Uint8Array.of(2, 0x61));
  assert.throws(
    () => decoder.end(),
    (error) => {
      assert.ok(error instanceof IncompleteRead);
      assert.match(error.message, /2 bytes of a word/);
      assert.deepEqual([...error.partial], [2, 0x61]);
      return true;
    },
  );
});

test('a failure comes out of next, at once and for good, whether measuring or parsing found it', () => {
  for (const [bytes, message] of [
    [Uint8Array.of(0xff), /no length/],
    [Uint8Array.of(1, 0xee, 1, 0x61), /no body/],
  ] as const) {
    const decoder = new MessageDecoder(lengthPrefixed());
    decoder.push(bytes);
    assert.equal(decoder.wantedBytes, 0);
    for (let i = 0; i < 2; i++) assert.throws(() => decoder.next(), message);
    decoder.push(Uint8Array.of(1, 0x61));
    assert.throws(() => decoder.next(), message);
  }
});
