import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';

import { parseCertificate } from '#src/protocols/x509/certificate.js';
import { octetString } from '#src/protocols/x509/der-writer.js';
import { Authority, issueSelfSigned } from '#src/trust/authority/authority.js';
import { generateKey, keyAlgorithms, signingKeyOf } from '#src/trust/authority/key-algorithm.js';
import type { KeyAlgorithm } from '#src/trust/authority/key-algorithm.js';
import { encodePem } from '#src/trust/pem.js';

import { noOpenssl, openssl } from '../../support/openssl.js';

/** Making RSA keys of 3072 bits and more takes a second; they differ from those of 2048 in nothing but the number. */
const quickAlgorithms: readonly KeyAlgorithm[] = [
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
  'ed25519',
  'rsa-2048',
  'rsa-pss-2048',
];

function folder(t: TestContext): (name: string, content: string | Uint8Array) => string {
  const path = mkdtempSync(join(tmpdir(), 'bowline-authority-'));
  t.after(() => rmSync(path, { recursive: true }));
  return (name, content) => {
    const file = join(path, name);
    writeFileSync(file, content);
    return file;
  };
}

function pem(...certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => encodePem('CERTIFICATE', der)).join('');
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}

for (const algorithm of quickAlgorithms) {
  test(`${algorithm}: what an authority signs is parsed strictly and verifies under its key`, () => {
    const authority = Authority.root({ key: algorithm });
    const leaf = authority.issue({ names: ['a.example.org'], key: algorithm });
    assert.equal(hex(parseCertificate(leaf.certificate).issuer.raw), hex(authority.subject));
    const root = new X509Certificate(authority.certificate);
    const certificate = new X509Certificate(leaf.certificate);
    assert.ok(root.verify(root.publicKey));
    assert.ok(certificate.verify(root.publicKey));
    assert.ok(!certificate.verify(generateKeyPublic(algorithm)));
    assert.ok(certificate.checkPrivateKey(leaf.key.privateKey));
  });
}

function generateKeyPublic(algorithm: KeyAlgorithm): X509Certificate['publicKey'] {
  return new X509Certificate(Authority.root({ key: algorithm }).certificate).publicKey;
}

test('openssl agrees with every kind of key: strict path, purpose, CRL', { skip: noOpenssl }, (t) => {
  const write = folder(t);
  for (const algorithm of quickAlgorithms) {
    const authority = Authority.root({ key: algorithm });
    const leaf = authority.issue({ names: ['localhost', '::1'], key: algorithm });
    const words = ['verify', '-x509_strict', '-crl_check', '-verify_hostname', 'localhost', '-purpose', 'sslserver'];
    const result = openssl(
      ...words,
      ...['-CAfile', write('root.pem', pem(authority.certificate))],
      ...['-CRLfile', write('crl.pem', encodePem('X509 CRL', authority.revocationList()))],
      write('leaf.pem', pem(leaf.certificate)),
    );
    assert.equal(result.status, 0, `${algorithm}: ${result.said}`);
  }
});

test('openssl agrees with intermediate authorities and name constraints', { skip: noOpenssl }, (t) => {
  const write = folder(t);
  const root = Authority.root({ permittedNames: ['example.org', '192.0.2.0/24'], excludedNames: ['bad.example.org'] });
  const issuer = root.intermediate({ pathLength: 1 }).intermediate();
  const verdict = (names: readonly string[]): string => {
    const leaf = issuer.issue({ names });
    const result = openssl(
      ...['verify', '-x509_strict', '-CAfile', write('root.pem', pem(root.certificate))],
      ...['-untrusted', write('chain.pem', pem(...leaf.chain.slice(1))), write('leaf.pem', pem(leaf.certificate))],
    );
    return result.status === 0 ? 'OK' : result.said;
  };
  assert.equal(verdict(['a.example.org', '192.0.2.7']), 'OK');
  assert.match(verdict(['bad.example.org']), /excluded subtree violation/);
  assert.match(verdict(['example.com']), /permitted subtree violation/);
  assert.match(verdict(['198.51.100.1']), /permitted subtree violation/);
});

test('an intermediate authority that may have none below it says so', { skip: noOpenssl }, (t) => {
  const write = folder(t);
  const root = Authority.root();
  const leaf = root
    .intermediate()
    .intermediate()
    .issue({ names: ['a.example.org'] });
  const result = openssl(
    ...['verify', '-CAfile', write('root.pem', pem(root.certificate))],
    ...['-untrusted', write('chain.pem', pem(...leaf.chain.slice(1))), write('leaf.pem', pem(leaf.certificate))],
  );
  assert.match(result.said, /path length constraint exceeded/);
});

test(
  'openssl reads an OCSP response by the issuer, and by a responder that the issuer has certified',
  { skip: noOpenssl },
  (t) => {
    const write = folder(t);
    const root = Authority.root();
    const issuer = root.intermediate();
    const leaf = issuer.issue({ names: ['a.example.org'] });
    const responder = issuer.issue({ commonName: 'responder', purposes: ['ocsp'] });
    const asked = (response: Uint8Array): string =>
      openssl(
        ...['ocsp', '-respin', write('response.der', response), '-no_nonce'],
        ...['-issuer', write('issuer.pem', pem(issuer.certificate)), '-cert', write('leaf.pem', pem(leaf.certificate))],
        ...[
          '-CAfile',
          write('root.pem', pem(root.certificate)),
          '-verify_other',
          write('issuer.pem', pem(issuer.certificate)),
        ],
      ).said;
    const { serial } = leaf;
    assert.match(asked(issuer.ocspResponse({ serial })), /leaf\.pem: good[^]*Response verify OK/);
    assert.match(asked(issuer.ocspResponse({ serial, nextUpdate: null })), /leaf\.pem: good/);
    assert.match(asked(issuer.ocspResponse({ serial, status: 'unknown' })), /leaf\.pem: unknown/);
    assert.match(
      asked(issuer.ocspResponse({ serial, status: 'revoked', reason: 1, responder })),
      /leaf\.pem: revoked[^]*keyCompromise[^]*Response verify OK/,
    );
    assert.match(asked(issuer.ocspResponse({ serial: Uint8Array.of(1) })), /No Status found/);
    // Certified by somebody else.
    const stranger = Authority.root().issue({ purposes: ['ocsp'] });
    assert.match(asked(issuer.ocspResponse({ serial, responder: stranger })), /Response Verify Failure/i);
  },
);

test('a CRL lists what is revoked, and has no list where nothing is', { skip: noOpenssl }, (t) => {
  const write = folder(t);
  const root = Authority.root();
  const revoked = [
    { serial: root.issue().serial, reason: 4 },
    { serial: Uint8Array.of(0x80), revokedAt: Date.UTC(2051, 0) },
  ];
  const shown = (der: Uint8Array): string =>
    openssl('crl', '-in', write('crl.pem', encodePem('X509 CRL', der)), '-noout', '-text').said;
  const list = shown(root.revocationList({ revoked, number: 77 }));
  assert.match(list, new RegExp(`Serial Number: ${hex(revoked[0]?.serial ?? new Uint8Array())}`, 'i'));
  assert.match(list, /Superseded/);
  assert.match(list, /Serial Number: 80\s+Revocation Date: Jan {2}1 00:00:00 2051/);
  assert.match(list, /X509v3 CRL Number: \s+77/);
  assert.match(shown(root.revocationList()), /No Revoked Certificates/);
});

test('a server certificate has its names in subjectAltName, one purpose, and is no authority', () => {
  const names = ['exämple.org', '*.example.org', '192.0.2.1', '2001:db8::1', 'email:a@example.org', 'uri:xmpp:a@b'];
  const certificate = new X509Certificate(Authority.root().issue({ names }).certificate);
  assert.equal(
    certificate.subjectAltName,
    'DNS:xn--exmple-cua.org, DNS:*.example.org, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, ' +
      'email:a@example.org, URI:xmpp:a@b',
  );
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(certificate.ca, false);
  assert.equal(certificate.subject, 'CN=exämple.org');
});

test('where the subject is empty, the names are critical (RFC 5280 §4.2.1.6)', () => {
  const root = Authority.root();
  const criticalOf = (commonName: string | undefined): (boolean | undefined)[] => {
    const { extensions } = parseCertificate(
      root.issue({ names: [`${'a'.repeat(60)}.example.org`], commonName }).certificate,
    );
    return extensions.list.filter(({ oid }) => oid === '2.5.29.17').map(({ critical }) => critical);
  };
  assert.deepEqual(criticalOf(undefined), [true]);
  assert.deepEqual(criticalOf('short'), [false]);
});

test('dns: takes a bad name as it stands; else a name must be one', () => {
  const root = Authority.root();
  const { subjectAltName } = new X509Certificate(root.issue({ names: ['dns:a..b c'] }).certificate);
  assert.equal(subjectAltName, 'DNS:a..b c');
  for (const bad of ['', 'a b', '*', '*.', 'a.*.org', 'fe80::1%eth0', 'a/b', 'a%2eb', 'a?b', 'ä/b']) {
    assert.throws(() => root.issue({ names: [bad] }), RangeError, bad);
  }
});

test('an extension replaces the one of its kind, and others are added', () => {
  const extra = [
    { oid: '2.5.29.37', critical: true, value: Uint8Array.of(0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x25, 0x00) },
    { oid: '1.2.3.4', critical: true, value: octetString() },
  ];
  const { extensions } = parseCertificate(Authority.root().issue({ extensions: extra }).certificate);
  assert.equal(extensions.list.filter(({ oid }) => oid === '2.5.29.37').length, 1);
  assert.deepEqual(
    extensions.list.filter(({ oid }) => oid === '1.2.3.4').map(({ critical }) => critical),
    [true],
  );
});

test('a certificate whose server must staple says so', () => {
  const root = Authority.root();
  const promises = (mustStaple: boolean): unknown =>
    parseCertificate(root.issue({ mustStaple }).certificate).extensions.tlsFeature;
  assert.equal(promises(false), undefined);
  assert.deepEqual(promises(true), new Set([5]));
});

test('serial numbers are positive, of 16 octets and different', () => {
  const root = Authority.root();
  const serials = Array.from({ length: 50 }, () => parseCertificate(root.issue().certificate).serial);
  for (const serial of serials) assert.ok(serial.length === 16 && (serial[0] ?? 0xff) < 0x80, hex(serial));
  assert.equal(new Set(serials.map(hex)).size, serials.length);
});

test('dates are as asked, on both sides of 2050', () => {
  const notBefore = Date.UTC(2049, 11, 31, 23, 59, 59);
  const notAfter = Date.UTC(2050, 0, 1);
  const parsed = parseCertificate(Authority.root().issue({ notBefore, notAfter }).certificate);
  assert.deepEqual([parsed.notBefore, parsed.notAfter], [notBefore, notAfter]);
});

test('authorities that are different have different names', () => {
  const root = Authority.root();
  const subjects = [root, Authority.root(), root.intermediate(), root.intermediate()].map(({ subject }) =>
    hex(subject),
  );
  assert.equal(new Set(subjects).size, 4);
});

test('a self-signed certificate is its own issuer and no authority', () => {
  const { certificate, chain } = issueSelfSigned({ names: ['a.example.org'] });
  const parsed = new X509Certificate(certificate);
  assert.ok(parsed.verify(parsed.publicKey));
  assert.equal(parsed.ca, false);
  assert.deepEqual(chain, [certificate]);
});

test('a key that was read from elsewhere is known by its kind', () => {
  for (const algorithm of quickAlgorithms) {
    const key = generateKey(algorithm);
    assert.equal(signingKeyOf(key.privateKey).algorithm, algorithm);
  }
  assert.ok(keyAlgorithms.length > quickAlgorithms.length);
  assert.throws(() => generateKey('rsa' as KeyAlgorithm), /there is no key algorithm rsa; there are ecdsa-p256/);
  assert.throws(() => generateKey('toString' as KeyAlgorithm), TypeError);
});
