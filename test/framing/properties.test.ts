/** What all codecs have in common: no cutting into chunks makes a difference, and what is encoded comes out again. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { FramingError } from 'bowline/core';
import {
  chunked,
  cobs,
  custom,
  delimited,
  fixed,
  FrameDecoder,
  jsonLines,
  lengthPrefixed,
  lines,
  netstrings,
  regex,
  struct,
} from 'bowline/framing';
import type { Codec } from 'bowline/framing';
import fc from 'fast-check';

import { bytes, chunks, decode, join } from './decode.js';

interface Subject {
  readonly codec: Codec<unknown>;
  readonly values: fc.Arbitrary<unknown>;
  /** Values that look like the codec's own marks are the interesting ones. */
  readonly noise: fc.Arbitrary<Uint8Array>;
}

function subject<S extends R, R>(codec: Codec<S, R>, values: fc.Arbitrary<S>, alphabet: string): Subject {
  const noise = fc.array(fc.constantFrom(...bytes(alphabet)), { maxLength: 40 }).map((list) => Uint8Array.from(list));
  return { codec: codec as unknown as Codec<unknown>, values, noise };
}

const anyBytes = fc.uint8Array({ maxLength: 40 }).map((data) => new Uint8Array(data));
const lineText = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((line) => !/[\n\r]/.test(line));

const prefixes = (
  ['u8', 'u16be', 'u16le', 'u24be', 'u24le', 'u32be', 'u32le', 'u64be', 'u64le', 'varint', 'quic'] as const
).flatMap((format): [string, Subject][] =>
  [false, true].map((inclusive) => [
    `lengthPrefixed ${format}${inclusive ? ' inclusive' : ''}`,
    subject(
      lengthPrefixed(format, { inclusive, maxBytes: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((data) => new Uint8Array(data)),
      '\x00\x01\x02\x05\x40\x80\xff',
    ),
  ]),
);

const subjects: readonly (readonly [string, Subject])[] = [
  ['lines', subject(lines(), lineText, 'a\r\n\xc3')],
  ['lines crlf', subject(lines({ ending: 'crlf', maxBytes: 60 }), fc.stringMatching(/^[a\n]{0,5}\r?$/), 'a\r\n')],
  ['lines lf', subject(lines({ ending: 'lf', maxBytes: 5 }), fc.stringMatching(/^[a\r]{0,5}$/), 'a\r\n')],
  ['lines with a short limit', subject(lines({ maxBytes: 3 }), fc.stringMatching(/^[ab]{0,3}$/), 'a\r\n')],
  [
    'lines that drop the last',
    subject(lines({ maxBytes: 3, lastLine: 'drop' }), fc.stringMatching(/^a{0,3}$/), 'a\r\n'),
  ],
  [
    'lines that give the last',
    subject(lines({ maxBytes: 3, lastLine: 'deliver' }), fc.stringMatching(/^a{0,3}$/), 'a\r\n'),
  ],
  [
    'delimited by one byte',
    subject(
      delimited('\0'),
      anyBytes.map((data) => data.filter((byte) => byte > 0)),
      'a\0',
    ),
  ],
  [
    'delimited by several',
    subject(delimited('aab', { maxBytes: 6 }), fc.constantFrom(...['', 'a', 'aa', 'b', 'abab'].map(bytes)), 'aab'),
  ],
  [
    'fixed',
    subject(
      fixed(7),
      fc.uint8Array({ minLength: 7, maxLength: 7 }).map((data) => new Uint8Array(data)),
      'ab',
    ),
  ],
  ['netstrings', subject(netstrings({ maxBytes: 40 }), anyBytes, '0123:,')],
  [
    'struct',
    subject(
      struct('>HqB?3s2x'),
      fc.tuple(
        fc.nat(65_535),
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        fc.nat(255),
        fc.boolean(),
        fc.constant(bytes('abc')),
      ),
      'ab',
    ),
  ],
  [
    'regex',
    subject(
      regex(/\r?\n/, { terminator: '\r\n', maxBytes: 60 }),
      anyBytes.map((data) => data.filter((byte) => byte !== 10 && byte !== 13)),
      'a\r\n',
    ),
  ],
  [
    'jsonLines',
    subject(
      jsonLines(),
      fc.jsonValue({ noUnicodeString: false } as never).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
      '{}[]1\n',
    ),
  ],
  ['chunked', subject(chunked({ maxBytes: 40 }), anyBytes, '012a;\r\n')],
  [
    'cobs',
    subject(
      cobs({ maxBytes: 700 }),
      fc.oneof(
        anyBytes,
        fc.uint8Array({ min: 0, max: 1, maxLength: 40 }).map((data) => new Uint8Array(data)),
        fc.integer({ min: 250, max: 700 }).map((length) => new Uint8Array(length).fill(7)),
      ),
      '\0\x01\x02\x03\xff',
    ),
  ],
  [
    'custom',
    subject(
      custom<Uint8Array>({
        encode: (value) => [Uint8Array.of(value.length), value],
        decode: (data) => {
          const length = 1 + (data[0] as number);
          return data.length < length ? length : { value: data.slice(1, length), length };
        },
        maxBytes: 100,
      }),
      anyBytes,
      '\0\x01\x05\xff',
    ),
  ],
  ...prefixes,
];

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

for (const [name, { codec, values, noise }] of subjects) {
  test(`${name}: what was encoded is decoded, however it was cut`, () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 6 }), sizes, (sent, cut) => {
        const data = join(sent.flatMap((value) => codec.encode(value)));
        for (const way of [[1], cut, [1e9]]) {
          const { frames, error, rest } = decode(codec, data, way);
          assert.equal(error, undefined);
          assert.deepEqual(frames, sent);
          assert.equal(rest.length, 0);
        }
      }),
    );
  });

  test(`${name}: of any bytes, any cutting makes the same frames, the same error and the same rest`, () => {
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          fc.tuple(values, noise).map(([value, tail]) => join([...[codec.encode(value)].flat(), tail])),
        ),
        sizes,
        (data, cut) => {
          const whole = decode(codec, data);
          assert.ok(whole.error === undefined || whole.error instanceof FramingError, String(whole.error));
          for (const way of [[1], cut]) {
            const { frames, error } = decode(codec, data, way);
            assert.deepEqual(frames, whole.frames);
            assert.equal((error as Error | undefined)?.constructor, whole.error?.constructor);
          }
          // What the rest holds together with the frames is the whole: an error has eaten nothing.
          const again = decode(codec, whole.rest);
          if (whole.error !== undefined) assert.equal((again.error as Error).message, (whole.error as Error).message);
        },
      ),
    );
  });
}

test('a change of codec after any frame loses no byte and reads none twice', () => {
  const alphabet = [lines({ maxBytes: 20 }), fixed(3), netstrings(), lengthPrefixed('u8'), cobs()] as const;
  const step = fc.oneof(
    fc.record({
      codec: fc.constant(alphabet[0] as Codec<never, unknown>),
      value: fc.constantFrom<unknown>('', 'a line'),
    }),
    fc.record({ codec: fc.constant(alphabet[1] as Codec<never, unknown>), value: fc.constant<unknown>(bytes('xyz')) }),
    fc.record({
      codec: fc.constantFrom(...(alphabet.slice(2) as Codec<never, unknown>[])),
      value: fc.uint8Array({ maxLength: 9 }).map((data): unknown => new Uint8Array(data)),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), sizes, fc.boolean(), (steps, cut, isForeign) => {
      const data = join(steps.flatMap(({ codec, value }) => (codec as Codec<unknown>).encode(value)));
      // A codec that is not one of ours has a buffer of its own.
      const disguise = (codec: Codec<never, unknown>): Codec<never, unknown> =>
        isForeign ? { encode: (value) => codec.encode(value), decoder: () => codec.decoder() } : codec;
      const decoder = new FrameDecoder<unknown>(disguise(fixed(1)));
      const received: unknown[] = [];
      const take = (): void => {
        for (;;) {
          const next = steps[received.length];
          if (next === undefined) return;
          decoder.switchTo(disguise(next.codec));
          const frame = decoder.next();
          if (frame === undefined) return;
          received.push(frame);
        }
      };
      for (const chunk of chunks(data, cut)) {
        decoder.push(chunk);
        take();
      }
      assert.deepEqual(
        received,
        steps.map(({ value }) => value),
      );
      decoder.push(bytes('left'));
      assert.deepEqual(decoder.takeRest(), bytes('left'));
    }),
  );
});

test('a frame of a megabyte in one-byte chunks takes linear time in every codec', () => {
  const length = 2 ** 20;
  const payload = new Uint8Array(length).fill(0x61);
  const big: [string, Codec<Uint8Array, unknown>][] = [
    ['delimited', delimited('\r\n', { maxBytes: length })],
    ['lengthPrefixed', lengthPrefixed('u32be', { maxBytes: length })],
    ['netstrings', netstrings({ maxBytes: length })],
    ['chunked', chunked({ maxBytes: length })],
    ['cobs', cobs({ maxBytes: length })],
    ['lines', { encode: (data) => join([data, bytes('\r\n')]), decoder: () => lines({ maxBytes: length }).decoder() }],
  ];
  for (const [name, codec] of big) {
    const data = join(codec.encode(payload));
    const decoder = codec.decoder();
    const one = new Uint8Array(1);
    let frames = 0;
    const started = performance.now();
    for (const byte of data) {
      one[0] = byte;
      decoder.push(one);
      if (decoder.next() !== undefined) frames++;
    }
    assert.equal(frames, 1, name);
    // 0.1 s where it is linear; scanning everything for each byte would take minutes.
    assert.ok(performance.now() - started < 5000, name);
  }
});
