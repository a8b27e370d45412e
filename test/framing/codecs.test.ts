/** What each codec refuses, where its limits lie, and what it takes; the common behaviour is in properties.test.ts. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { DelimiterNotFound, FrameTooLarge, FramingError, IncompleteRead, MisuseError } from 'bowline/core';
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
  regexMatch,
  struct,
} from 'bowline/framing';
import type { Codec, Decoder, StructFields } from 'bowline/framing';

import { bytes, decode, drain, join, text } from './decode.js';

/** The error that decoding some text ends in. */
function errorOf(codec: Codec<never, unknown>, data: string): unknown {
  const whole = decode(codec, bytes(data));
  const inBytes = decode(codec, bytes(data), [1]);
  assert.deepEqual(inBytes.frames, whole.frames);
  assert.equal((inBytes.error as Error | undefined)?.name, (whole.error as Error | undefined)?.name);
  return whole.error;
}

function framesOf<R>(codec: Codec<never, R>, data: string): R[] {
  const { frames, error } = decode(codec, bytes(data));
  assert.equal(error, undefined);
  return frames;
}

function textsOf(codec: Codec<never, Uint8Array>, data: string): string[] {
  return framesOf(codec, data).map(text);
}

test('a limit that is crossed is an error that names it, and one that is met is not', () => {
  const atLimit: [string, Codec<never, unknown>, string, string][] = [
    ['lines', lines({ maxBytes: 4 }), 'four\r\n', 'fives\n'],
    ['lines crlf', lines({ maxBytes: 4, ending: 'crlf' }), 'four\r\n', 'fives\r\n'],
    ['jsonLines', jsonLines({ maxBytes: 4 }), 'true\n', 'false\n'],
    ['delimited', delimited('--', { maxBytes: 4 }), 'four--', 'fives--'],
    ['lengthPrefixed', lengthPrefixed('u16be', { maxBytes: 4 }), '\0\x04four', '\0\x05fives'],
    [
      'lengthPrefixed inclusive',
      lengthPrefixed('u16be', { maxBytes: 4, inclusive: true }),
      '\0\x06four',
      '\0\x07fives',
    ],
    ['varint', lengthPrefixed('varint', { maxBytes: 4 }), '\x04four', '\x85\x80\x80\x80\x80\x80\x80\x80\x80\x01fives'],
    ['netstrings', netstrings({ maxBytes: 4 }), '4:four,', '5:fives,'],
    ['chunked', chunked({ maxBytes: 4 }), '4\r\nfour\r\n', '5\r\nfives\r\n'],
    ['cobs', cobs({ maxBytes: 4 }), '\x05four\0', '\x06fives\0'],
    ['regex', regex(/!/, { maxBytes: 5 }), 'four!', 'fives!'],
    ['regexMatch', regexMatch(/\w+!/, { maxBytes: 5 }), 'four!', 'fives!'],
    [
      'custom',
      custom<never, Uint8Array>({
        encode: (value) => value,
        decode: (data) => (data.length < 5 ? undefined : { value: data.slice(), length: data.length }),
        maxBytes: 5,
      }),
      'four!',
      'fives!',
    ],
  ];
  for (const [name, codec, met, crossed] of atLimit) {
    assert.equal(framesOf(codec, met).length, 1, name);
    if (name === 'custom') continue;
    const error = errorOf(codec, crossed);
    assert.ok(error instanceof FrameTooLarge, `${name}: ${String(error)}`);
    assert.ok(error instanceof FramingError);
    assert.match(error.message, /\d/);
    assert.ok(error.maxBytes >= 4, name);
  }
  assert.match((errorOf(netstrings({ maxBytes: 4 }), '99:') as Error).message, /limit maxBytes = 4$/);
  assert.equal((errorOf(netstrings({ maxBytes: 4 }), '99:') as FrameTooLarge).code, 'ERR_BOWLINE_FRAME_TOO_LARGE');
});

test('a length over the limit is refused before the frame has come, and nothing is allocated for it', () => {
  const decoder = lengthPrefixed('u32be').decoder();
  decoder.push(bytes('\xff\xff\xff\xff'));
  assert.throws(() => decoder.next(), FrameTooLarge);
  const large = lengthPrefixed('u32be', { maxBytes: 2 ** 32 - 1 }).decoder();
  large.push(bytes('\xff\xff\xff\xff'));
  const before = process.memoryUsage().arrayBuffers;
  assert.equal(large.next(), undefined);
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);
});

test('the end in the middle of a frame is IncompleteRead with what there was; between frames it is nothing', () => {
  for (const [codec, frame] of [
    [lines(), 'ab\n'],
    [jsonLines(), '[1]\n'],
    [delimited('\0'), 'ab\0'],
    [fixed(3), 'abc'],
    [lengthPrefixed('u16le'), '\x02\0ab'],
    [netstrings(), '2:ab,'],
    [struct('<HB'), 'abc'],
    [regex(/\n/), 'ab\n'],
    [chunked(), '2\r\nab\r\n'],
    [cobs(), '\x03ab\0'],
  ] as readonly (readonly [Codec<never, unknown>, string])[]) {
    assert.equal(errorOf(codec, frame), undefined);
    for (let length = 1; length < frame.length; length++) {
      const error = errorOf(codec, frame + frame.slice(0, length));
      assert.ok(error instanceof IncompleteRead, `${frame}: ${String(error)}`);
      assert.equal(text(error.partial), frame.slice(0, length));
    }
  }
});

test('after end() complete frames can still be taken, then the incomplete one is told, again and again', () => {
  const decoder = lines().decoder();
  decoder.push(bytes('one\ntwo\nthr'));
  decoder.end();
  assert.equal(decoder.next(), 'one');
  assert.equal(decoder.next(), 'two');
  for (let i = 0; i < 2; i++) assert.throws(() => decoder.next(), IncompleteRead);
  assert.throws(() => decoder.push(bytes('ee\n')), MisuseError);
  assert.equal(text(decoder.takeRest()), 'thr');
  decoder.push(bytes('anew\n'));
  assert.equal(decoder.next(), 'anew');
  const nulls = jsonLines().decoder();
  nulls.push(bytes('null\nnull\n'));
  nulls.end();
  assert.deepEqual(drain(nulls), [null, null]);
});

test('a chunk may be used again as soon as it was pushed, and frames are the own of who takes them', () => {
  const decoder = fixed(2).decoder();
  const chunk = bytes('abcdef');
  decoder.push(chunk);
  chunk.fill(0);
  const first = decoder.next() as Uint8Array;
  first.fill(0xff);
  assert.deepEqual(drain(decoder).map(text), ['cd', 'ef']);
});

test('lines: endings', () => {
  assert.deepEqual(framesOf(lines(), 'a\r\nb\n\n\r\n\rc\r\r\n'), ['a', 'b', '', '', '\rc\r']);
  assert.deepEqual(framesOf(lines({ ending: 'lf' }), 'a\r\n\n'), ['a\r', '']);
  assert.deepEqual(framesOf(lines({ ending: 'crlf' }), 'a\nb\r\r\n\r\n'), ['a\nb\r', '']);
  assert.deepEqual(framesOf(lines(), '\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe\n'), ['\ufeffgrüße']);
  assert.equal(text(join(lines().encode('a'))), 'a\n');
  assert.equal(text(join(lines({ ending: 'crlf' }).encode('a'))), 'a\r\n');
});

test('lines: the last line without an ending', () => {
  assert.deepEqual(framesOf(lines({ lastLine: 'deliver' }), 'a\nb'), ['a', 'b']);
  assert.deepEqual(framesOf(lines({ lastLine: 'drop' }), 'a\nb'), ['a']);
  assert.deepEqual(framesOf(lines({ lastLine: 'deliver' }), 'a\n'), ['a']);
});

test('lines: what is sent must be one line', () => {
  for (const line of ['a\nb', '\n', 'a\r']) assert.throws(() => lines().encode(line), RangeError);
  assert.throws(() => lines({ ending: 'crlf' }).encode('QUIT\r\nMAIL'), RangeError);
  assert.throws(() => lines({ maxBytes: 1 }).encode('ü'), RangeError);
  assert.throws(() => lines().encode(1 as never), TypeError);
});

test('lines: bytes that are not UTF-8 are refused, and stay', () => {
  const { frames, error, rest } = decode(lines(), bytes('ok\n\xc3\x28\nmore\n'));
  assert.deepEqual(frames, ['ok']);
  assert.ok(error instanceof FramingError && !(error instanceof FrameTooLarge));
  assert.equal(text(rest), '\xc3\x28\nmore\n');
});

test('jsonLines: what is no JSON is refused; a check says what is expected', () => {
  for (const line of ['', '{', 'nul', '1 2', '\xff'])
    assert.ok(errorOf(jsonLines(), `${line}\n`) instanceof FramingError, line);
  const numbers = jsonLines<number>({
    check: (value) => {
      if (typeof value !== 'number') throw new TypeError('a number was expected');
      return value;
    },
  });
  assert.deepEqual(framesOf(numbers, '1\n 2 \r\n'), [1, 2]);
  const error = errorOf(numbers, '"1"\n');
  assert.match(String((error as Error).cause), /a number was expected/);
  assert.throws(() => jsonLines().encode(undefined), TypeError);
  assert.equal(text(join(jsonLines().encode({ text: 'a\nb' }))), '{"text":"a\\nb"}\n');
});

test('delimited: a frame that is sent must not hold the delimiter, nor make one with it', () => {
  assert.throws(() => delimited('--').encode(bytes('a--b')), RangeError);
  assert.throws(() => delimited('--').encode(bytes('a-')), RangeError);
  assert.deepEqual(textsOf(delimited('aab'), 'aaab'), ['a']);
  assert.deepEqual(textsOf(delimited('--', { keepDelimiter: true }), 'a----'), ['a--', '--']);
  for (const delimiter of ['', new Uint8Array(0)]) assert.throws(() => delimited(delimiter), RangeError);
  assert.throws(() => delimited(1 as never), TypeError);
});

test('delimited: the delimiter that was given may be changed afterwards', () => {
  const delimiter = bytes('|');
  const codec = delimited(delimiter);
  delimiter[0] = 0;
  assert.deepEqual(textsOf(codec, 'a|'), ['a']);
});

test('lengthPrefixed: formats', () => {
  const encoded = (format: Parameters<typeof lengthPrefixed>[0], length: number, inclusive = false): string =>
    Buffer.from(join(lengthPrefixed(format, { inclusive }).encode(new Uint8Array(length))))
      .toString('hex')
      .slice(0, -2 * length || undefined);
  assert.equal(encoded('u8', 3), '03');
  assert.equal(encoded('u16be', 258), '0102');
  assert.equal(encoded('u16le', 258), '0201');
  assert.equal(encoded('u24be', 258), '000102');
  assert.equal(encoded('u24le', 258), '020100');
  assert.equal(encoded('u32be', 258), '00000102');
  assert.equal(encoded('u32le', 258), '02010000');
  assert.equal(encoded('u64be', 258), '0000000000000102');
  assert.equal(encoded('u64le', 258), '0201000000000000');
  assert.equal(encoded('u16be', 256, true), '0102');
  assert.equal(encoded('varint', 300), 'ac02');
  assert.equal(encoded('varint', 126, true), '7f');
  assert.equal(encoded('varint', 127, true), '8101');
  // The examples of RFC 9000 §A.1.
  assert.equal(encoded('quic', 37), '25');
  assert.equal(encoded('quic', 15_293), '7bbd');
  assert.equal(encoded('quic', 494_878), '80078d1e'.replace('078d1e', (494_878).toString(16).padStart(6, '0')));
  assert.equal(encoded('quic', 63), '3f');
  assert.equal(encoded('quic', 64), '4040');
});

test('lengthPrefixed: longer forms than needed are read, impossible lengths are not', () => {
  assert.deepEqual(textsOf(lengthPrefixed('varint'), '\x82\x80\0ab'), ['ab']);
  assert.deepEqual(textsOf(lengthPrefixed('quic'), '\x80\0\0\x02ab'), ['ab']);
  assert.ok(errorOf(lengthPrefixed('varint'), '\x80'.repeat(10)) instanceof FramingError);
  assert.ok(errorOf(lengthPrefixed('u16be', { inclusive: true }), '\0\x01') instanceof FramingError);
  assert.ok(errorOf(lengthPrefixed('u64be'), '\xff'.repeat(8)) instanceof FrameTooLarge);
  assert.ok(errorOf(lengthPrefixed('quic'), '\xff'.repeat(8)) instanceof FrameTooLarge);
});

test('lengthPrefixed: arguments', () => {
  for (const format of ['u16', 'u8be', 'u12be', 'leb', ''])
    assert.throws(() => lengthPrefixed(format as never), TypeError, format);
  assert.throws(() => lengthPrefixed('u8', { maxBytes: 256 }), RangeError);
  assert.throws(() => lengthPrefixed('u8', { maxBytes: 255, inclusive: true }), RangeError);
  assert.throws(() => lengthPrefixed('u8', { maxBytes: 1.5 }), TypeError);
  assert.throws(() => lengthPrefixed('u8').encode(new Uint8Array(256)), RangeError);
  assert.throws(() => lengthPrefixed('u8').encode('text' as never), TypeError);
});

test('netstrings: what is none', () => {
  for (const data of ['05:hello,', '5:hello;', ':,', 'a:,', '-1:', '00:,', ' 1:a,'])
    assert.ok(errorOf(netstrings(), data) instanceof FramingError, data);
  assert.deepEqual(textsOf(netstrings(), '0:,12:hello world!,'), ['', 'hello world!']);
});

test('fixed: exactly so many', () => {
  assert.throws(() => fixed(0), RangeError);
  assert.throws(() => fixed(-1), RangeError);
  assert.throws(() => fixed(3).encode(bytes('ab')), RangeError);
  assert.throws(() => fixed(3).encode(bytes('abcd')), RangeError);
});

test('struct: the compiler knows the values', () => {
  type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
  const facts: [
    Equal<StructFields<'>HI'>, [number, number]>,
    Equal<StructFields<'<3Hx 2q'>, [number, number, number, bigint, bigint]>,
    Equal<StructFields<'!16s?d'>, [Uint8Array<ArrayBuffer>, boolean, number]>,
    Equal<StructFields<'>012B'>['length'], 12>,
    Equal<StructFields<'>0H'>, []>,
    Equal<StructFields<'>300H'>['length'], 300>,
    Equal<StructFields<'>4000H'>, number[]>,
    Equal<StructFields<'HI'>, never>,
    Equal<StructFields<'>HZ'>, never>,
  ] = [true, true, true, true, true, true, true, true, true];
  assert.ok(facts.every(Boolean));
  const [kind, size]: [number, number] = struct('>HI').decoder().next() ?? [0, 0];
  assert.equal(kind + size, 0);
});

test('struct: what Python packs', () => {
  // struct.pack('>HIb?q4s', 1, 2, -3, True, -4, b'abcd'), and the same with '<'.
  const values = [1, 2, -3, true, -4n, bytes('abcd')] as const;
  const big = '000100000002fd01fffffffffffffffc61626364';
  const little = '010002000000fd01fcffffffffffffff61626364';
  for (const [codec, hex] of [
    [struct('>HIb?q4s'), big],
    [struct('<HIb?q4s'), little],
  ] as const) {
    assert.equal(Buffer.from(join(codec.encode(values))).toString('hex'), hex);
    assert.deepEqual(decode(codec, new Uint8Array(Buffer.from(hex, 'hex'))).frames, [[...values]]);
  }
  // struct.pack('>BhlLQfd3xi', 255, -2, -3, 4, 5, 1.5, -2.25, 7)
  const hex = 'fffffefffffffd0000000400000000000000053fc00000c00200000000000000000000000007';
  assert.equal(
    Buffer.from(join(struct('>BhlLQfd3xi').encode([255, -2, -3, 4, 5n, 1.5, -2.25, 7]))).toString('hex'),
    hex,
  );
});

test('struct: formats and values that are refused', () => {
  for (const format of ['', 'HI', '>', '>Z', '@H', '=H', '>3', '>H3 H', '>n', '>p'])
    assert.throws(() => struct(format), Error, format);
  assert.throws(() => struct('>65537s'), RangeError);
  assert.throws(() => struct('>99999999999H' as string), RangeError);
  const refused: [string, unknown[]][] = [
    ['>B', [256]],
    ['>B', [-1]],
    ['>b', [128]],
    ['>H', [1.5]],
    ['>H', ['1']],
    ['>I', [2 ** 32]],
    ['>i', [2 ** 31]],
    ['>q', [1]],
    ['>Q', [-1n]],
    ['>Q', [2n ** 64n]],
    ['>?', [1]],
    ['>f', ['1']],
    ['>2s', [bytes('abc')]],
    ['>2s', ['ab']],
    ['>H', []],
    ['>H', [1, 2]],
  ];
  for (const [format, values] of refused)
    assert.throws(() => struct(format).encode(values as never), Error, `${format} ${String(values)}`);
  assert.throws(() => struct('>H').encode(1 as never), TypeError);
});

test('regex: what comes before a match, in latin1', () => {
  assert.deepEqual(textsOf(regex(/\r?\n/), 'a\r\nb\n\n'), ['a', 'b', '']);
  assert.deepEqual(textsOf(regex(/END/i), 'oneendtwoEnd'), ['one', 'two']);
  assert.deepEqual(textsOf(regex(/[\x80-\xff]/), 'a\xe9b\x80'), ['a', 'b']);
  assert.deepEqual(textsOf(regex(/^--/), '--a'.repeat(0) + '----'), ['', '']);
});

test('regexMatch: the match itself, at the start', () => {
  const [first, second] = framesOf(regexMatch(/(?<key>\w+)=(\w+);/), 'a=1;b=2;');
  assert.equal(first?.[0], 'a=1;');
  assert.equal(second?.groups?.['key'], 'b');
  const decoder = regexMatch(/b/, { maxBytes: 3 }).decoder();
  decoder.push(bytes('ab'));
  assert.equal(decoder.next(), undefined);
  decoder.push(bytes('b'));
  assert.throws(() => decoder.next(), DelimiterNotFound);
});

test('regex: a complete frame is given at once, also when few bytes came since the last look', () => {
  const decoder = regex(/\r\n/).decoder();
  decoder.push(bytes('hello, wor'));
  assert.equal(decoder.next(), undefined);
  decoder.push(bytes('ld'));
  assert.equal(decoder.next(), undefined);
  decoder.push(bytes('\r\n'));
  assert.equal(text(decoder.next() as Uint8Array), 'hello, world');
});

test('regex: empty matches and flags that do not fit bytes are refused', () => {
  for (const pattern of [/a*/, /(?:)/, /$/, /a|/]) assert.throws(() => regex(pattern), RangeError, String(pattern));
  for (const pattern of [/a/u, /a/g, /a/y, new RegExp('a', 'v')])
    assert.throws(() => regex(pattern), TypeError, String(pattern));
  assert.throws(() => regex('a' as never), TypeError);
  assert.throws(() => regex(/a/, { maxBytes: 4097 }), RangeError);
  // Only seen when it happens.
  const error = decode(regex(/(?=b)/), bytes('ab')).error;
  assert.ok(error instanceof FramingError && /nothing at all/.test(error.message));
});

test('regex: sending needs a terminator', () => {
  assert.throws(() => regex(/\n/).encode(bytes('a')), MisuseError);
  assert.equal(text(join(regex(/\n/, { terminator: '\n' }).encode(bytes('a')))), 'a\n');
  assert.throws(() => regexMatch(/a/).encode(undefined as never), MisuseError);
});

test('chunked: extensions and trailers are skipped, the last chunk is empty, and the next body begins', () => {
  assert.deepEqual(textsOf(chunked(), '5;a=b;c="d"\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n2\r\nab\r\n00\r\n\r\n'), [
    'hello',
    '',
    'ab',
    '',
  ]);
  assert.deepEqual(textsOf(chunked(), 'A\r\n0123456789\r\n'), ['0123456789']);
});

test('chunked: whatever two readers could disagree on is refused', () => {
  for (const data of [
    '5\nhello\n',
    '5 \r\nhello\r\n',
    ' 5\r\nhello\r\n',
    '0x5\r\nhello\r\n',
    '-5\r\n',
    '+5\r\n',
    '\r\n',
    ';a\r\n',
    '5\r\nhelloX\r\n',
    '5\r\nhello\n',
    '5;a\0\r\nhello\r\n',
    '5;\nx\r\n',
  ]) {
    assert.ok(errorOf(chunked(), data) instanceof FramingError, JSON.stringify(data));
  }
  assert.ok(errorOf(chunked(), `5;${'a'.repeat(1024)}\r\n`) instanceof DelimiterNotFound);
  assert.ok(errorOf(chunked(), `0\r\n${'A: b\r\n'.repeat(3000)}\r\n`) instanceof DelimiterNotFound);
  assert.ok(errorOf(chunked(), 'ffffffffffffffffffff\r\n') instanceof FrameTooLarge);
});

test('cobs: the examples of its authors and of long runs', () => {
  const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
  const run = Array.from({ length: 255 }, (_, index) => index + 1);
  const examples: [number[], string][] = [
    [[0], '010100'],
    [[0, 0], '01010100'],
    [[0x11, 0x22, 0, 0x33], '031122023300'],
    [[0x11, 0, 0, 0], '02110101' + '0100'],
    [run.slice(0, 254), `ff${hex(Uint8Array.from(run.slice(0, 254)))}00`],
    [[0, ...run.slice(0, 254)], `01ff${hex(Uint8Array.from(run.slice(0, 254)))}00`],
    [run, `ff${hex(Uint8Array.from(run.slice(0, 254)))}02ff00`],
    [[], '0100'],
  ];
  for (const [plain, stuffed] of examples) {
    assert.equal(hex(join(cobs().encode(Uint8Array.from(plain)))), stuffed);
    assert.deepEqual(decode(cobs(), new Uint8Array(Buffer.from(stuffed, 'hex'))).frames, [Uint8Array.from(plain)]);
  }
  assert.deepEqual(textsOf(cobs(), '\0\0\x02a\0\0\0\x02b\0'), ['a', 'b']);
  assert.ok(errorOf(cobs(), '\x05ab\0') instanceof FramingError);
});

test('custom: what decode says is held to', () => {
  const saying = (answer: unknown): Codec<never, unknown> =>
    custom<never, unknown>({ encode: () => bytes(''), decode: () => answer as never });
  for (const answer of [
    { value: 1, length: 0 },
    { value: 1, length: 4 },
    { value: 1, length: 1.5 },
    { value: undefined, length: 1 },
  ]) {
    assert.ok(decode(saying(answer), bytes('abc')).error instanceof MisuseError, JSON.stringify(answer));
  }
  assert.ok(decode(saying(2 ** 21), bytes('abc')).error instanceof FrameTooLarge);
  assert.throws(() => custom({} as never), TypeError);
});

test('custom: decode is not called before the bytes are there that it asked for', () => {
  const seen: number[] = [];
  const codec = custom<never, string>({
    encode: () => bytes(''),
    decode: (data) => {
      seen.push(data.length);
      return data.length < 6 ? 6 : { value: text(data.subarray(0, 6)), length: 6 };
    },
  });
  assert.deepEqual(decode(codec, bytes('abcdefghijkl'), [1]).frames, ['abcdef', 'ghijkl']);
  assert.deepEqual(seen, [1, 6, 1, 6]);
});

test('FrameDecoder: bytes that are put back come first, in the new codec too, and after the end', () => {
  const decoder = new FrameDecoder(lines());
  decoder.push(bytes('one\ntwo'));
  assert.equal(decoder.next(), 'one');
  decoder.unread(bytes('zero\n'));
  assert.equal(decoder.bufferedBytes, 8);
  assert.equal(decoder.next(), 'zero');
  assert.equal(decoder.next(), undefined);
  const binary = decoder.switchTo(fixed(2));
  binary.push(bytes('x'));
  assert.deepEqual(drain(binary).map(text), ['tw', 'ox']);
  binary.push(bytes('!'));
  assert.throws(() => binary.end(), IncompleteRead);
  assert.throws(() => binary.push(bytes('!')), MisuseError);
  assert.equal(text(binary.switchTo(fixed(1)).next() as Uint8Array), '!');
});

test('FrameDecoder: what is no codec, no chunk and no bytes is refused', () => {
  assert.throws(() => new FrameDecoder({} as never), TypeError);
  const decoder = new FrameDecoder(fixed(1));
  assert.throws(() => decoder.switchTo({ encode: () => bytes('') } as never), TypeError);
  assert.throws(() => decoder.push('text' as never), TypeError);
  assert.throws(() => decoder.unread('text' as never), TypeError);
  assert.throws(
    () =>
      fixed(1)
        .decoder()
        .push([1] as never),
    TypeError,
  );
});

test('a decoder of somebody else keeps its bytes, and gives them back when the codec changes', () => {
  const foreign: Codec<never, string> = {
    encode: () => bytes(''),
    decoder(): Decoder<string> {
      let held = '';
      return {
        push: (chunk) => (held += text(chunk)),
        next() {
          const at = held.indexOf('.');
          if (at < 0) return undefined;
          const frame = held.slice(0, at);
          held = held.slice(at + 1);
          return frame;
        },
        end() {
          if (held !== '') throw new IncompleteRead('cut off', bytes(held));
        },
        takeRest() {
          const rest = bytes(held);
          held = '';
          return rest;
        },
      };
    },
  };
  const decoder = new FrameDecoder(foreign);
  decoder.push(bytes('a.b'));
  assert.equal(decoder.next(), 'a');
  assert.equal(decoder.next(), undefined);
  decoder.unread(bytes('x'));
  decoder.push(bytes('.c'));
  assert.equal(decoder.next(), 'xb');
  assert.equal(decoder.next(), undefined);
  assert.deepEqual(text(decoder.switchTo(fixed(1)).next() as Uint8Array), 'c');
});
