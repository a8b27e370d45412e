/**
 * What is under way on the network, in the order in which it arrives.
 *
 * Several things may be due at the same moment, and the order must not depend on which task happened to run first: so they
 * are ordered by time, then by lane (the link they are on), then by when they were put in that lane. Only one timer of the
 * clock is set, for the first of them.
 */
import type { Clock } from '../../core/clock.ts';

interface Entry {
  readonly at: number;
  readonly lane: string;
  readonly order: number;
  readonly fn: () => void;
}

export class Timeline {
  readonly #clock: () => Clock;
  readonly #heap: Entry[] = [];
  #order = 0;
  #armedFor = Infinity;
  #disarm: (() => void) | undefined;
  #isRunning = false;

  constructor(clock: () => Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock().now();
  }

  /** Runs `fn` in `delayMs`, never at once. */
  after(delayMs: number, lane: string, fn: () => void): void {
    this.#push({ at: this.now() + delayMs, lane, order: this.#order++, fn });
    if (!this.#isRunning) this.#arm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.at >= this.#armedFor) return;
    this.#disarm?.();
    this.#armedFor = first.at;
    this.#disarm = this.#clock().setTimer(first.at, () => {
      this.#armedFor = Infinity;
      this.#disarm = undefined;
      this.#runDue();
    });
  }

  #runDue(): void {
    const now = this.now();
    this.#isRunning = true;
    try {
      for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
        this.#pop();
        first.fn();
      }
    } finally {
      this.#isRunning = false;
      this.#arm();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (isBefore(above, entry)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      const below = heap[child] as Entry;
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.lane !== b.lane) return a.lane < b.lane;
  return a.order < b.order;
}
