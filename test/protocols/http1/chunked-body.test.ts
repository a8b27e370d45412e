import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { DEFAULT_LIMITS } from '#src/protocols/http1/limits.js';
import { requestDecoder } from '#src/protocols/http1/message-decoder.js';
import { MessageError } from '#src/protocols/http1/message-error.js';

import { cut, readMessages } from './messages.js';

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

const refused: readonly [what: string, body: string][] = [
  ['a size with a sign', '+1\r\na\r\n0\r\n\r\n'],
  ['a negative size', '-1\r\na\r\n0\r\n\r\n'],
  ['a size with 0x', '0x1\r\na\r\n0\r\n\r\n'],
  ['a size with an underscore', '1_0\r\n0123456789abcdef\r\n0\r\n\r\n'],
  ['a space in front of a size', ' 1\r\na\r\n0\r\n\r\n'],
  ['a space behind a size', '1 \r\na\r\n0\r\n\r\n'],
  ['a size of 14 digits', '00000000000001\r\na\r\n0\r\n\r\n'],
  ['no size', '\r\na\r\n0\r\n\r\n'],
  ['an extension without a size', ';a\r\n\r\n'],
  ['a bare LF behind the size', '1\na\r\n0\r\n\r\n'],
  ['a bare CR behind the size', '1\ra\r\n0\r\n\r\n'],
  ['a bare LF in an extension', '1;a\nb\r\na\r\n0\r\n\r\n'],
  ['a NUL in an extension', '1;a\0\r\na\r\n0\r\n\r\n'],
  ['an empty extension', '1;\r\na\r\n0\r\n\r\n'],
  ['a space in an extension', '1; a=b\r\na\r\n0\r\n\r\n'],
  ['an extension with an open quote', '1;a="b\r\na\r\n0\r\n\r\n'],
  ['something behind a quoted extension', '1;a="b"c\r\na\r\n0\r\n\r\n'],
  ['data longer than the size', '1\r\nab\r\n0\r\n\r\n'],
  ['data that end in a bare LF', '1\r\na\n0\r\n\r\n'],
  ['data that end in CR and something', '1\r\na\rx0\r\n\r\n'],
  ['trailers that end in a bare LF', '0\r\nX: 1\n\r\n'],
  ['Content-Length among the trailers', '0\r\nContent-Length: 5\r\n\r\n'],
  ['Transfer-Encoding among the trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['Host among the trailers', '0\r\nHost: b\r\n\r\n'],
  ['a folded trailer', '0\r\nX: 1\r\n 2\r\n\r\n'],
];

for (const [what, body] of refused) {
  test(`refused with 400: ${what}`, () => {
    for (const size of [1, 3, 1000]) {
      assert.throws(
        () => readMessages(requestDecoder(), [HEAD, ...cut(body, size)]),
        (error) => error instanceof MessageError && error.status === 400,
      );
    }
  });
}

test('extensions are limited over the whole body, not chunk by chunk', () => {
  const limits = { ...DEFAULT_LIMITS, maxChunkExtensionBytes: 20 };
  const body = (count: number): string => `${'1;x\r\na\r\n'.repeat(count)}0\r\n\r\n`;
  assert.equal(readMessages(requestDecoder({ limits }), [HEAD, body(10)])[0]?.body, 'a'.repeat(10));
  assert.throws(() => readMessages(requestDecoder({ limits }), [HEAD, body(11)]), { status: 400 });
});

test('trailers are limited in bytes and in number', () => {
  const limits = { ...DEFAULT_LIMITS, maxTrailerBytes: 20, maxFields: 4 };
  const fields = (count: number): string => `X:${'y'.repeat(count)}\r\n`;
  for (const size of [1, 4, 100]) {
    const read = (trailers: string): unknown =>
      readMessages(requestDecoder({ limits }), [HEAD, ...cut(`0\r\n${trailers}\r\n`, size)])[0]?.ended;
    assert.equal(read(fields(16)), true);
    assert.throws(() => read(fields(17)), { status: 431 });
    assert.throws(() => read(`X:${'y'.repeat(100_000)}`), { status: 431 });
    assert.equal(read('A:\r\n'.repeat(4)), true);
    assert.throws(() => read('A:\r\n'.repeat(5)), { status: 431 });
  }
});

test('any body survives any chunking, any extensions and any cutting, and the next request is found', () => {
  const chunk = fc.record({
    data: fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)), minLength: 1 }),
    zeros: fc.integer({ min: 0, max: 3 }),
    extension: fc.constantFrom('', ';a', ';a=b', ';a="b c;d\\""', ';a;b=1'),
  });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (chunks, size) => {
      const body = chunks
        .map(
          ({ data, zeros, extension }) => `${'0'.repeat(zeros)}${data.length.toString(16)}${extension}\r\n${data}\r\n`,
        )
        .join('');
      const stream = `${HEAD}${body}0\r\nX-T: 1\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n`;
      const [first, second] = readMessages(requestDecoder(), cut(stream, size));
      assert.equal(first?.body, chunks.map(({ data }) => data).join(''));
      assert.deepEqual(first.trailers, [['x-t', '1']]);
      assert.equal(second?.head.target, '/next');
    }),
  );
});
