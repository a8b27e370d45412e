import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CertificateError } from 'bowline/core';
import { Cancelled, CancelScope, sleepForever } from 'bowline/tasks';
import type { Verifier } from 'bowline/trust';
import { allOf, anyOf, insecureAcceptAnyone } from 'bowline/trust';
import { verdict } from '#src/trust/authenticate.js';
import { peerIdentity } from '#src/trust/verifier.js';
import { ask, server } from './support/peers.js';

const peer = peerIdentity({ transport: 'tls', rawPublicKey: new Uint8Array([1]) });
const yes = insecureAcceptAnyone();
const no = (reason: string): Verifier =>
  Object.assign(() => Promise.reject(new CertificateError(`not ${reason}`, { reason })), { needsName: false });
const unsure: Verifier = () => undefined;

test('no verifiers, or what is none, cannot be combined', () => {
  for (const combine of [allOf, anyOf]) {
    assert.throws(() => combine(), TypeError);
    assert.throws(() => combine(yes, undefined as never), TypeError);
  }
});

test('allOf asks in order and ends at the first refusal', async () => {
  const asked: string[] = [];
  const noting =
    (name: string): Verifier =>
    () =>
      void asked.push(name);
  await assert.rejects(ask(allOf(noting('a'), no('b'), noting('c')), peer, server('x')), { reason: 'b' });
  assert.deepEqual(asked, ['a']);
  await ask(allOf(noting('a'), noting('b')), peer, server('x'));
});

test('anyOf ends at the first acceptance; refused by all, the error has every refusal', async () => {
  const fail: Verifier = () => assert.fail('it was asked');
  await ask(anyOf(no('a'), yes, fail), peer, server('x'));
  const error: unknown = await ask(anyOf(no('a'), no('b')), peer, server('x')).catch((error: unknown) => error);
  assert.ok(error instanceof CertificateError && error.cause instanceof AggregateError);
  assert.equal(error.reason, 'b');
  assert.deepEqual(
    error.cause.errors.map(({ reason }: CertificateError) => reason),
    ['a', 'b'],
  );
  await assert.rejects(ask(anyOf(no('a')), peer, server('x')), { message: 'not a' });
});

test('a verifier that throws something else has refused, also within others', async () => {
  const bad: Verifier = () => {
    throw new RangeError('bug');
  };
  await ask(anyOf(bad, yes), peer, server('x'));
  await assert.rejects(ask(allOf(yes, bad), peer, server('x')), { reason: 'refused' });
});

test('combined verifiers need a name if one of them does, and one that does not say needs it', () => {
  for (const combine of [allOf, anyOf]) {
    assert.equal(combine(yes, no('a')).needsName, false);
    assert.equal(combine(yes, unsure).needsName, true);
  }
});

test('cancellation is no refusal: anyOf does not go on to the next', async () => {
  const scope = new CancelScope();
  const fail: Verifier = () => assert.fail('it was asked');
  const outcome = scope.tryRun(() =>
    verdict(
      anyOf(() => sleepForever(), fail),
      peer,
      server('x'),
    ),
  );
  await new Promise(setImmediate);
  scope.cancel();
  assert.deepEqual(await outcome, { cancelled: true });
  const crossed: Verifier = () => Promise.reject(new Cancelled('explicit'));
  await ask(anyOf(crossed, yes), peer, server('x'));
});
