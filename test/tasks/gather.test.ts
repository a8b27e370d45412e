import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  CancelScope,
  Cancelled,
  checkpoint,
  currentTime,
  firstOf,
  gather,
  moveOnAfter,
  sleep,
  sleepForever,
} from 'bowline/tasks';

import { virtually } from '../support/scripted-clock.js';

const after =
  <T>(ms: number, value: T): (() => Promise<T>) =>
  async () => {
    await sleep(ms);
    return value;
  };
const failAt =
  (ms: number, message: string): (() => Promise<never>) =>
  async () => {
    await sleep(ms);
    throw new Error(message);
  };

test('gather: results in the order of the functions, as long as the slowest', () =>
  virtually(async () => {
    const [a, b, c] = await gather([after(300, 'a'), after(100, 2), after(200, true)]);
    assert.deepEqual([a, b, c], ['a', 2, true]);
    assert.equal(currentTime(), 300);
    assert.deepEqual(await gather([]), []);
  }));

test('gather: the first failure ends the others, which are awaited', () =>
  virtually(async () => {
    let ended = 0;
    await assert.rejects(
      gather([
        failAt(100, 'first'),
        () =>
          sleepForever().finally(async () => {
            await new CancelScope({ shield: true }).run(() => sleep(50));
            ended = currentTime();
          }),
      ]),
      /first/,
    );
    assert.equal(ended, 150);
  }));

test('gather: an outer cancel comes out as a cancel, not as half a result', () =>
  virtually(async () => {
    assert.equal(await moveOnAfter(150, () => gather([after(100, 1), after(200, 2)])), undefined);
  }));

test('firstOf: the first to end decides, by value; the others are cancelled and awaited', () =>
  virtually(async () => {
    const ended: number[] = [];
    const loser = (): Promise<never> => sleepForever().finally(() => ended.push(currentTime()));
    assert.equal(await firstOf([loser, after(100, 'won'), after(200, 'late'), loser]), 'won');
    assert.deepEqual(ended, [100, 100]);
    assert.equal(currentTime(), 100);
  }));

test('firstOf: the first to end decides, by error', () =>
  virtually(async () => {
    await assert.rejects(firstOf([failAt(100, 'lost'), after(200, 'late')]), /lost/);
    assert.equal(currentTime(), 100);
  }));

test('firstOf until success: errors do not decide until all have failed', () =>
  virtually(async () => {
    assert.equal(await firstOf([failAt(100, 'a'), after(200, 'won')], { until: 'success' }), 'won');
    await assert.rejects(firstOf([failAt(200, 'a'), failAt(100, 'b')], { until: 'success' }), (error) => {
      assert.ok(error instanceof AggregateError);
      assert.deepEqual(
        error.errors.map((leaf: Error) => leaf.message),
        ['a', 'b'],
        'in the order of the functions',
      );
      return true;
    });
  }));

test('firstOf until success: an attempt that fails as it loses does not take the win away', () =>
  virtually(async () => {
    const failsWhenCancelled = async (): Promise<never> => {
      await sleepForever().catch(() => undefined);
      throw new Error('connection refused');
    };
    assert.equal(await firstOf([failsWhenCancelled, after(100, 'won')], { until: 'success' }), 'won');
    assert.equal(await firstOf([failAt(100, 'same moment'), after(100, 'won')], { until: 'success' }), 'won');
    assert.equal(await firstOf([after(100, 'won'), failAt(100, 'same moment')], { until: 'success' }), 'won');
  }));

test('firstOf until settled: what goes wrong in a loser is not lost', () =>
  virtually(async () => {
    const cleanupFails = async (): Promise<never> => {
      await sleepForever().catch(() => undefined);
      throw new Error('cleanup');
    };
    await assert.rejects(firstOf([cleanupFails, after(100, 'won')]), /cleanup/);
  }));

test('firstOf: of two that win at the same moment the first one counts', async () => {
  assert.equal(await firstOf([async () => 'one', async () => 'two']), 'one');
});

test('firstOf: a value that was won is kept although a cancel from outside follows', () =>
  virtually(async () => {
    const outer = new CancelScope();
    const result = await outer.run(async () => {
      const value = await firstOf([
        async () => {
          await sleep(100);
          return 'socket';
        },
        () =>
          sleepForever().finally(() => {
            outer.cancel();
          }),
      ]);
      await assert.rejects(checkpoint(), Cancelled);
      return value;
    });
    assert.equal(result, 'socket');
  }));

test('firstOf: a cancel from outside before anyone has won comes out as a cancel', () =>
  virtually(async () => {
    for (const until of ['success', 'settled'] as const) {
      assert.equal(await moveOnAfter(50, () => firstOf([after(100, 1), after(200, 2)], { until })), undefined);
      const failing = moveOnAfter(50, () => firstOf([failAt(10, 'x'), after(200, 2)], { until: 'success' }));
      assert.equal(await failing, undefined);
    }
  }));

test('firstOf and gather refuse what is not a list of functions', async () => {
  await assert.rejects(firstOf([]), TypeError);
  await assert.rejects(firstOf([Promise.resolve(1) as never]), TypeError);
  await assert.rejects(gather([5 as never]), TypeError);
  let ran = false;
  await assert.rejects(
    gather([
      async () => {
        ran = true;
      },
      5 as never,
    ]),
    TypeError,
  );
  assert.equal(ran, false, 'arguments are checked before anything starts');
});
