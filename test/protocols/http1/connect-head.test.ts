import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { connectRequestFormat, encodeConnectRequest } from '#src/protocols/http1/connect-request.js';
import { connectResponseFormat } from '#src/protocols/http1/connect-response.js';
import { encodeResponseHead } from '#src/protocols/http1/encode-head.js';

import { checkFormat, decodeOne, latin1, refuses } from '../../support/check-format.js';

const response = connectResponseFormat(1000);
const request = connectRequestFormat(1000);

test('an answer is cut off behind its empty line', () => {
  const bytes = latin1('HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\r\nSSH-2.0');
  const outcome = checkFormat(response, bytes);
  assert.ok(outcome.kind === 'message');
  const { status, reason, fields } = outcome.message;
  assert.deepEqual([status, reason, [...fields]], [200, 'Connection established', [['via', 'x']]]);
  assert.equal(Buffer.from(outcome.rest).toString(), '\r\nSSH-2.0');
});

test('answers that proxies are known to give', () => {
  for (const line of ['HTTP/1.0 200 OK', 'HTTP/1.1 200 ', 'HTTP/1.1 200'])
    assert.equal(decodeOne(response, latin1(`${line}\r\n\r\n`)).status, 200);
  const { fields } = decodeOne(
    response,
    latin1(
      'HTTP/1.1 407 Proxy Authentication Required\r\n' +
        'PROXY-Authenticate:Negotiate\r\nProxy-Authenticate: \t Basic realm="x" \t\r\nContent-Length: 5\r\n\r\n',
    ),
  );
  assert.deepEqual(fields.all('proxy-authenticate'), ['Negotiate', 'Basic realm="x"']);
});

test('what is not a head is refused, as early as it shows', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['SSH-2.0-OpenSSH', /not HTTP\/1/],
    ['HTTP/2 200 OK\r\n\r\n', /not HTTP\/1/],
    ['http/1.1 200 OK\r\n\r\n', /not HTTP\/1/],
    ['\x05\x00', /not HTTP\/1/],
    ['HTTP/1.2 200 OK\r\n\r\n', /version/],
    ['HTTP/1.1  200 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 20 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 099 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 2000 OK\r\n\r\n', /status line/],
    ['HTTP/1.1 200OK\r\n\r\n', /status line/],
    ['HTTP/1.1 200 O\0K\r\n\r\n', /status line/],
    ['HTTP/1.1 200 OK\n', /without a carriage return/],
    ['HTTP/1.1 200 OK\r\rX\r\n\r\n', /status line/],
    ['HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n', /control character/],
    ['HTTP/1.1 200 OK\r\nX : a\r\n\r\n', /white space/],
    ['HTTP/1.1 200 OK\r\n: a\r\n\r\n', /proper name/],
    ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', /name/],
    ['HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', /control character/],
    ['HTTP/1.1 200 OK\r\n folded: a\r\n\r\n', /folded/],
    [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(101)}\r\n`, /more than 100 fields/],
    [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(2000)}`, /more than 1000 bytes/],
    [`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(200)}`, /more than 1000 bytes/],
    [`HTTP/1.1 200 OK\r\rX${'y'.repeat(2000)}`, /more than 1000 bytes/],
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
  const sent = encodeConnectRequest({ host: '2001:db8::1', port: 443 }, [['X', 'y']]);
  assert.equal(
    Buffer.from(sent).toString(),
    'CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nX: y\r\n\r\n',
  );
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', /other than CONNECT/],
    ['CONNECT example.org HTTP/1.1\r\nHost: example.org\r\n\r\n', /host:port/],
    ['CONNECT :443 HTTP/1.1\r\nHost: :443\r\n\r\n', /host:port/],
    ['CONNECT example.org:0 HTTP/1.1\r\nHost: example.org:0\r\n\r\n', /host and port/],
    ['CONNECT http://example.org:443/ HTTP/1.1\r\nHost: x\r\n\r\n', /host:port/],
    ['CONNECT user@example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n', /host:port/],
    ['CONNECT example.org:443 HTTP/2.0\r\n\r\n', /version/],
    ['CONNECT example.org:443 HTTP/1.1\r\n\r\n', /no Host/],
    ['CONNECT example.org:443 HTTP/1.1\r\nHost: other.org:443\r\n\r\n', /not the authority/],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nHost: a:1\r\n\r\n', /more than one Host/],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n\r\n', /no place/],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n', /no place/],
  ];
  for (const [text, message] of wrong) refuses(request, latin1(text), message);
});

test('nothing can be smuggled into a request through its fields', () => {
  for (const [name, value] of [
    ['X', 'a\r\nHost: b'],
    ['X', 'a\nb'],
    ['X\r\nY', 'a'],
    ['X Y', 'a'],
    ['', 'a'],
    ['X', 'ü—'],
    ['Host', 'a'],
    ['transfer-encoding', 'chunked'],
    ['Content-Length', '5'],
  ] as const) {
    const encode = (): unknown => encodeConnectRequest({ host: 'example.org', port: 443 }, [[name, value]]);
    assert.throws(encode, RangeError, `${name}: ${value}`);
  }
});

test('requests and answers survive encode and parse, and what follows is left alone', () => {
  const name = fc.stringMatching(/^[a-z-]{1,12}$/).map((text) => `x-${text}`);
  const value = fc.stringMatching(/^([!-~\x80-\xff]([\t -~\x80-\xff]{0,10}[!-~\x80-\xff])?)?$/);
  const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });
  const tail = fc.uint8Array({ maxLength: 8 });
  const host = fc.oneof(fc.domain(), fc.constantFrom('192.0.2.1', '2001:db8::1'));
  fc.assert(
    fc.property(host, fc.integer({ min: 1, max: 65535 }), fields, tail, (to, port, extra, rest) => {
      const target = { host: to, port };
      const bytes = Uint8Array.of(...encodeConnectRequest(target, extra), ...rest);
      const outcome = checkFormat(connectRequestFormat(10_000), bytes);
      assert.ok(outcome.kind === 'message');
      assert.deepEqual(outcome.message.target, target);
      assert.deepEqual([...outcome.message.fields].slice(1), extra);
      assert.deepEqual([...outcome.rest], [...rest]);
    }),
  );
  const status = fc.integer({ min: 100, max: 599 });
  const reason = fc.stringMatching(/^[\t -~\x80-\xff]{0,20}$/);
  fc.assert(
    fc.property(status, reason, fields, tail, (code, text, extra, rest) => {
      const head = latin1(encodeResponseHead(code, text, extra, { kind: 'none' }));
      const outcome = checkFormat(connectResponseFormat(10_000), Uint8Array.of(...head, ...rest));
      assert.ok(outcome.kind === 'message');
      assert.equal(outcome.message.status, code);
      assert.equal(outcome.message.reason, text);
      assert.deepEqual([...outcome.message.fields], extra);
      assert.deepEqual([...outcome.rest], [...rest]);
    }),
  );
});
