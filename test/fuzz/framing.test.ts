/**
 * Bytes from nowhere, into every codec. Whatever comes, a decoder gives frames or throws a FramingError, the same ones however the bytes
 * were cut, and never more bytes than went in.
 *
 * The corpus is what once was interesting: inputs on the edge of a limit, in the middle of a prefix. Each run adds mutations of it
 * (test/support/fuzzing.ts, which says how to look for longer).
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import { FramingError } from 'bowline/core';
import {
  chunked,
  cobs,
  custom,
  delimited,
  fixed,
  jsonLines,
  lengthPrefixed,
  lines,
  netstrings,
  regex,
  regexMatch,
  struct,
} from 'bowline/framing';
import type { Codec } from 'bowline/framing';

import { decode } from '../framing/decode.js';
import { fuzz, fuzzSeed, readCorpus } from '../support/fuzzing.js';

const codecs: Readonly<Record<string, Codec<never, unknown>>> = {
  lines: lines({ maxBytes: 12 }),
  crlf: lines({ maxBytes: 12, ending: 'crlf', lastLine: 'drop' }),
  json: jsonLines({ maxBytes: 20 }),
  delimited: delimited('ab', { maxBytes: 9 }),
  fixed: fixed(5),
  u16: lengthPrefixed('u16be', { maxBytes: 20 }),
  u24: lengthPrefixed('u24le', { maxBytes: 20, inclusive: true }),
  varint: lengthPrefixed('varint', { maxBytes: 200 }),
  quic: lengthPrefixed('quic', { maxBytes: 200 }),
  netstrings: netstrings({ maxBytes: 20 }),
  struct: struct('<Hb?d3s'),
  regex: regex(/\r?\n|--/, { maxBytes: 30 }),
  match: regexMatch(/[^;]*;/, { maxBytes: 30 }),
  chunked: chunked({ maxBytes: 20 }),
  cobs: cobs({ maxBytes: 300 }),
  custom: custom<never, Uint8Array>({
    encode: () => new Uint8Array(0),
    decode: (data) => (data.length > (data[0] as number) ? { value: data.slice(0, 1), length: 1 } : undefined),
    maxBytes: 100,
  }),
};

function tryAll(input: Uint8Array, sizes: readonly number[]): void {
  for (const [name, codec] of Object.entries(codecs)) {
    const whole = decode(codec, input);
    const cut = decode(codec, input, sizes);
    const what = `${name}, seed ${fuzzSeed}: ${Buffer.from(input).toString('hex')}`;
    assert.ok(whole.error === undefined || whole.error instanceof FramingError, `${what}: ${String(whole.error)}`);
    assert.deepEqual(cut.frames, whole.frames, what);
    assert.equal((cut.error as Error | undefined)?.name, (whole.error as Error | undefined)?.name, what);
    const given = whole.frames.reduce<number>(
      (sum, frame) => sum + (frame instanceof Uint8Array ? frame.length : 0),
      0,
    );
    assert.ok(given + whole.rest.length <= input.length, what);
  }
}

test('no bytes, however cut, make a decoder do anything but decode or refuse', () => {
  const inputs = [...readCorpus('framing').values()];
  assert.ok(inputs.length >= 10);
  for (const input of inputs) for (const size of [1, 2, 3, 7]) tryAll(input, [size]);
  fuzz(inputs, (input, random) => tryAll(input, [1 + random(3), 1 + random(9)]));
});
