import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CancelScope, Event, foreign, openNursery, runDetached, sleep, suspend, withClock } from 'bowline/tasks';

import { clockInstalled } from '#src/tasks/environment.js';
import { inspectTasks } from '#src/tasks/quiescence.js';
import type { Idleness } from '#src/tasks/quiescence.js';
import type { ScopeNode } from '#src/tasks/scope-node.js';

import { ScriptedClock, settle } from '../support/scripted-clock.js';

/** Runs `body` under a clock and hands it a way to look at its tasks from outside. */
async function watched(body: (look: () => Idleness) => Promise<void>): Promise<void> {
  let root: ScopeNode | undefined;
  const clock = Object.assign(new ScriptedClock(), {
    [clockInstalled](node: ScopeNode) {
      root = node;
      return () => undefined;
    },
  });
  await withClock(clock, () => body(() => inspectTasks(root as ScopeNode)));
}

test('every task with a wait in its own part of the tree is blocked; counts go by kind', () =>
  watched(async (look) => {
    const done = new Event();
    const body = openNursery(async (nursery) => {
      nursery.startSoon(() => done.wait());
      nursery.startSoon(() => new CancelScope().run(() => done.wait()));
      nursery.startSoon(() =>
        suspend<void>((waiter) => {
          void done.wait().then(() => {
            waiter.resolve();
          });
        }),
      );
      nursery.startSoon(() => foreign(settle(8)));
      await done.wait();
    });
    await settle(2);
    const idle = look();
    assert.equal(idle.unblocked, undefined);
    assert.deepEqual([idle.virtual, idle.external, idle.busy], [4, 1, 1]);
    done.set();
    await body;
  }));

test('a task that runs, or awaits what the library does not know, is named', () =>
  watched(async (look) => {
    let finish: () => void = () => undefined;
    async function unknownWait(): Promise<void> {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    }
    const body = openNursery(async (nursery) => {
      nursery.startSoon(unknownWait);
    });
    await settle(1);
    assert.equal(look().unblocked, 'unknownWait');
    finish();
    await body;
  }));

test('a nursery that waits for its tasks does not count as running, and a task is not blocked by what its child waits for', () =>
  watched(async (look) => {
    const done = new Event();
    let finish: () => void = () => undefined;
    const body = openNursery(async (nursery) => {
      nursery.startSoon(async function parent() {
        const inner = openNursery(async (children) => {
          children.startSoon(() => done.wait());
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        });
        await inner;
      });
    });
    await settle(1);
    assert.equal(look().unblocked, 'parent');
    finish();
    await settle(1);
    assert.equal(look().unblocked, undefined);
    done.set();
    await body;
  }));

test('a start that is pending blocks its caller', () =>
  watched(async (look) => {
    const done = new Event();
    const body = openNursery(async (nursery) => {
      await nursery.start(async (started) => {
        await done.wait();
        started();
      });
    });
    await settle(1);
    assert.equal(look().unblocked, undefined);
    done.set();
    await body;
  }));

test('detached work that has nothing to do is not a task that runs', () =>
  watched(async (look) => {
    const done = new Event();
    const loop = runDetached(() => done.wait());
    const body = openNursery(async () => {
      await done.wait();
    });
    await settle(1);
    assert.equal(look().unblocked, undefined);
    done.set();
    await Promise.all([loop, body]);
    assert.equal(look().unblocked, 'withClock');
    await sleep(0);
  }));
