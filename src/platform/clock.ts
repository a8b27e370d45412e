/**
 * The system's clock: monotonic time, and all timers of the library on one Node timer.
 *
 * A fresh `setTimeout` costs about 1 µs and most deadlines never fire, so the heap holds the timers and one Node timer
 * is armed for the earliest. Cancelling the earliest does not touch the Node timer: when it fires with nothing due it
 * re-arms itself for what is due next. An armed timer with an empty heap is unref'ed, so that it does not keep the
 * process alive.
 *
 * Node rounds delays to whole milliseconds and may fire up to 1 ms before `performance.now()` says so; what is not due
 * yet is re-armed, never run early.
 */
import type { Clock } from '../core/clock.ts';
import { TimerHeap } from './timer-heap.ts';

/** Longest delay that Node's timers take (2^31 - 1 ms); a longer one would fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

class SystemClock implements Clock {
  readonly #heap = new TimerHeap();
  #timer: NodeJS.Timeout | undefined;
  /** When the Node timer will fire; meaningful while it is armed. */
  #armedFor = Infinity;

  now(): number {
    return performance.now();
  }

  setTimer(at: number, fn: () => void): () => void {
    const timer = this.#heap.add(at, fn);
    this.#arm();
    return () => {
      this.#heap.remove(timer);
      if (this.#heap.size === 0) this.#timer?.unref();
    };
  }

  #arm(): void {
    const { earliest } = this.#heap;
    if (earliest === Infinity && this.#heap.size === 0) return;
    if (this.#timer !== undefined && this.#armedFor <= earliest) {
      this.#timer.ref();
      return;
    }
    clearTimeout(this.#timer);
    const delay = Math.min(Math.max(Math.ceil(earliest - performance.now()), 1), MAX_DELAY_MS);
    this.#armedFor = earliest;
    this.#timer = setTimeout(() => this.#fire(), delay);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#armedFor = Infinity;
    const now = performance.now();
    try {
      for (let due = this.#heap.popDue(now); due !== undefined; due = this.#heap.popDue(now)) due.fn();
    } finally {
      // Also when a callback throws: the error is the process's to report, the other timers must still run.
      this.#arm();
    }
  }
}

export const systemClock: Clock = new SystemClock();
