import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';

import { AddressError, cidrContains, formatCidr, parseCidr } from 'bowline/core';

test('refuses what is not a block', () => {
  for (const text of [
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/8 ',
    '10/8',
    '::/129',
    '::/1e2',
    'fe80::%eth0/64',
    'fe80::/64%eth0',
    'example.org/8',
  ]) {
    assert.throws(() => parseCidr(text), AddressError, text);
  }
  assert.throws(() => parseCidr(8 as unknown as string), TypeError);
});

test('refuses bits after the prefix, and says which block it would be', () => {
  assert.throws(() => parseCidr('10.1.2.3/8'), /10\.0\.0\.0\/8/);
  assert.throws(() => parseCidr('192.0.2.129/25'), /192\.0\.2\.128\/25/);
  assert.throws(() => parseCidr('2001:db8::1/127'), /2001:db8::\/127/);
  assert.throws(() => parseCidr('0.0.0.1/0'), /0\.0\.0\.0\/0/);
});

test('formats canonically, a bare address with its full length', () => {
  const texts: [string, string][] = [
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['2001:0DB8::/32', '2001:db8::/32'],
    ['::1', '::1/128'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['::/0', '::/0'],
  ];
  for (const [text, expected] of texts) {
    assert.equal(formatCidr(parseCidr(text)), expected);
    assert.equal(formatCidr(parseCidr(expected)), expected);
  }
});

test('contains what net.BlockList says, at both edges of blocks of every length', () => {
  for (const [base, family, bits] of [
    ['255.255.255.255', 'ipv4', 32],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ipv6', 128],
  ] as const) {
    for (let prefixLength = 0; prefixLength <= bits; prefixLength++) {
      // The block of all ones, found through the error's own suggestion for the full address.
      const masked = maskOfOnes(bits, prefixLength);
      const block = parseCidr(`${masked}/${prefixLength}`);
      const oracle = new BlockList();
      oracle.addSubnet(masked, prefixLength, family);
      for (const address of [base, masked, ...neighbours(bits, prefixLength)]) {
        assert.equal(
          cidrContains(block, address),
          oracle.check(address, family),
          `${address} in ${masked}/${prefixLength}`,
        );
      }
    }
  }
});

test('families do not mix, but an IPv4-mapped peer is an IPv4 peer', () => {
  const block = parseCidr('192.0.2.0/24');
  assert.equal(cidrContains(block, '::ffff:192.0.2.9'), true);
  assert.equal(cidrContains(block, '::ffff:192.0.3.9'), false);
  assert.equal(cidrContains(block, '::192.0.2.9'), false);
  assert.equal(cidrContains(parseCidr('::/0'), '192.0.2.9'), false);
  assert.equal(cidrContains(parseCidr('::/0'), '::ffff:192.0.2.9'), false);
  assert.equal(formatCidr(parseCidr('::ffff:192.0.2.0/120')), '192.0.2.0/24');
  assert.equal(formatCidr(parseCidr('::ffff:0:0/96')), '0.0.0.0/0');
});

test('a zone does not matter', () => {
  assert.equal(cidrContains(parseCidr('fe80::/10'), 'fe80::1%eth0'), true);
});

/** The address whose first `prefixLength` bits are ones. */
function maskOfOnes(bits: number, prefixLength: number): string {
  return addressText(bits, ((1n << BigInt(prefixLength)) - 1n) << BigInt(bits - prefixLength));
}

/** For each of the last bits around the edge of the prefix: all ones with that bit cleared. */
function neighbours(bits: number, prefixLength: number): string[] {
  const ones = (1n << BigInt(bits)) - 1n;
  return [prefixLength - 1, prefixLength, 0, bits - 1]
    .filter((bit) => bit >= 0 && bit < bits)
    .map((bit) => addressText(bits, ones ^ (1n << BigInt(bits - 1 - bit))));
}

function addressText(bits: number, value: bigint): string {
  const hex = value.toString(16).padStart(bits / 4, '0');
  if (bits === 32) return (hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16)).join('.');
  return (hex.match(/..../g) ?? []).join(':');
}
