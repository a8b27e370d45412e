/**
 * A binary heap of timers, earliest first, ties in the order they were set.
 *
 * Timers know their place in the heap, so that cancelling one removes it at once (O(log n)): a server sets a deadline
 * per connection and cancels nearly all of them, and tombstones would pile up until their far-off time came.
 */
export interface HeapTimer {
  readonly at: number;
  readonly fn: () => void;
  readonly order: number;
  /** Index in the heap, -1 when not in it. Written by the heap only. */
  index: number;
}

export class TimerHeap {
  readonly #timers: HeapTimer[] = [];
  #nextOrder = 0;

  get size(): number {
    return this.#timers.length;
  }

  /** When the earliest timer is due; `Infinity` if there is none. */
  get earliest(): number {
    return this.#timers[0]?.at ?? Infinity;
  }

  add(at: number, fn: () => void): HeapTimer {
    const timer: HeapTimer = { at, fn, order: this.#nextOrder++, index: this.#timers.length };
    this.#timers.push(timer);
    this.#siftUp(timer);
    return timer;
  }

  remove(timer: HeapTimer): void {
    const { index } = timer;
    if (index < 0) return;
    timer.index = -1;
    const last = this.#timers.pop() as HeapTimer;
    if (last === timer) return;
    this.#timers[index] = last;
    last.index = index;
    this.#siftDown(last);
    this.#siftUp(last);
  }

  /** Takes out the earliest timer if it is due at `now`. */
  popDue(now: number): HeapTimer | undefined {
    const first = this.#timers[0];
    if (first === undefined || first.at > now) return undefined;
    this.remove(first);
    return first;
  }

  #siftUp(timer: HeapTimer): void {
    while (timer.index > 0) {
      const parent = this.#timers[(timer.index - 1) >> 1] as HeapTimer;
      if (!isBefore(timer, parent)) return;
      this.#swap(timer, parent);
    }
  }

  #siftDown(timer: HeapTimer): void {
    for (;;) {
      const left = this.#timers[2 * timer.index + 1];
      const right = this.#timers[2 * timer.index + 2];
      if (left === undefined) return;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, timer)) return;
      this.#swap(child, timer);
    }
  }

  #swap(a: HeapTimer, b: HeapTimer): void {
    const { index } = a;
    a.index = b.index;
    b.index = index;
    this.#timers[a.index] = a;
    this.#timers[b.index] = b;
  }
}

function isBefore(a: HeapTimer, b: HeapTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
