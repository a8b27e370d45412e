import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Network } from 'bowline/core';
import {
  cancelRequested,
  CancelScope,
  checkpoint,
  currentNetwork,
  currentTime,
  moveOnAfter,
  openNursery,
  runDetached,
  runWithStop,
  sleep,
  stopRequested,
  withClock,
  withNetwork,
} from 'bowline/tasks';

import { clockInstalled } from '#src/tasks/environment.js';
import type { ScopeNode } from '#src/tasks/scope-node.js';

import { runNode } from '../support/run-node.js';
import { ScriptedClock, settle, virtually } from '../support/scripted-clock.js';

test('withClock: time inside is the clock’s, outside it is the system’s, and clocks nest', async () => {
  const outside = currentTime();
  assert.ok(Math.abs(outside - performance.now()) < 1000);
  await withClock(new ScriptedClock(5_000_000), async () => {
    assert.equal(currentTime(), 5_000_000);
    await withClock(new ScriptedClock(1), async () => {
      await checkpoint();
      assert.equal(currentTime(), 1);
    });
    assert.equal(currentTime(), 5_000_000);
  });
  assert.ok(currentTime() - outside < 1000);
});

test('withClock: children of a nursery are on the clock of the nursery', () =>
  virtually(async () => {
    await openNursery(async (nursery) => {
      await withClock(new ScriptedClock(77), async () => {
        nursery.startSoon(async () => {
          await checkpoint();
          assert.notEqual(currentTime(), 77);
        });
      });
    });
  }));

test('withClock: a clock that watches learns the root of the tasks, and when they have ended', async () => {
  const log: string[] = [];
  const clock = Object.assign(new ScriptedClock(), {
    [clockInstalled](root: ScopeNode) {
      log.push(`installed ${root.role}`);
      return () => {
        log.push('uninstalled');
      };
    },
  });
  await assert.rejects(
    withClock(clock, async () => {
      log.push('body');
      throw new Error('fails');
    }),
    /fails/,
  );
  assert.deepEqual(log, ['installed clock', 'body', 'uninstalled']);
});

test('withNetwork: the ambient network, by default Node’s own', async () => {
  assert.equal(currentNetwork(), undefined);
  const network = {} as Network;
  await withNetwork(network, async () => {
    await checkpoint();
    assert.equal(currentNetwork(), network);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        assert.equal(currentNetwork(), network);
      });
    });
  });
  assert.equal(currentNetwork(), undefined);
});

test('stopRequested: the signal of the server around, through scopes and nurseries; elsewhere it never aborts', async () => {
  const controller = new AbortController();
  await runWithStop(controller.signal, async () => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        moveOnAfter(1e6, async () => {
          const signal = stopRequested();
          assert.equal(signal.aborted, false);
          await settle(1);
          controller.abort();
          assert.equal(signal.aborted, true);
          assert.equal(cancelRequested(), false, 'to be asked is not to be cancelled');
          await checkpoint();
        }),
      );
    });
  });
  assert.equal(stopRequested().aborted, false);
});

test('runDetached: outside of the scope, with the same clock and network', async () => {
  const clock = new ScriptedClock(9);
  const network = {} as Network;
  await withNetwork(network, () =>
    withClock(clock, async () => {
      const scope = new CancelScope();
      let loop: Promise<void> | undefined;
      await scope.run(async () => {
        loop = runDetached(async () => {
          await settle(2);
          assert.equal(cancelRequested(), false);
          assert.equal(currentTime(), 9);
          assert.equal(currentNetwork(), network);
          await checkpoint();
        });
        scope.cancel();
      });
      await loop;
    }),
  );
});

test('runDetached: a loop that outlives its clock is told', async () => {
  let loop: Promise<void> | undefined;
  await withClock(new ScriptedClock(), async () => {
    loop = runDetached(() => sleep(1e9));
    loop.catch(() => undefined);
  });
  await assert.rejects(loop as Promise<void>, { name: 'ScopeExitedError' });
});

test('nothing is created at import, and nothing by operations without a scope; the first scope makes the one storage', () => {
  const run = runNode(`
    import asyncHooks from 'node:async_hooks';
    import { syncBuiltinESMExports } from 'node:module';
    let made = 0;
    const Real = asyncHooks.AsyncLocalStorage;
    // An accessor since Node 22.
    Object.defineProperty(asyncHooks, 'AsyncLocalStorage', {
      value: class extends Real { constructor(...args) { super(...args); made++; } },
    });
    syncBuiltinESMExports();
    const before = process._getActiveHandles().length;
    const tasks = await import('bowline/tasks');
    const seen = ['import', made];
    await tasks.checkpoint();
    await tasks.sleep(1);
    const [send, receive] = tasks.openMemoryChannel(0);
    const receiving = receive.receive();
    await send.send(1);
    await receiving;
    await new tasks.Lock().run(async () => {});
    tasks.currentSignal(); tasks.stopRequested(); tasks.currentTime();
    seen.push('operations', made);
    await new tasks.CancelScope().run(async () => {});
    await tasks.openNursery(async () => {});
    await tasks.moveOnAfter(1, async () => {});
    seen.push('scopes', made);
    console.log(JSON.stringify(seen), process._getActiveHandles().length - before);
  `);
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, '["import",0,"operations",0,"scopes",1] 0\n');
});
