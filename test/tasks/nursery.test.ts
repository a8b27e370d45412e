import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MisuseError } from 'bowline/core';
import {
  CancelScope,
  Cancelled,
  checkpoint,
  currentTime,
  Event,
  moveOnAfter,
  openNursery,
  ScopeExitedError,
  sleep,
  sleepForever,
  suspend,
} from 'bowline/tasks';
import type { Nursery, Started } from 'bowline/tasks';

import { settle, virtually } from '../support/scripted-clock.js';

const failing = (message: string) => async (): Promise<never> => {
  throw new Error(message);
};

/** Hands out a nursery that stays open until its scope is cancelled. */
async function hostNursery(started: Started<Nursery>): Promise<void> {
  await openNursery(async (nursery) => {
    started(nursery);
    await sleepForever();
  });
}

test('CORE-3 in a nursery that is cancelled already, a child starts and its first wait throws', async () => {
  const log: string[] = [];
  await openNursery(async (nursery) => {
    nursery.cancelScope.cancel();
    nursery.startSoon(async () => {
      log.push('started');
      await checkpoint();
      log.push('not reached');
    });
  });
  assert.deepEqual(log, ['started']);
});

test('CORE-5 a cancel reaches grandchildren in nested nurseries', async () => {
  let cut = 0;
  const sleeper = async (): Promise<void> => {
    await sleepForever().finally(() => cut++);
  };
  const scope = new CancelScope();
  await scope.run(() =>
    openNursery(async (outer) => {
      for (let i = 0; i < 2; i++) {
        outer.startSoon(() =>
          openNursery(async (inner) => {
            inner.startSoon(sleeper);
            inner.startSoon(sleeper);
          }),
        );
      }
      await settle(1);
      scope.cancel();
    }),
  );
  assert.equal(cut, 4);
  assert.equal(scope.cancelledCaught, true);
});

test('CORE-17 the error of the body and the error of a child are both in the group', async () => {
  await assert.rejects(
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleepForever().catch(() => undefined);
        throw new Error('child');
      });
      await settle(1);
      throw new Error('body');
    }),
    (error) => {
      assert.ok(error instanceof AggregateError);
      assert.deepEqual(
        error.errors.map((leaf: Error) => leaf.message),
        ['body', 'child'],
      );
      return true;
    },
  );
});

test('CORE-17 the errors of two children are both in the group; a single one comes out as it is', async () => {
  await assert.rejects(
    openNursery(async (nursery) => {
      nursery.startSoon(failing('one'));
      nursery.startSoon(failing('two'));
    }),
    (error) => error instanceof AggregateError && error.errors.length === 2,
  );
  const single = new Error('single');
  await assert.rejects(
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        throw single;
      });
      nursery.startSoon(sleepForever);
      await sleepForever();
    }),
    (error) => error === single,
  );
});

test('CORE-17 a child that fails wakes the blocked body', async () => {
  let bodyCut: unknown;
  await assert.rejects(
    openNursery(async (nursery) => {
      nursery.startSoon(failing('child'));
      await sleepForever().catch((error: unknown) => {
        bodyCut = error;
        throw error;
      });
    }),
    /child/,
  );
  assert.ok(bodyCut instanceof Cancelled);
  assert.equal(bodyCut.source, 'nursery');
});

test('CORE-18 leaving an empty nursery in a cancelled scope does not throw', async () => {
  const scope = new CancelScope();
  const value = await scope.run(async () => {
    scope.cancel();
    return await openNursery(async () => 'value');
  });
  assert.equal(value, 'value');
});

test('CORE-18 a child that never waits makes no Cancelled either', async () => {
  const scope = new CancelScope();
  const value = await scope.run(async () => {
    scope.cancel();
    return await openNursery(async (nursery) => {
      nursery.startSoon(async () => undefined);
      return 'value';
    });
  });
  assert.equal(value, 'value');
  assert.equal(scope.cancelledCaught, false);
});

test('CORE-19 start gives the value when started() is called; the nursery waits for the rest', () =>
  virtually(async () => {
    await openNursery(async (nursery) => {
      const value = await nursery.start(async (started: Started<number>, ms: number) => {
        await sleep(ms);
        started(ms * 2);
        await sleep(ms);
      }, 1000);
      assert.equal(value, 2000);
      assert.equal(currentTime(), 1000);
    });
    assert.equal(currentTime(), 2000);
  }));

test('CORE-19 a function for start can be called directly with any callback', async () => {
  const service = async (started: Started<number>): Promise<string> => {
    started(5);
    return 'done';
  };
  let got: number | undefined;
  assert.equal(
    await service((value) => {
      got = value;
    }),
    'done',
  );
  assert.equal(got, 5);
});

test('CORE-19 calling started() twice is a misuse', async () => {
  await assert.rejects(
    openNursery((nursery) =>
      nursery.start(async (started) => {
        started();
        started();
      }),
    ),
    MisuseError,
  );
});

test('CORE-19 an error before started() comes out of start, and the nursery lives on', async () => {
  const reason = new Error('early');
  await openNursery(async (nursery) => {
    await assert.rejects(
      nursery.start(async () => {
        throw reason;
      }),
      (error) => error === reason,
    );
    await checkpoint();
    assert.equal(nursery.cancelScope.cancelCalled, false);
  });
});

test('CORE-19 ending without started() is a misuse that names the task', async () => {
  await openNursery(async (nursery) => {
    async function forgetful(): Promise<void> {
      await checkpoint();
    }
    await assert.rejects(nursery.start(forgetful), /forgetful/);
  });
});

test('CORE-19 a cancelled start cancels its child, and nothing else', async () => {
  let child: unknown;
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    await scope.run(async () => {
      scope.cancel();
      await nursery.start(async () => {
        await sleepForever().catch((error: unknown) => {
          child = error;
          throw error;
        });
      });
    });
    assert.equal(scope.cancelledCaught, true);
    await checkpoint();
  });
  assert.ok(child instanceof Cancelled);
});

test('CORE-19 in a cancelled start, a child that never waits gets through', async () => {
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    const value = await scope.run(async () => {
      scope.cancel();
      return await nursery.start(async (started: Started<string>) => {
        started('through');
      });
    });
    assert.equal(value, 'through');
    assert.equal(scope.cancelledCaught, false);
  });
});

test('CORE-19 in a cancelled start, a child that fails after started() fails the start', async () => {
  const reason = new Error('late');
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    await assert.rejects(
      scope.run(async () => {
        scope.cancel();
        await nursery.start(async (started) => {
          started();
          throw reason;
        });
      }),
      (error) => error === reason,
    );
    assert.equal(nursery.cancelScope.cancelCalled, false);
  });
});

test('CORE-19 after started() an error is the nursery’s', async () => {
  const reason = new Error('late');
  await assert.rejects(
    openNursery(async (nursery) => {
      await nursery.start(async (started) => {
        started();
        await checkpoint();
        throw reason;
      });
      await sleepForever();
    }),
    (error) => error === reason,
  );
});

test('CORE-19 a nursery that has ended takes no tasks', async () => {
  let ended: Nursery | undefined;
  await openNursery(async (nursery) => {
    ended = nursery;
  });
  assert.throws(() => ended?.startSoon(checkpoint), MisuseError);
  await assert.rejects(ended?.start(async () => undefined) as Promise<void>, MisuseError);
});

test('CORE-20 pending starts keep the nursery open: 1 s, 2 s and 3 s of them one after the other', () =>
  virtually(async () => {
    const slow = async (started: Started<void>): Promise<void> => {
      await sleep(1000);
      started();
      await sleep(3000);
    };
    const host = new Event();
    let target: Nursery | undefined;
    await openNursery(async (outer) => {
      outer.startSoon(async () => {
        await openNursery(async (nursery) => {
          target = nursery;
          outer.startSoon(async () => {
            await nursery.start(slow);
          });
          outer.startSoon(async () => {
            await sleep(500);
            await nursery.start(async (started) => {
              await sleep(2500);
              started();
              await sleep(3000);
            });
          });
          host.set();
          await sleep(600);
        });
        assert.equal(currentTime(), 6000);
      });
      await host.wait();
    });
    assert.throws(() => target?.startSoon(checkpoint), MisuseError);
  }));

test('CORE-20 a pending start whose child fails keeps the nursery open until then', () =>
  virtually(async () => {
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(async () => {
        await openNursery(async (nursery) => {
          target = nursery;
          await sleep(10);
        });
        assert.equal(currentTime(), 7000);
      });
      await settle(1);
      await assert.rejects(
        target?.start(async () => {
          await sleep(7000);
          throw new Error('at 7');
        }) as Promise<void>,
        /at 7/,
      );
    });
  }));

for (const when of ['before', 'after'] as const) {
  test(`CORE-21 a start into a nursery that is cancelled just ${when} started(): the sleeping grandchildren are woken`, async () => {
    let cut = 0;
    const sleeper = async (): Promise<void> => {
      await sleepForever().finally(() => cut++);
    };
    await openNursery(async (nursery) => {
      const target = await nursery.start(hostNursery);
      await target.start(async (started) => {
        await openNursery(async (inner) => {
          inner.startSoon(sleeper);
          inner.startSoon(sleeper);
          await settle(2);
          if (when === 'before') target.cancelScope.cancel();
          started();
        });
      });
      if (when === 'after') target.cancelScope.cancel();
    });
    assert.equal(cut, 2);
  });
}

test('CORE-22 start keeps the cause of an early error', async () => {
  const cause = new Error('cause');
  await openNursery(async (nursery) => {
    await assert.rejects(
      nursery.start(async () => {
        throw new Error('early', { cause });
      }),
      (error) => error instanceof Error && error.message === 'early' && error.cause === cause,
    );
  });
});

test('startSoon never runs the function inside the call, and runs it once the caller waits', async () => {
  const log: string[] = [];
  await openNursery(async (nursery) => {
    nursery.startSoon(async (who: string) => {
      log.push(who);
    }, 'child');
    log.push('body');
    await checkpoint();
  });
  assert.deepEqual(log, ['body', 'child']);
});

test('startSoon refuses what is not a function, and says what to do with a promise', async () => {
  await openNursery(async (nursery) => {
    assert.throws(() => {
      nursery.startSoon(5 as never);
    }, TypeError);
    assert.throws(() => {
      nursery.startSoon(Promise.resolve() as never);
    }, /the async function itself/);
    await assert.rejects(nursery.start(undefined as never), TypeError);
  });
});

test('a function that throws at once fails like one that rejects', async () => {
  await assert.rejects(
    openNursery(async (nursery) => {
      nursery.startSoon(() => {
        throw new Error('at once');
      });
    }),
    /at once/,
  );
});

test('children are under the nursery, not under who starts them', async () => {
  const scope = new CancelScope();
  let child = 'waiting';
  await openNursery(async (nursery) => {
    const go = new Event();
    await scope.run(async () => {
      nursery.startSoon(async () => {
        await go.wait();
        child = 'done';
      });
      await settle(1);
      scope.cancel();
      await checkpoint();
    });
    go.set();
  });
  assert.equal(child, 'done');
});

test('tasks can be started from a callback outside of any scope while the nursery is open', async () => {
  let ran = false;
  await openNursery(async (nursery) => {
    await suspend((waiter) => {
      setImmediate(() => {
        nursery.startSoon(async () => {
          ran = true;
        });
        waiter.resolve();
      });
    });
  });
  assert.equal(ran, true);
});

test('a task can be started while the body is done and another child lives', async () => {
  const log: string[] = [];
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      await settle(1);
      nursery.startSoon(async () => {
        await settle(1);
        log.push('grandchild');
      });
    });
  });
  assert.deepEqual(log, ['grandchild']);
});

test('once the last task has ended, nothing slips in before the exit', async () => {
  const outcome: string[] = [];
  let nursery: Nursery | undefined;
  const exit = openNursery(async (n) => {
    nursery = n;
    n.startSoon(async () => {
      await checkpoint();
    });
  });
  const watch = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      try {
        nursery?.startSoon(async () => {
          await checkpoint();
          outcome.push('ran to its end');
        });
        outcome.push('accepted');
      } catch (error) {
        assert.ok(error instanceof MisuseError);
        return;
      }
      await settle(1);
      for (let tick = 0; tick < i; tick++) await Promise.resolve();
    }
  };
  const watching = watch();
  await exit;
  const accepted = outcome.filter((line) => line === 'accepted').length;
  const ended = outcome.filter((line) => line === 'ran to its end').length;
  assert.equal(ended, accepted);
  nursery = undefined;
  await watching;
});

test('a child cut by an outer cancel makes the nursery throw Cancelled, although its body had a value', async () => {
  const outer = new CancelScope();
  let afterNursery = false;
  const value = await outer.run(async () => {
    const inner = await openNursery(async (nursery) => {
      nursery.startSoon(sleepForever);
      await settle(1);
      outer.cancel();
      return 'body';
    });
    afterNursery = true;
    return inner;
  });
  assert.equal(value, undefined);
  assert.equal(afterNursery, false);
  assert.equal(outer.cancelledCaught, true);
});

test('a nursery that cancels itself keeps the value of a body that got through', async () => {
  let scope: CancelScope | undefined;
  const value = await openNursery(async (nursery) => {
    scope = nursery.cancelScope;
    nursery.startSoon(sleepForever);
    await settle(1);
    nursery.cancelScope.cancel();
    return 'body';
  });
  assert.equal(value, 'body');
  assert.equal(scope?.cancelledCaught, true);
});

test('a nursery whose own scope cut the body off returns undefined', async () => {
  const value = await openNursery(async (nursery) => {
    nursery.cancelScope.cancel();
    await checkpoint();
    return 'not reached';
  });
  assert.equal(value, undefined);
});

test('a real error beats Cancelled: no group holds a Cancelled leaf', async () => {
  const outer = new CancelScope();
  await assert.rejects(
    outer.run(() =>
      openNursery(async (nursery) => {
        for (let i = 0; i < 3; i++) nursery.startSoon(sleepForever);
        for (const message of ['a', 'b']) {
          nursery.startSoon(async () => {
            await sleepForever().catch(() => undefined);
            throw new Error(message);
          });
        }
        await settle(1);
        outer.cancel();
        await sleepForever();
      }),
    ),
    (error) => {
      assert.ok(error instanceof AggregateError);
      assert.deepEqual(
        error.errors.map((leaf: Error) => leaf.message),
        ['a', 'b'],
      );
      return true;
    },
  );
});

test('a crossed Cancelled in a child is an ordinary error, judged before the nursery cancels itself', async () => {
  const stray = new CancelScope();
  let promise: Promise<unknown> | undefined;
  const strayRunning = stray.run(async () => {
    promise = sleepForever();
    await settle(2);
    stray.cancel();
    await settle(2);
  });
  await settle(1);
  const outcome = await openNursery(async (nursery) => {
    nursery.startSoon(() => promise as Promise<unknown>);
    await sleepForever();
  }).then(
    () => 'swallowed',
    (error: unknown) => error,
  );
  await strayRunning;
  assert.ok(outcome instanceof Cancelled);
  assert.equal(outcome.source, 'explicit', 'the stray one, not the nursery’s own');
});

test('the body of a nursery may cancel it and go on; its children are ended and awaited', () =>
  virtually(async () => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } finally {
          await new CancelScope({ shield: true }).run(() => sleep(100));
          log.push('child cleaned up');
        }
      });
      await settle(1);
      nursery.cancelScope.cancel();
      log.push('body goes on');
    });
    log.push('nursery left');
    assert.deepEqual(log, ['body goes on', 'child cleaned up', 'nursery left']);
  }));

test('a nursery left behind by the scope around it tells its tasks and takes no more', async () => {
  let child: unknown;
  let nursery: Nursery | undefined;
  let escaped: Promise<unknown> | undefined;
  await new CancelScope().run(async () => {
    escaped = openNursery(async (n) => {
      nursery = n;
      n.startSoon(async () => {
        await sleepForever().catch((error: unknown) => {
          child = error;
        });
      });
    });
    escaped.catch(() => undefined);
    await settle(1);
  });
  await assert.rejects(escaped as Promise<unknown>, ScopeExitedError);
  await settle(1);
  assert.ok(child instanceof ScopeExitedError);
  assert.throws(() => nursery?.startSoon(checkpoint), MisuseError);
});

test('moveOnAfter around a nursery ends all of it', () =>
  virtually(async () => {
    const ended: number[] = [];
    await moveOnAfter(1000, () =>
      openNursery(async (nursery) => {
        for (let i = 0; i < 3; i++) nursery.startSoon(() => sleepForever().finally(() => ended.push(currentTime())));
      }),
    );
    assert.deepEqual(ended, [1000, 1000, 1000]);
  }));
