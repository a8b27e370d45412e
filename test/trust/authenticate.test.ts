import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CertificateError, MisuseError } from 'bowline/core';
import { Cancelled, CancelScope, failAfter, sleepForever, withClock } from 'bowline/tasks';
import { MockClock } from 'bowline/testing';
import type { PeerIdentity, Verifier } from 'bowline/trust';
import { clientContext, insecureAcceptAnyone, pinned, preSharedKey, serverContext } from 'bowline/trust';
import { authenticate } from '#src/trust/authenticate.js';
import { settingsOf } from '#src/trust/context.js';
import { peerIdentity } from '#src/trust/verifier.js';

const psk = preSharedKey({ identity: 'device-1', key: new Uint8Array(16).fill(7) });
const rawPublicKey = new Uint8Array([1, 2, 3]);
const withKey: PeerIdentity = peerIdentity({ transport: 'tls', rawPublicKey });
const empty: PeerIdentity = peerIdentity({ transport: 'tls' });
const name = { serverName: 'example.org' };

const client = (verify: Verifier) => settingsOf(clientContext({ verify }));
const server = (clientAuth: 'request' | 'require', verify: Verifier) =>
  settingsOf(serverContext({ psk, clientAuth, verify }));

test('a server that shows nothing is refused, whatever the verifier says', async () => {
  await assert.rejects(authenticate(client(insecureAcceptAnyone()), empty, name), { reason: 'no-certificate' });
});

test('a client that shows nothing is refused where it must, and anonymous where it may', async () => {
  const fail: Verifier = () => assert.fail('there is nothing to decide on');
  await assert.rejects(authenticate(server('require', fail), empty, { serverName: null }), {
    reason: 'no-certificate',
  });
  const proof = await authenticate(server('request', fail), empty, { serverName: null });
  assert.equal(proof.method, 'anonymous');
  const none = await authenticate(settingsOf(serverContext({ psk })), empty, { serverName: null });
  assert.equal(none.method, 'anonymous');
});

test('a certificate that nobody asked for is refused where nothing can check it', async () => {
  await assert.rejects(authenticate(settingsOf(serverContext({ psk })), withKey, { serverName: null }), {
    reason: 'refused',
  });
});

test('a verifier that throws or rejects refuses; what was no CertificateError is the cause', async () => {
  const own = new CertificateError('no', { reason: 'mine' });
  const other = new Error('no');
  const nothing: unknown = undefined;
  const foreign = new Cancelled('explicit');
  const thrown: readonly unknown[] = [own, other, nothing, null, foreign];
  const verifiers = thrown.flatMap((what): (readonly [Verifier, unknown])[] => [
    [
      () => {
        throw what;
      },
      what,
    ],
    [async () => Promise.reject(what), what],
  ]);
  for (const [verify, what] of verifiers) {
    const error: unknown = await authenticate(client(verify), withKey, name).then(
      () => assert.fail('it was accepted'),
      (error: unknown) => error,
    );
    assert.ok(error instanceof CertificateError);
    if (what === own) assert.equal(error, own);
    else {
      assert.equal(error.reason, 'refused');
      assert.equal(error.cause, what);
    }
  }
});

test('a verifier that never settles is cut off by the deadline of its caller', async () => {
  await withClock(new MockClock(), async () => {
    for (const verify of [() => new Promise<void>(() => undefined), () => sleepForever()]) {
      const settings = client(verify);
      await assert.rejects(
        failAfter(30_000, () => authenticate(settings, withKey, name)),
        { name: 'TooSlowError' },
      );
    }
  });
});

test('a verifier that rejects after it was cut off is heard and ignored', async () => {
  let reject = (_: Error): void => assert.fail('it did not run');
  const settings = client(() => new Promise<void>((_, no) => (reject = no)));
  const scope = new CancelScope();
  const outcome = scope.tryRun(() => authenticate(settings, withKey, name));
  await new Promise(setImmediate);
  scope.cancel();
  assert.deepEqual(await outcome, { cancelled: true });
  reject(new Error('too late'));
  await new Promise(setImmediate);
});

test('in a cancelled scope the verifier does not run', async () => {
  const scope = new CancelScope();
  scope.cancel();
  const settings = client(() => assert.fail('it ran'));
  assert.deepEqual(await scope.tryRun(() => authenticate(settings, withKey, name)), { cancelled: true });
});

test('a server is checked without a name only by a verifier that says it needs none', async () => {
  const needing: Verifier = () => assert.fail('it ran');
  await assert.rejects(authenticate(client(needing), withKey, { serverName: null }), MisuseError);
  const silent: Verifier = Object.assign(() => undefined, { needsName: undefined });
  await assert.rejects(authenticate(client(silent), withKey, { serverName: null }), MisuseError);
  const proof = await authenticate(client(insecureAcceptAnyone()), withKey, { serverName: null });
  assert.equal(proof.method, 'raw-public-key');
});

test('a pre-shared key is the proof, and only where the context has one', async () => {
  const fail: Verifier = () => assert.fail('the key has already proved it');
  const settings = settingsOf(clientContext({ verify: fail, psk }));
  const proof = await authenticate(settings, empty, name, { pskIdentity: 'device-1' });
  assert.equal(proof.method, 'psk');
  assert.equal(proof.pskIdentity, 'device-1');
  await assert.rejects(authenticate(client(fail), empty, name, { pskIdentity: 'device-1' }), MisuseError);
});

test('the verifier is told the role, the name, the place and the time', async () => {
  const seen: unknown[] = [];
  const verify: Verifier = (peer, expected) => void seen.push([peer, expected]);
  const place = { host: '192.0.2.1', port: 443, now: 1_000 };
  await authenticate(client(verify), withKey, { ...name, ...place });
  await authenticate(server('request', verify), withKey, { serverName: null, ...place });
  assert.deepEqual(seen, [
    [withKey, { role: 'server', serverName: 'example.org', ...place }],
    [withKey, { role: 'client', serverName: null, ...place }],
  ]);
});

test('pins are compared with the key of the peer, and an error has both', async () => {
  const pin = 'A5BYxvLAy0ksUzsKTRTvd8wPeKvMztUofYShogEc+4E=';
  const wrong = Buffer.alloc(32).toString('base64');
  const proof = await authenticate(client(pinned([wrong, `sha256/${pin}`])), withKey, { serverName: null });
  assert.equal(proof.method, 'raw-public-key');
  await assert.rejects(authenticate(client(pinned([wrong])), withKey, name), {
    reason: 'pin-mismatch',
    presentedPin: pin,
    expectedPins: [wrong],
  });
  for (const pins of [[], [''], ['abc'], [`${pin}=`], [Buffer.alloc(31).toString('base64')]])
    assert.throws(() => pinned(pins), RangeError);
  assert.throws(() => pinned(pin as never), TypeError);
});

test('a chain that cannot be parsed is a CertificateError when somebody looks, and is copied before', async () => {
  const der = new Uint8Array([0x30, 0x82, 1, 2]);
  const peer = peerIdentity({ transport: 'dtls', chain: [der] });
  der.fill(0);
  assert.deepEqual(peer.chain, [new Uint8Array([0x30, 0x82, 1, 2])]);
  assert.throws(() => peer.certificates, { reason: 'malformed', depth: 0 });
  await assert.rejects(authenticate(client(pinned([Buffer.alloc(32).toString('base64')])), peer, name), {
    reason: 'malformed',
  });
});
