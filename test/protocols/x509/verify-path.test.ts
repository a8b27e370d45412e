import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';

import { CertificateError } from 'bowline/core';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { anchorOfKey, TrustAnchors } from '#src/protocols/x509/path/trust-anchor.js';
import type { PathRequest, VerifiedPath } from '#src/protocols/x509/path/verify-path.js';
import {
  alternativeNames,
  ANY_PURPOSE,
  anchors,
  authority,
  basicConstraints,
  CLIENT_AUTH,
  DAY,
  dns,
  extendedKeyUsage,
  extension,
  issue,
  key,
  keyUsage,
  makeKey,
  nameConstraints,
  nameOf,
  NOW,
  refused,
  server,
  SERVER_AUTH,
  verify,
} from './issuing.js';
import type { Key } from './issuing.js';

const root = authority('root', 'root');
const middle = authority('middle', 'root');
const leaf = server('middle');

test('a chain of three is a path, whatever else the peer sends in whatever order', () => {
  const stray = authority('stray', 'elsewhere');
  const path: VerifiedPath = verify(leaf, [stray, root, middle, leaf], root);
  assert.deepEqual(path.certificates, [leaf, middle, root]);
  assert.equal(path.anchor.certificate, root);
  assert.equal(path.verifiedAt, NOW);
  assert.equal(path.role, 'server');
});

test('an anchor may be an intermediate, a name and a key, or the certificate itself', () => {
  assert.deepEqual(verify(leaf, [root], middle).certificates, [leaf, middle]);
  const bare = new TrustAnchors([anchorOfKey(root.subject, root.publicKey)]);
  assert.deepEqual(verify(leaf, [middle], root, { anchors: bare }).certificates, [leaf, middle]);
  const alone = server('leaf');
  assert.deepEqual(verify(alone, [], alone).certificates, [alone]);
  const twin = server('leaf');
  refused(() => verify(twin, [], alone), 'self-signed', 0);
});

// What is wrong with the end entity's own certificate.
const wrongLeaves: [string, string, () => Certificate][] = [
  ['expired', 'expired', () => server('root', { notAfter: NOW - 1000 })],
  ['not valid yet', 'not-yet-valid', () => server('root', { notBefore: NOW + 1000 })],
  ['of version 1', 'invalid-certificate', () => issue({ version: 1 })],
  ['of version 2', 'invalid-certificate', () => issue({ version: 2 })],
  ['with the serial number 0', 'invalid-certificate', () => server('root', { serial: 0 })],
  ['with a negative serial number', 'invalid-certificate', () => server('root', { serial: new Uint8Array([0x80]) })],
  [
    'with a serial number of 21 octets',
    'invalid-certificate',
    () => server('root', { serial: new Uint8Array(21).fill(1) }),
  ],
  [
    'with two algorithms',
    'invalid-certificate',
    () => server('root', { signedAlgorithm: der.sequence(der.oid('1.2.840.10045.4.3.3')) }),
  ],
  [
    'with an unknown critical extension',
    'unknown-critical-extension',
    () => server('root', {}, extension('1.2.3', true, new Uint8Array())),
  ],
  [
    'with a critical key identifier',
    'invalid-certificate',
    () => server('root', {}, extension('2.5.29.14', true, der.octetString(new Uint8Array(4)))),
  ],
  [
    'with a critical authority key identifier',
    'invalid-certificate',
    () => server('root', {}, extension('2.5.29.35', true, der.sequence())),
  ],
  [
    'without subject, and names that are not critical',
    'invalid-certificate',
    () => server('root', { subjectName: nameOf('') }),
  ],
  ['without an issuer', 'invalid-certificate', () => server('root', { issuerName: nameOf('') })],
  [
    'with keyCertSign, and no CA',
    'invalid-certificate',
    () => issue({ extensions: [keyUsage('digitalSignature', 'keyCertSign')] }),
  ],
  ['with a path length, and no CA', 'invalid-certificate', () => server('root', {}, basicConstraints(false, 0))],
  ['with name constraints, and no CA', 'invalid-certificate', () => server('root', {}, nameConstraints([dns('a')]))],
  [
    'a CA that may sign nothing',
    'invalid-certificate',
    () => issue({ extensions: [basicConstraints(true), keyUsage('digitalSignature')] }),
  ],
  [
    'a CA without a name',
    'invalid-certificate',
    () =>
      issue({
        subjectName: nameOf(''),
        extensions: [basicConstraints(true), extension('2.5.29.17', true, der.sequence(dns('a')))],
      }),
  ],
  ['for clients', 'wrong-usage', () => issue({ extensions: [extendedKeyUsage(CLIENT_AUTH)] })],
  ['for any purpose, but not by name', 'wrong-usage', () => issue({ extensions: [extendedKeyUsage(ANY_PURPOSE)] })],
  ['whose key may not sign', 'wrong-usage', () => issue({ extensions: [keyUsage('keyEncipherment')] })],
];
for (const [what, reason, make] of wrongLeaves) {
  test(`a certificate ${what} is refused (${reason})`, () => refused(() => verify(make(), [], root), reason, 0));
}

test('a certificate is valid from its first second to the end of its last', () => {
  const short = server('root', { notBefore: NOW, notAfter: NOW + 1000 });
  for (const now of [NOW, NOW + 1000, NOW + 1999]) verify(short, [], root, { now });
  refused(() => verify(short, [], root, { now: NOW - 1 }), 'not-yet-valid', 0, /2026-06-01T00:00:00Z/);
  refused(() => verify(short, [], root, { now: NOW + 2000 }), 'expired', 0, /2026-06-01T00:00:01Z/);
});

test('what a certificate does not restrict is allowed: no extension but a name', () => {
  verify(issue({ extensions: [alternativeNames(dns('a.example'))] }), [], root);
  verify(issue({ extensions: [alternativeNames(dns('a.example'))] }), [], root, { role: 'client' });
  verify(server('root', { serial: new Uint8Array([0, ...new Uint8Array(20).fill(0xff)]) }), [], root);
});

test('a purpose is the role it is for, and nested through the issuers', () => {
  const client = issue({ extensions: [extendedKeyUsage(CLIENT_AUTH)] });
  verify(client, [], root, { role: 'client' });
  refused(() => verify(server('root'), [], root, { role: 'client' }), 'wrong-usage', 0, /client authentication/);
  const constrained = (...oids: string[]): Certificate => authority('middle', 'root', {}, extendedKeyUsage(...oids));
  verify(leaf, [constrained(SERVER_AUTH, CLIENT_AUTH)], root);
  verify(leaf, [constrained(ANY_PURPOSE)], root);
  refused(() => verify(leaf, [constrained(CLIENT_AUTH)], root), 'wrong-usage', 1);
  refused(() => verify(leaf, [middle], authority('root', 'root', {}, extendedKeyUsage(CLIENT_AUTH))), 'wrong-usage', 2);
});

// What is wrong with the issuer in the middle.
const wrongIssuers: [string, string, () => Certificate][] = [
  [
    'without basic constraints',
    'not-a-ca',
    () => issue({ subject: 'middle', extensions: [extendedKeyUsage(SERVER_AUTH)] }),
  ],
  ['that is no CA', 'not-a-ca', () => issue({ subject: 'middle', extensions: [basicConstraints(false)] })],
  [
    'whose basic constraints are not critical',
    'not-a-ca',
    () => issue({ subject: 'middle', extensions: [basicConstraints(true, undefined, false)] }),
  ],
  [
    'whose key may not sign certificates',
    'not-a-ca',
    () => issue({ subject: 'middle', extensions: [basicConstraints(true), keyUsage('cRLSign')] }),
  ],
  ['that has expired', 'expired', () => authority('middle', 'root', { notAfter: NOW - DAY })],
  ['that is not valid yet', 'not-yet-valid', () => authority('middle', 'root', { notBefore: NOW + DAY })],
  ['of version 1', 'not-a-ca', () => issue({ subject: 'middle', version: 1 })],
  ['with the serial number 0', 'invalid-certificate', () => authority('middle', 'root', { serial: 0 })],
  [
    'with an unknown critical extension',
    'unknown-critical-extension',
    () => authority('middle', 'root', {}, extension('1.2.3', true, new Uint8Array())),
  ],
];
for (const [what, reason, make] of wrongIssuers) {
  test(`an issuer ${what} is refused (${reason})`, () => refused(() => verify(leaf, [make()], root), reason, 1));
}

test('a root is held to what its certificate says, but for its signature and its serial number', () => {
  verify(server('root'), [], authority('root', 'root', { serial: 0, signer: key('somebody else') }));
  refused(() => verify(server('root'), [], authority('root', 'root', { notAfter: NOW - DAY })), 'expired', 1);
  refused(
    () => verify(server('root'), [], issue({ subject: 'root', extensions: [basicConstraints(false)] })),
    'not-a-ca',
    1,
  );
});

test('path length counts the issuers below that are not self-issued', () => {
  const limited = (pathLength: number): Certificate =>
    authority('middle', 'root', { extensions: [basicConstraints(true, pathLength)] });
  verify(leaf, [limited(0)], root);
  const lower = authority('lower', 'middle');
  const below = server('lower');
  verify(below, [lower, limited(1)], root);
  refused(() => verify(below, [lower, limited(0)], root), 'path-length', 2, /allows 0/);
  // The CA in the middle has a new key, signed by its old one.
  const rolled = authority('middle', 'middle', { key: key('new'), signer: key('middle') });
  verify(server('middle', { signer: key('new') }), [rolled, limited(0)], root);
});

test('a limit on intermediates is the path length of the anchor', () => {
  verify(leaf, [middle], root, { maxIntermediates: 1 });
  refused(() => verify(leaf, [middle], root, { maxIntermediates: 0 }), 'path-too-long', 1);
  verify(server('root'), [], root, { maxIntermediates: 0 });
});

test('signatures are by the key of the issuer', () => {
  refused(() => verify(server('middle', { signer: key('forger') }), [middle], root), 'bad-signature', 0);
  refused(() => verify(leaf, [authority('middle', 'root', { signer: key('forger') })], root), 'bad-signature', 1);
  const broken = server('root', { signature: () => new Uint8Array(70) });
  refused(() => verify(broken, [], root), 'bad-signature', 0);
});

test('where nobody is the issuer, the refusal says what kind of nobody', () => {
  refused(() => verify(leaf, [], root), 'unknown-issuer', 0, /no certificate of its issuer/);
  refused(() => verify(server('leaf'), [], root), 'self-signed', 0, /signed by itself/);
  const other = authority('other', 'other');
  refused(() => verify(server('other'), [other], root), 'unknown-issuer', 1, /root that is not trusted/);
});

const rsa = (bits: number): Key => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return makeKey(privateKey, publicKey);
};
const rsa2048 = rsa(2048);
const pss = (hash: string, salt: number, mask = hash): Uint8Array => {
  const identifier = der.sequence(der.oid(hash), der.nullValue());
  const masking = der.sequence(der.oid('1.2.840.113549.1.1.8'), der.sequence(der.oid(mask), der.nullValue()));
  return der.sequence(
    der.oid('1.2.840.113549.1.1.10'),
    der.sequence(der.explicit(0, identifier), der.explicit(1, masking), der.explicit(2, der.integer(salt))),
  );
};
const SHA1 = '1.3.14.3.2.26';
const SHA256 = '2.16.840.1.101.3.4.2.1';
const SHA384 = '2.16.840.1.101.3.4.2.2';
const pkcs1 = (oid: string): Uint8Array => der.sequence(der.oid(oid), der.nullValue());
const signPss =
  (hash: string, saltLength: number) =>
  (tbs: Uint8Array, { privateKey }: Key) =>
    sign(hash, tbs, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });

function signedByRsa(
  outerAlgorithm: Uint8Array,
  signature: (tbs: Uint8Array, key: Key) => Uint8Array,
  signer = rsa2048,
): () => VerifiedPath {
  const rsaRoot = authority('root', 'root', { key: signer });
  return () => verify(server('root', { signer, outerAlgorithm, signature }), [], rsaRoot);
}

test('RSA signs with SHA-2, by PKCS #1 or by PSS with the parameters of TLS', () => {
  signedByRsa(pkcs1('1.2.840.113549.1.1.11'), (tbs, { privateKey }) => sign('sha256', tbs, privateKey))();
  signedByRsa(pkcs1('1.2.840.113549.1.1.12'), (tbs, { privateKey }) => sign('sha384', tbs, privateKey))();
  signedByRsa(pss(SHA256, 32), signPss('sha256', 32))();
  signedByRsa(pss(SHA384, 48), signPss('sha384', 48))();
});

test('SHA-1, MD5 and uncommon PSS parameters are weak, though the signature is right', () => {
  refused(
    signedByRsa(pkcs1('1.2.840.113549.1.1.5'), (tbs, { privateKey }) => sign('sha1', tbs, privateKey)),
    'weak-algorithm',
    0,
    /sha1/,
  );
  refused(
    signedByRsa(pkcs1('1.2.840.113549.1.1.4'), (tbs, { privateKey }) => sign('md5', tbs, privateKey)),
    'weak-algorithm',
    0,
    /md5/,
  );
  refused(signedByRsa(pss(SHA256, 20), signPss('sha256', 20)), 'weak-algorithm', 0, /PSS/);
  refused(signedByRsa(pss(SHA256, 32, SHA1), signPss('sha256', 32)), 'weak-algorithm', 0, /PSS/);
  const defaults = der.sequence(der.oid('1.2.840.113549.1.1.10'), der.sequence());
  refused(signedByRsa(defaults, signPss('sha1', 20)), 'weak-algorithm', 0, /sha1/);
  refused(
    signedByRsa(der.sequence(der.oid('1.2.3.4')), () => new Uint8Array(9)),
    'weak-algorithm',
    0,
    /1\.2\.3\.4/,
  );
  const ecdsaSha1 = der.sequence(der.oid('1.2.840.10045.4.1'));
  const signature = (tbs: Uint8Array, { privateKey }: Key): Uint8Array => sign('sha1', tbs, privateKey);
  refused(
    () => verify(server('root', { outerAlgorithm: ecdsaSha1, signature }), [], root),
    'weak-algorithm',
    0,
    /sha1/,
  );
});

test('keys that are too small, or of other kinds, are weak wherever they are in the path', () => {
  const small = rsa(1024);
  refused(() => verify(server('root', { key: small }), [], root), 'weak-algorithm', 0, /RSA 1024/);
  refused(
    signedByRsa(pkcs1('1.2.840.113549.1.1.11'), (tbs, k) => sign('sha256', tbs, k.privateKey), small),
    'weak-algorithm',
    1,
    /RSA 1024/,
  );
  const bare = new TrustAnchors([anchorOfKey(root.subject, issue({ key: small }).publicKey)]);
  refused(() => verify(server('root'), [], root, { anchors: bare }), 'weak-algorithm', 1, /RSA 1024/);
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  refused(
    () => verify(server('root', { key: makeKey(koblitz.privateKey, koblitz.publicKey) }), [], root),
    'weak-algorithm',
    0,
    /curve/,
  );
  const exchange = generateKeyPairSync('x25519');
  refused(
    () => verify(server('root', { key: makeKey(exchange.privateKey, exchange.publicKey) }), [], root),
    'weak-algorithm',
    0,
    /X25519/,
  );
});

test('an RSA key of more bits, or a larger exponent, than a verification should take is refused', () => {
  const spki = (modulusBytes: number, exponent: bigint): Key => {
    const modulus = new Uint8Array(modulusBytes).fill(0xff);
    const bits = der.bitString(der.sequence(der.integer(modulus), der.integer(exponent)));
    return { ...key('leaf'), spki: der.sequence(pkcs1('1.2.840.113549.1.1.1'), bits) };
  };
  verify(server('root', { key: spki(1024, 65_537n) }), [], root);
  verify(server('root', { key: spki(1024, 2n ** 32n - 1n) }), [], root);
  refused(() => verify(server('root', { key: spki(1025, 65_537n) }), [], root), 'weak-algorithm', 0, /RSA 8200/);
  refused(() => verify(server('root', { key: spki(1024, 2n ** 32n + 1n) }), [], root), 'weak-algorithm', 0, /exponent/);
});

test('a key for RSASSA-PSS alone signs with that, and with nothing else', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  const signer = makeKey(privateKey, publicKey);
  signedByRsa(pss(SHA256, 32), signPss('sha256', 32), signer)();
  refused(
    signedByRsa(pkcs1('1.2.840.113549.1.1.11'), () => new Uint8Array(256), signer),
    'bad-signature',
    0,
    /RSA-PSS/,
  );
});

test('the other curves and EdDSA are accepted', () => {
  for (const [namedCurve, oid, hash] of [
    ['P-384', '1.2.840.10045.4.3.3', 'sha384'],
    ['P-521', '1.2.840.10045.4.3.4', 'sha512'],
  ] as const) {
    const pair = generateKeyPairSync('ec', { namedCurve });
    const signer = makeKey(pair.privateKey, pair.publicKey);
    const signature = (tbs: Uint8Array, { privateKey }: Key): Uint8Array => sign(hash, tbs, privateKey);
    verify(
      server('root', { signer, outerAlgorithm: der.sequence(der.oid(oid)), signature }),
      [],
      authority('root', 'root', { key: signer }),
    );
  }
  for (const [pair, oid] of [
    [generateKeyPairSync('ed25519'), '1.3.101.112'],
    [generateKeyPairSync('ed448'), '1.3.101.113'],
  ] as const) {
    const signer = makeKey(pair.privateKey, pair.publicKey);
    const signature = (tbs: Uint8Array, { privateKey }: Key): Uint8Array => sign(null, tbs, privateKey);
    verify(
      server('root', { signer, outerAlgorithm: der.sequence(der.oid(oid)), signature }),
      [],
      authority('root', 'root', { key: signer }),
    );
  }
});

test('an algorithm that is not that of the key is a bad signature, and is not tried', () => {
  const crypto = { verifySignature: () => assert.fail('tried'), digest: () => assert.fail('hashed') };
  const attempt = (outerAlgorithm: Uint8Array, more: Partial<PathRequest> = {}): VerifiedPath =>
    verify(server('root', { outerAlgorithm }), [], root, { crypto, ...more });
  refused(() => attempt(pkcs1('1.2.840.113549.1.1.11')), 'bad-signature', 0, /rsa-pkcs1/);
  refused(() => attempt(pss(SHA256, 32)), 'bad-signature', 0, /rsa-pss/);
  refused(() => attempt(der.sequence(der.oid('1.3.101.112'))), 'bad-signature', 0, /ed25519/);
  refused(
    () =>
      attempt(der.sequence(der.oid('1.2.840.10045.4.3.2')), {
        anchors: anchors(authority('root', 'root', { key: rsa2048 })),
      }),
    'bad-signature',
    0,
    /ecdsa/,
  );
});

test('the error names the certificate in one line that is safe to print', () => {
  const evil = server('root', { subject: 'evil\n\u001b[31m\u202e', notAfter: NOW - DAY });
  assert.throws(
    () => verify(evil, [], root),
    (error) =>
      error instanceof CertificateError &&
      /^[ -~]+$/.test(error.message) &&
      error.subject?.startsWith('CN=evil\\u{a}') === true,
  );
});
