import assert from 'node:assert/strict';
import test from 'node:test';

import { MisuseError } from 'bowline/core';
import { CancelScope, openNursery, sleep, withClock } from 'bowline/tasks';
import { MockClock, Sequencer, waitAllTasksBlocked } from 'bowline/testing';

test('blocks run in the order of their numbers, whoever comes first', async () => {
  const record: number[] = [];
  const sequencer = new Sequencer();
  const child = async (first: number, second: number): Promise<void> => {
    for (const position of [first, second]) {
      await sequencer.run(position, async () => {
        record.push(position);
        await sleep(position);
        record.push(position);
      });
    }
  };
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(child, 4, 5);
      nursery.startSoon(child, 0, 3);
      nursery.startSoon(child, 1, 2);
      await Promise.resolve();
    }),
  );
  assert.deepEqual(record, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
});

test('a block that fails still lets the next one go', async () => {
  const sequencer = new Sequencer();
  await assert.rejects(
    sequencer.run(0, () => Promise.reject(new Error('mine'))),
    /mine/,
  );
  assert.equal(await sequencer.run(1, async () => 'next'), 'next');
});

test('a number is used once, and is an integer from 0', async () => {
  const sequencer = new Sequencer();
  await sequencer.run(0, async () => undefined);
  await assert.rejects(
    sequencer.run(0, async () => undefined),
    MisuseError,
  );
  await assert.rejects(
    sequencer.run(0.5, async () => undefined),
    TypeError,
  );
  await assert.rejects(
    sequencer.run(-1, async () => undefined),
    RangeError,
  );
});

test('cancelling a wait breaks the sequence for that waiter, for all others and for late arrivals', async () => {
  const sequencer = new Sequencer();
  const ended: string[] = [];
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    const waitAt = async (position: number): Promise<void> => {
      await assert.rejects(
        sequencer.run(position, () => assert.fail('does not run')),
        MisuseError,
      );
      ended.push(`${position}`);
    };
    nursery.startSoon(() => scope.run(() => waitAt(1)));
    nursery.startSoon(waitAt, 2);
    await waitAllTasksBlocked();
    scope.cancel();
    await waitAllTasksBlocked();
    assert.deepEqual(ended.sort(), ['1', '2']);
    await waitAt(0);
  });
});
