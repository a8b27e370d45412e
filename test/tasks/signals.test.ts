/** The bridge to AbortSignals, both ways: scopes that drive foreign APIs, and foreign signals that drive scopes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as foreignSleep } from 'node:timers/promises';
import { scheduler } from 'node:timers/promises';

import {
  CancelScope,
  Cancelled,
  checkpoint,
  currentSignal,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  stopRequested,
  suspend,
  withSignal,
} from 'bowline/tasks';

import { runNode } from '../support/run-node.js';
import { settle, virtually } from '../support/scripted-clock.js';

test('scope.signal: one per scope, made when asked for, aborted with the Cancelled of the scope', async () => {
  const scope = new CancelScope();
  await scope.run(async () => {
    const { signal } = scope;
    assert.equal(scope.signal, signal);
    assert.equal(currentSignal(), signal);
    assert.equal(signal.aborted, false);
    scope.cancel('why');
    assert.equal(signal.aborted, true);
    assert.ok(signal.reason instanceof Cancelled);
    assert.equal(signal.reason.reason, 'why');
    await assert.rejects(checkpoint(), (error) => error === signal.reason);
  });
});

test('scope.signal: asked for after the cancel, it is aborted already, also when the scope has ended', async () => {
  const scope = new CancelScope();
  scope.cancel();
  assert.equal(scope.signal.aborted, true);
  const ended = new CancelScope();
  await ended.run(async () => {
    ended.cancel();
  });
  assert.equal(ended.signal.aborted, true);
});

test('scope.signal: aborts when an outer scope is cancelled; a task has a signal of its own', async () => {
  const outer = new CancelScope();
  let task: AbortSignal | undefined;
  await outer.run(() =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        task = currentSignal();
        await sleepForever();
      });
      const inner = new CancelScope();
      await inner.run(async () => {
        const { signal } = inner;
        await settle(1);
        outer.cancel();
        assert.equal(signal.aborted, true);
        assert.equal(inner.cancelCalled, false);
      });
      assert.equal(task?.aborted, true);
      assert.equal(task?.reason, outer.signal.reason);
    }),
  );
});

test('scope.signal: fresh after a shield went up again, and the old one stays aborted', async () => {
  const outer = new CancelScope();
  await outer.run(async () => {
    const inner = new CancelScope();
    await inner.run(async () => {
      const first = inner.signal;
      outer.cancel();
      assert.equal(first.aborted, true);
      inner.shield = true;
      const second = inner.signal;
      assert.notEqual(second, first);
      assert.equal(second.aborted, false);
      inner.shield = false;
      assert.equal(second.aborted, true);
    });
  });
});

test('scope.signal: aborts after the waits of the scope were told, when everything is consistent', async () => {
  const scope = new CancelScope();
  const order: string[] = [];
  const running = scope.run(() =>
    suspend(() => () => {
      order.push('wait');
    }),
  );
  scope.signal.addEventListener('abort', () => order.push('signal'));
  scope.cancel();
  await running;
  assert.deepEqual(order, ['wait', 'signal']);
});

test('a foreign AbortError that the scope caused counts as Cancelled: timers, events and files', async () => {
  const foreignWaits: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    setTimeout: (signal) => foreignSleep(60_000, undefined, { signal }),
    'scheduler.wait': (signal) => scheduler.wait(60_000, { signal }),
    'events.once': (signal) => once(process, 'a name that nobody emits', { signal }),
    readFile: async (signal) => {
      for (;;) await readFile(process.execPath, { signal });
    },
    writeFile: async (signal) => {
      for (;;) await writeFile('/dev/null', new Uint8Array(1 << 20), { signal });
    },
  };
  for (const [name, wait] of Object.entries(foreignWaits)) {
    const scope = new CancelScope();
    let seen: unknown;
    const running = scope.run(async () => {
      try {
        await wait(currentSignal());
      } catch (error) {
        seen = error;
        throw error;
      }
    });
    setImmediate(() => {
      scope.cancel();
    });
    assert.equal(await running, undefined, name);
    assert.equal(scope.cancelledCaught, true, name);
    assert.ok(seen instanceof Error && seen.name === 'AbortError', name);
  }
});

test('a foreign AbortError inside a nursery counts as Cancelled for its task', async () => {
  const scope = new CancelScope();
  const running = scope.run(() =>
    openNursery(async (nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(() => foreignSleep(60_000, undefined, { signal: currentSignal() }));
      await sleepForever();
    }),
  );
  await settle(1);
  scope.cancel();
  assert.equal(await running, undefined);
  assert.equal(scope.cancelledCaught, true);
});

test('a foreign AbortError of another cause is an ordinary error, in a cancelled scope too', async () => {
  const controller = new AbortController();
  const scope = new CancelScope();
  await assert.rejects(
    scope.run(async () => {
      const wait = foreignSleep(60_000, undefined, { signal: controller.signal });
      controller.abort(new Error('for other reasons'));
      scope.cancel();
      await wait;
    }),
    { name: 'AbortError' },
  );
  assert.equal(scope.cancelledCaught, false);
});

test('a scope is driven by a foreign signal: aborted before, during, and by its timeout', async () => {
  const before = new CancelScope({ signal: AbortSignal.abort('reason') });
  assert.equal(before.cancelCalled, true);
  await before.run(() => sleepForever());
  assert.equal(before.cancelledCaught, true);

  const controller = new AbortController();
  const during = new CancelScope({ signal: controller.signal });
  const running = during.run(async () => {
    await assert.rejects(sleepForever(), { source: 'signal', reason: 'now' });
    await checkpoint();
  });
  controller.abort('now');
  await running;
  assert.equal(during.cancelledCaught, true);

  const timed = new CancelScope({ signal: AbortSignal.timeout(1) });
  // Its timer does not keep the process alive, this one does.
  await timed.run(() => sleep(60_000));
  assert.equal(timed.cancelledCaught, true);
});

test('a scope that has left is not touched by its signal any more', async () => {
  const controller = new AbortController();
  const scope = new CancelScope({ signal: controller.signal });
  await scope.run(async () => undefined);
  controller.abort();
  assert.equal(scope.cancelCalled, false);
  assert.equal(scope.signal.aborted, false);
});

test('one signal drives many scopes through one listener, which goes with the last of them', async () => {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  const gate = new CancelScope();
  await gate.run(() =>
    openNursery(async (nursery) => {
      for (let i = 0; i < 50; i++) nursery.startSoon(() => new CancelScope({ signal }).run(() => sleepForever()));
      await settle(1);
      assert.equal(listeners, 1);
      gate.cancel();
    }),
  );
  assert.equal(listeners, 0);
  let cut = 0;
  await openNursery(async (nursery) => {
    for (let i = 0; i < 50; i++) {
      nursery.startSoon(async () => {
        await new CancelScope({ signal }).run(() => sleepForever());
        cut++;
      });
    }
    await settle(1);
    controller.abort();
  });
  assert.equal(cut, 50);
});

test('a scope that ends while the signal is being delivered to others is left alone', async () => {
  const controller = new AbortController();
  const first = new CancelScope({ signal: controller.signal });
  const second = new CancelScope({ signal: controller.signal });
  let endSecond: () => void = () => undefined;
  const secondRunning = second.run(
    () =>
      new Promise<string>((resolve) => {
        endSecond = () => {
          resolve('by itself');
        };
      }),
  );
  const firstRunning = first.run(() =>
    suspend(() => () => {
      endSecond();
    }),
  );
  controller.abort();
  await firstRunning;
  assert.equal(await secondRunning, 'by itself');
});

test('withSignal: rejects with the reason untouched, whatever it is', async () => {
  for (const reason of [new Error('mine'), 'text', 0, null, { plain: true }]) {
    const controller = new AbortController();
    const running = withSignal(controller.signal, () => sleepForever());
    controller.abort(reason);
    await assert.rejects(running, (error) => Object.is(error, reason));
    await assert.rejects(
      withSignal(AbortSignal.abort(reason), () => checkpoint()),
      (error) => Object.is(error, reason),
    );
  }
  assert.equal(await withSignal(new AbortController().signal, async () => 'value'), 'value');
});

test('withSignal: an abort that cut nothing off takes no value away; an outer cancel stays a cancel', async () => {
  const controller = new AbortController();
  assert.equal(
    await withSignal(controller.signal, async () => {
      controller.abort();
      return 'kept';
    }),
    'kept',
  );
  const outer = new CancelScope();
  await outer.run(async () => {
    outer.cancel();
    await withSignal(new AbortController().signal, () => checkpoint());
  });
  assert.equal(outer.cancelledCaught, true);
});

test('hundreds of listeners and scopes print no warning, and nothing uses AbortSignal.any', () => {
  const run = runNode(`
    AbortSignal.any = () => { throw new Error('AbortSignal.any was used'); };
    const { CancelScope, currentSignal, openNursery, sleepForever, stopRequested, withSignal, moveOnAfter } =
      await import('bowline/tasks');
    const { setTimeout: foreignSleep } = await import('node:timers/promises');
    const listen = (signal) => { for (let i = 0; i < 100; i++) signal.addEventListener('abort', () => {}); };
    listen(currentSignal());
    listen(stopRequested());
    const controller = new AbortController();
    await openNursery(async (nursery) => {
      for (let i = 0; i < 100; i++) nursery.startSoon(() => new CancelScope({ signal: controller.signal }).run(() => sleepForever()));
      await moveOnAfter(5, async (scope) => {
        listen(scope.signal);
        await Promise.all(Array.from({ length: 100 }, () => foreignSleep(60_000, undefined, { signal: currentSignal() })));
      });
      controller.abort();
    });
    await withSignal(new AbortController().signal, async () => listen(currentSignal()));
    await new Promise((resolve) => setTimeout(resolve, 10));
    console.log('quiet');
  `);
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, 'quiet\n');
});

test('outside of any scope or server, currentSignal and stopRequested never abort', () => {
  assert.equal(currentSignal().aborted, false);
  assert.equal(stopRequested().aborted, false);
});

test('a deadline aborts the signal of its scope', () =>
  virtually(async () => {
    let aborted: AbortSignal | undefined;
    await moveOnAfter(1000, async (scope) => {
      aborted = scope.signal;
      await sleep(5000);
    });
    assert.equal(aborted?.aborted, true);
    assert.equal((aborted?.reason as Cancelled).source, 'deadline');
  }));
