import assert from 'node:assert/strict';
import { test } from 'node:test';

import { testCertificates } from 'bowline/testing';
import { pki, pinned, TrustRoots } from 'bowline/trust';
import { pkiRootsOf } from '#src/trust/pki.js';
import { peerIdentity } from '#src/trust/verifier.js';
import { ask, peerWith, server } from './support/peers.js';

const certificates = testCertificates({ names: ['localhost', '127.0.0.1', '::1', 'xn--bcher-kva.example'] });
const verify = pki({ roots: certificates.roots });

test('roots that are undefined, empty or no certificates are errors when the verifier is made', () => {
  assert.throws(() => pki({ roots: undefined as never }), { name: 'TypeError' });
  assert.throws(() => pki({ roots: [] }), RangeError);
  assert.throws(() => pki({ roots: '' }), { reason: 'no-certificate' });
  assert.throws(() => pki({ roots: 'no certificate' }), { reason: 'no-certificate' });
  assert.throws(() => pki({ roots: 7 as never }), TypeError);
  assert.throws(() => pki({ roots: [7] as never }), TypeError);
  assert.throws(() => pki({ roots: certificates.rootDer.slice(0, -1) }), { reason: 'malformed' });
  const { roots } = certificates;
  for (const maxIntermediates of [-1, 0.5, NaN]) assert.throws(() => pki({ roots, maxIntermediates }), RangeError);
  assert.throws(() => pki({ roots, intermediates: 'none' }), { reason: 'no-certificate' });
});

test('each thing wrong with a certificate is refused with its reason', async () => {
  const wrong = [
    ['expired', 'expired'],
    ['notYetValid', 'not-yet-valid'],
    ['wrongHost', 'name-mismatch'],
    ['wrongUsage', 'wrong-usage'],
    ['selfSigned', 'self-signed'],
    ['untrusted', 'bad-signature'],
    ['incompleteChain', 'unknown-issuer'],
    ['weakKey', 'weak-algorithm'],
    ['weakSignature', 'weak-algorithm'],
  ] as const;
  for (const [kind, reason] of wrong)
    await assert.rejects(ask(verify, peerWith(certificates[kind]), server('localhost')), { reason }, kind);
});

test('a good certificate is accepted under each of its names and under no other', async () => {
  for (const name of ['localhost', 'LOCALHOST', 'localhost.', '127.0.0.1', '::1', '::1%lo', 'bücher.example'])
    await ask(verify, peerWith(certificates.good), server(name));
  for (const name of ['localhos', '127.0.0.2', '::2', '１２７.0.0.1', 'bucher.example', '0x7f.1', 'a b', ''])
    await assert.rejects(ask(verify, peerWith(certificates.good), server(name)), { reason: 'name-mismatch' }, name);
  await assert.rejects(ask(verify, peerWith(certificates.good), server(null)), { reason: 'name-mismatch' });
});

test('a client is checked by its chain and usage, without a name', async () => {
  const client = { role: 'client', serverName: null, now: Date.now() } as const;
  await ask(verify, peerWith(certificates.clientCertificate), client);
  await assert.rejects(ask(verify, peerWith(certificates.clientWrongUsage), client), { reason: 'wrong-usage' });
});

test('the time is the one that the connection says', async () => {
  const { good } = certificates;
  const late = server('localhost', { now: good.notAfter + 1000 });
  await assert.rejects(ask(verify, peerWith(good), late), { reason: 'expired' });
});

test('issuers may come with the chain or from the program', async () => {
  await ask(verify, peerWith(certificates.chain), server('localhost'));
  const intermediate = certificates.chain.chain[1] as Uint8Array;
  const helped = pki({ roots: certificates.roots, intermediates: intermediate });
  await ask(helped, peerWith(certificates.incompleteChain), server('localhost'));
  const direct = pki({ roots: certificates.roots, maxIntermediates: 0 });
  await assert.rejects(ask(direct, peerWith(certificates.chain), server('localhost')), { reason: 'path-too-long' });
});

test('a chain of 100 certificates is refused before it is read', async () => {
  const peer = peerWith(certificates.longChain(100));
  await assert.rejects(ask(verify, peer, server('localhost')), { reason: 'chain-too-large' });
});

test('what cannot be parsed is refused in front and passed over behind', async () => {
  const rubbish = new Uint8Array([0x30, 0x82, 0, 1, 0]);
  const [leaf = rubbish, issuer = rubbish] = certificates.chain.chain;
  const in0 = peerIdentity({ transport: 'tls', chain: [rubbish, leaf] });
  await assert.rejects(ask(verify, in0, server('localhost')), { reason: 'malformed', depth: 0 });
  const in1 = peerIdentity({ transport: 'tls', chain: [leaf, rubbish, issuer] });
  await ask(verify, in1, server('localhost'));
  const raw = peerIdentity({ transport: 'tls', rawPublicKey: rubbish });
  await assert.rejects(ask(verify, raw, server('localhost')), { reason: 'no-certificate' });
});

test('the shell of TLS learns the roots of a verifier that is nothing but pki', () => {
  const roots = TrustRoots.from(certificates.roots);
  assert.equal(pkiRootsOf(pki({ roots })), roots);
  assert.equal(pkiRootsOf(pinned([certificates.good.pin])), undefined);
});

test('the pin of a certificate is that of its key', async () => {
  await ask(pinned([certificates.good.pin]), peerWith(certificates.good), server(null));
  await assert.rejects(ask(pinned([certificates.good.pin]), peerWith(certificates.chain), server(null)), {
    reason: 'pin-mismatch',
    presentedPin: certificates.chain.pin,
  });
});

test('a revocation list refuses what is on it, and everything of its issuer once it is out of date', async () => {
  const { roots, revoked, good, now } = certificates;
  const der = certificates.crl();
  const pem = `-----BEGIN X509 CRL-----\n${Buffer.from(der).toString('base64')}\n-----END X509 CRL-----\n`;
  for (const crls of [der, pem, [pem, der]]) {
    const checking = pki({ roots, crls });
    await assert.rejects(ask(checking, peerWith(revoked), server('localhost')), { reason: 'revoked', depth: 0 });
    await ask(checking, peerWith(good), server('localhost'));
  }
  const stale = pki({ roots, crls: certificates.crl({ nextUpdate: now - 1000 }) });
  await assert.rejects(ask(stale, peerWith(good), server('localhost')), { reason: 'revocation-unknown' });
  await ask(verify, peerWith(revoked), server('localhost'));
  assert.throws(() => pki({ roots, crls: [] }), RangeError);
  assert.throws(() => pki({ roots, crls: 'no list' }), RangeError);
  assert.throws(() => pki({ roots, crls: 7 as never }), TypeError);
  assert.throws(() => pki({ roots, crls: der.slice(0, -1) }), { reason: 'malformed' });
});

test('a stapled response that says revoked counts always; one that says good must be there where it is required', async () => {
  const { roots, revoked, good, now } = certificates;
  const strict = pki({ roots, requireStapledOcsp: true });
  const bad = peerWith(revoked, { stapledOcsp: certificates.ocspResponse(revoked) });
  for (const one of [verify, strict]) await assert.rejects(ask(one, bad, server('localhost')), { reason: 'revoked' });
  await ask(strict, peerWith(good, { stapledOcsp: certificates.ocspResponse(good) }), server('localhost'));
  const stale = certificates.ocspResponse(good, { nextUpdate: now - 1000 });
  for (const stapledOcsp of [undefined, null, new Uint8Array(3), certificates.ocspResponse(revoked), stale]) {
    const peer = peerWith(good, { stapledOcsp });
    await assert.rejects(ask(strict, peer, server('localhost')), { reason: 'revocation-unknown' });
    await ask(verify, peer, server('localhost'));
  }
  const client = { role: 'client', serverName: null, now: Date.now() } as const;
  await ask(strict, peerWith(certificates.clientCertificate), client);
  assert.throws(() => pki({ roots, requireStapledOcsp: 1 as never }), TypeError);
  assert.equal(strict.wantsStapledOcsp, true);
});
