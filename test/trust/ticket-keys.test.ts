import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';

import type { TicketKey } from 'bowline/trust';
import { TicketKeys } from 'bowline/trust';

const HOUR_MS = 3_600_000;
const now = Date.now();

function sealing(keys: TicketKeys, at = now): TicketKey {
  return keys.usable(at).sealing ?? assert.fail('no key to seal with');
}

function opens(keys: TicketKeys, { name, secret }: TicketKey, at = now): boolean {
  const found = keys.usable(at).opening.find((key) => Buffer.from(key.name).equals(name));
  return found?.secret.equals(secret) ?? false;
}

test('a key seals for 12 hours, opens for 12 more, and no ticket outlives 24', () => {
  const keys = TicketKeys.generate();
  const first = sealing(keys, now);
  assert.equal(sealing(keys, now + 12 * HOUR_MS - 1), first);
  const second = sealing(keys, now + 12 * HOUR_MS);
  assert.notEqual(first, second);
  assert.ok(opens(keys, first, now + 24 * HOUR_MS - 1));
  assert.ok(!opens(keys, first, now + 24 * HOUR_MS));
  assert.ok(opens(keys, second, now + 24 * HOUR_MS));
  const { createdAt, expiresAt } = sealing(keys, now + 60 * HOUR_MS);
  assert.equal(expiresAt - createdAt, 24 * HOUR_MS);
  assert.ok(!opens(TicketKeys.generate(), first));
});

test('of the keys no more than two are there, however long it runs', () => {
  const keys = TicketKeys.generate();
  for (let hour = 0; hour < 200; hour++) {
    const { opening } = keys.usable(now + hour * HOUR_MS);
    assert.ok(opening.length <= 2);
  }
});

test('a server that imported the keys opens what the other sealed, and the other way round', () => {
  const one = TicketKeys.generate();
  const early = sealing(one);
  const two = TicketKeys.import(one.export());
  assert.ok(opens(two, early) && opens(one, sealing(two)));
  assert.deepEqual(two.export(), one.export());
});

test('imported keys never rotate by themselves: without news there is nothing to seal with', () => {
  const one = TicketKeys.generate();
  const early = sealing(one);
  const two = TicketKeys.import(one.export());
  assert.ok(sealing(two, now + 11 * HOUR_MS));
  assert.equal(two.usable(now + 13 * HOUR_MS).sealing, undefined);
  assert.ok(opens(two, early, now + 13 * HOUR_MS));
});

test('a rotation is told, and an update brings it to the others', () => {
  const told: TicketKeys[] = [];
  const one = TicketKeys.generate({ rotationMs: 60_000, onRotate: (keys) => told.push(keys) });
  const later = now + 70_000;
  const early = sealing(one, now);
  const two = TicketKeys.import(one.export());
  const late = sealing(one, later);
  assert.deepEqual(told, [one, one]);
  assert.ok(!opens(two, late, later));
  two.update(one.export());
  assert.ok(opens(two, late, later) && opens(two, early, later));
  two.update(one.export());
  assert.equal(two.usable(later).opening.length, 2);
  assert.throws(() => one.update(two.export()), TypeError);
});

test('an onRotate that throws does not keep a ticket from being made', () => {
  const onRotate = (): void => {
    throw new Error('no network');
  };
  assert.ok(sealing(TicketKeys.generate({ onRotate })));
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
  assert.equal(TicketKeys.import(exported.slice(0, 9)).usable(now).sealing, undefined);
  for (const rotationMs of [0, 59_999, 12 * HOUR_MS + 1, NaN])
    assert.throws(() => TicketKeys.generate({ rotationMs }), RangeError);
});

test('ticket keys show when they were made and nothing secret', () => {
  const keys = TicketKeys.generate();
  const secret = Buffer.from(keys.export().subarray(-32)).toString('hex');
  const shown = `${inspect(keys, { showHidden: true, depth: 9 })}${JSON.stringify(keys)}${JSON.stringify(keys.usable(now))}${inspect(keys.usable(now), { depth: 9 })}`;
  assert.match(shown, /1 keys/);
  assert.ok(!shown.includes(secret.slice(0, 8)));
});
