/** The two queues under locks and channels: waiting calls, and buffered values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { CancelScope } from 'bowline/tasks';

import { Fifo } from '#src/tasks/fifo.js';
import { WaitQueue } from '#src/tasks/wait-queue.js';

test('Fifo: any sequence of pushing, taking and clearing agrees with an array', () => {
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.constant('push') },
    { weight: 5, arbitrary: fc.constant('shift') },
    fc.constant('clear'),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400, size: 'max' }), (operations) => {
      const fifo = new Fifo<number>();
      let array: number[] = [];
      operations.forEach((op, index) => {
        if (op === 'push') {
          fifo.push(index);
          array.push(index);
        } else if (op === 'shift') {
          if (array.length > 0) assert.equal(fifo.shift(), array.shift());
        } else {
          fifo.clear();
          array = [];
        }
        assert.equal(fifo.size, array.length);
      });
    }),
  );
});

test('WaitQueue: any sequence of waiting, cancelling, taking and rejecting keeps the order and the count', async () => {
  const operation = fc.oneof(
    { weight: 5, arbitrary: fc.record({ op: fc.constant('wait' as const), item: fc.nat({ max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('shielded' as const), item: fc.nat({ max: 3 }) }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('cancel' as const), pick: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('take' as const) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('reject' as const), item: fc.nat({ max: 3 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const queue = new WaitQueue<number, number>();
      let expected: { id: number; item: number; scope: CancelScope; shielded: boolean }[] = [];
      const outcomes: Promise<unknown>[] = [];
      const ended = new Map<number, string>();
      operations.forEach((step, id) => {
        if (step.op === 'wait' || step.op === 'shielded') {
          const scope = new CancelScope();
          const shielded = step.op === 'shielded';
          const running = scope.tryRun(() => (shielded ? queue.waitShielded(step.item) : queue.wait(step.item)));
          outcomes.push(
            running.then(
              (result) => ended.set(id, result.cancelled ? 'cancelled' : `value ${result.value}`),
              (error: Error) => ended.set(id, error.message),
            ),
          );
          expected.push({ id, item: step.item, scope, shielded });
        } else if (step.op === 'cancel') {
          const place = expected[step.pick % Math.max(expected.length, 1)];
          place?.scope.cancel();
          expected = expected.filter((other) => other !== place || other.shielded);
        } else if (step.op === 'take') {
          const place = expected.shift();
          const taken = queue.take();
          assert.equal(taken?.item, place?.item);
          taken?.waiter.resolve(place?.id as number);
        } else {
          queue.rejectWhere(
            (item) => item === step.item,
            () => new Error('rejected'),
          );
          expected = expected.filter((place) => place.item !== step.item);
        }
        assert.equal(queue.size, expected.length);
      });
      for (const { id } of expected) queue.take()?.waiter.resolve(id);
      await Promise.all(outcomes);
      for (const [id, outcome] of ended) assert.ok([`value ${id}`, 'cancelled', 'rejected'].includes(outcome), outcome);
      assert.equal(queue.take(), undefined);
    }),
  );
});
