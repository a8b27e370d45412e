import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { fieldValues } from '#src/protocols/http1/connect-head.js';
import { connectRequestFormat, encodeConnectRequest } from '#src/protocols/http1/connect-request.js';
import { connectResponseFormat, encodeConnectResponse } from '#src/protocols/http1/connect-response.js';

import { checkFormat, decodeOne, latin1, refuses } from '../../support/check-format.js';

const response = connectResponseFormat(1000);
const request = connectRequestFormat(1000);

test('an answer is cut off behind its empty line', () => {
  const outcome = checkFormat(response, latin1('HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\r\nSSH-2.0'));
  assert.ok(outcome.kind === 'message');
  assert.deepEqual(outcome.message, {
    status: 200,
    reason: 'Connection established',
    fields: [{ name: 'Via', value: 'x' }],
  });
  assert.equal(Buffer.from(outcome.rest).toString(), '\r\nSSH-2.0');
});

test('answers that proxies are known to give', () => {
  assert.deepEqual(decodeOne(response, latin1('HTTP/1.0 200 OK\r\n\r\n')), { status: 200, reason: 'OK', fields: [] });
  assert.deepEqual(decodeOne(response, latin1('HTTP/1.1 200 \r\n\r\n')).reason, '');
  assert.deepEqual(decodeOne(response, latin1('HTTP/1.1 200\r\n\r\n')).reason, '');
  const { fields } = decodeOne(
    response,
    latin1(
      'HTTP/1.1 407 Proxy Authentication Required\r\n' +
        'PROXY-Authenticate:Negotiate\r\nProxy-Authenticate: \t Basic realm="x" \t\r\nContent-Length: 5\r\n\r\n',
    ),
  );
  assert.deepEqual(fieldValues(fields, 'proxy-authenticate'), ['Negotiate', 'Basic realm="x"']);
});

test('RFC 9112 §5.2: a folded line of an answer becomes one', () => {
  const { fields } = decodeOne(response, latin1('HTTP/1.1 200 OK\r\nX: a\r\n \t b\r\n\tc\r\n\r\n'));
  assert.deepEqual(fields, [{ name: 'X', value: 'a b c' }]);
  const empty = decodeOne(response, latin1('HTTP/1.1 200 OK\r\nX: a\r\n \r\nY:\r\n\tb\r\n\r\n'));
  assert.deepEqual(empty.fields, [
    { name: 'X', value: 'a' },
    { name: 'Y', value: 'b' },
  ]);
});

test('what is not a head is refused, as early as it shows', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['SSH-2.0-OpenSSH', /not HTTP\/1/],
    ['HTTP/2 200 OK\r\n\r\n', /not HTTP\/1/],
    ['http/1.1 200 OK\r\n\r\n', /not HTTP\/1/],
    ['\x05\x00', /not HTTP\/1/],
    ['HTTP/1.2 200 OK\r\n\r\n', /status line/],
    ['HTTP/1.1  200 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 20 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 600 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 099 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 2000 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 200OK\r\n\r\n', /status line/],
    ['HTTP/1.1 200 O\0K\r\n\r\n', /status line/],
    ['HTTP/1.1 200 OK\n\n', /without a carriage return/],
    ['HTTP/1.1 200 OK\r\rX', /without a line feed/],
    ['HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n', /without a line feed/],
    ['HTTP/1.1 200 OK\r\nX : a\r\n\r\n', /proper name/],
    ['HTTP/1.1 200 OK\r\n: a\r\n\r\n', /proper name/],
    ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', /proper name/],
    ['HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', /control character/],
    ['HTTP/1.1 200 OK\r\n folded: a\r\n\r\n', /in front of the first field/],
    [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(101)}\r\n`, /more than 100 fields/],
    [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(2000)}`, /more than 1000 bytes/],
    [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(200)}`, /more than 1000 bytes/],
  ];
  for (const [text, message] of wrong) refuses(response, latin1(text), message);
});

test('the limit is exact', () => {
  const head = (bytes: number): Uint8Array => latin1(`HTTP/1.1 200 ${'x'.repeat(bytes - 17)}\r\n\r\n`);
  assert.equal(head(1000).length, 1000);
  assert.equal(checkFormat(response, head(1000)).kind, 'message');
  assert.equal(checkFormat(response, head(1001)).kind, 'refused');
});

test('a request has one target, said twice', () => {
  const sent = encodeConnectRequest({
    target: { host: '2001:db8::1', port: 443 },
    fields: [{ name: 'X', value: 'y' }],
  });
  assert.equal(
    Buffer.from(sent).toString(),
    'CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nX: y\r\n\r\n',
  );
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['GET / HTTP/1.1\r\n\r\n', /request line/],
    ['CONNECT example.org HTTP/1.1\r\n\r\n', /host and port/],
    ['CONNECT :443 HTTP/1.1\r\n\r\n', /host and port/],
    ['CONNECT example.org:0 HTTP/1.1\r\n\r\n', /host and port/],
    ['CONNECT http://example.org:443/ HTTP/1.1\r\n\r\n', /host and port/],
    ['CONNECT user@example.org:443 HTTP/1.1\r\n\r\n', /host and port/],
    ['CONNECT example.org:443 HTTP/2.0\r\n\r\n', /request line/],
    ['CONNECT example.org:443 HTTP/1.1\r\nHost: other.org:443\r\n\r\n', /not the target/],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nHost: a:1\r\n\r\n', /more than one Host/],
    ['CONNECT a:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n', /no place/],
    ['CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', /no place/],
  ];
  for (const [text, message] of wrong) refuses(request, latin1(text), message);
});

test('nothing can be smuggled into a request through its fields', () => {
  const target = { host: 'example.org', port: 443 };
  for (const [name, value] of [
    ['X', 'a\r\nHost: b'],
    ['X', 'a\nb'],
    ['X\r\nY', 'a'],
    ['X Y', 'a'],
    ['', 'a'],
    ['X', ' a'],
    ['X', 'ü—'],
    ['Host', 'a'],
    ['transfer-encoding', 'chunked'],
    ['Content-Length', '5'],
  ] as const) {
    assert.throws(() => encodeConnectRequest({ target, fields: [{ name, value }] }), RangeError, `${name}: ${value}`);
  }
});

test('requests and answers survive encode and parse, and what follows is left alone', () => {
  const name = fc.stringMatching(/^[A-Za-z-]{1,12}$/).map((text) => `X-${text}`);
  const value = fc.stringMatching(/^([!-~\x80-\xff]([\t -~\x80-\xff]{0,10}[!-~\x80-\xff])?)?$/);
  const fields = fc.array(fc.record({ name, value }, { noNullPrototype: true }), { maxLength: 8 });
  const tail = fc.uint8Array({ maxLength: 8 });
  const host = fc.oneof(fc.domain(), fc.constantFrom('192.0.2.1', '2001:db8::1'));
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65535 }), fields, tail, (name, port, extra, rest) => {
      const value = { target: { host: name, port }, fields: extra };
      const outcome = checkFormat(
        connectRequestFormat(10_000),
        Uint8Array.of(...encodeConnectRequest(value), ...rest),
        encodeConnectRequest,
      );
      assert.ok(outcome.kind === 'message');
      assert.deepEqual(outcome.message, value);
      assert.deepEqual([...outcome.rest], [...rest]);
    }),
  );
  const status = fc.integer({ min: 100, max: 599 });
  const reason = fc.stringMatching(/^[\t -~\x80-\xff]{0,20}$/);
  fc.assert(
    fc.property(status, reason, fields, tail, (code, text, extra, rest) => {
      const value = { status: code, reason: text, fields: extra };
      const outcome = checkFormat(
        connectResponseFormat(10_000),
        Uint8Array.of(...encodeConnectResponse(value), ...rest),
        encodeConnectResponse,
      );
      assert.ok(outcome.kind === 'message');
      assert.deepEqual(outcome.message, value);
      assert.deepEqual([...outcome.rest], [...rest]);
    }),
  );
});
