import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { SocketAddress } from 'bowline/core';
import {
  AddressError,
  compareSocketAddresses,
  formatSocketAddress,
  inetAddress,
  ipAddressOf,
  sameSocketAddress,
  socketAddressKey,
  unmapInetAddress,
} from 'bowline/core';

test('inetAddress refuses names and bad ports', () => {
  assert.throws(() => inetAddress('localhost', 80), AddressError);
  assert.throws(() => inetAddress('[::1]', 80), AddressError);
  assert.throws(() => inetAddress('::1', 65536), RangeError);
});

test('inetAddress makes canonical addresses', () => {
  assert.deepEqual(inetAddress('127.0.0.1', 80), { family: 4, host: '127.0.0.1', port: 80 });
  assert.deepEqual(inetAddress('FE80:0::1%eth0', 80), { family: 6, host: 'fe80::1', port: 80, scopeId: 'eth0' });
  assert.deepEqual(inetAddress(ipAddressOf(inetAddress('fe80::1%2', 1)), 2), inetAddress('fe80::1%2', 2));
});

test('an IPv4-mapped address is unmapped with its port', () => {
  assert.deepEqual(unmapInetAddress(inetAddress('::ffff:192.0.2.1', 80)), inetAddress('192.0.2.1', 80));
  const plain = inetAddress('::1', 80);
  assert.equal(unmapInetAddress(plain), plain);
});

// In order, each different from every other.
const ordered: SocketAddress[] = [
  inetAddress('9.0.0.1', 443),
  inetAddress('10.0.0.1', 80),
  inetAddress('10.0.0.1', 443),
  inetAddress('::1', 443),
  inetAddress('fe80::1', 1),
  inetAddress('fe80::1%eth0', 1),
  inetAddress('fe80::1%eth1', 1),
  { family: 'unix', path: '' },
  { family: 'unix', path: '\0x' },
  { family: 'unix', path: '/run/x' },
  { family: 'unix', path: '10.0.0.1:443' },
];

test('equality, order and keys agree', () => {
  ordered.forEach((a, i) => {
    ordered.forEach((b, j) => {
      const copy = { ...b };
      assert.equal(sameSocketAddress(a, copy), i === j);
      assert.equal(Math.sign(compareSocketAddresses(a, copy)), Math.sign(i - j));
      assert.equal(socketAddressKey(a) === socketAddressKey(copy), i === j);
    });
  });
});

test('formats for people, on one line', () => {
  assert.equal(formatSocketAddress(inetAddress('192.0.2.1', 443)), '192.0.2.1:443');
  assert.equal(formatSocketAddress(inetAddress('::1', 443)), '[::1]:443');
  assert.equal(formatSocketAddress(inetAddress('fe80::1%eth0', 443)), '[fe80::1%eth0]:443');
  assert.equal(formatSocketAddress({ family: 'unix', path: '/run/x' }), 'unix:/run/x');
  assert.equal(formatSocketAddress({ family: 'unix', path: '\0x' }), 'unix:@x');
  assert.equal(formatSocketAddress({ family: 'unix', path: '' }), 'unix:(unnamed)');
  assert.equal(formatSocketAddress({ family: 'unix', path: '/run/a\nb' }), 'unix:/run/a\\u{a}b');
});
