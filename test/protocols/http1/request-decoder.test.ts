import assert from 'node:assert/strict';
import { test } from 'node:test';

import { IncompleteRead } from 'bowline/core';

import { DEFAULT_LIMITS } from '#src/protocols/http1/limits.js';
import { requestDecoder } from '#src/protocols/http1/message-decoder.js';
import { MessageError } from '#src/protocols/http1/message-error.js';

import { bytesOf, cut, readMessages, textOf } from './messages.js';

const HOST = 'Host: bowline.test\r\n';

/** What is refused, with which status, by which rule. None may get through however it is cut. */
const refused: readonly [what: string, message: string, status: number, rule: RegExp][] = [
  ['no method', ` / HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.1/],
  ['a method with a separator', `G(T / HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.1/],
  ['a method of 33 bytes', `${'A'.repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.1/],
  ['a tab behind the method', `GET\t/ HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.1/],
  ['two spaces behind the method', `GET  / HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['two spaces behind the target', `GET /  HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §2\.3/],
  ['no target', `GET HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['no version', `GET /\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a target beyond ASCII', `GET /\xe9 HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a target with a control character', `GET /\x00 HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a target with a fragment', `GET /a#b HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2\.1/],
  ['a target that is a word', `GET index.html HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a target of another scheme', `GET ftp://bowline.test/ HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a target with user information', `GET http://me@bowline.test/ HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a target with another authority than Host', `GET http://other.test/ HTTP/1.1\r\n${HOST}\r\n`, 400, /3\.2\.2/],
  ['GET *', `GET * HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2\.4/],
  ['CONNECT without a port', `CONNECT bowline.test HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2\.3/],
  ['CONNECT with a path', `CONNECT / HTTP/1.1\r\n${HOST}\r\n`, 400, /9112 §3\.2\.3/],
  [
    'CONNECT with a body',
    'CONNECT a.test:1 HTTP/1.1\r\nHost: a.test:1\r\nContent-Length: 1\r\n\r\nx',
    400,
    /9110 §9\.3\.6/,
  ],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${HOST}\r\n`, 505, /9110 §15\.6\.6/],
  ['HTTP/0.9', `GET / HTTP/0.9\r\n${HOST}\r\n`, 505, /9110 §15\.6\.6/],
  ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, /9110 §15\.6\.6/],
  ['a version in lower case', `GET / http/1.1\r\n${HOST}\r\n`, 400, /9112 §2\.3/],
  ['HTTP/1.10', `GET / HTTP/1.10\r\n${HOST}\r\n`, 400, /9112 §3/],
  ['a space behind the version', `GET / HTTP/1.1 \r\n${HOST}\r\n`, 400, /9112 §3/],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, /9112 §3\.2/],
  ['two Hosts', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400, /9112 §3\.2/],
  ['a Host with a slash', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400, /9112 §3\.2/],
  ['a Host with user information', 'GET / HTTP/1.1\r\nHost: me@a\r\n\r\n', 400, /9112 §3\.2/],
  ['a Host with a port above 65535', 'GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n', 400, /9112 §3\.2/],
  ['a Host that is no IPv6 address', 'GET / HTTP/1.1\r\nHost: [::1::]\r\n\r\n', 400, /9112 §3\.2/],
  ['a bare LF behind the request line', `GET / HTTP/1.1\n${HOST}\r\n`, 400, /9112 §2\.2/],
  ['a bare LF behind a field', 'GET / HTTP/1.1\r\nHost: a\n\r\n', 400, /9112 §2\.2/],
  ['a bare LF as the empty line', `GET / HTTP/1.1\r\n${HOST}\n`, 400, /9112 §2\.2/],
  ['a bare CR in a value', `GET / HTTP/1.1\r\n${HOST}X: a\rb\r\n\r\n`, 400, /9110 §5\.5/],
  ['a bare CR as a line ending', 'GET / HTTP/1.1\rHost: a\r\n\r\n', 400, /9112 §3/],
  ['a NUL in a value', `GET / HTTP/1.1\r\n${HOST}X: a\x00b\r\n\r\n`, 400, /9110 §5\.5/],
  ['a folded field', `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`, 400, /9112 §5\.2/],
  ['a field that begins with white space', `GET / HTTP/1.1\r\n X: a\r\n${HOST}\r\n`, 400, /9112 §5\.2/],
  ['a space in front of a colon', `GET / HTTP/1.1\r\n${HOST}X : a\r\n\r\n`, 400, /9112 §5\.1/],
  ['a field without a colon', `GET / HTTP/1.1\r\n${HOST}X\r\n\r\n`, 400, /9112 §5/],
  ['a field without a name', `GET / HTTP/1.1\r\n${HOST}: a\r\n\r\n`, 400, /9112 §5/],
  ['a name beyond ASCII', `GET / HTTP/1.1\r\n${HOST}\xe9: a\r\n\r\n`, 400, /9112 §5/],
  ['101 fields', `GET / HTTP/1.1\r\n${HOST}${'X: 1\r\n'.repeat(100)}\r\n`, 431, /6585 §5/],
  [
    'Content-Length twice',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    400,
    /9112 §6\.3/,
  ],
  ['Content-Length as a list', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1, 1\r\n\r\nx`, 400, /9112 §6\.3/],
  ['Content-Length with a sign', `POST / HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\nx`, 400, /9112 §6\.3/],
  ['Content-Length in hexadecimal', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x1\r\n\r\nx`, 400, /9112 §6\.3/],
  ['an empty Content-Length', `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\nx`, 400, /9112 §6\.3/],
  ['Content-Length above 2^53', `POST / HTTP/1.1\r\n${HOST}Content-Length: 9007199254740993\r\n\r\n`, 400, /6\.3/],
  [
    'both framings',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    /6\.3/,
  ],
  ['a coding in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, /9112 §6\.1/],
  ['gzip, chunked', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501, /9112 §6\.1/],
  ['chunked, gzip', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, 400, /9112 §6\.3/],
  [
    'chunked twice',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
    /6\.3/,
  ],
  ['xchunked', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n`, 400, /9112 §6\.3/],
  ['chunked with a parameter', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked;q=1\r\n\r\n`, 400, /9112 §6\.3/],
  ['an empty Transfer-Encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n\r\n`, 400, /9112 §6\.3/],
];

for (const [what, message, status, rule] of refused) {
  test(`refused with ${status}: ${what}`, () => {
    for (const size of [1, 7, message.length]) {
      assert.throws(
        () => readMessages(requestDecoder(), cut(message, size)),
        (error) => error instanceof MessageError && error.status === status && rule.test(error.rule),
      );
    }
  });
}

test('the head has exactly as many bytes as allowed, and one more is 431', () => {
  const head = `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(100)}\r\n\r\n`;
  const limits = { ...DEFAULT_LIMITS, maxHeadBytes: head.length };
  assert.equal(readMessages(requestDecoder({ limits }), cut(head, 10)).length, 1);
  const longer = head.replace('X: ', 'X: x');
  for (const size of [1, 10, 1000])
    assert.throws(() => readMessages(requestDecoder({ limits }), cut(longer, size)), { status: 431 });
});

test('a head that never ends is refused at the limit, in linear time', () => {
  const decoder = requestDecoder();
  const line = bytesOf(`X: ${'x'.repeat(60)}\r\n`);
  decoder.push(bytesOf('GET / HTTP/1.1\r\n'));
  assert.throws(
    () => {
      for (let i = 0; i < 1000; i++) {
        decoder.push(line);
        assert.equal(decoder.next(), undefined);
      }
    },
    { status: 431 },
  );
  assert.throws(() => decoder.next(), { status: 431 }, 'and stays refused');
});

test('a target of exactly the limit passes, one more is 414', () => {
  const limits = { ...DEFAULT_LIMITS, maxTargetBytes: 10 };
  const head = (target: string): string => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`;
  assert.equal(readMessages(requestDecoder({ limits }), [head('/123456789')]).length, 1);
  assert.throws(() => readMessages(requestDecoder({ limits }), [head('/1234567890')]), { status: 414 });
});

test('a body of exactly the limit passes, one more is 413 before any of it', () => {
  const limits = { ...DEFAULT_LIMITS, maxBodyBytes: 3 };
  const post = (length: number): string =>
    `POST / HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n${'x'.repeat(length)}`;
  assert.equal(readMessages(requestDecoder({ limits }), [post(3)])[0]?.body, 'xxx');
  assert.throws(() => readMessages(requestDecoder({ limits }), [post(4)]), { status: 413 });
  const chunked = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
  assert.equal(readMessages(requestDecoder({ limits }), [`${chunked}1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`])[0]?.body, 'abc');
  assert.throws(() => readMessages(requestDecoder({ limits }), [`${chunked}1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n`]), {
    status: 413,
  });
});

test('pipelined requests of every framing come one after another, however they are cut', () => {
  const stream =
    `GET /a?b=c HTTP/1.1\r\nHOST:bowline.test:80\r\nAccept:  */* \t\r\n\r\n` +
    `POST /length HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello` +
    `\r\nPOST /chunked HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n` +
    `3;name=value;x="y z"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n` +
    `OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\nContent-Length: 0\r\n\r\n` +
    `HEAD http://Bowline.Test/x HTTP/1.1\r\n${HOST}\r\n` +
    `GET / HTTP/1.0\r\n\r\n`;
  for (const size of [1, 2, 3, 5, 16, stream.length]) {
    const messages = readMessages(requestDecoder(), cut(stream, size));
    assert.deepEqual(
      messages.map(({ head, body, ended, trailers }) => [
        ...[head.method, head.target, head.form, head.minorVersion, head.authority, head.fields.get('accept')],
        ...[body, ended, trailers],
      ]),
      [
        ['GET', '/a?b=c', 'origin', 1, 'bowline.test:80', '*/*', '', true, []],
        ['POST', '/length', 'origin', 1, 'bowline.test', undefined, 'hello', true, []],
        ['POST', '/chunked', 'origin', 1, 'bowline.test', undefined, 'abc0123456789', true, [['x-sum', '1']]],
        ['OPTIONS', '*', 'asterisk', 1, '[2001:db8::1]:8080', undefined, '', true, []],
        ['HEAD', 'http://Bowline.Test/x', 'absolute', 1, 'Bowline.Test', undefined, '', true, []],
        ['GET', '/', 'origin', 0, undefined, undefined, '', true, []],
      ],
    );
  }
});

test('nothing of the next request is read before it is asked for', () => {
  const decoder = requestDecoder();
  decoder.push(bytesOf(`GET /1 HTTP/1.1\r\n${HOST}\r\nnot http at all\n`));
  assert.equal(decoder.next()?.kind, 'head');
  assert.equal(decoder.next()?.kind, 'end');
  assert.throws(() => decoder.next(), { status: 400 });
});

test('what follows CONNECT is handed over to the byte', () => {
  const decoder = requestDecoder();
  decoder.push(bytesOf('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n\x16\x03\x01'));
  const head = decoder.next();
  assert.ok(head?.kind === 'head' && head.head.form === 'authority' && head.head.authority === 'a.test:443');
  assert.equal(decoder.next()?.kind, 'end');
  assert.equal(textOf(decoder.takeRest()), '\x16\x03\x01');
});

test('one empty line in front of a request is passed over, a second is refused', () => {
  assert.equal(readMessages(requestDecoder(), [`\r\nGET / HTTP/1.1\r\n${HOST}\r\n`]).length, 1);
  assert.throws(() => readMessages(requestDecoder(), [`\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`]), { status: 400 });
});

test('an end of the connection between requests is clean, inside one it is IncompleteRead', () => {
  const request = `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`;
  for (let length = 0; length <= request.length; length++) {
    const decoder = requestDecoder();
    readMessages(decoder, [request.slice(0, length)]);
    if (length === 0 || length === request.length) assert.equal(decoder.end(), undefined);
    else assert.throws(() => decoder.end(), IncompleteRead);
  }
});

test('memory that was only lent can be used again after keepRest', () => {
  const decoder = requestDecoder();
  const request = `GET /kept HTTP/1.1\r\n${HOST}\r\n`;
  const lent = new Uint8Array(4);
  for (const piece of cut(request, 4)) {
    lent.set(bytesOf(piece));
    decoder.push(lent.subarray(0, piece.length));
    const part = decoder.next();
    if (part !== undefined) assert.ok(part.kind === 'head' && part.head.target === '/kept');
    decoder.keepRest();
    lent.fill(0x21);
  }
  assert.equal(decoder.next()?.kind, 'end');
});
