import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProtocolError } from 'bowline/core';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { RevocationLists } from '#src/protocols/x509/revocation/check-lists.js';
import { parseRevocationList } from '#src/protocols/x509/revocation/revocation-list.js';
import {
  alternativeNames,
  anchors,
  authority,
  basicConstraints,
  DAY,
  directory,
  dns,
  extension,
  issue,
  key,
  keyUsage,
  nameOf,
  NOW,
  refused,
  server,
  uri,
  verify,
} from './issuing.js';
import { nodeCrypto } from './node-crypto.js';
import { crlNumber, revocationList, scope } from './revocation-issuing.js';
import type { ListPlan } from './revocation-issuing.js';

const root = authority('root', 'root');
const leaf = server('root');
const entry = (
  certificate: Certificate,
  ...extensions: Uint8Array[]
): { serial: Uint8Array; extensions?: Uint8Array[] } =>
  extensions.length === 0 ? { serial: certificate.serial } : { serial: certificate.serial, extensions };
const reason = (number: number): Uint8Array => extension('2.5.29.21', false, der.integer(number, 0x0a));

const lists = (...plans: ListPlan[]): RevocationLists =>
  new RevocationLists(plans.map((plan) => parseRevocationList(revocationList(plan))));
const check = (revocationLists: RevocationLists, more: object = {}): unknown =>
  verify(leaf, [], root, { revocationLists, ...more });

test('a certificate on the list of its issuer is revoked, with date and reason', () => {
  refused(() => check(lists({ revoked: [entry(leaf)] })), 'revoked', 0, /2026-05-30T00:00:00Z \(unspecified\)/);
  refused(() => check(lists({ revoked: [entry(leaf, reason(1))] })), 'revoked', 0, /keyCompromise/);
});

test('one that is not on it, or only on that of another issuer, is not', () => {
  check(lists({}));
  check(lists({ revoked: [{ serial: new Uint8Array([1]) }] }));
  check(lists({ issuer: 'other', revoked: [entry(leaf)] }));
  check(lists());
});

test('an intermediate is asked about as well, and the root is not', () => {
  const middle = authority('middle', 'root');
  const below = server('middle');
  const revocationLists = lists({ revoked: [entry(middle)] });
  refused(() => verify(below, [middle], root, { revocationLists }), 'revoked', 1);
  verify(below, [middle], root, { revocationLists: lists({ revoked: [entry(root)] }) });
});

test('another path, around a revoked intermediate, is found', () => {
  const middle = authority('middle', 'root');
  const cross = authority('middle', 'root', { notBefore: NOW - 10 * DAY });
  const path = verify(server('middle'), [middle, cross], root, {
    revocationLists: lists({ revoked: [entry(middle)] }),
  });
  assert.equal(path.certificates[1], cross);
});

test('a list that cannot answer makes the status unknown, and that refuses', () => {
  refused(() => check(lists({ nextUpdate: NOW - 1000 })), 'revocation-unknown', 0, /replaced on 2026-05-31/);
  refused(
    () => check(lists({ thisUpdate: NOW + DAY, nextUpdate: NOW + 2 * DAY })),
    'revocation-unknown',
    0,
    /only from/,
  );
  refused(() => check(lists({ signer: key('forger') })), 'revocation-unknown', 0, /signature/);
  refused(
    () => check(lists({ algorithm: der.sequence(der.oid('1.2.840.10045.4.1')) })),
    'revocation-unknown',
    0,
    /algorithm/,
  );
  check(lists({ thisUpdate: NOW + 60_000 }));
  const silent = authority('root', 'root', { extensions: [basicConstraints(true), keyUsage('keyCertSign')] });
  refused(() => verify(leaf, [], silent, { revocationLists: lists({}) }), 'revocation-unknown', 0, /key usage/);
});

test('a good list answers although a bad one is beside it', () => {
  check(lists({ signer: key('forger') }, {}, { nextUpdate: NOW - 1000 }));
  refused(() => check(lists({}, { revoked: [entry(leaf)] })), 'revoked', 0);
});

test('a stale list still revokes; a forged one never does', () => {
  refused(() => check(lists({ nextUpdate: NOW - 1000, revoked: [entry(leaf)] })), 'revoked', 0);
  check(lists({}, { signer: key('forger'), revoked: [entry(leaf)] }));
});

test('the scope of a list decides for which certificates it speaks', () => {
  const middle = authority('middle', 'root');
  const below = server('middle');
  const withScope = (flags: number[], plan: ListPlan = {}): RevocationLists =>
    lists({ extensions: [crlNumber, scope(flags)], revoked: [entry(middle), entry(leaf)], ...plan });
  refused(() => check(withScope([1])), 'revoked', 0);
  check(withScope([2]));
  check(withScope([5]));
  refused(() => verify(below, [middle], root, { revocationLists: withScope([2]) }), 'revoked', 1);
  verify(below, [middle], root, { revocationLists: withScope([1]) });
});

test('a list for one distribution point speaks for certificates that name it', () => {
  const point = (text: string): Uint8Array =>
    extension('2.5.29.31', false, der.sequence(der.sequence(der.explicit(0, der.explicit(0, uri(text))))));
  const at = server('root', {}, point('http://crl.example/1'));
  const elsewhere = server('root', {}, point('http://crl.example/2'));
  const revoked = [entry(at), entry(elsewhere), entry(leaf)];
  const revocationLists = lists({ extensions: [crlNumber, scope([], uri('http://crl.example/1'))], revoked });
  refused(() => verify(at, [], root, { revocationLists }), 'revoked', 0);
  verify(elsewhere, [], root, { revocationLists });
  verify(leaf, [], root, { revocationLists });
});

test('a distribution point may be a directory name', () => {
  const point = (name: string): Uint8Array =>
    extension(
      '2.5.29.31',
      false,
      der.sequence(der.sequence(der.explicit(0, der.explicit(0, directory(nameOf(name)))))),
    );
  const at = server('root', {}, point('one'));
  const elsewhere = server('root', {}, point('two'));
  const extensions = [crlNumber, scope([], directory(nameOf('ONE')))];
  const revocationLists = lists({ extensions, revoked: [entry(at), entry(elsewhere)] });
  refused(() => verify(at, [], root, { revocationLists }), 'revoked', 0);
  verify(elsewhere, [], root, { revocationLists });
});

test('a list for some reasons can revoke, and cannot say that a certificate is good', () => {
  const some = scope([], undefined, [false, true]);
  refused(() => check(lists({ extensions: [crlNumber, some], revoked: [entry(leaf)] })), 'revoked', 0);
  refused(() => check(lists({ extensions: [crlNumber, some] })), 'revocation-unknown', 0, /some reasons/);
  check(lists({ extensions: [crlNumber, some] }, {}));
});

test('after a key change the list may be signed by another anchor of that name, and by nobody else', () => {
  const revocationLists = lists({ signer: key('root after its key change') });
  const changed = authority('root', 'root', { key: key('root after its key change') });
  refused(() => check(revocationLists), 'revocation-unknown', 0, /signature/);
  refused(() => verify(leaf, [changed], root, { revocationLists }), 'revocation-unknown', 0, /signature/);
  check(revocationLists, { anchors: anchors(root, changed) });
  const both = lists({ signer: key('root after its key change'), revoked: [entry(leaf)] });
  refused(() => check(both, { anchors: anchors(root, changed) }), 'revoked', 0);
});

test('the signature of a list is checked once, for as many certificates and handshakes as there are', () => {
  let checks = 0;
  const revocationLists = lists({});
  const crypto = {
    ...nodeCrypto,
    verifySignature: (request: Parameters<typeof nodeCrypto.verifySignature>[0]) => {
      checks += 1;
      return nodeCrypto.verifySignature(request);
    },
  };
  for (let i = 0; i < 3; i++) check(revocationLists, { crypto });
  assert.equal(checks, 3 + 1);
});

const malformed: [string, ListPlan, RegExp][] = [
  ['of version 1', { version: undefined, extensions: [] }, /version 2/],
  ['of version 3', { version: 2 }, /above 1/],
  ['without a number', { extensions: [] }, /without a number/],
  ['with a critical number', { extensions: [extension('2.5.29.20', true, der.integer(1))] }, /2\.5\.29\.20/],
  ['with a negative number', { extensions: [extension('2.5.29.20', false, der.integer(-1))] }, /negative/],
  ['without nextUpdate', { nextUpdate: null }, /nextUpdate/],
  ['that is a delta', { extensions: [crlNumber, extension('2.5.29.27', true, der.integer(1))] }, /delta/],
  ['that is indirect', { extensions: [crlNumber, scope([4])] }, /indirect/],
  ['for users and authorities only', { extensions: [crlNumber, scope([1, 2])] }, /two kinds/],
  [
    'with an unknown critical extension',
    { extensions: [crlNumber, extension('1.2.3', true, new Uint8Array())] },
    /1\.2\.3/,
  ],
  [
    'with an entry of another issuer',
    { revoked: [entry(leaf, extension('2.5.29.29', true, der.sequence()))] },
    /indirect/,
  ],
  [
    'with an unknown critical extension in an entry',
    { revoked: [entry(leaf, extension('1.2.3', true, new Uint8Array()))] },
    /1\.2\.3/,
  ],
  ['with an unknown reason', { revoked: [entry(leaf, reason(7))] }, /reason 7/],
  ['with two algorithms', { signedAlgorithm: der.sequence(der.oid('1.3.101.112')) }, /differ/],
];
for (const [what, plan, message] of malformed) {
  test(`a list ${what} is refused when it is parsed`, () => {
    assert.throws(
      () => parseRevocationList(revocationList(plan)),
      (error) => error instanceof ProtocolError && message.test(error.message),
    );
  });
}

test('a list says how large it is, and takes extensions that it need not know', () => {
  const extra = extension('1.2.3', false, new Uint8Array());
  const list = parseRevocationList(
    revocationList({ extensions: [crlNumber, extra], revoked: [entry(leaf, extra, reason(4))], nextUpdate: NOW + DAY }),
  );
  assert.equal(list.size, 1);
  assert.deepEqual(list.find(leaf.serial), { revokedAt: NOW - 2 * DAY, reason: 'superseded' });
  assert.equal(list.nextUpdate, NOW + DAY);
});

test('an issuer that is a name and a key alone is asked about like any other', () => {
  const direct = issue({ extensions: [alternativeNames(dns('a.example'))] });
  refused(() => verify(direct, [], root, { revocationLists: lists({ revoked: [entry(direct)] }) }), 'revoked', 0);
});
