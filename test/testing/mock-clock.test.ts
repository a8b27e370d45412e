import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import test from 'node:test';

import {
  Cancelled,
  checkpoint,
  currentTime,
  failAfter,
  foreign,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  suspend,
  withClock,
} from 'bowline/tasks';
import type { Waiter } from 'bowline/tasks';
import { MockClock, waitAllTasksBlocked } from 'bowline/testing';

test('CORE-28 autojump: sleeps of 0, 10, … 90 s take less than 1 s and end at exactly their times', async () => {
  const clock = new MockClock();
  const began = performance.now();
  await withClock(clock, async () => {
    assert.equal(currentTime(), 0);
    let expected = 0;
    for (let seconds = 0; seconds < 100; seconds += 10) {
      await sleep(seconds * 1000);
      expected += seconds * 1000;
      assert.equal(currentTime(), expected);
    }
  });
  assert.equal(clock.now(), 450_000);
  assert.ok(performance.now() - began < 1000);
});

test('CORE-28 waitAllTasksBlocked does not advance the time', async () => {
  await withClock(new MockClock(), async () => {
    await openNursery(async (nursery) => {
      nursery.startSoon(sleep, 1000);
      for (let i = 0; i < 3; i++) await waitAllTasksBlocked();
      assert.equal(currentTime(), 0);
      await waitAllTasksBlocked(5);
      assert.equal(currentTime(), 0);
      await sleep(1);
      assert.equal(currentTime(), 1);
    });
    assert.equal(currentTime(), 1000);
  });
});

test('CORE-28 a threshold is honoured, and changing it takes effect while everything is blocked', async () => {
  const clock = new MockClock({ autojumpThresholdMs: 20 });
  await withClock(clock, async () => {
    const began = performance.now();
    await sleep(1000);
    assert.ok(performance.now() - began >= 19);
    clock.autojumpThresholdMs = Infinity;
    setTimeout(() => {
      clock.autojumpThresholdMs = 0;
    }, 5);
    await sleep(1000);
    assert.equal(currentTime(), 2000);
  });
});

test('CORE-28 a second clock that is not installed does not interfere', async () => {
  const other = new MockClock();
  other.setTimer(10, () => assert.fail('a clock that nobody runs under does not jump'));
  await withClock(new MockClock(), async () => {
    await sleep(1000);
    other.autojumpThresholdMs = 0;
    await sleep(1000);
    assert.equal(currentTime(), 2000);
  });
  assert.equal(other.now(), 0);
});

test('CORE-29 with a cushion of 0 the one who waits for quiet goes before the jump', async () => {
  const record: string[] = [];
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(100);
        record.push('yawn');
      });
      nursery.startSoon(async () => {
        await waitAllTasksBlocked();
        record.push('waiter woke');
        await sleep(1000);
        record.push('waiter done');
      });
      await Promise.resolve();
    }),
  );
  assert.deepEqual(record, ['waiter woke', 'yawn', 'waiter done']);
});

test('CORE-29 with a cushion of 1 ms as well', async () => {
  const record: string[] = [];
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(100);
        record.push('yawn');
      });
      nursery.startSoon(async () => {
        await waitAllTasksBlocked(1);
        record.push('waiter done');
      });
      await Promise.resolve();
    }),
  );
  assert.deepEqual(record, ['waiter done', 'yawn']);
});

test('a clock by hand: time starts at 0, jump moves it, timers run in the order of their times', async () => {
  const clock = new MockClock({ autojumpThresholdMs: Infinity });
  const fired: string[] = [];
  await withClock(clock, () =>
    openNursery(async (nursery) => {
      const sleeper = async (name: string, ms: number): Promise<void> => {
        await sleep(ms);
        fired.push(`${name}@${currentTime()}`);
      };
      nursery.startSoon(sleeper, 'c', 30);
      nursery.startSoon(sleeper, 'a', 10);
      nursery.startSoon(sleeper, 'b', 20);
      await waitAllTasksBlocked();
      clock.jump(9);
      await waitAllTasksBlocked();
      assert.deepEqual(fired, []);
      clock.jump(11);
      assert.deepEqual(fired, [], 'nothing runs inside of jump()');
      await waitAllTasksBlocked();
      assert.deepEqual(fired, ['a@20', 'b@20']);
      clock.jump(100);
    }),
  );
  assert.deepEqual(fired, ['a@20', 'b@20', 'c@120']);
});

test('a rate lets the clock run, and changing it keeps the time', async () => {
  const clock = new MockClock({ rate: 1000, autojumpThresholdMs: Infinity });
  await withClock(clock, async () => {
    const began = performance.now();
    await sleep(5000);
    const took = performance.now() - began;
    assert.ok(took >= 4, `5 virtual seconds took ${took} ms`);
    assert.ok(currentTime() >= 5000);
    clock.rate = 0;
    const stopped = currentTime();
    await checkpoint();
    assert.equal(currentTime(), stopped);
    clock.jump(7);
    assert.equal(currentTime(), stopped + 7);
  });
});

test('options and arguments are checked', () => {
  for (const rate of [-1, NaN, Infinity]) assert.throws(() => new MockClock({ rate }), RangeError);
  assert.throws(() => new MockClock({ rate: '1' as never }), TypeError);
  assert.throws(() => new MockClock({ autojumpThresholdMs: -1 }), RangeError);
  assert.throws(() => new MockClock({ watchdogMs: NaN }), RangeError);
  const clock = new MockClock();
  for (const ms of [-1, NaN, Infinity]) assert.throws(() => clock.jump(ms), RangeError);
  assert.throws(() => clock.jump('1' as never), TypeError);
  assert.throws(() => (clock.rate = -1), RangeError);
  assert.throws(() => (clock.autojumpThresholdMs = -1), RangeError);
  assert.equal(clock.now(), 0);
});

test('waitAllTasksBlocked checks its argument and is cancelled like any wait', async () => {
  await assert.rejects(waitAllTasksBlocked(-1), RangeError);
  await assert.rejects(waitAllTasksBlocked('1' as never), TypeError);
  await withClock(new MockClock(), async () => {
    const result = await moveOnAfter(0, () => waitAllTasksBlocked(1e9));
    assert.equal(result, undefined);
  });
});

test('the smallest cushion goes first, equal ones together, also on the system clock', async () => {
  const record: string[] = [];
  await openNursery(async (nursery) => {
    const waiter = async (name: string, cushionMs: number): Promise<void> => {
      await waitAllTasksBlocked(cushionMs);
      record.push(name);
    };
    nursery.startSoon(waiter, '20', 20);
    nursery.startSoon(waiter, '0', 0);
    nursery.startSoon(waiter, '3a', 3);
    nursery.startSoon(waiter, '3b', 3);
    await Promise.resolve();
  });
  assert.deepEqual(record, ['0', '3a', '3b', '20']);
});

test('waitAllTasksBlocked outside of any scope waits until things have come to rest', async () => {
  let turns = 0;
  const stir = async (): Promise<void> => {
    for (; turns < 10; turns++) await checkpoint();
  };
  const stirring = stir();
  await waitAllTasksBlocked();
  assert.equal(turns, 10);
  await stirring;
});

test('the clock does not jump while a task awaits what bowline does not know', async () => {
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(sleep, 1000);
      await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(currentTime(), 0, 'the body awaited a bare promise');
    }),
  );
});

test('the clock does not jump over a foreign request, nor over foreign()', async () => {
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(sleep, 1000);
      const text = await foreign(readFile('/proc/self/status', 'utf8'));
      assert.ok(text.length > 0);
      assert.equal(currentTime(), 0, 'foreign() is a busy wait');
      // A wait of the library in the same task hides the request from the tree, but not from Node. (Not `readFile`: Node 26
      // reads a small file in one job of the thread pool, which it does not list.)
      const hidden = stat('/').then(() => currentTime());
      await sleep(500);
      assert.equal(await hidden, 0, 'the request was answered before the clock jumped');
      assert.equal(currentTime(), 500);
    }),
  );
});

test('a wait for real I/O holds the jump back for the external threshold', async () => {
  const clock = new MockClock({ externalThresholdMs: 20 });
  await withClock(clock, async () => {
    let io!: Waiter<void>;
    const began = performance.now();
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        suspend<void>((waiter) => {
          io = waiter;
        }),
      );
      await sleep(1000);
      assert.ok(performance.now() - began >= 19);
      io.resolve();
    });
    assert.equal(currentTime(), 1000);
  });
});

test('timers that are due at the same time run in the order they were set', async () => {
  const order: number[] = [];
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      for (let i = 0; i < 20; i++) {
        nursery.startSoon(async () => {
          await sleep(50);
          order.push(i);
        });
      }
      await Promise.resolve();
    }),
  );
  assert.deepEqual(order, [...Array(20).keys()]);
});

test('two clocks, one inside the other, each keep their own time', async () => {
  const outer = new MockClock();
  const inner = new MockClock();
  await withClock(outer, async () => {
    await sleep(10);
    await withClock(inner, async () => {
      await sleep(100);
      assert.equal(currentTime(), 100);
    });
    assert.equal(currentTime(), 10);
  });
});

test('deadlines are on the clock', async () => {
  await withClock(new MockClock(), async () => {
    await assert.rejects(
      failAfter(3_600_000, () => sleepForever()),
      { code: 'ERR_BOWLINE_TOO_SLOW' },
    );
    assert.equal(currentTime(), 3_600_000);
  });
});

test('a test that hangs says why: the watchdog names the task that awaits an unknown promise', async () => {
  const clock = new MockClock({ watchdogMs: 20 });
  let release!: () => void;
  const unknown = new Promise<void>((resolve) => (release = resolve));
  const body = withClock(clock, () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async function stuckTask() {
        await unknown;
      });
      nursery.startSoon(async function sleeper() {
        try {
          await sleep(1000);
        } finally {
          release();
        }
      });
      await Promise.resolve();
    }),
  );
  await assert.rejects(body, (error) => error instanceof Cancelled && /MockClock.*stuckTask/.test(error.message));
});

test('a test that hangs says why: a deadlock, where every task is blocked and no timer is set', async () => {
  await assert.rejects(
    withClock(new MockClock({ watchdogMs: 20 }), () => sleepForever()),
    /every task is blocked, and no timer is set/,
  );
});

test('a test that hangs says why: waitAllTasksBlocked names the task that is not blocked', async () => {
  let release!: () => void;
  const unknown = new Promise<void>((resolve) => (release = resolve));
  await withClock(new MockClock({ watchdogMs: 20 }), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async function busybody() {
        await unknown;
      });
      await assert.rejects(waitAllTasksBlocked(), /busybody/);
      release();
    }),
  );
});

test('a process that was held up was not quiet: I/O that arrived meanwhile goes before the jump', async (t) => {
  await withClock(new MockClock({ externalThresholdMs: 100 }), () =>
    openNursery(async (nursery) => {
      nursery.startSoon(sleep, 1000);
      await suspend<void>((waiter) => {
        setTimeout(() => {
          // As if the system had stopped this process for a second, and the I/O of that second were still to come.
          const now = performance.now.bind(performance);
          t.mock.method(performance, 'now', () => now() + 1000);
          setTimeout(() => waiter.resolve(), 20);
        }, 5);
      });
      assert.equal(currentTime(), 0);
    }),
  );
});
