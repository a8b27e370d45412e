/**
 * Nothing is left behind. Each program below does one thing a million times in a Node of its own and looks at the heap
 * before and after; a leak of one pointer a time would be 8 MB.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runNode } from '../support/run-node.js';

const LIMIT_BYTES = 400_000;

function heapGrowth(title: string, times: number, setUp: string, once: string): void {
  test(`${title}, ${times.toLocaleString('en')} times: the heap is flat`, () => {
    const run = runNode(
      `
      import * as tasks from 'bowline/tasks';
      const { CancelScope, openNursery, suspend, sleep, sleepForever, moveOnAfter, failAfter, checkpoint, Lock, Event,
        openMemoryChannel, Waiter, withSignal, Cancelled } = tasks;
      const settle = () => new Promise((resolve) => setImmediate(resolve));
      const measure = async () => {
        for (let i = 0; i < 3; i++) { await settle(); gc(); }
        return process.memoryUsage().heapUsed;
      };
      const repeat = async (times, fn) => { for (let i = 0; i < times; i++) await fn(i); };
      ${setUp}
      async function main(once) {
        await repeat(20_000, once);
        const before = await measure();
        await repeat(${times}, once);
        console.log(await measure() - before);
      }
      ${once}
    `,
      ['--expose-gc'],
    );
    assert.equal(run.stderr, '');
    const growth = Number(run.stdout);
    assert.ok(growth < LIMIT_BYTES, `the heap grew by ${growth} bytes`);
  });
}

heapGrowth('a scope entered and left', 1_000_000, '', 'await main(() => new CancelScope().run(async () => {}));');

heapGrowth(
  'a scope with a deadline and a foreign signal inside a long-lived scope',
  300_000,
  'const { signal } = new AbortController();',
  `await new CancelScope().run(() => main(() => new CancelScope({ timeoutMs: 1e8, signal }).run(async () => {})));`,
);

heapGrowth(
  'a scope whose signal was taken',
  100_000,
  '',
  'await new CancelScope().run(() => main(() => new CancelScope().run(async (scope) => scope.signal)));',
);

heapGrowth(
  'a wait in one long-lived scope, whose signal exists',
  1_000_000,
  '',
  `await new CancelScope().run(async (scope) => {
     scope.signal.addEventListener('abort', () => {});
     await main(() => suspend((waiter) => { waiter.resolve(); return () => {}; }));
   });`,
);

heapGrowth(
  'a wait that was cut by a scope of its own',
  100_000,
  '',
  `await main(async () => {
     const scope = new CancelScope();
     const running = scope.run(sleepForever);
     scope.cancel();
     await running;
   });`,
);

heapGrowth(
  'a task in one long-lived nursery',
  500_000,
  '',
  `await openNursery((nursery) => main((i) => {
     nursery.startSoon(async () => {});
     return i % 100 === 0 ? checkpoint() : undefined;
   }));`,
);

heapGrowth(
  'a task that was started and reported, in one long-lived nursery',
  100_000,
  '',
  'await openNursery((nursery) => main(() => nursery.start(async (started) => { started(); })));',
);

heapGrowth(
  'a deadline moved in one long-lived scope',
  1_000_000,
  '',
  `await new CancelScope({ timeoutMs: 1e8 }).run((scope) => main((i) => {
     scope.deadline += i % 2 === 0 ? 1000 : -500;
     return i % 1000 === 0 ? checkpoint() : undefined;
   }));`,
);

heapGrowth(
  'a shield toggled with the signal taken each time, in a cancelled scope',
  20_000,
  '',
  `const outer = new CancelScope();
   await outer.run(() => new CancelScope({ shield: true }).run(async (inner) => {
     outer.cancel();
     await main(() => { inner.shield = false; inner.signal; inner.shield = true; inner.signal; });
   }));`,
);

heapGrowth(
  'a cancelled acquire and a cancelled receive',
  50_000,
  `const lock = new Lock(); await lock.acquire(); const event = new Event(); const [, receive] = openMemoryChannel(0);
   const cut = async (wait) => {
     const scope = new CancelScope();
     const running = scope.run(wait);
     scope.cancel();
     await running;
   };`,
  'await main(async () => { await cut(() => lock.acquire()); await cut(() => event.wait()); await cut(() => receive.receive()); });',
);

test('CORE-32 what a cancelled task held, and its error, are let go of promptly', () => {
  const run = runNode(
    `
    import { CancelScope, openNursery, sleepForever } from 'bowline/tasks';
    const refs = {};
    async function cancelled() {
      const scope = new CancelScope();
      await scope.run(() => openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          const local = { big: new Uint8Array(1 << 20) };
          refs.local = new WeakRef(local);
          try { await sleepForever(); } catch (error) { refs.error = new WeakRef(error); throw error; } finally { local.big[0] = 1; }
        });
        refs.nursery = new WeakRef(nursery);
        await new Promise((resolve) => setImmediate(resolve));
        scope.cancel();
        await sleepForever();
      }));
      refs.scope = new WeakRef(scope);
    }
    await cancelled();
    for (let i = 0; i < 5; i++) { await new Promise((resolve) => setImmediate(resolve)); gc(); }
    console.log(Object.keys(refs).sort().join(), Object.values(refs).filter((ref) => ref.deref() !== undefined).length);
  `,
    ['--expose-gc'],
  );
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, 'error,local,nursery,scope 0\n');
});
