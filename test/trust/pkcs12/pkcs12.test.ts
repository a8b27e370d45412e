import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';

import fc from 'fast-check';

import { CertificateError } from 'bowline/core';
import { Identity } from 'bowline/trust';
import { keyOf } from '#src/trust/identity.js';
import { derOf } from '#src/trust/pkcs12/ber.js';
import { bmpPassword, derive, purpose } from '#src/trust/pkcs12/key-derivation.js';
import { openPkcs12 } from '#src/trust/pkcs12/pkcs12.js';
import { element, explicit, integer, octetString, oid, sequence } from '#src/protocols/x509/der-writer.js';
import { pkcs12File } from './files.js';

const PASSPHRASE = 'pässwörd';

for (const [name, passphrase] of [
  ['aes256', PASSPHRASE],
  ['tripleDes', PASSPHRASE],
  ['twoKeyDes', PASSPHRASE],
  ['plainKey', PASSPHRASE],
  ['noMac', PASSPHRASE],
  ['gnutls', PASSPHRASE],
  ['java', 'password'],
  ['nss', 'password'],
  ['emptyPassphrase', ''],
] as const) {
  test(`a wrong passphrase is told as one and never shown, the right one opens: ${name}`, () => {
    const file = pkcs12File(name);
    for (const wrong of ['hunter2-hunter2', passphrase.toUpperCase() || 'x', `${passphrase} `]) {
      assert.throws(() => Identity.pkcs12(file, wrong), (error: Error) => {
        assert.ok(error instanceof CertificateError && error.reason === 'bad-key');
        assert.ok(!inspect(error, { depth: 9 }).includes('hunter2'));
        return true;
      }); // prettier-ignore
    }
    const identity = Identity.pkcs12(file, passphrase);
    assert.equal(identity.subject, 'CN=fixture.example');
    assert.equal(identity.chain.length, 2, 'its own certificate and the issuer, without the root');
    assert.equal(keyOf(identity).asymmetricKeyType, 'ec');
  });
}

test('every file has the same identity', () => {
  const [first, ...others] = [
    Identity.pkcs12(pkcs12File('aes256'), PASSPHRASE),
    Identity.pkcs12(pkcs12File('gnutls'), PASSPHRASE),
    Identity.pkcs12(pkcs12File('java'), 'password'),
    Identity.pkcs12(pkcs12File('nss'), 'password'),
    Identity.pkcs12(pkcs12File('emptyPassphrase')),
  ];
  for (const other of others) {
    assert.deepEqual(other.chain, first?.chain);
    assert.ok(keyOf(other).equals(keyOf(first as Identity)));
  }
});

test('a file without a key, without its certificate, or with RC2 is refused with what is missing', () => {
  assert.throws(() => Identity.pkcs12(pkcs12File('noKey'), PASSPHRASE), { reason: 'bad-key', message: /0 private/ });
  assert.throws(() => Identity.pkcs12(pkcs12File('noCertificate'), PASSPHRASE), { reason: 'no-certificate' });
  assert.throws(() => Identity.pkcs12(pkcs12File('rc2'), PASSPHRASE), { reason: 'bad-key', message: /RC2/ });
});

test('a damaged file never opens and never crashes: the MAC, the padding or the structure tells', () => {
  const file = pkcs12File('aes256');
  const refused = (bytes: Uint8Array): void => {
    assert.throws(() => openPkcs12(bytes, PASSPHRASE), CertificateError);
  };
  for (let length = 0; length < file.length; length += 7) refused(file.slice(0, length));
  refused(Uint8Array.of(...file, 0));
  for (let i = 0; i < file.length; i += 11) {
    const bent = file.slice();
    bent[i] = (bent[i] as number) ^ 0x04;
    refused(bent);
  }
});

test('hostile files end in a CertificateError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => openPkcs12(bytes, ''), CertificateError);
    }),
    { numRuns: 300 },
  );
  const nested = Array.from({ length: 200 }).reduce<Uint8Array>((inside) => sequence(inside), sequence());
  assert.throws(() => openPkcs12(nested, ''), { reason: 'malformed' });
  assert.throws(() => openPkcs12(new Uint8Array(5 * 1024 * 1024), ''), { reason: 'malformed' });
  assert.throws(() => openPkcs12('file' as never, ''), TypeError);
  assert.throws(() => openPkcs12(pkcs12File('aes256'), 7 as never), TypeError);
});

test('a file that asks for more iterations than is sensible is refused before they are made', () => {
  const data = '1.2.840.113549.1.7.1';
  const digest = sequence(sequence(oid('2.16.840.1.101.3.4.2.1')), octetString(new Uint8Array(32)));
  const mac = sequence(digest, octetString(new Uint8Array(8)), integer(2_000_000_000));
  const content = sequence(oid(data), explicit(0, octetString(sequence())));
  assert.throws(() => openPkcs12(sequence(integer(3), content, mac), ''), { reason: 'malformed' });
  const publicKeyMode = sequence(oid('1.2.840.113549.1.7.2'), explicit(0, sequence()));
  assert.throws(() => openPkcs12(sequence(integer(3), publicKeyMode), ''), { reason: 'bad-key' });
});

test('BER is written anew as DER: lengths told, byte strings in one piece', () => {
  const piece = (...bytes: number[]): number[] => [0x04, 0x81, bytes.length, ...bytes];
  const ber = Uint8Array.of(0x30, 0x80, 0x24, 0x80, ...piece(1, 2), 0x24, 0x80, ...piece(3), 0, 0, 0, 0, 0x05, 0, 0, 0);
  assert.deepEqual(derOf(ber), sequence(octetString(Uint8Array.of(1, 2, 3)), element(0x05)));
  const der = pkcs12File('aes256');
  assert.deepEqual(derOf(der), der);
  for (const bad of [
    [],
    [0x30],
    [0x30, 0x80],
    [0x30, 0x80, 0, 1, 0],
    [0x04, 0x80, 0, 0],
    [0x30, 2, 0, 0],
    [0x30, 0x85, 0, 0, 0, 0, 0],
    [0x3f, 1, 0],
    [0x24, 2, 5, 0],
    [0, 0],
    [5, 0, 5, 0],
  ])
    assert.throws(() => derOf(Uint8Array.from(bad)), { name: 'ProtocolError' });
});

test('the key derivation agrees with published results', () => {
  // Test data of Go's x/crypto/pkcs12 (TestThatPBKDFHandlesLeadingZeros, TestThatPBKDFWorksCorrectlyForLongKeys).
  const sesame = bmpPassword('sesame');
  assert.equal(Buffer.from(sesame).toString('hex'), '0073006500730061006d00650000');
  const salt = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  const long = derive({ password: sesame, salt, iterations: 2048, hash: 'sha1' }, purpose.key, 24);
  assert.equal(Buffer.from(long).toString('hex'), '7cd9fd3e2b3be7691a44e3bef0f9ea0fb9b897d4e325d9d1');
});
