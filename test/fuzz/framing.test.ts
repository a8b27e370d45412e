/**
 * Bytes from nowhere, into every codec. Whatever comes, a decoder gives frames or throws a FramingError, the same ones however the bytes
 * were cut, and never more bytes than went in.
 *
 * The corpus is what once was interesting: inputs on the edge of a limit, in the middle of a prefix. Each run adds mutations of it.
 * `FUZZ_SECONDS=60 node --test dist-test/test/fuzz/framing.test.js` looks for longer, with another seed each time; a failure names the seed.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

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

const corpus = fileURLToPath(new URL('../../../test/fuzz/corpus/framing/', import.meta.url));
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0.5);
const seed = seconds === 0.5 ? 1 : Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

/** mulberry32: small, and the same everywhere. */
function randomSource(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function mutate(input: Uint8Array, random: (below: number) => number, others: readonly Uint8Array[]): Uint8Array {
  let bytes = Array.from(input);
  for (let i = 1 + random(4); i > 0; i--) {
    const at = random(bytes.length + 1);
    switch (random(5)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes.splice(at, random(4));
        break;
      case 2:
        bytes.splice(at, 0, ...bytes.slice(random(bytes.length + 1), random(bytes.length + 1)));
        break;
      case 3:
        bytes.splice(at, 0, [0, 1, 9, 10, 13, 48, 58, 127, 128, 255][random(10)] as number);
        break;
      default:
        bytes = [...bytes.slice(0, at), ...(others[random(others.length)] as Uint8Array)];
    }
  }
  return Uint8Array.from(bytes.slice(0, 600));
}

function tryAll(input: Uint8Array, sizes: readonly number[]): void {
  for (const [name, codec] of Object.entries(codecs)) {
    const whole = decode(codec, input);
    const cut = decode(codec, input, sizes);
    const what = `${name}, seed ${seed}: ${Buffer.from(input).toString('hex')}`;
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
  const inputs = readdirSync(corpus).map(
    (name) => new Uint8Array(Buffer.from(readFileSync(corpus + name, 'utf8').replace(/\s/g, ''), 'hex')),
  );
  assert.ok(inputs.length >= 10);
  for (const input of inputs) for (const size of [1, 2, 3, 7]) tryAll(input, [size]);
  const random = randomSource(seed);
  const until = performance.now() + seconds * 1000;
  for (let runs = 0; runs < 200 || performance.now() < until; runs++) {
    const input = mutate(inputs[random(inputs.length)] as Uint8Array, random, inputs);
    tryAll(input, [1 + random(3), 1 + random(9)]);
    if (seconds === 0.5 && runs >= 400) break;
  }
});
