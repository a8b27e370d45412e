/**
 * MockClock: time that passes when the test says so, or when everybody is waiting for it.
 *
 *     const clock = new MockClock();
 *     await withClock(clock, async () => { await sleep(86_400_000); });      // a day, in a millisecond
 *
 * The clock stands still (`rate` 0) while anything is going on. When every task that runs under it is blocked, it jumps
 * to the next timer: *autojump*. So deadlines, sleeps and retries happen in the right order at exactly their times, and a
 * test of them takes no real time. `jump(ms)` moves it by hand; a `rate` above 0 lets it run.
 *
 * What "blocked" means is told in `idle-watch.ts`. A task blocked in real I/O is something else than one blocked in a
 * memory stream: its bytes may be on their way through the kernel. While such a wait is pending a jump needs
 * `externalThresholdMs` of real quiet. A wait of the kind `busy` (name look-up, thread pool, `foreign(promise)`) is never
 * jumped over.
 *
 * Two things to know. Work that is no request of libuv (WebCrypto, zlib, worker threads; on Node 26 `readFile` of a small
 * file) is invisible: wrap its promise in `foreign()` if the task has other waits registered meanwhile. And a task that awaits a promise bowline does not know
 * stops the clock; after `watchdogMs` the tasks are cancelled with a reason that names it.
 *
 * One clock may be installed several times; it jumps when the tasks of all its installations are blocked.
 *
 * Source: Trio `MockClock`. Autojump is on by default here, off there.
 */
import { TimerHeap } from '../platform/timer-heap.ts';
import { clockInstalled } from '../tasks/environment.ts';
import type { WatchingClock } from '../tasks/environment.ts';
import type { ScopeNode } from '../tasks/scope-node.ts';
import { activity } from '../tasks/waiter.ts';
import { registerWatch } from './wait-all-tasks-blocked.ts';
import { IdleWatch } from './idle-watch.ts';

export interface MockClockOptions {
  /** Virtual milliseconds for each real millisecond; >= 0. Default 0: the clock stands still. */
  readonly rate?: number | undefined;
  /**
   * Real milliseconds for which all tasks must have been blocked before the clock jumps to its next timer; >= 0.
   * Default 0: at once. Infinity: never by itself.
   */
  readonly autojumpThresholdMs?: number | undefined;
  /** The threshold while a task waits for real I/O, where it is higher. Default 50. */
  readonly externalThresholdMs?: number | undefined;
  /** Real milliseconds without any progress after which the tasks are cancelled, with a reason that names what is stuck. Default 10,000; Infinity: never. */
  readonly watchdogMs?: number | undefined;
}

/** Longest delay that Node's timers take. */
const MAX_DELAY_MS = 2_147_483_647;

export class MockClock implements WatchingClock {
  readonly #heap = new TimerHeap();
  readonly #watch: IdleWatch;
  #rate: number;
  #autojumpThresholdMs: number;
  readonly #externalThresholdMs: number;
  readonly #watchdogMs: number;
  /** The clock read `#virtualBase` when real time was `#realBase`. */
  #virtualBase = 0;
  #realBase = performance.now();
  #cancelWakeUp: (() => void) | undefined;

  /**
   * @throws TypeError, RangeError an option is not a number, or is negative
   */
  constructor(options: MockClockOptions = {}) {
    const { rate = 0, autojumpThresholdMs = 0, externalThresholdMs = 50, watchdogMs = 10_000 } = options;
    this.#rate = checkRate(rate);
    this.#autojumpThresholdMs = checkThreshold('autojumpThresholdMs', autojumpThresholdMs);
    this.#externalThresholdMs = checkThreshold('externalThresholdMs', externalThresholdMs);
    this.#watchdogMs = checkThreshold('watchdogMs', watchdogMs);
    this.#watch = new IdleWatch(this.#watched());
  }

  /** Virtual milliseconds since the clock was made. */
  now(): number {
    if (this.#rate === 0) return this.#virtualBase;
    return this.#virtualBase + (performance.now() - this.#realBase) * this.#rate;
  }

  setTimer(at: number, fn: () => void): () => void {
    activity.count++;
    const timer = this.#heap.add(at, fn);
    this.#arm();
    return () => {
      this.#heap.remove(timer);
    };
  }

  /**
   * Moves the clock forward. Timers that become due run at the next turn of the event loop, in the order of their times;
   * `await waitAllTasksBlocked()` to let everything happen that follows from them.
   *
   * @param ms virtual milliseconds, >= 0
   */
  jump(ms: number): void {
    checkNumber('ms', ms);
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`time cannot go backwards, nor to its end: jump(${ms})`);
    this.#moveTo(this.now() + ms);
  }

  /** Virtual milliseconds for each real one. Changing it keeps the virtual time. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    checkRate(rate);
    const now = this.now();
    this.#rate = rate;
    this.#moveTo(now);
  }

  /** See `MockClockOptions`. Takes effect at once, also while everything is blocked. */
  get autojumpThresholdMs(): number {
    return this.#autojumpThresholdMs;
  }

  set autojumpThresholdMs(ms: number) {
    this.#autojumpThresholdMs = checkThreshold('autojumpThresholdMs', ms);
    this.#watch.poke();
  }

  /** For `withClock`. */
  [clockInstalled](root: ScopeNode): () => void {
    const unregister = registerWatch(root, this.#watch);
    const removeRoot = this.#watch.addRoot(root);
    return () => {
      removeRoot();
      unregister();
    };
  }

  #watched(): ConstructorParameters<typeof IdleWatch>[0] {
    const hasDueTimer = (): boolean => this.#heap.earliest <= this.now();
    const isRunning = (): boolean => this.#rate > 0 && this.#heap.earliest < Infinity;
    return {
      get hasDueTimer() {
        return hasDueTimer();
      },
      get isRunning() {
        return isRunning();
      },
      watchdogMs: this.#watchdogMs,
      quietBeforeJumpMs: (waitsForIo) => {
        if (this.#heap.earliest === Infinity) return Infinity;
        return waitsForIo ? Math.max(this.#autojumpThresholdMs, this.#externalThresholdMs) : this.#autojumpThresholdMs;
      },
      jumpToNextTimer: () => {
        this.#moveTo(this.#heap.earliest);
      },
    };
  }

  #moveTo(virtual: number): void {
    activity.count++;
    this.#virtualBase = virtual;
    this.#realBase = performance.now();
    this.#arm();
    this.#watch.poke();
  }

  /** Sees to it that timers run when they are due: at the next turn, or after real time if the clock runs. */
  #arm(): void {
    this.#cancelWakeUp?.();
    this.#cancelWakeUp = undefined;
    const delay = this.#heap.earliest - this.now();
    if (!(delay < Infinity) || (delay > 0 && this.#rate === 0)) return;
    const wakeUp = (): void => {
      this.#cancelWakeUp = undefined;
      this.#runDue();
    };
    if (delay <= 0) {
      const turn = setImmediate(wakeUp);
      this.#cancelWakeUp = () => {
        clearImmediate(turn);
      };
    } else {
      const timer = setTimeout(wakeUp, Math.min(Math.ceil(delay / this.#rate), MAX_DELAY_MS));
      this.#cancelWakeUp = () => {
        clearTimeout(timer);
      };
    }
  }

  #runDue(): void {
    const now = this.now();
    try {
      for (let due = this.#heap.popDue(now); due !== undefined; due = this.#heap.popDue(now)) {
        activity.count++;
        due.fn();
      }
    } finally {
      this.#arm();
    }
  }
}

function checkNumber(name: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(`${name} is a number, not ${typeof value}`);
}

function checkRate(rate: number): number {
  checkNumber('rate', rate);
  if (!(rate >= 0 && rate < Infinity)) throw new RangeError(`rate is 0 or more, and finite, not ${rate}`);
  return rate;
}

function checkThreshold(name: string, ms: number): number {
  checkNumber(name, ms);
  if (!(ms >= 0)) throw new RangeError(`${name} is 0 or more milliseconds, not ${ms}`);
  return ms;
}
