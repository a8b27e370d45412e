/**
 * Condition: waiting, while holding a lock, until what the lock protects has changed.
 *
 *     using held = await condition.acquire();
 *     while (queue.length === 0) await condition.wait(held);
 *
 * `wait` gives the lock up, waits to be notified, and has it again when it ends, however it ends: after a cancellation
 * too, because the code around it believes that it holds the lock. That re-acquiring therefore cannot be cancelled; it
 * lasts as long as others hold the lock. A notified wait returns normally even if a cancel follows, so that
 * no notification is lost on a task that will not act on it.
 *
 * Source: Trio `Condition`. There a notified task that is cancelled while it waits for the lock loses the notification.
 */
import { MisuseError } from '../core/errors.ts';
import { runGuarded } from './guard.ts';
import type { Guard } from './guard.ts';
import { Lock } from './lock.ts';
import type { LockStatistics } from './lock.ts';
import { refusal } from './waiter.ts';
import { WaitQueue } from './wait-queue.ts';

export interface ConditionStatistics {
  readonly tasksWaiting: number;
  readonly lock: LockStatistics;
}

/** Stays the same object while the lock under it is given up and acquired again. */
class HeldCondition implements Guard {
  readonly condition: Condition;
  #lock: Guard;
  #released = false;

  constructor(condition: Condition, lock: Guard) {
    this.condition = condition;
    this.#lock = lock;
  }

  get held(): boolean {
    return this.#lock.held;
  }

  release(): void {
    this.#released = true;
    this.#lock.release();
  }

  /** Gives the lock up for a wait. */
  lend(): void {
    this.#lock.release();
  }

  takeBack(lock: Guard): void {
    this.#lock = lock;
    // Released while it waited: then it must not hold on.
    if (this.#released) lock.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

export class Condition {
  readonly #lock: Lock;
  readonly #waiting = new WaitQueue<void>();

  /** @param lock to be shared with other conditions or plain users; by default a new one */
  constructor(lock: Lock = new Lock()) {
    this.#lock = lock;
  }

  /** Waits for the lock. */
  acquire(): Promise<Guard> {
    return this.#lock.acquireDressed((lock) => new HeldCondition(this, lock));
  }

  /** @throws WouldBlock someone holds the lock */
  acquireNowait(): Guard {
    return new HeldCondition(this, this.#lock.acquireNowait());
  }

  /** Runs `body` while holding the lock. */
  run<T>(body: (held: Guard) => Promise<T>): Promise<T> {
    return runGuarded(this.acquire(), body);
  }

  /**
   * Gives the lock up until notified.
   *
   * @param held what `acquire` of this condition gave
   * @throws MisuseError the lock is not held through `held`
   * @throws Cancelled the scope is cancelled; the lock is held again
   */
  async wait(held: Guard): Promise<void> {
    if (!(held instanceof HeldCondition) || held.condition !== this || !held.held) {
      throw new MisuseError('wait() needs the guard that acquire() of this condition gave, still held');
    }
    // In a cancelled scope the lock is not even given up.
    const refused = refusal();
    if (refused !== undefined) return refused;
    const notified = this.#waiting.wait(undefined);
    held.lend();
    try {
      await notified;
    } finally {
      held.takeBack(await this.#lock.acquireShielded());
    }
  }

  /**
   * Lets the `count` longest waiting go on, once the lock is free.
   *
   * @param count 1 or more; more than are waiting is fine
   * @throws MisuseError nobody holds the lock: what it protects cannot have changed
   */
  notify(count = 1): void {
    if (typeof count !== 'number') throw new TypeError(`count is a number, not ${typeof count}`);
    if (!(count >= 1)) throw new RangeError(`count is 1 or more, not ${count}`);
    if (!this.#lock.locked) throw new MisuseError('notify() while nobody holds the lock');
    for (let left = count; left > 0; left--) {
      const place = this.#waiting.take();
      if (place === undefined) return;
      place.waiter.resolve();
    }
  }

  /** Lets all who wait go on, one after the other. */
  notifyAll(): void {
    this.notify(Infinity);
  }

  statistics(): ConditionStatistics {
    return { tasksWaiting: this.#waiting.size, lock: this.#lock.statistics() };
  }
}
