import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MisuseError } from 'bowline/core';
import {
  CancelScope,
  Cancelled,
  checkpoint,
  currentEffectiveDeadline,
  currentTime,
  moveOnAfter,
  openNursery,
  ScopeExitedError,
  sleep,
  sleepForever,
  sleepUntil,
  suspend,
  withClock,
} from 'bowline/tasks';

import { ScriptedClock, settle, virtually } from '../support/scripted-clock.js';

test('CORE-1 cancelling twice is fine, the first reason counts, and the scope swallows what it caused', async () => {
  const scope = new CancelScope();
  let seen: unknown;
  const result = await scope.run(async () => {
    scope.cancel('first');
    scope.cancel('second');
    try {
      await checkpoint();
    } catch (error) {
      seen = error;
      throw error;
    }
    return 'not reached';
  });
  assert.equal(result, undefined);
  assert.ok(seen instanceof Cancelled);
  assert.equal(seen.name, 'AbortError');
  assert.equal(seen.code, 'ERR_BOWLINE_CANCELLED');
  assert.equal(seen.source, 'explicit');
  assert.equal(seen.reason, 'first');
  assert.match(seen.message, /first/);
  assert.equal(scope.cancelCalled, true);
  assert.equal(scope.cancelledCaught, true);
  scope.cancel('after the end');
});

test('CORE-2 level-triggered: every wait in a cancelled scope throws again', async () => {
  const scope = new CancelScope();
  let deliveries = 0;
  await scope.run(async () => {
    scope.cancel();
    for (let i = 0; i < 5; i++) {
      await sleep(1e9).catch((error: unknown) => {
        assert.ok(error instanceof Cancelled);
        deliveries++;
      });
    }
    await sleepForever();
  });
  assert.equal(deliveries, 5);
  assert.equal(scope.cancelledCaught, true);
});

test('CORE-4 a shield keeps outer cancellation away, not its own; lowering it lets the outer one in', async () => {
  const outer = new CancelScope();
  const log: string[] = [];
  await outer.run(async () => {
    const shielded = new CancelScope({ shield: true });
    await shielded.run(async () => {
      outer.cancel();
      await checkpoint();
      log.push('shielded');
      const inner = new CancelScope();
      await inner.run(async () => {
        inner.cancel();
        await checkpoint();
        log.push('not reached');
      });
      assert.equal(inner.cancelledCaught, true, 'an inner cancel works under a shield');
      await checkpoint();
      shielded.shield = false;
      await assert.rejects(checkpoint(), Cancelled);
      shielded.shield = true;
      await checkpoint();
      log.push('shielded again');
      shielded.cancel();
      await checkpoint();
      log.push('not reached');
    });
    assert.equal(shielded.cancelledCaught, true, 'its own cancel works under its shield');
    await assert.rejects(checkpoint(), Cancelled);
  });
  assert.deepEqual(log, ['shielded', 'shielded again']);
});

test('CORE-4 a shield raised while a Cancelled is propagating does not stop it: the outer scope still catches', async () => {
  const outer = new CancelScope();
  const inner = new CancelScope();
  await outer.run(async () => {
    await inner.run(async () => {
      outer.cancel();
      try {
        await checkpoint();
      } finally {
        inner.shield = true;
        await checkpoint();
      }
    });
    assert.fail('the inner scope swallowed what was not its own');
  });
  assert.equal(outer.cancelledCaught, true);
  assert.equal(inner.cancelledCaught, false);
});

test('CORE-6 lowering the shield of a nursery wakes a child that went to sleep under it', async () => {
  const outer = new CancelScope();
  let woken = false;
  await outer.run(() =>
    openNursery(async (nursery) => {
      nursery.cancelScope.shield = true;
      nursery.startSoon(async () => {
        await sleepForever().finally(() => {
          woken = true;
        });
      });
      outer.cancel();
      await settle();
      assert.equal(woken, false);
      nursery.cancelScope.shield = false;
      await settle(1);
      assert.equal(woken, true);
    }),
  );
  assert.equal(outer.cancelledCaught, true);
});

test('CORE-7 a deadline in the past on entering: the first wait throws', async () => {
  const scope = new CancelScope({ deadline: -1000 });
  await scope.run(async () => {
    assert.equal(scope.cancelCalled, true);
    await checkpoint();
  });
  assert.equal(scope.cancelledCaught, true);
  const zero = new CancelScope({ timeoutMs: 0 });
  await zero.run(() => checkpoint());
  assert.equal(zero.cancelledCaught, true);
});

test('CORE-7 a deadline moved to the past cancels at once; one moved forward in time does not fire', () =>
  virtually(async () => {
    const scope = new CancelScope({ timeoutMs: 1000 });
    await scope.run(async () => {
      await checkpoint();
      scope.deadline = currentTime() - 1;
      await assert.rejects(checkpoint(), { source: 'deadline' });
      await assert.rejects(checkpoint(), Cancelled);
    });
    const extended = new CancelScope({ timeoutMs: 1000 });
    const value = await extended.run(async () => {
      await sleep(900);
      extended.deadline += 1000;
      await sleep(900);
      return 'in time';
    });
    assert.equal(value, 'in time');
    assert.equal(extended.cancelCalled, false);
  }));

test('a deadline moved sooner fires sooner, later fires later, and Infinity takes it away', () =>
  virtually(async (clock) => {
    const fired = async (change: (scope: CancelScope) => void): Promise<number> => {
      const started = currentTime();
      const scope = new CancelScope({ timeoutMs: 1000 });
      await scope.run(async () => {
        change(scope);
        await sleep(10_000);
      });
      return currentTime() - started;
    };
    assert.equal(await fired(() => undefined), 1000);
    assert.equal(await fired((scope) => (scope.deadline -= 500)), 500);
    assert.equal(await fired((scope) => (scope.deadline += 500)), 1500);
    assert.equal(await fired((scope) => (scope.deadline = Infinity)), 10_000);
    assert.equal(
      await fired((scope) => {
        scope.deadline += 5000;
        scope.deadline -= 4000;
      }),
      2000,
    );
    assert.equal(clock.timers, 0, 'no timer is left behind');
  }));

test('moving a deadline later costs no timer: the one that is set looks again when it fires', async () => {
  let set = 0;
  const clock = new ScriptedClock();
  const counting = {
    now: () => clock.now(),
    setTimer: (at: number, fn: () => void) => {
      set++;
      return clock.setTimer(at, fn);
    },
  };
  await withClock(counting, async () => {
    const scope = new CancelScope({ timeoutMs: 1000 });
    await scope.run(async () => {
      for (let i = 0; i < 100; i++) scope.deadline += 10;
      assert.equal(set, 1);
      await clock.advance(1500);
      assert.equal(set, 2);
      await checkpoint();
      await clock.advance(501);
      await assert.rejects(checkpoint(), { source: 'deadline' });
    });
  });
  assert.equal(clock.timers, 0);
});

test('CORE-8 cancelled but never waiting: nothing is delivered, nothing caught, later code is unaffected', async () => {
  const scope = new CancelScope();
  const value = await scope.run(async () => {
    scope.cancel();
    return 'got through';
  });
  assert.equal(value, 'got through');
  assert.equal(scope.cancelCalled, true);
  assert.equal(scope.cancelledCaught, false);
  await checkpoint();
});

test('CORE-9 of several cancelled scopes the outermost catches', async () => {
  const scope1 = new CancelScope();
  const scope2 = new CancelScope();
  const scope3 = new CancelScope();
  let after3 = false;
  await scope1.run(async () => {
    await scope2.run(async () => {
      await scope3.run(async () => {
        scope3.cancel();
        scope2.cancel();
        await sleepForever();
      });
      after3 = true;
    });
    await checkpoint();
  });
  assert.equal(after3, false);
  assert.deepEqual(
    [scope1, scope2, scope3].map((scope) => [scope.cancelCalled, scope.cancelledCaught]),
    [
      [false, false],
      [true, true],
      [true, false],
    ],
  );
});

test('CORE-10 cancelled before entering, after entering, shielded before entering', async () => {
  const before = new CancelScope();
  before.cancel();
  let started = false;
  await before.run(async () => {
    started = true;
    await sleepForever();
  });
  assert.equal(started, true, 'the body runs up to its first wait');
  assert.equal(before.cancelledCaught, true);

  const after = new CancelScope();
  await after.run(async () => {
    after.cancel();
    await sleepForever();
  });
  assert.equal(after.cancelledCaught, true);

  const outer = new CancelScope();
  const shielded = new CancelScope();
  shielded.shield = true;
  await outer.run(async () => {
    outer.cancel();
    await shielded.run(() => checkpoint());
    await assert.rejects(checkpoint(), Cancelled);
  });
});

test('CORE-11 a scope runs once: not again, not inside itself, not twice at a time', async () => {
  const scope = new CancelScope();
  await scope.run(async () => {
    await assert.rejects(
      scope.run(async () => undefined),
      MisuseError,
    );
  });
  await assert.rejects(
    scope.run(async () => undefined),
    /only once/,
  );
  const concurrent = new CancelScope();
  const first = concurrent.run(() => settle(1));
  await assert.rejects(
    concurrent.run(async () => undefined),
    MisuseError,
  );
  await first;
});

test('CORE-12 cancelCalled becomes true by time before entering, and never goes back', () =>
  virtually(async (clock) => {
    const scope = new CancelScope({ deadline: currentTime() + 100 });
    assert.equal(scope.cancelCalled, false);
    clock.skip(100);
    assert.equal(scope.cancelCalled, true);
    scope.deadline = Infinity;
    assert.equal(scope.cancelCalled, true);
    await scope.run(() => sleepForever());
    assert.equal(scope.cancelledCaught, true);

    const busy = new CancelScope({ timeoutMs: 100 });
    await busy.run(async () => {
      clock.skip(200);
      assert.equal(busy.cancelCalled, true, 'asking looks at the clock, although no timer has run');
      await assert.rejects(checkpoint(), Cancelled);
    });
  }));

test('CORE-12 a deadline that passes after the scope has ended changes nothing', () =>
  virtually(async (clock) => {
    const scope = new CancelScope({ timeoutMs: 100 });
    await scope.run(() => sleep(50));
    clock.skip(1000);
    assert.equal(scope.cancelCalled, false);
    assert.equal(clock.timers, 0);
  }));

test('CORE-13 bad times are refused, by the constructor, the setter and every helper', async () => {
  assert.throws(() => new CancelScope({ timeoutMs: -1 }), RangeError);
  assert.throws(() => new CancelScope({ timeoutMs: NaN }), RangeError);
  assert.throws(() => new CancelScope({ timeoutMs: '5' as never }), TypeError);
  assert.throws(() => new CancelScope({ deadline: NaN }), RangeError);
  assert.throws(() => new CancelScope({ deadline: '5' as never }), TypeError);
  assert.throws(() => new CancelScope({ timeoutMs: 1, deadline: 1 }), TypeError);
  assert.throws(() => new CancelScope({ shield: 1 as never }), TypeError);
  const scope = new CancelScope();
  assert.throws(() => (scope.deadline = NaN), RangeError);
  assert.throws(() => (scope.deadline = '1' as never), TypeError);
  assert.throws(() => (scope.shield = 'yes' as never), TypeError);
  new CancelScope({ timeoutMs: undefined, deadline: undefined, shield: undefined, signal: undefined });
  new CancelScope({ deadline: -5 });
  await assert.rejects(
    moveOnAfter(-1, async () => undefined),
    RangeError,
  );
});

test('CORE-14 currentEffectiveDeadline: the earliest visible, up to the first shield; -Infinity when cancelled', () =>
  virtually(async () => {
    assert.equal(currentEffectiveDeadline(), Infinity);
    const outer = new CancelScope({ deadline: 5 });
    await outer.run(async () => {
      assert.equal(currentEffectiveDeadline(), 5);
      await new CancelScope({ deadline: 3 }).run(async () => {
        assert.equal(currentEffectiveDeadline(), 3);
      });
      const shielded = new CancelScope({ deadline: 10, shield: true });
      await shielded.run(async () => {
        assert.equal(currentEffectiveDeadline(), 10);
        outer.cancel();
        assert.equal(currentEffectiveDeadline(), 10);
        shielded.shield = false;
        assert.equal(currentEffectiveDeadline(), -Infinity);
      });
      assert.equal(currentEffectiveDeadline(), -Infinity);
      await new CancelScope({ deadline: 3 }).run(async () => {
        assert.equal(currentEffectiveDeadline(), -Infinity);
      });
    });
    assert.equal(currentEffectiveDeadline(), Infinity);
  }));

test('currentEffectiveDeadline: deadlines of another clock around say nothing, its cancellation does', () =>
  virtually(async () => {
    const outer = new CancelScope({ deadline: 5 });
    await outer.run(() =>
      withClock(new ScriptedClock(1000), async () => {
        assert.equal(currentEffectiveDeadline(), Infinity);
        await new CancelScope({ deadline: 1007 }).run(async () => {
          assert.equal(currentEffectiveDeadline(), 1007);
          outer.cancel();
          assert.equal(currentEffectiveDeadline(), -Infinity);
        });
      }),
    );
  }));

test('CORE-15 cancelled leaves are taken out of a group, the real error comes out bare', async () => {
  const outer = new CancelScope();
  const inner = new CancelScope();
  const real = new Error('real');
  const outcome = outer.run(async () => {
    await inner.run(async () => {
      await openNursery(async (nursery) => {
        for (let i = 0; i < 3; i++) nursery.startSoon(sleepForever);
        nursery.startSoon(async () => {
          await sleepForever().catch(() => undefined);
          throw real;
        });
        await settle(1);
        inner.cancel();
        outer.cancel();
      });
    });
  });
  await assert.rejects(outcome, (error) => error === real);
});

test('CORE-15 a group that a body throws is filtered by the scope that was cancelled', async () => {
  const scope = new CancelScope();
  const one = new Error('one');
  const two = new Error('two');
  await assert.rejects(
    scope.run(async () => {
      scope.cancel();
      const cancelled = await checkpoint().catch((error: unknown) => error);
      throw new AggregateError([cancelled, new AggregateError([cancelled, one]), two], 'group');
    }),
    (error) => {
      assert.ok(error instanceof AggregateError);
      assert.equal(error.message, 'group');
      assert.deepEqual(error.errors, [one, two]);
      return true;
    },
  );
  assert.equal(scope.cancelledCaught, true);

  const pure = new CancelScope();
  await pure.run(async () => {
    pure.cancel();
    const cancelled = await checkpoint().catch((error: unknown) => error);
    throw new AggregateError([cancelled, new AggregateError([cancelled])]);
  });
  assert.equal(pure.cancelledCaught, true, 'a group of nothing but Cancelled is swallowed');
});

test('CORE-16 a group without Cancelled passes untouched, and nothing was caught', async () => {
  const scope = new CancelScope();
  const group = new AggregateError([new Error('a'), new Error('b')]);
  await assert.rejects(
    scope.run(async () => {
      scope.cancel();
      throw group;
    }),
    (error) => error === group,
  );
  assert.equal(scope.cancelledCaught, false);
});

test('CORE-26 a timeout counts from entering, not from making the scope', () =>
  virtually(async (clock) => {
    const scope = new CancelScope({ timeoutMs: 5000 });
    assert.throws(() => scope.deadline, MisuseError);
    assert.throws(() => (scope.deadline = 1), MisuseError);
    clock.skip(3000);
    await scope.run(async () => {
      assert.equal(scope.deadline, 8000);
      await sleepForever();
    });
    assert.equal(currentTime(), 8000);
  }));

test('CORE-27 a scope that outlives the one around it is cut loose; the outer one is not disturbed', async () => {
  const inner = new CancelScope();
  let escaped: Promise<unknown> | undefined;
  const value = await new CancelScope().run(async () => {
    escaped = inner.run(() => sleepForever());
    escaped.catch(() => undefined);
    return 'outer';
  });
  assert.equal(value, 'outer');
  await assert.rejects(
    escaped as Promise<unknown>,
    (error) => error instanceof ScopeExitedError && error instanceof MisuseError,
  );
  assert.equal(inner.cancelCalled, false);
  await checkpoint();
});

test('CORE-27 ending and cancelling a scope from unrelated code leaves the current one alone', async () => {
  const other = new CancelScope();
  const running = other.run(() => sleepForever());
  const scope = new CancelScope();
  const value = await scope.run(async () => {
    other.cancel();
    await running;
    await checkpoint();
    return 'mine';
  });
  assert.equal(value, 'mine');
  assert.equal(other.cancelledCaught, true);
});

test('CORE-30 ten thousand scopes inside each other, with awaits, cancelled from the outermost', async () => {
  const outer = new CancelScope();
  let depth = 0;
  const dive = async (left: number): Promise<void> => {
    // Off the stack: what is deep here is the tree, not the call.
    await Promise.resolve();
    await new CancelScope().run(async () => {
      depth++;
      if (left > 0) await dive(left - 1);
      else await sleepForever();
    });
  };
  const running = outer.run(() => dive(10_000));
  while (depth < 10_001) await settle(1);
  outer.cancel();
  await running;
  assert.equal(outer.cancelledCaught, true);
});

test('CORE-30 a hundred thousand moves of one deadline leave one timer', async () => {
  const clock = new ScriptedClock();
  await withClock(clock, async () => {
    const scope = new CancelScope({ timeoutMs: 1e9 });
    await scope.run(async () => {
      for (let i = 0; i < 100_000; i++) scope.deadline = i % 2 === 0 ? 1e9 : 2e9;
      assert.equal(clock.timers, 1);
    });
    assert.equal(clock.timers, 0);
  });
});

test('CORE-31 what is not a function is refused, before anything is entered', async () => {
  const scope = new CancelScope();
  for (const bad of [undefined, null, 5, Promise.resolve()]) {
    await assert.rejects(scope.run(bad as never), TypeError);
    await assert.rejects(scope.tryRun(bad as never), TypeError);
    await assert.rejects(openNursery(bad as never), TypeError);
    await assert.rejects(moveOnAfter(1, bad as never), TypeError);
  }
  assert.equal(await scope.run(async () => 'still unused'), 'still unused');
});

test('a body that throws without awaiting leaves the scope as one that awaited', async () => {
  const scope = new CancelScope();
  await assert.rejects(
    scope.run(() => {
      throw new Error('at once');
    }),
    /at once/,
  );
  await checkpoint();
});

test('tryRun tells a cancelled body from one that returned undefined', async () => {
  assert.deepEqual(await new CancelScope().tryRun(async () => undefined), { cancelled: false, value: undefined });
  const scope = new CancelScope();
  assert.deepEqual(
    await scope.tryRun(async () => {
      scope.cancel();
      await checkpoint();
    }),
    { cancelled: true },
  );
});

test('a value that a body got to is kept although its scope is cancelled', async () => {
  const scope = new CancelScope();
  const value = await scope.run(async () => {
    scope.cancel();
    await checkpoint().catch(() => undefined);
    return 'swallowed and went on';
  });
  assert.equal(value, 'swallowed and went on');
});

test('a real error from a cancelled body is thrown, not swallowed', async () => {
  const scope = new CancelScope();
  await assert.rejects(
    scope.run(async () => {
      scope.cancel();
      try {
        await checkpoint();
      } catch {
        throw new Error('cleanup failed');
      }
    }),
    /cleanup failed/,
  );
  assert.equal(scope.cancelledCaught, false);
});

test('a Cancelled that crossed over into a scope that is not cancelled is an ordinary error', async () => {
  const other = new CancelScope();
  let stray: unknown;
  await other.run(async () => {
    other.cancel();
    await checkpoint().catch((error: unknown) => {
      stray = error;
    });
  });
  const scope = new CancelScope();
  await assert.rejects(
    scope.run(async () => {
      throw stray;
    }),
    (error) => error === stray,
  );
  assert.equal(scope.cancelledCaught, false);
});

test('a callback that cancels another scope, or the same one, delivers once to each wait', async () => {
  const outer = new CancelScope();
  const other = new CancelScope();
  let calls = 0;
  const otherRunning = other.run(() =>
    suspend(() => () => {
      calls++;
      outer.cancel();
      other.cancel();
    }),
  );
  await outer.run(async () => {
    const waits = [1, 2, 3].map(() =>
      suspend(() => () => {
        calls++;
        other.cancel();
        outer.cancel();
      }),
    );
    await settle(1);
    outer.cancel();
    await Promise.all(waits);
  });
  await otherRunning;
  assert.equal(calls, 4);
});

test('a callback that raises a shield keeps the cancellation from what is below it', async () => {
  const outer = new CancelScope();
  const inner = new CancelScope();
  let innerValue: unknown;
  await outer.run(async () => {
    const below = inner.run(() =>
      suspend<string>((waiter) => {
        setImmediate(() => {
          waiter.resolve('finished in peace');
        });
        return () => undefined;
      }).then((value) => {
        innerValue = value;
      }),
    );
    const guard = suspend(() => () => {
      inner.shield = true;
    });
    const { signal } = inner;
    outer.cancel();
    assert.equal(signal.aborted, false);
    assert.equal(inner.signal, signal, 'a signal that did not abort stays the signal of the scope');
    await Promise.allSettled([guard, below]);
  });
  assert.equal(innerValue, 'finished in peace');
});

test('sleepUntil and deadlines run on the clock that was ambient when they began', () =>
  virtually(async (clock) => {
    clock.skip(10_000);
    await sleepUntil(currentTime() + 5);
    assert.equal(currentTime(), 10_005);
  }));
