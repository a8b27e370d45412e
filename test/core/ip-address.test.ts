import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';

import {
  AddressError,
  canonicalIpText,
  compareIpAddresses,
  formatIpAddress,
  ipAddressFromBytes,
  ipVersion,
  isIpv4Mapped,
  isLinkLocalIp,
  isLoopbackIp,
  isMulticastIp,
  isPrivateIp,
  isWildcardIp,
  parseIpAddress,
  tryParseIpAddress,
  unmapIpAddress,
} from 'bowline/core';

const refused = [
  ['', 'empty'],
  ['1.2.3', 'three parts'],
  ['127.1', 'short form'],
  ['1.2.3.4.5', 'five parts'],
  ['1.2.3.', 'empty part'],
  ['.1.2.3', 'empty first part'],
  ['1..2.3', 'empty middle part'],
  ['01.2.3.4', 'leading zero, octal to C libraries'],
  ['1.2.3.00', 'leading zero'],
  ['256.0.0.1', 'part over 255'],
  ['1.2.3.1000', 'part of four digits'],
  ['0x7f.0.0.1', 'hexadecimal'],
  ['2130706433', 'one number'],
  [' 1.2.3.4', 'space before'],
  ['1.2.3.4 ', 'space after'],
  ['1.2.3.4\n', 'newline after'],
  ['+1.2.3.4', 'sign'],
  ['1.2.3.4%eth0', 'IPv4 with a zone'],
  ['１.2.3.4', 'digit beyond ASCII'],
  [':', 'one colon'],
  [':::', 'three colons'],
  ['1:', 'ends in a colon'],
  [':1', 'starts with one colon'],
  ['1:2:3:4:5:6:7', 'seven groups'],
  ['1:2:3:4:5:6:7:8:9', 'nine groups'],
  ['1:2:3:4:5:6:7:8::', '"::" for no group, at the end'],
  ['::1:2:3:4:5:6:7:8', '"::" for no group, at the start'],
  ['1:2:3:4::5:6:7:8', '"::" for no group, in the middle'],
  ['1::2::3', 'two "::"'],
  ['12345::', 'group of five digits'],
  ['00001::', 'group of five digits, zeros'],
  ['g::', 'not a hexadecimal digit'],
  ['::1.2.3', 'embedded IPv4 cut short'],
  ['::1.2.3.04', 'embedded IPv4 with a leading zero'],
  ['::1.2.3.4:5', 'embedded IPv4 not last'],
  ['1:2:3:4:5:6:7:1.2.3.4', 'embedded IPv4 after seven groups'],
  ['[::1]', 'brackets'],
  ['::1%', 'empty zone'],
  ['fe80::1%a b', 'space in the zone'],
  ['fe80::1%a%b', 'two zones'],
  ['fe80::1%eth0]', 'bracket in the zone'],
  [`fe80::1%${'x'.repeat(65)}`, 'zone of 65 characters'],
  ['1'.repeat(1_000_000), 'a million characters'],
] as const;

for (const [text, why] of refused) {
  test(`refuses ${text.slice(0, 40)} (${why})`, () => {
    assert.equal(tryParseIpAddress(text), undefined);
    assert.throws(() => parseIpAddress(text), AddressError);
    assert.equal(ipVersion(text), 0);
  });
}

test('anything but a string is a TypeError', () => {
  for (const value of [undefined, null, 4, ['::1'], {}])
    assert.throws(() => parseIpAddress(value as string), TypeError);
});

// RFC 5952 §4 and §5, and RFC 4291 §2.2
const canonical = [
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8::ABCD', '2001:db8::abcd'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['1:0:0:2:0:0:0:0', '1:0:0:2::'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['::FFFF:c000:0201', '::ffff:192.0.2.1'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['FE80::1%Eth0.100', 'fe80::1%Eth0.100'],
] as const;

test('writes the canonical text of RFC 5952', () => {
  for (const [text, expected] of canonical) {
    assert.equal(canonicalIpText(text), expected, text);
    assert.equal(canonicalIpText(expected), expected);
  }
});

test('text becomes bytes in network order', () => {
  assert.deepEqual([...parseIpAddress('192.0.2.1').bytes], [192, 0, 2, 1]);
  assert.deepEqual([...parseIpAddress('1:203::ff').bytes], [0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]);
  assert.deepEqual([...parseIpAddress('::1.2.3.4').bytes], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
});

test('bytes become an address, copied; other lengths and wrong zones are RangeErrors', () => {
  const bytes = new Uint8Array([127, 0, 0, 1]);
  const address = ipAddressFromBytes(bytes);
  bytes[0] = 0;
  assert.equal(formatIpAddress(address), '127.0.0.1');
  assert.equal(formatIpAddress(ipAddressFromBytes(parseIpAddress('fe80::1').bytes, 'eth0')), 'fe80::1%eth0');
  for (const length of [0, 3, 5, 15, 17]) assert.throws(() => ipAddressFromBytes(new Uint8Array(length)), RangeError);
  assert.throws(() => ipAddressFromBytes(new Uint8Array(4), 'eth0'), RangeError);
  assert.throws(() => ipAddressFromBytes(new Uint8Array(16), 'a b'), RangeError);
});

test('accepts and refuses exactly what net.isIP does, zones with "_" and "~" and beyond 64 characters excepted', () => {
  // Every text of up to seven pieces that differ where the grammar does.
  const pieces = ['', ':', '::', '1', '0db8', 'fffff', '1.2.3.4', '.', '255', '01', 'g'];
  const tails = ['', ':1', ':1:2:3:4:5', ':6:7', '::', ':9.9.9.9', '%eth0', '%1-a.b:c', '%'];
  const seen = new Set<string>();
  for (const a of pieces)
    for (const b of pieces)
      for (const c of pieces) for (const d of pieces) for (const tail of tails) seen.add(a + b + c + d + tail);
  for (const [text] of refused) seen.add(text.slice(0, 1000));
  for (const [text] of canonical) seen.add(text);
  let accepted = 0;
  for (const text of seen) {
    const expected = isIP(text);
    if (expected !== 0) accepted += 1;
    if (ipVersion(text) !== expected && text !== `fe80::1%${'x'.repeat(65)}`)
      assert.fail(`${text}: ${ipVersion(text)}, net.isIP says ${expected}`);
  }
  assert.ok(accepted > 500, `the corpus holds ${accepted} addresses`);
  assert.equal(ipVersion('fe80::1%br_lan~0'), 6); // Linux allows both in an interface name
});

test('orders by family, number, zone', () => {
  const sorted = ['0.0.0.0', '9.0.0.0', '10.0.0.0', '::', '::1', '1::', 'fe80::1', 'fe80::1%a', 'fe80::1%b'].map(
    parseIpAddress,
  );
  sorted.forEach((a, i) => {
    sorted.forEach((b, j) => assert.equal(Math.sign(compareIpAddresses(a, b)), Math.sign(i - j)));
  });
});

test('an IPv4-mapped address is unmapped, others are not', () => {
  assert.equal(formatIpAddress(unmapIpAddress(parseIpAddress('::ffff:10.0.0.1'))), '10.0.0.1');
  assert.equal(formatIpAddress(unmapIpAddress(parseIpAddress('::10.0.0.1'))), '::a00:1');
  assert.equal(isIpv4Mapped(parseIpAddress('::ffff:0:0')), true);
  assert.equal(isIpv4Mapped(parseIpAddress('::fffe:0:0')), false);
  assert.equal(isIpv4Mapped(parseIpAddress('0.0.255.255')), false);
});

test('the predicates hold at the edges of their blocks, and look through IPv4-mapped addresses', () => {
  const yes = {
    wildcard: ['0.0.0.0', '::', '::ffff:0.0.0.0'],
    loopback: ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1'],
    linkLocal: ['169.254.0.0', '169.254.255.255', 'fe80::', 'febf:ffff::1%eth0'],
    private: ['10.0.0.0', '172.16.0.0', '172.31.255.255', '192.168.0.0', 'fc00::', 'fdff::', '::ffff:10.1.1.1'],
    multicast: ['224.0.0.0', '239.255.255.255', 'ff02::1'],
  };
  const predicates = {
    wildcard: isWildcardIp,
    loopback: isLoopbackIp,
    linkLocal: isLinkLocalIp,
    private: isPrivateIp,
    multicast: isMulticastIp,
  };
  const outside = [
    '0.0.0.1',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '9.255.255.255',
    '11.0.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '240.0.0.0',
    '::2',
    'fec0::',
    'fe7f::',
    'fe00::',
    'fbff::',
    '100::1',
    '2001:db8::',
  ];
  for (const [name, holds] of Object.entries(predicates)) {
    for (const [kind, texts] of Object.entries(yes))
      for (const text of texts) assert.equal(holds(text), kind === name, `${name} ${text}`);
    for (const text of outside) assert.equal(holds(parseIpAddress(text)), false, `${name} ${text}`);
  }
  assert.throws(() => isLoopbackIp('localhost'), AddressError);
});
