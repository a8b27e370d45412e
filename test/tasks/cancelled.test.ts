import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

import { BowlineError, ClosedResourceError, MisuseError } from 'bowline/core';
import { CancelScope, Cancelled, checkpoint, ScopeExitedError } from 'bowline/tasks';

import { isCancellation, takeOutCancelled } from '#src/tasks/cancelled.js';

import { runNode } from '../support/run-node.js';

const cancelled = new Cancelled('explicit');

class LoweredSuppressedError extends Error {
  override readonly name = 'SuppressedError';
  readonly error: unknown;
  readonly suppressed: unknown;
  constructor(error: unknown, suppressed: unknown) {
    super('An error was suppressed during disposal.');
    this.error = error;
    this.suppressed = suppressed;
  }
}

test('Cancelled is an AbortError and not a BowlineError: nothing went wrong', () => {
  assert.ok(cancelled instanceof Error);
  assert.ok(!(cancelled instanceof BowlineError));
  assert.equal(cancelled.name, 'AbortError');
  assert.equal(cancelled.code, 'ERR_BOWLINE_CANCELLED');
  for (const source of ['explicit', 'deadline', 'nursery', 'signal'] as const) {
    assert.match(new Cancelled(source, 'the reason').message, /the reason/);
    assert.equal(new Cancelled(source, 5).reason, 5);
  }
});

test('ScopeExitedError is a MisuseError', () => {
  const error = new ScopeExitedError();
  assert.ok(error instanceof MisuseError);
  assert.equal(error.code, 'ERR_BOWLINE_SCOPE_EXITED');
  assert.equal(error.name, 'ScopeExitedError');
});

test('what counts as a cancellation: Cancelled, and an AbortError whose causes end in one', () => {
  const abort = (cause: unknown): Error => Object.assign(new Error('aborted', { cause }), { name: 'AbortError' });
  assert.ok(isCancellation(cancelled));
  assert.ok(isCancellation(abort(cancelled)));
  assert.ok(isCancellation(abort(new Error('in between', { cause: cancelled }))));
  assert.ok(isCancellation(new DOMException('aborted', { name: 'AbortError', cause: cancelled })));
  assert.ok(!isCancellation(abort(undefined)));
  assert.ok(!isCancellation(abort(new Error('other'))));
  assert.ok(
    !isCancellation(new Error('a real error', { cause: cancelled })),
    'a real error may have been caused by one',
  );
  assert.ok(!isCancellation(undefined));
  assert.ok(!isCancellation('AbortError'));
  const cycle = abort(undefined);
  cycle.cause = cycle;
  assert.ok(!isCancellation(cycle));
});

test('errors of another realm are known by name: test runners have realms of their own', () => {
  const foreign = (code: string): unknown => runInNewContext(code, { cancelled });
  assert.ok(isCancellation(foreign("Object.assign(new Error('x', { cause: cancelled }), { name: 'AbortError' })")));
  assert.deepEqual(takeOutCancelled(foreign('new AggregateError([cancelled])')), { cancelled: true, failed: false });
});

test('a SuppressedError is filtered like a group, whichever side was cancelled', () => {
  const real = new ClosedResourceError();
  for (const pair of [
    new LoweredSuppressedError(real, cancelled),
    new LoweredSuppressedError(cancelled, real),
    new LoweredSuppressedError(new LoweredSuppressedError(cancelled, real), cancelled),
    new LoweredSuppressedError(new AggregateError([cancelled]), new AggregateError([real, cancelled])),
  ]) {
    assert.deepEqual(takeOutCancelled(pair), { cancelled: true, failed: true, error: real });
  }
  assert.deepEqual(takeOutCancelled(new LoweredSuppressedError(cancelled, cancelled)), {
    cancelled: true,
    failed: false,
  });
  const untouched = new LoweredSuppressedError(real, new Error('other'));
  const residue = takeOutCancelled(untouched);
  assert.ok(!residue.cancelled && residue.error === untouched);
});

test('what is left of a pair of two failures stays two failures', () => {
  const one = new Error('one');
  const two = new Error('two');
  const three = new LoweredSuppressedError(one, new LoweredSuppressedError(cancelled, two));
  const residue = takeOutCancelled(three);
  assert.ok(residue.cancelled && residue.failed && residue.error instanceof AggregateError);
  assert.deepEqual(residue.error.errors, [one, two]);
});

test('a group keeps its message and cause when leaves are taken out', () => {
  const cause = new Error('cause');
  const residue = takeOutCancelled(
    new AggregateError([new Error('a'), cancelled, new Error('b')], 'message', { cause }),
  );
  assert.ok(residue.cancelled && residue.failed && residue.error instanceof AggregateError);
  assert.equal(residue.error.message, 'message');
  assert.equal(residue.error.cause, cause);
  assert.equal(residue.error.errors.length, 2);
});

test('a group that contains itself does not hang or overflow', () => {
  const group = new AggregateError([cancelled, new Error('real')]);
  group.errors.push(group);
  const residue = takeOutCancelled(group);
  assert.ok(residue.cancelled && residue.failed);
  let deep: unknown = cancelled;
  for (let i = 0; i < 100_000; i++) deep = new LoweredSuppressedError(deep, i % 2 === 0 ? cancelled : new Error('x'));
  assert.ok(takeOutCancelled(deep));
});

/** As compiled by tsc for Node 20, where there is neither `using` nor SuppressedError. */
test('a real `await using` whose disposal fails while Cancelled passes: the failure comes out alone', async () => {
  const failure = new Error('close failed');
  const scope = new CancelScope();
  await assert.rejects(
    scope.run(async () => {
      await using resource = {
        [Symbol.asyncDispose]: async () => {
          throw failure;
        },
      };
      assert.ok(resource);
      scope.cancel();
      await checkpoint();
    }),
    (error) => error === failure,
  );
  assert.equal(scope.cancelledCaught, true);
});

test('a real `await using` whose disposal is cancelled while an error passes: the error comes out alone', async () => {
  const failure = new Error('body failed');
  const scope = new CancelScope();
  await assert.rejects(
    scope.run(async () => {
      await using one = { [Symbol.asyncDispose]: () => checkpoint() };
      await using two = { [Symbol.asyncDispose]: () => checkpoint() };
      assert.ok(one !== two);
      scope.cancel();
      throw failure;
    }),
    (error) => error === failure,
  );
});

test('a real `await using` where everything is cancelled: nothing comes out', async () => {
  const scope = new CancelScope();
  const result = await scope.run(async () => {
    await using one = { [Symbol.asyncDispose]: () => checkpoint() };
    assert.ok(one);
    scope.cancel();
    await checkpoint();
    return 'not reached';
  });
  assert.equal(result, undefined);
  assert.equal(scope.cancelledCaught, true);
});

test('the native SuppressedError is known where Node has one', { skip: nativeUsing() }, () => {
  const run = runNode(`
    import { CancelScope, checkpoint } from 'bowline/tasks';
    const scope = new CancelScope();
    const failure = new Error('close failed');
    const outcome = await scope.run(async () => {
      await using resource = { [Symbol.asyncDispose]: async () => { throw failure; } };
      scope.cancel();
      await checkpoint();
    }).catch((error) => error);
    console.log(outcome === failure, scope.cancelledCaught);
  `);
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, 'true true\n');
});

function nativeUsing(): string | false {
  return Number(process.versions.node.split('.')[0]) >= 24 ? false : 'this Node has no `await using`';
}
