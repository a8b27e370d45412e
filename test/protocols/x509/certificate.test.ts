import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';

import { ProtocolError } from 'bowline/core';
import { isSelfIssued, parseCertificate } from '#src/protocols/x509/certificate.js';
import { hexOf } from '#src/protocols/x509/hex.js';

const roots = rootCertificates.map((pem) => new X509Certificate(pem));

test('every root that Node ships parses, and says what Node reads in it', () => {
  assert.ok(roots.length > 100);
  for (const theirs of roots) {
    const ours = parseCertificate(theirs.raw);
    assert.deepEqual(Buffer.from(ours.raw), theirs.raw);
    assert.equal(
      hexOf(ours.serial)
        .replace(/^00(?=.)/, '')
        .toUpperCase(),
      theirs.serialNumber.padStart(2, '0'),
    );
    assert.equal(ours.notBefore, new Date(theirs.validFrom).getTime());
    assert.equal(ours.notAfter, new Date(theirs.validTo).getTime());
    assert.equal(ours.extensions.basicConstraints?.ca ?? false, theirs.ca);
    assert.deepEqual(Buffer.from(ours.publicKey.raw), theirs.publicKey.export({ type: 'spki', format: 'der' }));
    assert.equal(isSelfIssued(ours), true);
    const details = theirs.publicKey.asymmetricKeyDetails;
    if (ours.publicKey.key.kind === 'rsa') {
      assert.equal(ours.publicKey.key.modulusBits, details?.modulusLength);
      assert.equal(ours.publicKey.key.exponent, details?.publicExponent);
    } else {
      assert.equal(ours.publicKey.key.kind, 'ec');
    }
    const identifier = ours.extensions.subjectKeyIdentifier;
    assert.ok(identifier === undefined || identifier.length > 0);
  }
});

test('a certificate is a copy: changing the input afterwards changes nothing', () => {
  const input = new Uint8Array(roots[0]?.raw ?? []);
  const digest = createHash('sha256').update(input).digest('hex');
  const certificate = parseCertificate(input);
  input.fill(0);
  assert.equal(createHash('sha256').update(certificate.raw).digest('hex'), digest);
  assert.equal(createHash('sha256').update(parseCertificate(certificate.raw).raw).digest('hex'), digest);
});

test('a certificate cut off anywhere, or followed by anything, is malformed', () => {
  const whole = new Uint8Array(roots[0]?.raw ?? []);
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => parseCertificate(whole.subarray(0, length)), ProtocolError, `${length} bytes`);
  assert.throws(() => parseCertificate(new Uint8Array([...whole, 0])), ProtocolError);
  assert.throws(() => parseCertificate(new Uint8Array(70_000)), /65536 are allowed/);
});
