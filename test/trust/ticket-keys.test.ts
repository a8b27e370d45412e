import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';

import fc from 'fast-check';

import { TicketKeys } from 'bowline/trust';
import type { TicketBinding } from '#src/trust/ticket.js';
import { openTicket, opensslTicketKeys, sealTicket } from '#src/trust/ticket.js';

const HOUR_MS = 3_600_000;
const now = Date.now();
const session = new TextEncoder().encode('a session');
const binding: TicketBinding = {
  transport: 'dtls',
  serverName: 'example.org',
  alpnProtocols: ['coap'],
  clientAuth: 'none',
};

function sealed(keys: TicketKeys, at = now, by = binding): Uint8Array {
  return (sealTicket(keys, session, by, at) ?? assert.fail('no ticket')).ticket;
}

test('a ticket opens for the same circumstances and for no others', () => {
  const keys = TicketKeys.generate();
  const ticket = sealed(keys);
  assert.deepEqual(openTicket(keys, ticket, binding, now), { session, sealedAt: now });
  assert.ok(openTicket(keys, ticket, { ...binding, serverName: 'EXAMPLE.org' }, now));
  const others: readonly Partial<TicketBinding>[] = [
    { serverName: 'example.com' },
    { serverName: null },
    { alpnProtocols: [] },
    { alpnProtocols: ['coap', 'x'] },
    { alpnProtocols: ['coap,x'] },
    { clientAuth: 'request' },
    { clientAuth: 'require' },
    { transport: 'tls' },
  ];
  for (const other of others) assert.equal(openTicket(keys, ticket, { ...binding, ...other }, now), undefined);
});

test('nothing but a ticket of these keys opens, and whatever is wrong the answer is the same', () => {
  const keys = TicketKeys.generate();
  const ticket = sealed(keys);
  assert.equal(openTicket(TicketKeys.generate(), ticket, binding, now), undefined);
  for (let length = 0; length < ticket.length; length++)
    assert.equal(openTicket(keys, ticket.slice(0, length), binding, now), undefined);
  for (let i = 0; i < ticket.length; i++) {
    const bent = ticket.slice();
    bent[i] = (bent[i] as number) ^ 1;
    assert.equal(openTicket(keys, bent, binding, now), undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => openTicket(keys, bytes, binding, now) === undefined),
    { numRuns: 200 },
  );
});

test('a key seals for 12 hours, opens for 12 more, and no ticket outlives 24', () => {
  const keys = TicketKeys.generate();
  const first = sealed(keys, now);
  const last = sealed(keys, now + 12 * HOUR_MS - 1);
  const second = sealed(keys, now + 12 * HOUR_MS);
  assert.deepEqual(first.subarray(0, 16), last.subarray(0, 16));
  assert.notDeepEqual(first.subarray(0, 16), second.subarray(0, 16));
  assert.ok(openTicket(keys, first, binding, now + 24 * HOUR_MS - 1));
  assert.equal(openTicket(keys, first, binding, now + 24 * HOUR_MS), undefined);
  assert.ok(openTicket(keys, second, binding, now + 24 * HOUR_MS));
  const { lifetimeMs } = sealTicket(keys, session, binding, now + 60 * HOUR_MS) ?? assert.fail();
  assert.equal(lifetimeMs, 24 * HOUR_MS);
});

test('of the keys no more than two are there, however long it runs', () => {
  const keys = TicketKeys.generate();
  for (let hour = 0; hour < 200; hour++) {
    const { opening } = keys.usable(now + hour * HOUR_MS);
    assert.ok(opening.length <= 2);
  }
});

test('a server that imported the keys opens tickets of the other, and the other way round', () => {
  const one = TicketKeys.generate();
  const early = sealed(one);
  const two = TicketKeys.import(one.export());
  assert.ok(openTicket(two, early, binding, now));
  assert.ok(openTicket(one, sealed(two), binding, now));
  assert.deepEqual(two.export(), one.export());
});

test('imported keys never rotate by themselves: without news there are no more tickets', () => {
  const one = TicketKeys.generate();
  sealed(one);
  const two = TicketKeys.import(one.export());
  assert.ok(sealTicket(two, session, binding, now + 11 * HOUR_MS));
  assert.equal(sealTicket(two, session, binding, now + 13 * HOUR_MS), undefined);
});

test('a rotation is told, and an update brings it to the others', () => {
  const told: TicketKeys[] = [];
  const one = TicketKeys.generate({ rotationMs: 60_000, onRotate: (keys) => told.push(keys) });
  const later = now + 70_000;
  const early = sealed(one, now);
  const two = TicketKeys.import(one.export());
  const late = sealed(one, later);
  assert.deepEqual(told, [one, one]);
  assert.equal(openTicket(two, late, binding, later), undefined);
  two.update(one.export());
  assert.ok(openTicket(two, late, binding, later) && openTicket(two, early, binding, later));
  two.update(one.export());
  assert.equal(two.usable(later).opening.length, 2);
  assert.throws(() => one.update(two.export()), TypeError);
});

test('an onRotate that throws does not keep a ticket from being made', () => {
  const onRotate = (): void => {
    throw new Error('no network');
  };
  assert.ok(sealed(TicketKeys.generate({ onRotate })));
});

test('what is not exported keys is refused, and hostile bytes never crash', () => {
  const exported = TicketKeys.generate().export();
  assert.ok(exported.length > 40);
  for (let length = 0; length < exported.length; length++) {
    if (length === 9) continue;
    assert.throws(() => TicketKeys.import(exported.slice(0, length)), RangeError);
  }
  assert.throws(() => TicketKeys.import('keys' as never), TypeError);
  const dated = exported.slice();
  dated.fill(0xff, 9 + 16, 9 + 24);
  assert.throws(() => TicketKeys.import(dated), RangeError);
  const hasty = exported.slice();
  hasty.fill(0, 5, 9);
  assert.throws(() => TicketKeys.import(hasty), RangeError);
  assert.equal(sealTicket(TicketKeys.import(exported.slice(0, 9)), session, binding, now), undefined);
  for (const rotationMs of [0, 59_999, 12 * HOUR_MS + 1, NaN])
    assert.throws(() => TicketKeys.generate({ rotationMs }), RangeError);
});

test("OpenSSL's keys differ by circumstances, never between servers that share", () => {
  const one = TicketKeys.generate();
  const a = opensslTicketKeys(one, { ...binding, transport: 'tls' }, now);
  const two = TicketKeys.import(one.export());
  const b = opensslTicketKeys(two, { ...binding, transport: 'tls' }, now);
  const c = opensslTicketKeys(one, { ...binding, transport: 'tls', serverName: 'other' }, now);
  assert.equal(a.sealing?.bytes.length, 48);
  assert.deepEqual(a, b);
  assert.notDeepEqual(a.sealing?.bytes.subarray(0, 16), c.sealing?.bytes.subarray(0, 16));
});

test('ticket keys show when they were made and nothing secret', () => {
  const keys = TicketKeys.generate();
  const secret = Buffer.from(keys.export().subarray(-32)).toString('hex');
  const shown = `${inspect(keys, { showHidden: true, depth: 9 })}${JSON.stringify(keys)}${JSON.stringify(keys.usable(now))}${inspect(keys.usable(now), { depth: 9 })}`;
  assert.match(shown, /1 keys/);
  assert.ok(!shown.includes(secret.slice(0, 8)));
});
