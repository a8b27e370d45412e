/**
 * Event: something that happens once, and everyone who waits for it goes on.
 *
 * There is no way to clear one, because no waiter could tell whether it missed a set: make a new Event for the next time.
 *
 * Source: Trio `Event`.
 */
import { completed, refusal } from './waiter.ts';
import { WaitQueue } from './wait-queue.ts';

export interface EventStatistics {
  readonly tasksWaiting: number;
}

export class Event {
  readonly #waiting = new WaitQueue<void>();
  #isSet = false;

  get isSet(): boolean {
    return this.#isSet;
  }

  /** Lets everyone go on who waits now or later. Idempotent. */
  set(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    for (let place = this.#waiting.take(); place !== undefined; place = this.#waiting.take()) place.waiter.resolve();
  }

  /**
   * Waits until the event is set.
   *
   * @throws Cancelled the scope is cancelled, also if the event is set already
   */
  wait(): Promise<void> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    return this.#isSet ? completed(undefined) : this.#waiting.wait(undefined);
  }

  statistics(): EventStatistics {
    return { tasksWaiting: this.#waiting.size };
  }
}
