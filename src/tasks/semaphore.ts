/**
 * Semaphore: a number that is taken from, and waited for at zero.
 *
 * Two uses: at most so many at a time (`run`, or guards), and counting things that become available (`release` by the
 * one, `acquire` by the other, and the guard is dropped). Tokens go to who has waited longest, directly.
 *
 * Source: Trio `Semaphore`.
 */
import { MisuseError, WouldBlock } from '../core/errors.ts';
import { ReleaseOnce, runGuarded } from './guard.ts';
import type { Guard } from './guard.ts';
import { completed, refusal } from './waiter.ts';
import { WaitQueue } from './wait-queue.ts';

export interface SemaphoreOptions {
  /** The value cannot be released beyond this. Default: no limit. */
  readonly max?: number | undefined;
}

export interface SemaphoreStatistics {
  readonly tasksWaiting: number;
}

export class Semaphore {
  readonly max: number;
  readonly #waiting = new WaitQueue<Guard>();
  #value: number;

  /** @param initial how many can be acquired at first; an integer, 0 or more */
  constructor(initial: number, options: SemaphoreOptions = {}) {
    const { max = Infinity } = options;
    checkCount('initial', initial);
    if (max !== Infinity) checkCount('max', max);
    if (initial > max) throw new RangeError(`initial (${initial}) is more than max (${max})`);
    this.max = max;
    this.#value = initial;
  }

  /** How many can be acquired without waiting. */
  get value(): number {
    return this.#value;
  }

  /**
   * Takes one, waiting for it if there is none. The guard gives it back, once.
   *
   * @throws Cancelled the scope is cancelled; nothing was taken
   */
  acquire(): Promise<Guard> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    return this.#value > 0 ? completed(this.#take()) : this.#waiting.wait(undefined);
  }

  /** @throws WouldBlock the value is 0 */
  acquireNowait(): Guard {
    if (this.#value === 0) throw new WouldBlock('the semaphore is at 0');
    return this.#take();
  }

  /** Runs `body` while holding one. */
  run<T>(body: (guard: Guard) => Promise<T>): Promise<T> {
    return runGuarded(this.acquire(), body);
  }

  /**
   * Adds one, or hands it to who has waited longest. Not for what a guard gives back.
   *
   * @throws MisuseError the value would exceed `max`
   */
  release(): void {
    const next = this.#waiting.take();
    if (next !== undefined) {
      next.waiter.resolve(this.#guard());
      return;
    }
    if (this.#value === this.max)
      throw new MisuseError(`the semaphore is at its maximum, ${this.max}: something was released twice`);
    this.#value++;
  }

  statistics(): SemaphoreStatistics {
    return { tasksWaiting: this.#waiting.size };
  }

  #take(): Guard {
    this.#value--;
    return this.#guard();
  }

  #guard(): Guard {
    return new ReleaseOnce(() => {
      const next = this.#waiting.take();
      if (next !== undefined) next.waiter.resolve(this.#guard());
      // Somebody may have released without a guard meanwhile; giving back never throws.
      else if (this.#value < this.max) this.#value++;
    });
  }
}

function checkCount(what: string, count: number): void {
  if (typeof count !== 'number') throw new TypeError(`${what} is a number, not ${typeof count}`);
  if (!Number.isInteger(count) || count < 0) throw new RangeError(`${what} is an integer, 0 or more, not ${count}`);
}
