/**
 * A line of blocked calls, served first come, first served.
 *
 * Everything that tasks wait for each other with (locks, semaphores, channels) is a counter and such a line. The line is
 * a doubly linked list: who is cancelled leaves from the middle in constant time, and ten thousand waiters are served in
 * ten thousand steps (a Set or Map used as a queue skips over what was deleted before, which makes it quadratic).
 *
 * A place in the line carries an `item`: what the call wants to hand over, or whose it is.
 */
import { currentNode } from './environment.ts';
import { Waiter } from './waiter.ts';

export interface Place<T, I> {
  readonly waiter: Waiter<T>;
  readonly item: I;
}

interface LinkedPlace<T, I> extends Place<T, I> {
  next: LinkedPlace<T, I> | null;
  previous: LinkedPlace<T, I> | null;
  queued: boolean;
}

export class WaitQueue<T, I = undefined> {
  #first: LinkedPlace<T, I> | null = null;
  #last: LinkedPlace<T, I> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Waits in line until `take` picks this place and its waiter is settled. A cancelled wait leaves the line. */
  wait(item: I): Promise<T> {
    const waiter = new Waiter<T>('virtual', () => {
      this.#remove(place);
    });
    const place: LinkedPlace<T, I> = { waiter, item, next: null, previous: null, queued: false };
    const promise = waiter.wait();
    if (waiter.pending) this.#append(place);
    return promise;
  }

  /** Like `wait`, but cancellation does not end it. */
  waitShielded(item: I): Promise<T> {
    const waiter = new Waiter<T>('virtual', () => false);
    const promise = waiter.waitIn(currentNode());
    this.#append({ waiter, item, next: null, previous: null, queued: false });
    return promise;
  }

  /** Takes out the longest waiting place. Its waiter is pending: whatever it is settled with arrives. */
  take(): Place<T, I> | undefined {
    for (let place = this.#first; place !== null; place = this.#first) {
      this.#remove(place);
      // A shielded wait that outlived its scope was told so and stayed in line.
      if (place.waiter.pending) return place;
    }
    return undefined;
  }

  /** Takes out every place whose item fits and rejects its waiter. */
  rejectWhere(fits: (item: I) => boolean, makeError: () => Error): void {
    for (let place = this.#first; place !== null;) {
      const { next } = place;
      if (fits(place.item)) {
        this.#remove(place);
        place.waiter.reject(makeError());
      }
      place = next;
    }
  }

  #append(place: LinkedPlace<T, I>): void {
    place.queued = true;
    place.previous = this.#last;
    if (this.#last === null) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#size++;
  }

  #remove(place: LinkedPlace<T, I>): void {
    if (!place.queued) return;
    place.queued = false;
    const { next, previous } = place;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    place.next = null;
    place.previous = null;
    this.#size--;
  }
}
