import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { testCertificates } from 'bowline/testing';
import type { TlsaRecord, Verifier } from 'bowline/trust';
import { dane } from 'bowline/trust';
import { parseCertificate } from '#src/protocols/x509/certificate.js';
import { peerIdentity } from '#src/trust/verifier.js';
import { ask, peerWith, server } from './support/peers.js';

const certificates = testCertificates();
const { good, chain, expired, wrongHost, untrusted, selfSigned, rootDer } = certificates;
const { roots } = certificates;
const here = server('localhost');
const intermediate = chain.chain[1] as Uint8Array;

/** The record that the numbers make of a certificate. */
function tlsa(usage: number, selector: number, matchingType: number, der: Uint8Array): TlsaRecord {
  const selected = selector === 0 ? der : parseCertificate(der).publicKey.raw;
  const data =
    matchingType === 0
      ? selected
      : createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(selected)
          .digest();
  return { usage, selector, matchingType, data };
}

const forms = [0, 1].flatMap((selector) => [0, 1, 2].map((matchingType) => [selector, matchingType] as const));
const by = (...records: TlsaRecord[]): Verifier => dane(records, { roots });

test('usage 3, DANE-EE: the key decides, in every form; names, dates and issuers do not count', async () => {
  for (const [selector, matchingType] of forms) {
    for (const certificate of [good, chain, expired, wrongHost, untrusted, selfSigned]) {
      const verify = by(tlsa(3, selector, matchingType, certificate.der));
      assert.equal(verify.needsName, false);
      await ask(verify, peerWith(certificate), server(null));
    }
    const verify = by(tlsa(3, selector, matchingType, good.der), tlsa(3, selector, matchingType, rootDer));
    await assert.rejects(ask(verify, peerWith(selfSigned), here), { reason: 'dane' });
    await assert.rejects(ask(by(tlsa(3, selector, matchingType, intermediate)), peerWith(chain), here), {
      reason: 'dane',
    });
  }
});

test('usage 3 takes raw public keys by selector 1, and by no other', async () => {
  const peer = peerIdentity({ transport: 'dtls', rawPublicKey: parseCertificate(good.der).publicKey.raw });
  for (const matchingType of [0, 1, 2]) {
    await ask(by(tlsa(3, 1, matchingType, good.der)), peer, server(null));
    await assert.rejects(ask(by(tlsa(3, 0, matchingType, good.der)), peer, server(null)), { reason: 'dane' });
  }
  await assert.rejects(ask(by(tlsa(3, 1, 1, chain.der)), peer, here), { reason: 'dane' });
});

test('usage 2, DANE-TA: a chain to the issuer that matches; name and dates count', async () => {
  for (const [selector, matchingType] of forms) {
    const verify = by(tlsa(2, selector, matchingType, intermediate));
    assert.equal(verify.needsName, true);
    await ask(verify, peerWith(chain), here);
    await assert.rejects(ask(verify, peerWith(chain), server('other.example')), { reason: 'name-mismatch' });
    await assert.rejects(ask(verify, peerWith(chain), server(null)), { reason: 'name-mismatch' });
    await assert.rejects(ask(verify, peerWith(chain), { ...here, now: chain.notAfter + 1000 }), { reason: 'expired' });
    await assert.rejects(ask(by(tlsa(2, selector, matchingType, chain.der)), peerWith(chain), here), {
      reason: 'dane',
    });
    await assert.rejects(ask(by(tlsa(2, selector, matchingType, selfSigned.der)), peerWith(selfSigned), here), {
      reason: 'dane',
    });
  }
  const verify = by(tlsa(2, 1, 1, intermediate));
  await assert.rejects(ask(verify, peerWith(good), here), { reason: 'dane' });
  const borrowed = peerIdentity({ transport: 'tls', chain: [selfSigned.der, intermediate] });
  await assert.rejects(ask(verify, borrowed, here), Error, 'an issuer that issued nothing of this');
});

test('usage 2: what stands whole in the record need not be sent; a digest of it has to', async () => {
  for (const selector of [0, 1]) {
    await ask(by(tlsa(2, selector, 0, rootDer)), peerWith(good), here);
    await ask(by(tlsa(2, selector, 0, rootDer)), peerWith(chain), here);
    await assert.rejects(ask(by(tlsa(2, selector, 0, rootDer)), peerWith(untrusted), here), {
      reason: 'bad-signature',
    });
    await assert.rejects(ask(by(tlsa(2, selector, 1, rootDer)), peerWith(good), here), { reason: 'dane' });
  }
  const rubbish = { usage: 2, selector: 0, matchingType: 0, data: new Uint8Array([1, 2, 3]) };
  await assert.rejects(ask(by(rubbish), peerWith(good), here), { reason: 'dane' });
});

test('usage 1, PKIX-EE: valid as by pki, and the certificate matches', async () => {
  for (const [selector, matchingType] of forms) {
    await ask(by(tlsa(1, selector, matchingType, good.der)), peerWith(good), here);
    await assert.rejects(ask(by(tlsa(1, selector, matchingType, chain.der)), peerWith(good), here), { reason: 'dane' });
  }
  for (const [certificate, reason] of [
    [expired, 'expired'],
    [wrongHost, 'name-mismatch'],
    [untrusted, 'bad-signature'],
  ] as const)
    await assert.rejects(ask(by(tlsa(1, 1, 1, certificate.der)), peerWith(certificate), here), { reason });
});

test('usage 0, PKIX-TA: valid as by pki, by way of what matches, which is not the certificate itself', async () => {
  for (const [selector, matchingType] of forms) {
    await ask(by(tlsa(0, selector, matchingType, rootDer)), peerWith(good), here);
    await ask(by(tlsa(0, selector, matchingType, intermediate)), peerWith(chain), here);
    const elsewhere = by(tlsa(0, selector, matchingType, intermediate));
    await assert.rejects(ask(elsewhere, peerWith(good), here), { reason: 'dane' });
    await assert.rejects(ask(by(tlsa(0, selector, matchingType, good.der)), peerWith(good), here), { reason: 'dane' });
  }
  const beside = peerIdentity({ transport: 'tls', chain: [good.der, intermediate] });
  await assert.rejects(ask(by(tlsa(0, 1, 1, intermediate)), beside, here), { reason: 'dane' });
  await assert.rejects(ask(by(tlsa(0, 1, 1, rootDer)), peerWith(expired), here), { reason: 'expired' });
});

test('one matching record is enough, of whatever usage', async () => {
  const other = tlsa(1, 1, 1, chain.der);
  await ask(by(other, tlsa(3, 1, 1, good.der)), peerWith(good), here);
  await ask(by(tlsa(3, 1, 1, chain.der), tlsa(2, 0, 0, rootDer)), peerWith(good), here);
  await ask(by(tlsa(2, 1, 1, intermediate), tlsa(0, 1, 1, rootDer)), peerWith(good), here);
});

test('of two digests for the same usage and selector only the stronger counts', async () => {
  const weak = tlsa(3, 1, 1, good.der);
  await assert.rejects(ask(by(weak, tlsa(3, 1, 2, chain.der)), peerWith(good), here), { reason: 'dane' });
  await ask(by(weak, tlsa(3, 0, 2, chain.der)), peerWith(good), here);
  await ask(by(weak, tlsa(3, 1, 0, chain.der)), peerWith(good), here);
  const cut = { ...tlsa(3, 1, 2, chain.der), data: new Uint8Array(63) };
  await ask(by(weak, cut), peerWith(good), here);
});

test('records that cannot be used are passed over; where none is left the program is told', async () => {
  const { data } = tlsa(3, 1, 1, good.der);
  const unusable: readonly TlsaRecord[] = [
    { usage: 4, selector: 1, matchingType: 1, data },
    { usage: 255, selector: 1, matchingType: 1, data },
    { usage: 3, selector: 2, matchingType: 1, data },
    { usage: 3, selector: 1, matchingType: 3, data },
    { usage: 3, selector: 1, matchingType: 1, data: data.subarray(1) },
    { usage: 3, selector: 1, matchingType: 0, data: new Uint8Array(0) },
  ];
  for (const record of unusable) assert.throws(() => by(record), RangeError);
  assert.throws(() => by(), RangeError);
  await ask(by(...unusable, tlsa(3, 1, 1, good.der)), peerWith(good), here);
  assert.throws(() => dane('3 1 1 00' as never), TypeError);
  assert.throws(() => by({ usage: -1, selector: 1, matchingType: 1, data }), TypeError);
  assert.throws(() => by({ usage: 3, selector: 1, matchingType: 1, data: 'ab' as never }), TypeError);
});

test('records as text, and what is none', async () => {
  const hex = Buffer.from(tlsa(3, 1, 1, good.der).data).toString('hex');
  await ask(dane([`3 1 1 ${hex.slice(0, 20)} ${hex.slice(20).toUpperCase()}`]), peerWith(good), here);
  for (const text of ['', '3 1 1', '3 1 1 abc', '3 1 1 xy', `3 1 ${hex}`]) assert.throws(() => dane([text]), TypeError);
});

test('clients are not in the DNS; a malformed certificate is refused as such', async () => {
  const verify = by(tlsa(3, 1, 1, good.der));
  await assert.rejects(ask(verify, peerWith(good), { ...here, role: 'client' }), { reason: 'dane' });
  const broken = peerIdentity({ transport: 'tls', chain: [good.der.slice(0, -1)] });
  await assert.rejects(ask(verify, broken, here), { reason: 'malformed' });
});
