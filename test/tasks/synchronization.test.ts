/** Event, Lock, Semaphore, CapacityLimiter and Condition, with the rules that they share. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MisuseError, WouldBlock } from 'bowline/core';
import {
  CancelScope,
  Cancelled,
  CapacityLimiter,
  Condition,
  Event,
  Lock,
  moveOnAfter,
  openNursery,
  Semaphore,
  sleep,
} from 'bowline/tasks';
import type { Guard } from 'bowline/tasks';

import { settle, virtually } from '../support/scripted-clock.js';

test('Event: wakes all who wait, lets later ones pass, and setting it twice is fine', async () => {
  const event = new Event();
  assert.equal(event.isSet, false);
  const waits = [event.wait(), event.wait()];
  assert.deepEqual(event.statistics(), { tasksWaiting: 2 });
  event.set();
  event.set();
  await Promise.all(waits);
  await event.wait();
  assert.equal(event.isSet, true);
  assert.deepEqual(event.statistics(), { tasksWaiting: 0 });
});

test('Event: waiting for one that is set is a cancel point all the same', async () => {
  const event = new Event();
  event.set();
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    await event.wait();
  });
  assert.equal(scope.cancelledCaught, true);
});

interface Exclusive {
  acquire(): Promise<Guard>;
  acquireNowait(): Guard;
  run<T>(body: (guard: Guard) => Promise<T>): Promise<T>;
}

const exclusives: Record<string, () => Exclusive> = {
  Lock: () => new Lock(),
  'Semaphore(1)': () => new Semaphore(1),
  'CapacityLimiter(1)': () => new CapacityLimiter(1),
  Condition: () => new Condition(),
};

for (const [name, make] of Object.entries(exclusives)) {
  test(`${name}: is handed over in the order of asking, and nobody gets in between`, async () => {
    const lock = make();
    const order: number[] = [];
    const first = await lock.acquire();
    assert.throws(() => lock.acquireNowait(), WouldBlock);
    await openNursery(async (nursery) => {
      for (let i = 0; i < 5; i++) {
        nursery.startSoon(async () => {
          const guard = await lock.acquire();
          order.push(i);
          await settle(1);
          guard.release();
          // It went to the next in line already.
          if (i < 4) assert.throws(() => lock.acquireNowait(), WouldBlock);
        });
      }
      await settle();
      first.release();
      assert.throws(() => lock.acquireNowait(), WouldBlock);
    });
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    lock.acquireNowait().release();
  });

  test(`${name}: releasing a guard again does nothing, also when another holds by then`, async () => {
    const lock = make();
    const first = await lock.acquire();
    assert.equal(first.held, true);
    first.release();
    assert.equal(first.held, false);
    const second = await lock.acquire();
    first.release();
    first[Symbol.dispose]();
    assert.equal(second.held, true);
    assert.throws(() => lock.acquireNowait(), WouldBlock);
    second.release();
  });

  test(`${name}: a cancelled acquire leaves the line and takes nothing`, () =>
    virtually(async () => {
      const lock = make();
      const holder = await lock.acquire();
      assert.equal(await moveOnAfter(100, () => lock.acquire()), undefined);
      const waiting = lock.acquire();
      holder.release();
      const guard = await waiting;
      assert.equal(guard.held, true);
      guard.release();
      lock.acquireNowait().release();
    }));

  test(`${name}: in a cancelled scope a free one is not acquired either`, async () => {
    const lock = make();
    const scope = new CancelScope();
    await scope.run(async () => {
      scope.cancel();
      await lock.acquire();
    });
    assert.equal(scope.cancelledCaught, true);
    lock.acquireNowait();
  });

  test(`${name}: what was handed over is kept although a cancel follows`, async () => {
    const lock = make();
    const holder = await lock.acquire();
    const scope = new CancelScope();
    const guard = await scope.run(async () => {
      const waiting = lock.acquire();
      holder.release();
      scope.cancel();
      return waiting;
    });
    assert.equal(guard?.held, true);
    assert.throws(() => lock.acquireNowait(), WouldBlock);
  });

  test(`${name}: run releases however its body ends; so does using`, async () => {
    const lock = make();
    assert.equal(await lock.run(async (guard) => (guard.held ? 'value' : '')), 'value');
    await assert.rejects(
      lock.run(async () => {
        throw new Error('body');
      }),
      /body/,
    );
    {
      using guard = await lock.acquire();
      assert.equal(guard.held, true);
    }
    lock.acquireNowait().release();
  });

  test(`${name}: a waiter whose scope has ended is not handed anything`, async () => {
    const lock = make();
    const holder = await lock.acquire();
    let escaped: Promise<unknown> | undefined;
    await new CancelScope().run(async () => {
      escaped = lock.acquire();
      escaped.catch(() => undefined);
    });
    await assert.rejects(escaped as Promise<unknown>, { name: 'ScopeExitedError' });
    holder.release();
    lock.acquireNowait().release();
  });
}

test('a line of 20,000 waiters is served in linear time', async () => {
  const lock = new Lock();
  const holder = await lock.acquire();
  let served = 0;
  const waits = Array.from({ length: 20_000 }, () =>
    lock.acquire().then((guard) => {
      served++;
      guard.release();
    }),
  );
  holder.release();
  await Promise.all(waits);
  assert.equal(served, 20_000);
});

test('Lock: says whether it is held and how many wait', async () => {
  const lock = new Lock();
  assert.deepEqual(lock.statistics(), { locked: false, tasksWaiting: 0 });
  const guard = await lock.acquire();
  const waiting = lock.acquire();
  assert.deepEqual(lock.statistics(), { locked: true, tasksWaiting: 1 });
  guard.release();
  (await waiting).release();
  assert.equal(lock.locked, false);
});

test('Semaphore: bad arguments are refused', () => {
  for (const bad of ['1', null, undefined]) assert.throws(() => new Semaphore(bad as never), TypeError);
  for (const bad of [-1, 1.5, NaN, Infinity]) assert.throws(() => new Semaphore(bad), RangeError);
  assert.throws(() => new Semaphore(1, { max: '2' as never }), TypeError);
  assert.throws(() => new Semaphore(1, { max: 1.5 }), RangeError);
  assert.throws(() => new Semaphore(2, { max: 1 }), RangeError);
});

test('Semaphore: counts down to waiting, and release hands to who waits before it counts up', async () => {
  const semaphore = new Semaphore(1);
  assert.equal(semaphore.value, 1);
  await semaphore.acquire();
  const waiting = semaphore.acquire();
  await settle();
  assert.deepEqual(semaphore.statistics(), { tasksWaiting: 1 });
  semaphore.release();
  await waiting;
  assert.equal(semaphore.value, 0);
  semaphore.release();
  assert.equal(semaphore.value, 1);
});

test('Semaphore: releasing beyond max is a misuse, giving a guard back never throws', async () => {
  const semaphore = new Semaphore(1, { max: 1 });
  assert.throws(() => {
    semaphore.release();
  }, MisuseError);
  const guard = await semaphore.acquire();
  semaphore.release();
  guard.release();
  assert.equal(semaphore.value, 1);
});

test('CapacityLimiter: bad arguments are refused, in the setter too', () => {
  for (const bad of ['1', null, undefined]) assert.throws(() => new CapacityLimiter(bad as never), TypeError);
  for (const bad of [-1, 1.5, NaN]) {
    assert.throws(() => new CapacityLimiter(bad), RangeError);
    assert.throws(() => {
      new CapacityLimiter(1).totalTokens = bad;
    }, RangeError);
  }
});

test('CapacityLimiter: raising the total lets the longest waiting go on at once, lowering it waits for borrowers', async () => {
  const limiter = new CapacityLimiter(1);
  const guards = [await limiter.acquire()];
  const order: string[] = [];
  const waits = ['a', 'b', 'c'].map((who) =>
    limiter.acquire().then((guard) => {
      order.push(who);
      guards.push(guard);
    }),
  );
  limiter.totalTokens = 3;
  await settle();
  assert.deepEqual(order, ['a', 'b']);
  limiter.totalTokens = 1;
  assert.equal(limiter.availableTokens, -2);
  guards.shift()?.release();
  guards.shift()?.release();
  await settle();
  assert.deepEqual(order, ['a', 'b'], 'one is still borrowed of one');
  guards.shift()?.release();
  await Promise.all(waits);
  assert.deepEqual(order, ['a', 'b', 'c']);
  assert.deepEqual(limiter.statistics(), { borrowedTokens: 1, totalTokens: 1, borrowers: [], tasksWaiting: 0 });
});

test('CapacityLimiter: infinite, and none at all', async () => {
  const limiter = new CapacityLimiter(Infinity);
  for (let i = 0; i < 100; i++) await limiter.acquire();
  assert.equal(limiter.borrowedTokens, 100);
  assert.throws(() => new CapacityLimiter(0).acquireNowait(), WouldBlock);
});

test('CapacityLimiter: a borrower can hold one token at a time', async () => {
  const limiter = new CapacityLimiter(2);
  const who = {};
  const guard = await limiter.acquireOnBehalfOf(who);
  assert.deepEqual(limiter.statistics().borrowers, [who]);
  await assert.rejects(limiter.acquireOnBehalfOf(who), MisuseError);
  assert.throws(() => limiter.acquireOnBehalfOfNowait(who), MisuseError);
  guard.release();
  limiter.acquireOnBehalfOfNowait(who).release();

  const other = await limiter.acquireOnBehalfOf('other');
  await limiter.acquire();
  const twice = [limiter.acquireOnBehalfOf(who), limiter.acquireOnBehalfOf(who)] as const;
  limiter.totalTokens = 3;
  await twice[0];
  limiter.totalTokens = 4;
  await assert.rejects(twice[1], MisuseError);
  other.release();
  assert.equal(limiter.borrowedTokens, 2);
});

test('Condition: notify wakes the longest waiting, each with the lock held', async () => {
  const condition = new Condition();
  const order: number[] = [];
  await openNursery(async (nursery) => {
    for (let i = 0; i < 3; i++) {
      nursery.startSoon(() =>
        condition.run(async (held) => {
          await condition.wait(held);
          assert.equal(held.held, true);
          order.push(i);
          await settle(1);
          assert.throws(() => condition.acquireNowait(), WouldBlock);
        }),
      );
    }
    await settle();
    assert.deepEqual(condition.statistics(), { tasksWaiting: 3, lock: { locked: false, tasksWaiting: 0 } });
    await condition.run(async () => {
      condition.notify();
      await settle();
      assert.deepEqual(order, [], 'the lock is not free yet');
    });
    await settle();
    assert.deepEqual(order, [0]);
    await condition.run(async () => {
      condition.notifyAll();
    });
  });
  assert.deepEqual(order, [0, 1, 2]);
});

test('Condition: a cancelled wait has the lock again before it throws', () =>
  virtually(async () => {
    const lock = new Lock();
    const condition = new Condition(lock);
    const log: string[] = [];
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() =>
        scope.run(async () => {
          using held = await condition.acquire();
          try {
            await condition.wait(held);
          } catch (error) {
            assert.ok(error instanceof Cancelled);
            assert.equal(held.held, true);
            log.push('cancelled, holding');
            throw error;
          }
        }),
      );
      await sleep(10);
      await lock.run(async () => {
        scope.cancel();
        await sleep(100);
        log.push('other lets go');
      });
    });
    assert.deepEqual(log, ['other lets go', 'cancelled, holding']);
    assert.equal(lock.locked, false);
  }));

test('Condition: in a cancelled scope wait throws at once and never lets go of the lock', async () => {
  const condition = new Condition();
  const scope = new CancelScope();
  await scope.run(async () => {
    using held = await condition.acquire();
    scope.cancel();
    const waiting = condition.wait(held);
    assert.throws(() => condition.acquireNowait(), WouldBlock);
    await waiting;
  });
  assert.equal(scope.cancelledCaught, true);
});

test('Condition: a notified wait keeps its notification although a cancel follows', async () => {
  const condition = new Condition();
  const scope = new CancelScope();
  let woken = false;
  await openNursery(async (nursery) => {
    nursery.startSoon(() =>
      scope.run(async () => {
        using held = await condition.acquire();
        await condition.wait(held);
        woken = true;
      }),
    );
    await settle();
    await condition.run(async () => {
      condition.notify();
      scope.cancel();
    });
  });
  assert.equal(woken, true);
});

test('Condition: a guard released while it waits does not hold on afterwards', async () => {
  const condition = new Condition();
  const held = await condition.acquire();
  const waiting = condition.wait(held);
  held.release();
  await condition.run(async () => {
    condition.notify();
  });
  await waiting;
  assert.equal(held.held, false);
  assert.equal(condition.statistics().lock.locked, false);
});

test('Condition: misuse is named', async () => {
  const condition = new Condition();
  assert.throws(() => {
    condition.notify();
  }, MisuseError);
  const held = await condition.acquire();
  assert.throws(() => {
    condition.notify(0);
  }, RangeError);
  assert.throws(() => {
    condition.notify('1' as never);
  }, TypeError);
  await assert.rejects(new Condition().wait(held), MisuseError, 'a guard of another condition');
  await assert.rejects(condition.wait(await new Lock().acquire()), MisuseError, 'a guard of a bare lock');
  held.release();
  await assert.rejects(condition.wait(held), MisuseError, 'not held any more');
});
