import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TooSlowError } from 'bowline/core';
import {
  CancelScope,
  Cancelled,
  checkpoint,
  currentTime,
  failAfter,
  failAt,
  moveOnAfter,
  moveOnAt,
  sleep,
  sleepForever,
  sleepUntil,
} from 'bowline/tasks';

import { virtually } from '../support/scripted-clock.js';

test('CORE-25 moveOnAfter moves on, also when it is shielded', () =>
  virtually(async () => {
    assert.equal(await moveOnAfter(1000, () => sleep(5000)), undefined);
    assert.equal(currentTime(), 1000);
    await moveOnAfter(1000, async (scope) => {
      scope.shield = true;
      await sleep(5000);
    });
    assert.equal(currentTime(), 2000);
    assert.equal(await moveOnAfter(1000, async () => 'value'), 'value');
    await moveOnAt(2500, sleepForever);
    assert.equal(currentTime(), 2500);
  }));

test('CORE-25 failAfter and failAt throw TooSlowError, also when shielded, and give the value in time', () =>
  virtually(async () => {
    await assert.rejects(
      failAfter(1000, () => sleep(5000)),
      (error) => error instanceof TooSlowError && /1000 ms/.test(error.message),
    );
    assert.equal(currentTime(), 1000);
    await assert.rejects(
      failAfter(1000, async (scope) => {
        scope.shield = true;
        await sleep(5000);
      }),
      TooSlowError,
    );
    await assert.rejects(failAt(2500, sleepForever), TooSlowError);
    assert.equal(currentTime(), 2500);
    assert.equal(await failAfter(1000, async () => undefined), undefined);
    assert.equal(await failAt(9000, async () => 'value'), 'value');
  }));

test('CORE-25 an outer cancel is not turned into TooSlowError, and is invisible under a shield', () =>
  virtually(async () => {
    const outer = new CancelScope();
    await outer.run(async () => {
      outer.cancel();
      await moveOnAfter(1000, async (scope) => {
        scope.shield = true;
        await sleep(100);
      });
      assert.equal(currentTime(), 100);
      await failAfter(1000, () => sleep(5000)).catch((error: unknown) => {
        assert.ok(error instanceof Cancelled);
        throw error;
      });
    });
    assert.equal(outer.cancelledCaught, true);
  }));

test('a body that got through although its time was up has not failed', () =>
  virtually(async (clock) => {
    assert.equal(
      await failAfter(100, async () => {
        clock.skip(500);
        return 'late but done';
      }),
      'late but done',
    );
  }));

test('an error of the body is not hidden by the timeout', () =>
  virtually(async () => {
    await assert.rejects(
      failAfter(100, async () => {
        try {
          await sleep(500);
        } catch {
          throw new Error('cleanup');
        }
      }),
      /cleanup/,
    );
  }));

test('CORE-13 bad times reject, they do not throw', async () => {
  const body = (): Promise<void> => Promise.resolve();
  for (const bad of [-1, NaN]) {
    for (const call of [moveOnAfter, failAfter]) await assert.rejects(call(bad, body), RangeError);
    await assert.rejects(sleep(bad), RangeError);
  }
  for (const call of [moveOnAt, failAt]) {
    await assert.rejects(call(NaN, body), RangeError);
    await assert.rejects(call('5' as never, body), TypeError);
    await call(-5, body);
  }
  await assert.rejects(sleepUntil(NaN), RangeError);
  await assert.rejects(sleep('1' as never), TypeError);
});

test('sleep takes as long as it says; 0 and moments past are a turn of the event loop and a cancel point', () =>
  virtually(async (clock) => {
    await sleep(250);
    assert.equal(currentTime(), 250);
    await sleepUntil(1000);
    assert.equal(currentTime(), 1000);
    for (const wait of [() => sleep(0), () => sleepUntil(5), () => sleepUntil(-Infinity)]) {
      let turned = false;
      setImmediate(() => {
        turned = true;
      });
      await wait();
      assert.equal(turned, true);
      const scope = new CancelScope();
      await scope.run(async () => {
        scope.cancel();
        await wait();
        assert.fail('not reached');
      });
    }
    assert.equal(clock.now(), 1000);
    assert.equal(clock.timers, 0);
  }));

test('sleepForever ends by cancellation only', () =>
  virtually(async () => {
    assert.equal(await moveOnAfter(1e6, sleepForever), undefined);
    assert.equal(currentTime(), 1e6);
  }));

test('a cancelled sleep takes its timer along', () =>
  virtually(async (clock) => {
    await moveOnAfter(10, () => sleep(1e9));
    assert.equal(clock.timers, 0);
    await checkpoint();
  }));
