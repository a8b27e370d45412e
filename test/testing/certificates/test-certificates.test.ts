import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createHash, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import type { TestContext } from 'node:test';
import tls from 'node:tls';

import { testCertificates } from 'bowline/testing';
import type { TestCertificate } from 'bowline/testing';
import { clientContext, pinned, serverContext } from 'bowline/trust';

import { encodePem } from '#src/trust/pem.js';

const certificates = testCertificates();

/** What Node's client says of a server with this certificate: 'OK', or the code of its refusal. */
async function clientVerdict(
  t: TestContext,
  { cert, key }: TestCertificate,
  options: tls.ConnectionOptions = {},
): Promise<string> {
  const server = tls.createServer({ cert, key, ciphers: 'DEFAULT@SECLEVEL=0' });
  t.after(() => server.close());
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: [...certificates.roots],
    ciphers: 'DEFAULT@SECLEVEL=0',
    rejectUnauthorized: false,
    ...options,
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  const verdict = socket.authorized ? 'OK' : String(socket.authorizationError);
  socket.destroy();
  return verdict.replace(/^(?:Error|.*\[)?\s*:?\s*(ERR_TLS_CERT_ALTNAME_INVALID).*$/s, '$1');
}

/** What Node's server says of a client with this certificate. */
async function serverVerdict(t: TestContext, client: TestCertificate): Promise<string> {
  const { cert, key } = certificates.good;
  const server = tls.createServer({
    cert,
    key,
    requestCert: true,
    rejectUnauthorized: false,
    ca: [...certificates.roots],
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    cert: client.cert,
    key: client.key,
    rejectUnauthorized: false,
  });
  socket.on('error', () => undefined);
  const [seen] = (await once(server, 'secureConnection')) as [tls.TLSSocket];
  const verdict = seen.authorized ? 'OK' : String(seen.authorizationError);
  seen.on('error', () => undefined).destroy();
  socket.destroy();
  return verdict;
}

test('each certificate is wrong in the way that it is named for, in the eyes of OpenSSL', async (t) => {
  const verdicts: Record<string, string> = {};
  const names = [
    'good',
    'chain',
    'expired',
    'notYetValid',
    'wrongHost',
    'wrongUsage',
    'incompleteChain',
    'selfSigned',
    'untrusted',
    'revoked',
    'weakKey',
    'weakSignature',
  ] as const;
  for (const name of names) verdicts[name] = await clientVerdict(t, certificates[name]);
  const isAltName = verdicts['wrongHost']?.includes('ALTNAME');
  assert.ok(isAltName, verdicts['wrongHost']);
  delete verdicts['wrongHost'];
  assert.deepEqual(verdicts, {
    good: 'OK',
    chain: 'OK',
    expired: 'CERT_HAS_EXPIRED',
    notYetValid: 'CERT_NOT_YET_VALID',
    wrongUsage: 'INVALID_PURPOSE',
    incompleteChain: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    selfSigned: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    untrusted: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    // Nothing of these is seen by who does not look: no CRL, and no demands on keys.
    revoked: 'OK',
    weakKey: 'OK',
    weakSignature: 'OK',
  });
});

test('revoked is in the list, and the others are not', async (t) => {
  const crl = encodePem('X509 CRL', certificates.crl());
  assert.equal(await clientVerdict(t, certificates.revoked, { crl }), 'CERT_REVOKED');
  assert.equal(await clientVerdict(t, certificates.good, { crl }), 'OK');
});

test('client certificates are for clients', async (t) => {
  assert.equal(await serverVerdict(t, certificates.clientCertificate), 'OK');
  assert.equal(await serverVerdict(t, certificates.clientWrongUsage), 'INVALID_PURPOSE');
});

test('a long chain is as long as asked', () => {
  const { chain, cert } = certificates.longChain();
  assert.equal(chain.length, 100);
  assert.equal(cert.match(/BEGIN CERTIFICATE/g)?.length, 100);
  assert.equal(certificates.longChain(3).chain.length, 3);
  const parsed = chain.map((der) => new X509Certificate(der));
  const root = new X509Certificate(certificates.rootDer);
  for (const [i, one] of parsed.entries()) assert.ok(one.checkIssued(parsed[i + 1] ?? root), `${i}`);
  for (const bad of [1, 2.5, NaN]) assert.throws(() => certificates.longChain(bad), RangeError);
});

test('each is made once, and another authority shares nothing with it', () => {
  assert.equal(certificates.good, certificates.good);
  const other = testCertificates();
  assert.notEqual(other.good.pin, certificates.good.pin);
  assert.notDeepEqual(other.roots, certificates.roots);
});

test('every one is an identity for contexts, the wrong ones too', () => {
  const { good, expired, notYetValid, weakKey, incompleteChain, clientCertificate } = certificates;
  for (const { identity, chain } of [
    good,
    expired,
    notYetValid,
    weakKey,
    incompleteChain,
    certificates.longChain(12),
  ]) {
    assert.deepEqual(identity.chain, chain);
  }
  const { pin, identity } = clientCertificate;
  assert.ok(clientContext({ verify: pinned([pin]), identity }));
  assert.ok(serverContext({ identity: good.identity }));
  assert.equal(good.identity, good.identity);
});

test('the pin is what openssl and browsers call one', () => {
  const { der, pin } = certificates.good;
  const spki = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
  assert.equal(pin, createHash('sha256').update(spki).digest('base64'));
});

test('now says when good is good', async (t) => {
  const past = testCertificates({ now: Date.UTC(2020, 0, 1) });
  const ca = [...past.roots];
  assert.equal(await clientVerdict(t, past.good, { ca }), 'CERT_HAS_EXPIRED');
  const { notBefore, notAfter } = past.good;
  assert.ok(notBefore < past.now && past.now < notAfter);
  assert.throws(() => testCertificates({ now: NaN }), RangeError);
});

test('names and the kind of key are as asked', async (t) => {
  const others = testCertificates({ names: ['a.example.org'], key: 'ed25519' });
  assert.equal(new X509Certificate(others.good.der).subjectAltName, 'DNS:a.example.org');
  assert.equal(others.good.privateKey.asymmetricKeyType, 'ed25519');
  const options = { ca: [...others.roots], servername: 'a.example.org' };
  assert.equal(await clientVerdict(t, others.chain, options), 'OK');
});

test('issue makes any other certificate', () => {
  const issued = certificates.issue({
    names: ['b.example.org'],
    purposes: ['server', 'client'],
    notAfter: certificates.now,
  });
  assert.equal(new X509Certificate(issued.der).keyUsage.length, 2);
  assert.equal(issued.notAfter, Math.floor(certificates.now / 1000) * 1000);
});
