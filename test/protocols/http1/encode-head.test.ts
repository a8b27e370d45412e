import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { encodeFieldLines, encodeRequestHead, encodeResponseHead } from '#src/protocols/http1/encode-head.js';
import { requestDecoder } from '#src/protocols/http1/message-decoder.js';

import { cut, readMessages } from './messages.js';

const none = { kind: 'none' } as const;

for (const bad of ['a\r\nX: b', 'a\rb', 'a\nb', 'a\0b', '\u0100', '\x7f']) {
  test(`a value with ${JSON.stringify(bad)} cannot be sent, nor such a name, target, method or reason`, () => {
    assert.throws(() => encodeRequestHead('GET', '/', [['X', bad]], none), RangeError);
    assert.throws(() => encodeRequestHead('GET', '/', [[bad, 'x']], none), RangeError);
    assert.throws(() => encodeRequestHead('GET', `/${bad}`, [], none), RangeError);
    assert.throws(() => encodeRequestHead(`GET${bad}`, '/', [], none), RangeError);
    assert.throws(() => encodeResponseHead(200, bad, [], none), RangeError);
    assert.throws(() => encodeFieldLines([['X', bad]]), RangeError);
  });
}

test('a refused value is not repeated in the error', () => {
  assert.throws(
    () => encodeRequestHead('GET', '/', [['Authorization', 'secret\r\n']], none),
    (error) => error instanceof RangeError && !error.message.includes('secret'),
  );
});

test('framing fields cannot be slipped in', () => {
  for (const name of ['Content-Length', 'content-length', 'Transfer-Encoding', 'TRANSFER-ENCODING'])
    assert.throws(() => encodeResponseHead(200, 'OK', [[name, '1']], none), RangeError);
});

test('fields are read once: a generator works', () => {
  const fields = new Map([['A', '1']]).entries();
  assert.equal(encodeResponseHead(200, 'OK', fields, none), 'HTTP/1.1 200 OK\r\nA: 1\r\n\r\n');
});

test('what is encoded is read back as it was', () => {
  const token = fc
    .stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)
    .filter((name) => !/^(content-length|transfer-encoding|host)$/i.test(name));
  const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,30}[!-~\x80-\xff])?$/);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(token, value), { maxLength: 10 }),
      fc.nat(20),
      fc.integer({ min: 1, max: 9 }),
      (fields, length, size) => {
        const head = encodeRequestHead('PUT', '/x', [['Host', 'a'], ...fields], { kind: 'length', bytes: length });
        const [message] = readMessages(requestDecoder(), cut(head + 'b'.repeat(length), size));
        const expected = [
          ['host', 'a'],
          ...fields.map(([name, text]) => [name.toLowerCase(), text]),
          ['content-length', `${length}`],
        ];
        assert.deepEqual([...(message?.head.fields ?? [])], expected);
        assert.equal(message?.body, 'b'.repeat(length));
      },
    ),
  );
});
