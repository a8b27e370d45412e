import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { encodeSocks4Reply, encodeSocks4Request, socks4Reply, socks4Request } from '#src/protocols/socks/socks4.js';

import { checkFormat, decodeOne, hex, latin1, refuses } from '../../support/check-format.js';
import { ipv4, port, socksName } from '../../support/socks-arbitraries.js';

test('a reply of another version, a bad command and endless strings are refused', () => {
  refuses(socks4Reply, hex('04 5a 0000 00000000'), /version 4, expected 0/);
  refuses(socks4Reply, latin1('SSH-2.0'), /version 83/);
  refuses(socks4Request, hex('04 02 0050 01020304 00'), /other than CONNECT/);
  refuses(socks4Request, Uint8Array.of(...hex('04 01 0050 01020304'), ...new Uint8Array(300).fill(0x61)), /255 bytes/);
  refuses(
    socks4Request,
    Uint8Array.of(...hex('04 01 0050 00000001 00'), ...new Uint8Array(300).fill(0x61)),
    /255 bytes/,
  );
  refuses(socks4Request, hex('04 01 0050 00000001 00 00'), /empty name/);
  refuses(socks4Request, hex('04 01 0050 00000001 00 ff 00'), /not visible ASCII/);
});

test('a name is announced by 0.0.0.x, an address is sent as it is', () => {
  assert.deepEqual(
    [...encodeSocks4Request({ target: { host: 'example.org', port: 80 }, userId: 'joe' })],
    [...hex('04 01 0050 00000001'), ...latin1('joe\0example.org\0')],
  );
  assert.deepEqual(
    [...encodeSocks4Request({ target: { host: '192.0.2.7', port: 443 }, userId: '' })],
    [...hex('04 01 01bb c0000207 00')],
  );
  assert.deepEqual(decodeOne(socks4Request, hex('04 01 0050 00000000 00')).target, { host: '0.0.0.0', port: 80 });
});

test('IPv6 targets are a RangeError: the protocol has none', () => {
  assert.throws(() => encodeSocks4Request({ target: { host: '2001:db8::1', port: 80 }, userId: '' }), /SOCKS5/);
});

test('requests and replies survive encode and parse', () => {
  const userId = fc.oneof(fc.constant(''), fc.stringMatching(/^[!-~]{1,30}$/));
  const target = fc.record({ host: fc.oneof(ipv4, socksName), port }, { noNullPrototype: true });
  fc.assert(
    fc.property(target, userId, fc.uint8Array({ maxLength: 9 }), (to, user, tail) => {
      const value = { target: to, userId: user };
      const bytes = Uint8Array.of(...encodeSocks4Request(value), ...tail);
      const outcome = checkFormat(socks4Request, bytes, encodeSocks4Request);
      assert.ok(outcome.kind === 'message');
      assert.deepEqual(outcome.message, value);
      assert.deepEqual([...outcome.rest], [...tail]);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), ipv4, port, (code, host, n) => {
      const value = { code, bound: { host, port: n } };
      assert.deepEqual(decodeOne(socks4Reply, encodeSocks4Reply(value)), value);
    }),
  );
});
