import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { after, test } from 'node:test';

import type { ReportEvent } from 'bowline/observe';
import { setReporter } from 'bowline/observe';
import { testCertificates } from 'bowline/testing';
import { Identity } from 'bowline/trust';
import { chooseIdentity } from '#src/trust/context.js';
import { keyOf, pemOf } from '#src/trust/identity.js';

const certificates = testCertificates();
const { good, chain, expired, notYetValid } = certificates;
const folder = mkdtempSync(join(tmpdir(), 'bowline-identity-'));
after(() => rmSync(folder, { recursive: true }));

const SECRET = 'correct horse battery staple';
const encrypted = good.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: SECRET });

/** What `body` reports. */
async function reportsOf(body: () => Promise<unknown>): Promise<ReportEvent[]> {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => events.push(event));
  try {
    await body();
  } finally {
    setReporter(before);
  }
  return events;
}

test('a key of another certificate is an error when the identity is made', () => {
  assert.throws(() => Identity.from({ cert: good.cert, key: chain.key }), { reason: 'key-mismatch' });
});

test('a certificate that has expired or is not yet valid is an error, unless a test asks for it by name', () => {
  assert.throws(() => Identity.from(expired), { reason: 'expired', depth: 0 });
  assert.throws(() => Identity.from(notYetValid), { reason: 'not-yet-valid', depth: 0 });
  Identity.from(expired, { insecureAllowInvalidDates: true });
  Identity.from(expired, { now: expired.notAfter - 1 });
  assert.throws(() => Identity.from(good, { now: good.notAfter + 1000 }), { reason: 'expired' });
});

test('a chain out of order is an error: the peer would not find its way', () => {
  const [leaf, issuer] = chain.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
  assert.throws(() => Identity.from({ cert: `${issuer}${leaf}`, key: chain.key }));
  assert.throws(() => Identity.from({ cert: `${leaf}${good.cert}`, key: chain.key }), { reason: 'chain-order' });
});

test('no certificate, no key, or something else is an error that says which', () => {
  assert.throws(() => Identity.from({ cert: good.key, key: good.key }), { reason: 'no-certificate' });
  assert.throws(() => Identity.from({ cert: good.cert }), { reason: 'bad-key' });
  assert.throws(() => Identity.from({ cert: good.cert, key: 'nothing' }), { reason: 'bad-key' });
  assert.throws(() => Identity.from({ cert: good.der.slice(0, -1), key: good.key }), { reason: 'malformed' });
  assert.throws(() => Identity.from({ cert: good.cert.slice(0, -30), key: good.key }), { reason: 'malformed' });
  assert.throws(() => Identity.from({ cert: good.cert, key: good.keyDer.slice(0, -1) }), { reason: 'bad-key' });
  assert.throws(() => Identity.from({ cert: 7 as never, key: good.key }), TypeError);
  assert.throws(() => Identity.from({ cert: good.cert, key: 7 as never }), TypeError);
  assert.throws(() => Identity.from({ cert: good.cert, key: good.key, passphrase: 7 as never }), TypeError);
});

test('an encrypted key needs its passphrase, and no error shows passphrase or key', () => {
  const made = Identity.from({ cert: good.cert, key: encrypted, passphrase: SECRET });
  assert.ok(keyOf(made).equals(good.privateKey));
  for (const passphrase of [undefined, '', `${SECRET}!`]) {
    assert.throws(() => Identity.from({ cert: good.cert, key: encrypted, passphrase }), (error: Error) => {
      assert.match(error.message, passphrase === undefined ? /passphrase\?/ : /this passphrase/);
      assert.ok(!inspect(error, { depth: 9 }).includes(SECRET));
      return true;
    }); // prettier-ignore
  }
});

test('every form of a key is taken: PEM and DER, PKCS#8, PKCS#1, SEC1, and a KeyObject', () => {
  const rsa = testCertificates({ key: 'rsa-2048' }).good;
  for (const { cert, privateKey, type } of [
    { ...good, type: 'sec1' },
    { ...rsa, type: 'pkcs1' },
  ] as const) {
    for (const form of [type, 'pkcs8'] as const) {
      const pem = privateKey.export({ type: form as 'pkcs8', format: 'pem' });
      const der = privateKey.export({ type: form as 'pkcs8', format: 'der' });
      for (const key of [pem, Buffer.from(pem), der]) Identity.from({ cert, key });
    }
    Identity.from({ cert, key: privateKey });
  }
  assert.throws(() => Identity.from({ cert: good.cert, key: Identity as never }), TypeError);
});

test('certificate and key may stand in one text; the chain keeps its order', () => {
  const made = Identity.from({ cert: `Bag Attributes\n${chain.key}${chain.cert}` });
  assert.deepEqual(made.chain, chain.chain);
  const { cert, key } = pemOf(made);
  assert.deepEqual([cert, key], [chain.cert, chain.key]);
});

test('an identity shows its subject and never its key', () => {
  const made = Identity.from(certificates.clientCertificate);
  assert.match(made.subject, /client/);
  const shown = `${inspect(made, { showHidden: true, depth: 9 })}${JSON.stringify(made)}`;
  assert.ok(!shown.includes('PRIVATE') && !shown.includes('KeyObject'));
  assert.ok(Object.isFrozen(made));
});

test('load takes paths and file URLs, and reports a key that everybody can read', async () => {
  const cert = join(folder, 'cert.pem');
  const key = join(folder, 'key.pem');
  writeFileSync(cert, chain.cert);
  writeFileSync(key, chain.key, { mode: 0o600 });
  chmodSync(cert, 0o644);
  assert.deepEqual(await reportsOf(() => Identity.load({ cert, key })), []);
  assert.deepEqual(await reportsOf(() => Identity.load({ cert: pathToFileURL(cert), key: pathToFileURL(key) })), []);
  chmodSync(key, 0o640);
  assert.deepEqual(await reportsOf(() => Identity.load({ cert, key })), []);
  chmodSync(key, 0o644);
  const events = await reportsOf(() => Identity.load({ cert, key }));
  assert.deepEqual(events, [{ kind: 'key-file-exposed', path: key, mode: 0o644 }]);
  const both = join(folder, 'both.pem');
  writeFileSync(both, chain.cert + chain.key);
  chmodSync(both, 0o604);
  assert.equal((await reportsOf(() => Identity.load({ cert: both }))).length, 1);
  assert.deepEqual((await Identity.load({ cert: chain.cert, key: chain.privateKey })).chain, chain.chain);
});

test('load of what cannot be read is the error of the file system; of a huge file, a RangeError', async () => {
  await assert.rejects(Identity.load({ cert: join(folder, 'absent.pem') }), { code: 'ENOENT' });
  await assert.rejects(Identity.load({ cert: 7 as never }), TypeError);
  await assert.rejects(Identity.load({ cert: new URL('https://example.org/cert') }), TypeError);
  const huge = join(folder, 'huge');
  writeFileSync(huge, '');
  truncateSync(huge, 2 ** 31);
  await assert.rejects(Identity.load({ cert: huge }), RangeError);
});

test('what an identity function gives is checked', async () => {
  const identity = Identity.from(good);
  assert.equal(await chooseIdentity(async () => identity, 'a'), identity);
  await assert.rejects(
    chooseIdentity(() => good as never, null),
    TypeError,
  );
  await assert.rejects(
    chooseIdentity(() => Promise.reject(new Error('vault')), 'a'),
    { message: 'vault' },
  );
  await assert.rejects(chooseIdentity(() => { throw new Error('vault'); }, 'a'), { message: 'vault' }); // prettier-ignore
});
