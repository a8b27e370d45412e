import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { authority, extension, key, refused, server, verify } from './issuing.js';

const GOLD = '1.2.1';
const SILVER = '1.2.2';
const BRASS = '1.2.3';
const ANY = '2.5.29.32.0';

const policies = (...oids: string[]): Uint8Array =>
  extension('2.5.29.32', false, der.sequence(...oids.map((oid) => der.sequence(der.oid(oid)))));
const constraints = (explicitAfter: number | undefined, noMappingAfter?: number): Uint8Array =>
  extension(
    '2.5.29.36',
    true,
    der.sequence(
      ...(explicitAfter === undefined ? [] : [der.integer(explicitAfter, 0x80)]),
      ...(noMappingAfter === undefined ? [] : [der.integer(noMappingAfter, 0x81)]),
    ),
  );
const mappings = (...pairs: [string, string][]): Uint8Array =>
  extension('2.5.29.33', true, der.sequence(...pairs.map(([from, to]) => der.sequence(der.oid(from), der.oid(to)))));
const inhibitAny = (after: number): Uint8Array => extension('2.5.29.54', true, der.integer(after));

const root = authority('root', 'root');
const middle = (...extensions: Uint8Array[]): Certificate => authority('middle', 'root', {}, ...extensions);
const lower = (...extensions: Uint8Array[]): Certificate => authority('lower', 'middle', {}, ...extensions);
const under = (issuer: string, ...extensions: Uint8Array[]): Certificate => server(issuer, {}, ...extensions);

/** The policies that hold for a path below the root, or the refusal. */
function hold(leaf: Certificate, issuers: Certificate[], accepted?: string[]): string[] {
  const path = verify(leaf, issuers, root, {
    acceptedPolicies: accepted === undefined ? undefined : new Set(accepted),
  });
  return [...path.policies].sort();
}

test('where nobody requires a policy, none is needed, and those that hold are told', () => {
  assert.deepEqual(hold(under('root'), []), []);
  assert.deepEqual(hold(under('middle', policies(GOLD)), [middle()]), []);
  assert.deepEqual(hold(under('middle', policies(GOLD, BRASS)), [middle(policies(GOLD, SILVER))]), [GOLD]);
  assert.deepEqual(hold(under('middle', policies(GOLD)), [middle(policies(ANY))]), [GOLD]);
  assert.deepEqual(hold(under('middle', policies(ANY)), [middle(policies(ANY))]), [ANY]);
  assert.deepEqual(hold(under('middle', policies(ANY)), [middle(policies(GOLD))]), [GOLD]);
});

test('an issuer may require a policy of those below it', () => {
  const strict = [middle(policies(GOLD), constraints(0))];
  assert.deepEqual(hold(under('middle', policies(GOLD)), strict), [GOLD]);
  refused(() => hold(under('middle', policies(SILVER)), strict), 'policy', 0);
  refused(() => hold(under('middle'), strict), 'policy', 0);
  // It may not have one itself, and then there is none to go on with.
  refused(() => hold(under('middle', policies(GOLD)), [middle(constraints(0))]), 'policy', 0);
  // RFC 5280 §6.1.5 (a) counts the end entity as well, so that two is one certificate below it.
  const later = middle(policies(GOLD), constraints(2));
  assert.deepEqual(hold(under('middle'), [later]).length, 0);
  refused(() => hold(under('lower'), [later, lower(policies(GOLD))]), 'policy', 0);
  refused(() => hold(under('root', constraints(0)), []), 'policy', 0);
  refused(() => hold(under('lower', policies(GOLD)), [...strict, lower()]), 'policy', 1, /leaves no policy/);
});

test('a self-issued certificate does not count towards the number', () => {
  const rolled = authority('middle', 'middle', { key: key('new'), signer: key('middle') }, policies(ANY));
  const below = server('middle', { signer: key('new') });
  hold(below, [rolled, middle(policies(GOLD), constraints(2))]);
  refused(
    () => hold(server('middle', { signer: key('new') }), [rolled, middle(policies(GOLD), constraints(0))]),
    'policy',
    0,
  );
});

test('the end entity counts although it is self-issued', () => {
  const selfIssued = server('middle', { subject: 'middle', key: key('another') });
  refused(() => hold(selfIssued, [middle(policies(GOLD), constraints(1))]), 'policy', 0);
});

test('a program that accepts some policies gets one of them', () => {
  const path = [middle(policies(GOLD, SILVER))];
  assert.deepEqual(hold(under('middle', policies(GOLD, SILVER)), path, [SILVER, BRASS]), [SILVER]);
  refused(() => hold(under('middle', policies(GOLD)), path, [SILVER]), 'policy', 0, /accepted/);
  refused(() => hold(under('root'), [], [GOLD]), 'policy', 0);
  assert.deepEqual(hold(under('middle', policies(ANY)), [middle(policies(ANY))], [GOLD]), [GOLD]);
  assert.deepEqual(hold(under('middle', policies(GOLD)), path, [ANY]), [GOLD]);
});

test('mappings translate: what holds is told in the terms of the anchor', () => {
  const mapped = [middle(policies(GOLD), mappings([GOLD, BRASS]))];
  assert.deepEqual(hold(under('middle', policies(BRASS)), mapped, [GOLD]), [GOLD]);
  refused(() => hold(under('middle', policies(GOLD)), mapped, [GOLD]), 'policy', 0);
  const both = [middle(policies(GOLD, SILVER), mappings([GOLD, BRASS], [SILVER, BRASS]))];
  assert.deepEqual(hold(under('middle', policies(BRASS)), both), [GOLD, SILVER]);
  assert.deepEqual(hold(under('middle', policies(BRASS)), [middle(policies(ANY), mappings([GOLD, BRASS]))], [GOLD]), [
    GOLD,
  ]);
});

test('one policy may be mapped to several, and what is not there is not mapped', () => {
  const two = [middle(policies(GOLD), mappings([GOLD, BRASS], [GOLD, SILVER]))];
  assert.deepEqual(hold(under('middle', policies(BRASS)), two, [GOLD]), [GOLD]);
  assert.deepEqual(hold(under('middle', policies(SILVER)), two, [GOLD]), [GOLD]);
  const absent = [middle(policies(SILVER), mappings([GOLD, BRASS]))];
  refused(() => hold(under('middle', policies(BRASS)), absent, [GOLD]), 'policy', 0);
});

test('mappings can be inhibited, and then what is mapped is dropped', () => {
  const upper = middle(policies(GOLD, SILVER), constraints(undefined, 0));
  const mapping = lower(policies(GOLD, SILVER), mappings([GOLD, BRASS]));
  refused(() => hold(under('lower', policies(BRASS)), [upper, mapping], [GOLD]), 'policy', 0);
  assert.deepEqual(hold(under('lower', policies(GOLD, SILVER)), [upper, mapping]), [SILVER]);
  const absent = lower(policies(GOLD), mappings([SILVER, BRASS]));
  assert.deepEqual(hold(under('lower', policies(GOLD)), [upper, absent]), [GOLD]);
  // In what the issuer issues, but not further down.
  const next = middle(policies(GOLD), constraints(undefined, 1));
  assert.deepEqual(hold(under('lower', policies(BRASS)), [next, lower(policies(GOLD), mappings([GOLD, BRASS]))]), [
    GOLD,
  ]);
});

test('anyPolicy can be inhibited, but not for a self-issued intermediate', () => {
  const inhibited = middle(policies(GOLD), inhibitAny(0), constraints(0));
  refused(() => hold(under('middle', policies(ANY)), [inhibited]), 'policy', 0);
  assert.deepEqual(hold(under('middle', policies(GOLD)), [inhibited]), [GOLD]);
  const any = middle(policies(ANY), inhibitAny(0), constraints(0));
  refused(() => hold(under('middle', policies(ANY)), [any]), 'policy', 0);
  assert.deepEqual(hold(under('middle', policies(GOLD)), [any]), [GOLD]);
  const rolled = authority('middle', 'middle', { key: key('new'), signer: key('middle') }, policies(ANY));
  assert.deepEqual(hold(server('middle', { signer: key('new') }, policies(GOLD)), [rolled, inhibited]), [GOLD]);
  refused(() => hold(server('middle', { signer: key('new') }, policies(ANY)), [rolled, inhibited]), 'policy', 0);
});

test('CVE-2023-0464: mappings that double at every level stay small', () => {
  const size = 30;
  const names = (level: number): string[] => Array.from({ length: size }, (_, i) => `1.3.${level}.${i}`);
  const pairs = (level: number): [string, string][] =>
    names(level).flatMap((from) => names(level + 1).map((to): [string, string] => [from, to]));
  const chain = Array.from({ length: 7 }, (_, level) =>
    authority(
      `ca ${level}`,
      level === 0 ? 'root' : `ca ${level - 1}`,
      {},
      policies(...names(level)),
      mappings(...pairs(level)),
    ),
  );
  const start = performance.now();
  const limits = { maxChainBytes: 1_000_000 };
  const { policies: held } = verify(server('ca 6', {}, policies(...names(7))), chain, root, { limits });
  assert.equal(held.size, size);
  assert.ok(performance.now() - start < 1000);
});
