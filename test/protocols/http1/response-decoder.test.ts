import assert from 'node:assert/strict';
import { test } from 'node:test';

import { IncompleteRead } from 'bowline/core';

import { responseDecoder } from '#src/protocols/http1/message-decoder.js';

import { bytesOf, cut, readMessages, textOf } from './messages.js';

const forMethod = (method: string): ReturnType<typeof responseDecoder> =>
  responseDecoder({ requestMethod: () => method });

for (const [what, message] of [
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 No\r\n\r\n'],
  ['no status', 'HTTP/1.1\r\n\r\n'],
  ['ICY', 'ICY 200 OK\r\n\r\n'],
  ['a control character in the reason', 'HTTP/1.1 200 O\x07K\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
  ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a malformed length, though 304 has no body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n'],
] as const) {
  test(`refused: ${what}`, () => {
    for (const size of [1, 1000])
      assert.throws(() => readMessages(forMethod('GET'), cut(message, size)), { status: 400 });
  });
}

test('interim responses, then the final one; a missing reason is forgiven', () => {
  const stream =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok';
  const messages = readMessages(forMethod('GET'), cut(stream, 3));
  assert.deepEqual(
    messages.map(({ head, body, ended }) => [head.status, head.reason, body, ended]),
    [
      [100, 'Continue', '', true],
      [103, 'Early Hints', '', true],
      [200, '', 'ok', true],
    ],
  );
});

test('204, 304 and answers to HEAD have no body, whatever they say', () => {
  for (const [method, status] of [
    ['GET', 204],
    ['GET', 304],
    ['HEAD', 200],
  ] as const) {
    const stream = `HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 Next\r\nContent-Length: 0\r\n\r\n`;
    const messages = readMessages(forMethod(method), [stream]);
    assert.deepEqual(
      messages.map(({ head }) => head.reason),
      ['X', 'Next'],
    );
  }
});

test('a body without length ends with the connection; one with a length that is cut off is IncompleteRead', () => {
  const decoder = forMethod('GET');
  const [message] = readMessages(decoder, cut('HTTP/1.1 200 OK\r\n\r\nall of this', 4));
  assert.equal(message?.body, 'all of this');
  assert.equal(decoder.end()?.kind, 'end');
  const short = forMethod('GET');
  readMessages(short, ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell']);
  assert.throws(() => short.end(), IncompleteRead);
  const chunked = forMethod('GET');
  readMessages(chunked, ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n']);
  assert.throws(() => chunked.end(), IncompleteRead);
});

test('after 101, and 2xx to CONNECT, the rest belongs to another protocol', () => {
  for (const [method, status] of [
    ['GET', 101],
    ['CONNECT', 200],
  ] as const) {
    const decoder = forMethod(method);
    decoder.push(bytesOf(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\n\x01\x02`));
    const part = decoder.next();
    assert.ok(part?.kind === 'head' && part.framing.kind === 'tunnel');
    assert.equal(decoder.next(), undefined);
    assert.equal(textOf(decoder.takeRest()), '\x01\x02');
  }
});
