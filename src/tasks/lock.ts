/**
 * Lock: one at a time, in the order of asking.
 *
 * Releasing hands the lock to whoever has waited longest, directly: nobody can snatch it in between, so `acquireNowait`
 * right after a release fails if someone is in line. A lock is not re-entrant; acquiring one that the caller holds waits
 * for ever.
 *
 * Source: Trio `Lock` and `StrictFIFOLock`; ownership is the guard, see `Guard`.
 */
import { WouldBlock } from '../core/errors.ts';
import { ReleaseOnce, runGuarded } from './guard.ts';
import type { Guard } from './guard.ts';
import { completed, refusal } from './waiter.ts';
import { WaitQueue } from './wait-queue.ts';

export interface LockStatistics {
  readonly locked: boolean;
  readonly tasksWaiting: number;
}

/** Makes the guard that the caller sees of the lock's own. */
type Dress = (guard: Guard) => Guard;

export class Lock {
  readonly #waiting = new WaitQueue<Guard, Dress>();
  #holder: Guard | undefined;

  get locked(): boolean {
    return this.#holder !== undefined;
  }

  /**
   * Waits for the lock.
   *
   * @throws Cancelled the scope is cancelled; the lock was not acquired
   */
  acquire(): Promise<Guard> {
    return this.acquireDressed(plain);
  }

  /** @throws WouldBlock someone holds the lock */
  acquireNowait(): Guard {
    if (this.#holder !== undefined) throw new WouldBlock('the lock is held');
    return this.#grant();
  }

  /** Runs `body` while holding the lock. */
  run<T>(body: (guard: Guard) => Promise<T>): Promise<T> {
    return runGuarded(this.acquire(), body);
  }

  statistics(): LockStatistics {
    return { locked: this.locked, tasksWaiting: this.#waiting.size };
  }

  /** For Condition: `acquire`, with the guard dressed as another one. */
  acquireDressed(dress: Dress): Promise<Guard> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    return this.#holder === undefined ? completed(dress(this.#grant())) : this.#waiting.wait(dress);
  }

  /** For Condition: waits for the lock, cancelled or not. */
  acquireShielded(): Promise<Guard> {
    return this.#holder === undefined ? Promise.resolve(this.#grant()) : this.#waiting.waitShielded(plain);
  }

  #grant(): Guard {
    this.#holder = new ReleaseOnce(() => {
      this.#holder = undefined;
      const next = this.#waiting.take();
      if (next !== undefined) next.waiter.resolve(next.item(this.#grant()));
    });
    return this.#holder;
  }
}

function plain(guard: Guard): Guard {
  return guard;
}
