/** Locks and their kin under random tasks that give up at random moments: never too many, never one lost, in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import {
  CancelScope,
  CapacityLimiter,
  Condition,
  currentTime,
  Lock,
  moveOnAfter,
  openNursery,
  Semaphore,
  sleep,
} from 'bowline/tasks';
import type { Guard } from 'bowline/tasks';

import { virtually } from '../support/scripted-clock.js';

const kinds: Record<string, (count: number) => { acquire: () => Promise<Guard>; count: number; free: () => boolean }> =
  {
    Lock: () => {
      const lock = new Lock();
      return { acquire: () => lock.acquire(), count: 1, free: () => !lock.locked };
    },
    Semaphore: (count) => {
      const semaphore = new Semaphore(count);
      return { acquire: () => semaphore.acquire(), count, free: () => semaphore.value === count };
    },
    CapacityLimiter: (count) => {
      const limiter = new CapacityLimiter(count);
      return { acquire: () => limiter.acquire(), count, free: () => limiter.borrowedTokens === 0 };
    },
    Condition: () => {
      const condition = new Condition();
      return { acquire: () => condition.acquire(), count: 1, free: () => !condition.statistics().lock.locked };
    },
  };

// Different primes of a millisecond, so that no two things fall on one moment.
const task = fc.record({
  arrivesMs: fc.nat({ max: 40 }),
  holdsMs: fc.integer({ min: 1, max: 20 }),
  patienceMs: fc.nat({ max: 60 }),
  cleansUp: fc.boolean(),
});

for (const [name, make] of Object.entries(kinds)) {
  test(`${name}: tasks that come, hold, and give up at random`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(task, { minLength: 1, maxLength: 12 }),
        async (count, plan) => {
          const thing = make(count);
          let holding = 0;
          const asked: number[] = [];
          const served: number[] = [];
          const gaveUp = new Set<number>();
          await virtually(() =>
            openNursery(async (nursery) => {
              plan.forEach((person, index) => {
                nursery.startSoon(async () => {
                  await sleep(person.arrivesMs + index / 1000);
                  let hasIt = false;
                  await moveOnAfter(person.patienceMs + 0.37 + index / 7919, async () => {
                    asked.push(index);
                    using guard = await thing.acquire();
                    assert.equal(guard.held, true);
                    hasIt = true;
                    served.push(index);
                    assert.ok(++holding <= thing.count, 'never more than there are');
                    try {
                      await sleep(person.holdsMs + 0.13 + index / 6007);
                    } finally {
                      if (person.cleansUp) await new CancelScope({ shield: true }).run(() => sleep(1.7));
                      holding--;
                    }
                  });
                  if (!hasIt) gaveUp.add(index);
                });
              });
            }),
          );
          assert.equal(holding, 0);
          assert.ok(thing.free(), 'everything was given back');
          assert.deepEqual(
            served,
            asked.filter((index) => !gaveUp.has(index)),
            'served in the order of asking',
          );
        },
      ),
      { numRuns: 40 },
    );
  });
}

test('Condition: every notification wakes one, none is lost on those who give up', async () => {
  const consumer = fc.record({ arrivesMs: fc.nat({ max: 20 }), patienceMs: fc.nat({ max: 40 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(consumer, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 8 }),
      async (consumers, producers) => {
        await virtually(async () => {
          const condition = new Condition();
          let items = 0;
          let taken = 0;
          await openNursery(async (nursery) => {
            consumers.forEach((person, index) => {
              nursery.startSoon(async () => {
                await sleep(person.arrivesMs + index / 997);
                await moveOnAfter(person.patienceMs + 0.31 + index / 7919, async () => {
                  using held = await condition.acquire();
                  while (items === 0) await condition.wait(held);
                  items--;
                  taken++;
                });
              });
            });
            producers.forEach((at, index) => {
              nursery.startSoon(async () => {
                await sleep(at + 0.5 + index / 1009);
                await condition.run(async () => {
                  items++;
                  condition.notify();
                });
              });
            });
          });
          assert.ok(currentTime() < 1000);
          assert.equal(items + taken, producers.length);
          assert.deepEqual(condition.statistics(), { tasksWaiting: 0, lock: { locked: false, tasksWaiting: 0 } });
        });
      },
    ),
    { numRuns: 60 },
  );
});
