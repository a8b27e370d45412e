/**
 * The one clock that is not virtual, against scripted timers in the place of Node’s: no test here waits for real time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { systemClock } from '#src/platform/clock.js';

import { runNode } from '../support/run-node.js';

interface NodeTimer {
  readonly fn: () => void;
  readonly delay: number;
  isCleared: boolean;
  isRef: boolean;
}

/** Takes the place of setTimeout, clearTimeout and performance.now for one test. */
class ScriptedNode {
  now = 1000;
  readonly timers: NodeTimer[] = [];

  constructor(t: TestContext) {
    t.mock.method(performance, 'now', () => this.now);
    t.mock.method(globalThis, 'setTimeout', (fn: () => void, delay: number) => {
      const timer = {
        fn,
        delay,
        isCleared: false,
        isRef: true,
        ref: () => (timer.isRef = true),
        unref: () => (timer.isRef = false),
      };
      this.timers.push(timer);
      return timer;
    });
    t.mock.method(globalThis, 'clearTimeout', (timer?: NodeTimer) => {
      if (timer !== undefined) timer.isCleared = true;
    });
  }

  get armed(): NodeTimer | undefined {
    const armed = this.timers.filter(({ isCleared }) => !isCleared);
    assert.ok(armed.length <= 1, 'at most one Node timer at a time');
    return armed[0];
  }

  /** Lets the armed timer fire, `earlyMs` before its time as Node's may. */
  fire(earlyMs = 0): void {
    const { armed } = this;
    assert.ok(armed !== undefined);
    armed.isCleared = true;
    this.now += armed.delay - earlyMs;
    armed.fn();
  }
}

test('all timers share one Node timer, armed for the earliest', (t) => {
  const node = new ScriptedNode(t);
  const log: number[] = [];
  for (const at of [1300, 1100, 1200]) systemClock.setTimer(at, () => log.push(at));
  assert.equal(node.armed?.delay, 100);
  node.fire();
  assert.deepEqual(log, [1100]);
  node.fire();
  node.fire();
  assert.deepEqual(log, [1100, 1200, 1300]);
  assert.equal(node.armed, undefined);
});

test('what is not due yet is armed again and never run early, though Node’s timer fired early', (t) => {
  const node = new ScriptedNode(t);
  let runs = 0;
  systemClock.setTimer(1010.5, () => runs++);
  assert.equal(node.armed?.delay, 11, 'rounded up');
  node.fire(0.9);
  assert.equal(runs, 0);
  assert.equal(node.armed?.delay, 1);
  node.fire();
  assert.equal(runs, 1);
});

test('a timer in the past fires from the event loop, never inside the call', (t) => {
  const node = new ScriptedNode(t);
  let runs = 0;
  for (const at of [-Infinity, 0, 1000]) systemClock.setTimer(at, () => runs++);
  assert.equal(runs, 0);
  assert.equal(node.armed?.delay, 1);
  node.fire();
  assert.equal(runs, 3);
});

test('cancelling is idempotent, also after firing, and the last one lets the process end', (t) => {
  const node = new ScriptedNode(t);
  const cancelFirst = systemClock.setTimer(1100, () => assert.fail('cancelled'));
  const cancelSecond = systemClock.setTimer(1200, () => undefined);
  cancelFirst();
  cancelFirst();
  assert.equal(node.armed?.isRef, true);
  cancelSecond();
  assert.equal(node.armed?.isRef, false, 'an empty heap keeps nothing alive');
  let runs = 0;
  const cancelThird = systemClock.setTimer(1300, () => runs++);
  assert.equal(node.armed?.isRef, true);
  node.fire();
  assert.equal(runs, 0, 'it was armed for the cancelled one');
  node.fire();
  assert.equal(runs, 1);
  cancelThird();
});

test('times further away than Node can count are reached in steps', (t) => {
  const node = new ScriptedNode(t);
  let runs = 0;
  const far = 1000 + 2 ** 31 + 5000;
  systemClock.setTimer(far, () => runs++);
  const cancelNever = systemClock.setTimer(Infinity, () => assert.fail('never'));
  assert.equal(node.armed?.delay, 2 ** 31 - 1);
  node.fire();
  assert.equal(runs, 0);
  assert.equal(node.armed?.delay, 5001);
  node.fire();
  assert.equal(runs, 1);
  cancelNever();
});

test('a callback that throws does not take the other timers with it', (t) => {
  const node = new ScriptedNode(t);
  let runs = 0;
  systemClock.setTimer(1100, () => {
    throw new Error('theirs');
  });
  systemClock.setTimer(1100, () => runs++);
  assert.throws(() => {
    node.fire();
  }, /theirs/);
  node.fire();
  assert.equal(runs, 1);
});

test('a callback may set and cancel timers', (t) => {
  const node = new ScriptedNode(t);
  const log: string[] = [];
  let cancelOther: () => void = () => undefined;
  systemClock.setTimer(1100, () => {
    cancelOther();
    systemClock.setTimer(1150, () => log.push('set inside'));
  });
  cancelOther = systemClock.setTimer(1100, () => log.push('not reached'));
  node.fire();
  node.fire();
  assert.deepEqual(log, ['set inside']);
});

test('a process ends as soon as its last timer is cancelled, and not while one is set', () => {
  const run = runNode(`
    import { moveOnAfter, sleep } from 'bowline/tasks';
    const started = performance.now();
    await moveOnAfter(60_000, async () => {});
    await sleep(1);
    process.on('exit', () => console.log(performance.now() - started < 20_000 ? 'soon' : 'late'));
  `);
  assert.equal(run.stdout, 'soon\n');
  assert.equal(run.status, 0);
});
