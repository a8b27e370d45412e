import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';

import fc from 'fast-check';

import { CertificateError } from 'bowline/core';
import { parseCertificate } from '#src/protocols/x509/certificate.js';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import { checkServiceIdentity, matchesServiceIdentity } from '#src/protocols/x509/service-identity.js';
import { alternativeNames, dns, email, ip, issue, issueDer, nameOf, uri } from './issuing.js';

const certificate = (...names: Uint8Array[]): Certificate => issue({ extensions: [alternativeNames(...names)] });

const rows: [presented: string, expected: string, matches: boolean][] = [
  ['example.org', 'example.org', true],
  ['example.org', 'EXAMPLE.org', true],
  ['Example.ORG', 'example.org', true],
  ['example.org', 'example.org.', true],
  ['example.org', 'www.example.org', false],
  ['www.example.org', 'example.org', false],
  ['example.org.', 'example.org', false],
  ['localhost', 'localhost', true],
  ['*.example.org', 'www.example.org', true],
  ['*.example.org', 'WWW.example.org', true],
  ['*.EXAMPLE.org', 'www.example.org', true],
  ['*.example.org', 'example.org', false],
  ['*.example.org', 'a.b.example.org', false],
  ['*.example.org', '.example.org', false],
  ['*.xn--bcher-kva.example', 'www.xn--bcher-kva.example', true],
  ['*.example.org', 'xn--bcher-kva.example.org', true],
  ['*', 'localhost', false],
  ['*.', 'localhost', false],
  ['*.org', 'example.org', false],
  ['*.*.org', 'a.example.org', false],
  ['www.*.org', 'www.example.org', false],
  ['w*.example.org', 'www.example.org', false],
  ['*w.example.org', 'www.example.org', false],
  ['www.example.*', 'www.example.org', false],
  ['xn--*.example.org', 'xn--a.example.org', false],
  ['my_host.internal', 'my_host.internal', true],
  ['-a-.example.org', '-a-.example.org', true],
  ['192.0.2.1', '192.0.2.1', false],
  ['', 'example.org', false],
];
for (const [presented, expected, matches] of rows) {
  test(`RFC9525: ${JSON.stringify(presented)} ${matches ? 'is' : 'is not'} ${expected}`, () => {
    if (expected.startsWith('.'))
      assert.throws(() => matchesServiceIdentity(certificate(dns(presented)), expected), RangeError);
    else assert.equal(matchesServiceIdentity(certificate(dns(presented)), expected), matches);
  });
}

test('RFC9525 §6.5: an address is compared octet by octet with addresses, never with texts', () => {
  const four = certificate(ip(192, 0, 2, 1), dns('192.0.2.2'), uri('https://192.0.2.3'));
  assert.equal(matchesServiceIdentity(four, '192.0.2.1'), true);
  assert.equal(matchesServiceIdentity(four, '192.0.2.2'), false);
  assert.equal(matchesServiceIdentity(four, '192.0.2.3'), false);
  assert.equal(matchesServiceIdentity(four, '::ffff:192.0.2.1'), false);
  const six = certificate(ip(0x20, 1, 0x0d, 0xb8, ...new Array<number>(11).fill(0), 1));
  assert.equal(matchesServiceIdentity(six, '2001:db8::1'), true);
  assert.equal(matchesServiceIdentity(six, '2001:DB8:0:0::1'), true);
  assert.equal(matchesServiceIdentity(six, '2001:db8::2'), false);
});

test('RFC9525 §6.4: the common name, email addresses and URIs are not names of a service', () => {
  const common = issue({ subjectName: nameOf('example.org') });
  assert.throws(
    () => checkServiceIdentity(common, 'example.org'),
    (error) =>
      error instanceof CertificateError &&
      error.reason === 'name-mismatch' &&
      error.depth === 0 &&
      /no subject alternative name/.test(error.message),
  );
  assert.equal(
    matchesServiceIdentity(certificate(email('a@example.org'), uri('https://example.org')), 'example.org'),
    false,
  );
});

test('a refusal lists what the certificate is for, and not without end', () => {
  const many = certificate(ip(10, 0, 0, 1), ...Array.from({ length: 100 }, (_, i) => dns(`host${i}.example`)));
  assert.throws(() => checkServiceIdentity(many, 'a.example'), /10\.0\.0\.1, "host0\.example".* and 96 more$/);
  assert.throws(() => checkServiceIdentity(certificate(email('a@b')), 'a.example'), /for no DNS name and no address/);
});

test('an expected name that is no name in ASCII is the mistake of the program', () => {
  for (const wrong of [
    '',
    '.',
    'bücher.example',
    'a b',
    'a..b',
    '*.example.org',
    '1.2.3',
    '0x7f.1',
    '2130706433',
    'fe80::1%eth0',
    'a'.repeat(64),
    `${'a.'.repeat(127)}a`,
  ]) {
    assert.throws(() => checkServiceIdentity(certificate(dns('example.org')), wrong), RangeError, wrong);
  }
});

test('nothing is accepted that OpenSSL refuses', () => {
  const labels = fc.array(fc.constantFrom('a', 'b', 'www', 'xn--a', 'A'), { minLength: 1, maxLength: 4 });
  const change = fc.constantFrom<(label: string) => string>(
    ...Array.from({ length: 4 }, () => (label: string) => label),
    (label) => label.toUpperCase(),
    () => '*',
    () => 'a*',
    (label) => `*${label}`,
    () => '',
    (label) => `www.${label}`,
  );
  const pair = labels.chain((own) =>
    fc
      .array(change, { minLength: own.length, maxLength: own.length })
      .map((changes) => [own.map((label, i) => changes[i]?.(label)).join('.'), own.join('.')] as const),
  );
  let accepted = 0;
  fc.assert(
    fc.property(pair, ([presented, expected]) => {
      const der = issueDer({ extensions: [alternativeNames(dns(presented))], signature: () => new Uint8Array(8) });
      if (!matchesServiceIdentity(parseCertificate(der), expected)) return;
      accepted += 1;
      const theirs = new X509Certificate(der).checkHost(expected, { subject: 'never', partialWildcards: false });
      assert.notEqual(theirs, undefined);
    }),
    { numRuns: 2000, seed: 1 },
  );
  assert.ok(accepted > 200);
});
