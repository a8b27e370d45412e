import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inetAddress } from 'bowline/core';
import fc from 'fast-check';

import { proxyHeaderFormat } from '#src/protocols/proxy-header/header.js';
import { encodeVersion1 } from '#src/protocols/proxy-header/version1.js';

import { checkFormat, decodeOne, latin1, refuses } from '../../support/check-format.js';

const format = proxyHeaderFormat(4096);
const parse = (line: string): ReturnType<typeof decodeOne> => decodeOne(format, latin1(line));

test('the examples of the specification', () => {
  assert.deepEqual(parse('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n'), {
    version: 1,
    command: 'proxy',
    transport: 'stream',
    source: inetAddress('192.168.0.1', 56324),
    destination: inetAddress('192.168.0.11', 443),
    tlvs: [],
  });
  const longest =
    'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n';
  assert.equal(longest.length, 104);
  assert.deepEqual(
    (parse(longest) as { source: unknown }).source,
    inetAddress('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65535),
  );
  for (const line of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff:f...f:ffff whatever\0 1\r\n']) {
    assert.deepEqual(parse(line), {
      version: 1,
      command: 'proxy',
      transport: 'unspecified',
      source: undefined,
      destination: undefined,
      tlvs: [],
    });
  }
});

test('anything that is not exactly such a line is refused', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['GET / HTTP/1.1\r\n', /does not begin with/],
    ['PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n', /does not begin with/],
    ['proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n', /does not begin with/],
    ['PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n', /not TCP4/],
    ['PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n', /not TCP4/],
    ['PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n', /six fields/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n', /six fields/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n', /six fields/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n', /a port/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n', /a port/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n', /a port/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n', /a port/],
    ['PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n', /not IPv4/],
    ['PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n', /not IPv4/],
    ['PROXY TCP4 ::1 ::1 1 2\r\n', /not IPv4/],
    ['PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n', /not IPv6/],
    ['PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', /not IPv6/],
    ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n', /without a carriage return/],
    [`PROXY UNKNOWN ${'x'.repeat(100)}\r\n`, /107 bytes/],
    [`PROXY TCP4 ${'1'.repeat(5000)}`, /107 bytes/],
  ];
  for (const [line, message] of wrong) refuses(format, latin1(line), message);
});

test('the longest line that is allowed has 107 bytes', () => {
  const line = (length: number): string => `PROXY UNKNOWN ${'x'.repeat(length - 16)}\r\n`;
  assert.equal(checkFormat(format, latin1(line(107))).kind, 'message');
  assert.equal(checkFormat(format, latin1(line(108))).kind, 'refused');
});

test('headers survive encode and parse, and what follows is left alone', () => {
  const ip4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const ip6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const pair = fc.oneof(fc.tuple(ip4, ip4), fc.tuple(ip6, ip6));
  const port = fc.integer({ min: 0, max: 65535 });
  fc.assert(
    fc.property(pair, port, port, fc.uint8Array({ maxLength: 10 }), ([from, to], p, q, tail) => {
      const source = inetAddress({ family: from.length === 4 ? 4 : 6, bytes: Uint8Array.from(from) }, p);
      const destination = inetAddress({ family: to.length === 4 ? 4 : 6, bytes: Uint8Array.from(to) }, q);
      const line = encodeVersion1({ source, destination });
      const outcome = checkFormat(format, Uint8Array.of(...line, ...tail));
      assert.ok(outcome.kind === 'message');
      assert.deepEqual(outcome.message.source, source);
      assert.deepEqual(outcome.message.destination, destination);
      assert.deepEqual([...outcome.rest], [...tail]);
    }),
  );
});

test('a zone has no place in a header', () => {
  const zoned = inetAddress('fe80::1%eth0', 1);
  assert.throws(() => encodeVersion1({ source: zoned, destination: inetAddress('::1', 2) }), RangeError);
});
