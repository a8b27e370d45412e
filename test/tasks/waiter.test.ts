import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ReportEvent } from 'bowline/observe';
import { setReporter } from 'bowline/observe';
import {
  cancelRequested,
  CancelScope,
  Cancelled,
  checkpoint,
  completed,
  Event,
  foreign,
  Lock,
  openMemoryChannel,
  openNursery,
  pass,
  refusal,
  ScopeExitedError,
  sleepForever,
  suspend,
  Waiter,
} from 'bowline/tasks';

import { runNode } from '../support/run-node.js';
import { settle } from '../support/scripted-clock.js';

test('suspend: gives what the waiter was settled with, at once or later', async () => {
  assert.equal(
    await suspend<number>((waiter) => {
      waiter.resolve(1);
    }),
    1,
  );
  assert.equal(
    await suspend<number>((waiter) => {
      setImmediate(() => {
        waiter.resolve(2);
      });
    }),
    2,
  );
  const reason = new Error('reason');
  await assert.rejects(
    suspend((waiter) => {
      waiter.reject(reason);
    }),
    (error) => error === reason,
  );
});

test('suspend: what start throws is what the wait rejects with', async () => {
  await assert.rejects(
    suspend(() => {
      throw new Error('cannot start');
    }),
    /cannot start/,
  );
});

test('suspend: start is not called in a cancelled scope', async () => {
  const scope = new CancelScope();
  let started = false;
  await scope.run(async () => {
    scope.cancel();
    await suspend(() => {
      started = true;
    });
  });
  assert.equal(started, false);
});

test('suspend: settling twice, or after a cancel, does nothing', async () => {
  let kept: Waiter<number> | undefined;
  const scope = new CancelScope();
  await scope.run(async () => {
    const wait = suspend<number>((waiter) => {
      kept = waiter;
    });
    scope.cancel();
    kept?.resolve(1);
    kept?.reject(new Error('late'));
    await wait;
  });
  assert.equal(scope.cancelledCaught, true);
  assert.equal(kept?.pending, false);
});

test('CORE-23 a callback that says false: the cancel does not wake, the value arrives, the next wait throws', async () => {
  const scope = new CancelScope();
  let settleIt: (value: string) => void = () => undefined;
  let asked = 0;
  const running = scope.run(async () => {
    const value = await suspend<string>((waiter) => {
      settleIt = (it) => {
        waiter.resolve(it);
      };
      return () => {
        asked++;
        return false;
      };
    });
    assert.equal(value, 'by hand');
    assert.equal(cancelRequested(), true);
    await checkpoint();
    assert.fail('the next wait must throw');
  });
  scope.cancel();
  await settle();
  assert.equal(asked, 1);
  settleIt('by hand');
  await running;
  assert.equal(scope.cancelledCaught, true);
});

test('CORE-24 the callback is called once, although two scopes cancel and a shield comes and goes', async () => {
  const outer = new CancelScope();
  const inner = new CancelScope();
  let asked = 0;
  let finish: () => void = () => undefined;
  await outer.run(async () => {
    await inner.run(async () => {
      const wait = suspend((waiter) => {
        finish = () => {
          waiter.resolve();
        };
        return () => {
          asked++;
          return false;
        };
      });
      inner.cancel();
      outer.cancel();
      inner.shield = true;
      inner.shield = false;
      finish();
      await wait;
      await checkpoint();
    });
    assert.fail('the outer scope catches');
  });
  assert.equal(asked, 1);
  assert.equal(outer.cancelledCaught, true);
});

test('CORE-24 a slow abort is delivered although a shield was raised meanwhile', async () => {
  const outer = new CancelScope();
  const inner = new CancelScope();
  let why: Cancelled | undefined;
  let waiting: Waiter<void> | undefined;
  await outer.run(async () => {
    const wait = inner.run(() =>
      suspend((waiter) => {
        waiting = waiter;
        return (cancelled) => {
          why = cancelled;
          return false;
        };
      }),
    );
    outer.cancel();
    inner.shield = true;
    waiting?.reject(why);
    await wait;
  });
  assert.equal(outer.cancelledCaught, true);
});

test('a wait that was settled keeps its value although a cancel follows at once', async () => {
  const scope = new CancelScope();
  const value = await scope.run(async () => {
    const wait = suspend<string>((waiter) => {
      waiter.resolve('value');
      scope.cancel();
    });
    scope.cancel();
    return await wait;
  });
  assert.equal(value, 'value');
});

test('a cancel while start runs is held back until its callback is known, then delivered', async () => {
  const scope = new CancelScope();
  const log: string[] = [];
  await scope.run(() =>
    suspend(() => {
      scope.cancel();
      log.push('start goes on');
      return (why) => {
        assert.ok(why instanceof Cancelled);
        log.push('undone');
      };
    }),
  );
  assert.deepEqual(log, ['start goes on', 'undone']);
  assert.equal(scope.cancelledCaught, true);
});

test('a cancel while start runs, which then settles: the value wins and nothing is undone', async () => {
  const scope = new CancelScope();
  let undone = 0;
  const value = await scope.run(() =>
    suspend<string>((waiter) => {
      scope.cancel();
      waiter.resolve('settled');
      return () => {
        undone++;
      };
    }),
  );
  assert.equal(value, 'settled');
  assert.equal(undone, 0);
});

test('a callback that settles the wait decides what comes of it', async () => {
  const running = new CancelScope();
  const result = running.run(() =>
    suspend<string>((waiter) => () => {
      waiter.resolve('finished just in time');
    }),
  );
  running.cancel();
  assert.equal(await result, 'finished just in time');
});

test('a callback that throws fails the wait with its error', async () => {
  const scope = new CancelScope();
  const running = scope.run(() =>
    suspend(() => () => {
      throw new Error('cannot undo');
    }),
  );
  scope.cancel();
  await assert.rejects(running, /cannot undo/);
});

test('waits are cancelled in the order they began', async () => {
  const order: number[] = [];
  const scope = new CancelScope();
  const running = scope.run(async () => {
    await Promise.allSettled(
      [0, 1, 2, 3].map((i) =>
        suspend(() => () => {
          order.push(i);
        }),
      ),
    );
  });
  scope.cancel();
  await running;
  assert.deepEqual(order, [0, 1, 2, 3]);
});

test('a hundred and thirty thousand waits in one scope are cancelled in one go', async () => {
  const scope = new CancelScope();
  let cut = 0;
  const running = scope.run(async () => {
    const waits = Array.from({ length: 130_000 }, () => sleepForever());
    await Promise.allSettled(waits).then((results) => {
      cut = results.filter(({ status }) => status === 'rejected').length;
    });
  });
  scope.cancel();
  await running;
  assert.equal(cut, 130_000);
});

test('the first delivery comes at once, every later one through the event loop', async () => {
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns++;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    await checkpoint().catch(() => undefined);
    assert.equal(turns, 0, 'the first one is a microtask');
    for (let i = 0; i < 10; i++) await checkpoint().catch(() => undefined);
    counting = false;
    assert.ok(turns >= 10, `10 later deliveries, ${turns} turns of the event loop`);
  });
});

test('a pending wait that was cut is the first delivery', async () => {
  const scope = new CancelScope();
  const running = scope.run(async () => {
    await sleepForever().catch(() => undefined);
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await checkpoint().catch(() => undefined);
    assert.equal(turned, true);
  });
  scope.cancel();
  await running;
});

test('code that swallows Cancelled cannot starve the event loop by entering a new scope each time', async () => {
  const outer = new CancelScope();
  await outer.run(async () => {
    outer.cancel();
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    for (let i = 0; i < 5 && !turned; i++) {
      await new CancelScope().run(() => sleepForever()).catch(() => undefined);
    }
    assert.equal(turned, true);
  });
});

test('a loop of scopes that are cancelled at once gives the event loop a turn', async () => {
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  let rounds = 0;
  while (!turned && rounds < 10_000) {
    rounds++;
    await new CancelScope({ timeoutMs: 0 }).run(() => sleepForever());
  }
  assert.ok(turned, 'within 10,000 rounds');
  assert.ok(rounds <= 600, `after ${rounds} rounds`);
});

test('after 1,000 deliveries a report names the place, once', async () => {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => {
    events.push(event);
  });
  try {
    const scope = new CancelScope();
    await scope.run(async () => {
      scope.cancel();
      async function stubbornLoop(rounds: number): Promise<void> {
        for (let i = 0; i < rounds; i++) {
          // A new scope each time round does not hide it.
          await new CancelScope().run(() => sleepForever()).catch(() => undefined);
        }
      }
      await stubbornLoop(999);
      assert.deepEqual(events, []);
      await stubbornLoop(1001);
    });
    assert.equal(events.length, 1);
    const [event] = events;
    assert.ok(event?.kind === 'cancellation-swallowed');
    assert.equal(event.deliveries, 1000);
    assert.match(event.place ?? '', /stubbornLoop/);
  } finally {
    setReporter(before);
  }
});

test('a thousand tasks that each clean up with one wait are no loop', async () => {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => {
    events.push(event);
  });
  try {
    await openNursery(async (nursery) => {
      for (let i = 0; i < 1500; i++) {
        nursery.startSoon(async () => {
          await sleepForever().finally(() => checkpoint().catch(() => undefined));
        });
      }
      await settle(1);
      nursery.cancelScope.cancel();
    });
    assert.deepEqual(events, []);
  } finally {
    setReporter(before);
  }
});

test('operations that finish at once yield to the event loop every 512 completions', async () => {
  const [send, receive] = openMemoryChannel<number>(1);
  await checkpoint();
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  let rounds = 0;
  while (!turned && rounds < 10_000) {
    rounds++;
    await send.send(rounds);
    await receive.receive();
  }
  assert.ok(rounds > 1, 'not at every completion');
  assert.ok(rounds <= 256, `after ${rounds} sends and receives`);
});

test('tasks that do nothing but wake each other yield to the event loop too', async () => {
  const loops: Record<string, (isDone: () => boolean) => Promise<void>> = {
    'suspend settled at once': async (isDone) => {
      while (!isDone()) {
        await suspend<void>((waiter) => {
          waiter.resolve();
        });
      }
    },
    'two tasks and their events': async (isDone) => {
      let ping = new Event();
      let pong = new Event();
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          while (!isDone()) {
            await ping.wait();
            ping = new Event();
            pong.set();
          }
        });
        while (!isDone()) {
          ping.set();
          await pong.wait();
          pong = new Event();
        }
        ping.set();
      });
    },
    'a contended lock': async (isDone) => {
      const lock = new Lock();
      await openNursery(async (nursery) => {
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(async () => {
            while (!isDone()) await lock.run(async () => undefined);
          });
        }
      });
    },
  };
  for (const [name, loop] of Object.entries(loops)) {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    let rounds = 0;
    await loop(() => turned || ++rounds > 10_000);
    assert.ok(turned, `${name}: no turn of the event loop in ${rounds} rounds`);
  }
});

test('pass: nothing to do, until a turn is due; refused in a cancelled scope', async () => {
  await checkpoint();
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  let free = 0;
  let toll = pass();
  while (toll === undefined) {
    free++;
    toll = pass();
  }
  assert.ok(free > 500 && free < 512, `${free} in a row`);
  await toll;
  assert.equal(turned, true);
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    await assert.rejects(pass() as Promise<void>, Cancelled);
    await assert.rejects(refusal() as Promise<never>, Cancelled);
  });
  assert.equal(refusal(), undefined);
});

test('completed: a value that is there arrives although the scope is cancelled', async () => {
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    for (let i = 0; i < 1500; i++) assert.equal(await completed(i), i);
  });
});

test('a wait in a scope that has ended is refused, and waits still registered are told', async () => {
  let register: () => Promise<unknown> = () => Promise.resolve();
  let open: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let left: Promise<unknown> | undefined;
  let undone: unknown;
  await new CancelScope().run(async () => {
    register = async () => {
      await gate;
      await checkpoint();
    };
    left = suspend(() => (why) => {
      undone = why;
    });
    left.catch(() => undefined);
    const later = register();
    later.catch(() => undefined);
    register = () => later;
  });
  await assert.rejects(left as Promise<unknown>, ScopeExitedError);
  assert.ok(undone instanceof Cancelled, 'what the wait had registered was undone');
  open?.();
  await assert.rejects(register(), ScopeExitedError);
});

test('a stubborn wait that outlives its scope is told too', async () => {
  let left: Promise<unknown> | undefined;
  await new CancelScope().run(async () => {
    left = suspend(() => () => false);
    left.catch(() => undefined);
  });
  await assert.rejects(left as Promise<unknown>, ScopeExitedError);
});

test('in debug mode the error says where the wait began', () => {
  const run = runNode(
    `
    import { CancelScope, sleepForever } from 'bowline/tasks';
    function forgetful() { void sleepForever().catch((error) => console.log(error.cause.stack)); }
    await new CancelScope().run(async () => forgetful());
    `,
    [],
  );
  assert.equal(run.status, 1, 'without debug there is no cause');
  const debugged = runNode(`
    process.env.NODE_DEBUG = 'bowline';
    const { CancelScope, sleepForever } = await import('bowline/tasks');
    function forgetful() { void sleepForever().catch((error) => console.log(error.cause.stack)); }
    await new CancelScope().run(async () => forgetful());
  `);
  assert.match(debugged.stdout, /the wait began here[\s\S]*at forgetful/);
});

test('without any scope everything works: there is nothing that could be cancelled', () => {
  const run = runNode(`
    import { checkpoint, sleep, currentSignal, cancelRequested, openMemoryChannel, Lock } from 'bowline/tasks';
    await checkpoint();
    await sleep(1);
    const [send, receive] = openMemoryChannel(0);
    const receiving = receive.receive();
    await send.send('x');
    await new Lock().run(async () => console.log(await receiving, currentSignal().aborted, cancelRequested()));
  `);
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, 'x false false\n');
});

test('a raw promise that nobody awaits does not crash the process when its scope is cancelled', () => {
  const run = runNode(`
    import { CancelScope, checkpoint, sleep, sleepForever, suspend, foreign, openMemoryChannel, openNursery, Lock, Event }
      from 'bowline/tasks';
    const scope = new CancelScope();
    await scope.run(async () => {
      const [send, receive] = openMemoryChannel(0);
      const lock = new Lock();
      await lock.acquire();
      void sleepForever(); void sleep(1000); void suspend(() => {}); void send.send(1); void send.clone().send(2);
      void openMemoryChannel(0)[1].receive(); void lock.acquire(); void new Event().wait(); void checkpoint();
      scope.cancel();
      for (let i = 0; i < 3; i++) {
        void sleepForever(); void sleep(1000); void send.send(1); void receive.receive(); void lock.acquire(); void checkpoint();
        void foreign(Promise.reject(new Error('nobody is left to hear this')));
      }
      await openNursery(async (nursery) => {
        void nursery.start(async () => { await sleepForever(); });
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log('alive', scope.cancelCalled);
  `);
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, 'alive true\n');
});

test('an unawaited wait that escapes its scope is noticed: the process says so', () => {
  const run = runNode(`
    import { CancelScope, sleep } from 'bowline/tasks';
    await new CancelScope().run(async () => { void sleep(10_000); });
    await new Promise((resolve) => setImmediate(resolve));
  `);
  assert.equal(run.status, 1);
  assert.match(run.stderr, /ScopeExitedError/);
  assert.match(run.stderr, /ERR_BOWLINE_SCOPE_EXITED/);
});

test('foreign: waits for a promise as it is, cancelled or not; the next wait throws', async () => {
  assert.equal(await foreign(Promise.resolve(1)), 1);
  await assert.rejects(foreign(Promise.reject(new Error('theirs'))), /theirs/);
  const scope = new CancelScope();
  await scope.run(async () => {
    const value = foreign(settle(2).then(() => 'finished'));
    scope.cancel();
    assert.equal(await value, 'finished');
    await checkpoint();
    assert.fail('the next wait must throw');
  });
  assert.equal(scope.cancelledCaught, true);
});

test('a Waiter serves one wait after another, and is idle in between', async () => {
  const waiter = new Waiter<number>();
  assert.equal(waiter.pending, false);
  for (let i = 0; i < 3; i++) {
    const wait = waiter.wait();
    assert.equal(waiter.pending, true);
    waiter.resolve(i);
    assert.equal(waiter.pending, false);
    assert.equal(await wait, i);
  }
  let asked = 0;
  waiter.onCancel = () => {
    asked++;
  };
  for (let i = 0; i < 2; i++) {
    const scope = new CancelScope();
    await scope.run(async () => {
      const wait = waiter.wait();
      scope.cancel();
      assert.equal(waiter.pending, false);
      await wait;
    });
  }
  assert.equal(asked, 2);
  const cancelled = new CancelScope();
  await cancelled.run(async () => {
    cancelled.cancel();
    const wait = waiter.wait();
    assert.equal(waiter.pending, false, 'a refused wait did not begin');
    await wait;
  });
});

test('a child that swallows and loops on Cancelled does not keep its siblings from ending', async () => {
  let ended = 0;
  await openNursery(async (nursery) => {
    for (let i = 0; i < 3; i++) {
      nursery.startSoon(async () => {
        for (let round = 0; round < 20; round++) await sleepForever().catch(() => undefined);
        ended++;
      });
    }
    await settle(1);
    nursery.cancelScope.cancel();
  });
  assert.equal(ended, 3);
});
