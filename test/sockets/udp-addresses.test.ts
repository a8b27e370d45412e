import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UdpAddresses } from '#src/sockets/udp-addresses.js';

const now = (): number => 0;

test('D12 what the system says of a peer has one form, whatever socket it came in on', () => {
  const addresses = new UdpAddresses(6);
  assert.deepEqual(addresses.peer('::ffff:192.0.2.1', 7), { family: 4, host: '192.0.2.1', port: 7 });
  assert.deepEqual(addresses.peer('fe80::1%eth0', 7), { family: 6, host: 'fe80::1', port: 7, scopeId: 'eth0' });
  assert.deepEqual(addresses.peer('2001:db8::1', 8), { family: 6, host: '2001:db8::1', port: 8 });
  // libuv's obsolete form, in the form of RFC 5952.
  assert.deepEqual(addresses.peer('::192.0.2.1', 8), { family: 6, host: '::c000:201', port: 8 });
  assert.deepEqual(new UdpAddresses(4).peer('192.0.2.1', 7), { family: 4, host: '192.0.2.1', port: 7 });
});

test('one object stands for a peer while its datagrams follow each other', () => {
  const addresses = new UdpAddresses(4);
  const first = addresses.peer('192.0.2.1', 7);
  assert.equal(addresses.peer('192.0.2.1', 7), first);
  assert.equal(addresses.hostFor(first, now), '192.0.2.1');
  assert.notEqual(addresses.peer('192.0.2.1', 8), first);
  assert.notEqual(addresses.peer('192.0.2.2', 8).host, first.host);
  assert.equal(addresses.hostFor(first, now), '192.0.2.1');
});

test('an address of a caller is read anew at every send, so it may be changed', () => {
  const addresses = new UdpAddresses(4);
  const mine = { host: '192.0.2.1', port: 7 };
  assert.equal(addresses.hostFor(mine, now), '192.0.2.1');
  mine.host = '192.0.2.2';
  assert.equal(addresses.hostFor(mine, now), '192.0.2.2');
});

test('any text form of an address goes to the system in the form its socket takes', () => {
  const v6 = new UdpAddresses(6);
  assert.equal(v6.hostFor({ host: '192.0.2.1', port: 7 }, now), '::ffff:192.0.2.1');
  assert.equal(v6.hostFor({ host: '2001:DB8:0:0::1', port: 7 }, now), '2001:db8::1');
  assert.equal(v6.hostFor({ host: 'FE80::1%eth0', port: 7 }, now), 'fe80::1%eth0');
  assert.equal(v6.hostFor({ family: 6, host: 'fe80::1', port: 7, scopeId: 'eth0' }, now), 'fe80::1%eth0');
  const v4 = new UdpAddresses(4);
  assert.equal(v4.hostFor({ host: '::ffff:192.0.2.1', port: 7 }, now), '192.0.2.1');
  assert.throws(() => v4.hostFor({ host: '2001:db8::1', port: 7 }, now), { reason: 'unreachable' });
});

test('a name is unknown until it is remembered, then until its time is up; the oldest of many is forgotten', () => {
  const addresses = new UdpAddresses(4);
  const target = { host: 'name.example', port: 7 };
  assert.equal(addresses.hostFor(target, now), undefined);
  const found = [
    { family: 6, host: '2001:db8::1', port: 0 },
    { family: 4, host: '192.0.2.1', port: 0 },
  ] as const;
  assert.equal(addresses.rememberName('name.example', found, 10), '192.0.2.1');
  assert.equal(
    addresses.hostFor(target, () => 9),
    '192.0.2.1',
  );
  assert.equal(
    addresses.hostFor(target, () => 10),
    undefined,
  );
  for (let i = 0; i < 256; i++) addresses.rememberName(`${i}.example`, found, 10);
  assert.equal(addresses.hostFor(target, now), undefined);
  assert.equal(addresses.hostFor({ host: '255.example', port: 7 }, now), '192.0.2.1');
  assert.throws(() => addresses.rememberName('six.example', found.slice(0, 1), 10), { reason: 'unreachable' });
});
