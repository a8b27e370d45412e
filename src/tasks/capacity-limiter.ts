/**
 * CapacityLimiter: at most so many at a time, where the number can be changed while it runs.
 *
 * Unlike a semaphore it knows what is borrowed: lowering the total below that takes effect as borrowers finish, raising
 * it lets the longest waiting go on at once. Who borrows on behalf of some object (a connection, a thread) may do so
 * once at a time, which catches a limiter that would deadlock on itself.
 *
 * Source: Trio `CapacityLimiter`.
 */
import { MisuseError, WouldBlock } from '../core/errors.ts';
import { ReleaseOnce, runGuarded } from './guard.ts';
import type { Guard } from './guard.ts';
import { completed, refusal } from './waiter.ts';
import { WaitQueue } from './wait-queue.ts';

export interface CapacityLimiterStatistics {
  readonly borrowedTokens: number;
  readonly totalTokens: number;
  /** Those on whose behalf tokens are borrowed. */
  readonly borrowers: readonly unknown[];
  readonly tasksWaiting: number;
}

/** Stands for "nobody in particular": such borrowers are not told apart. */
const anonymous = Symbol('anonymous borrower');

export class CapacityLimiter {
  readonly #waiting = new WaitQueue<Guard, unknown>();
  /** The borrowers that hold a token, except anonymous ones. */
  readonly #holding = new Set<unknown>();
  #total: number;
  #borrowed = 0;

  /** @param totalTokens how many may be borrowed at a time; an integer, 0 or more, or Infinity */
  constructor(totalTokens: number) {
    checkTotal(totalTokens);
    this.#total = totalTokens;
  }

  get totalTokens(): number {
    return this.#total;
  }

  set totalTokens(totalTokens: number) {
    checkTotal(totalTokens);
    this.#total = totalTokens;
    this.#serve();
  }

  get borrowedTokens(): number {
    return this.#borrowed;
  }

  /** Negative after the total was lowered below what is borrowed. */
  get availableTokens(): number {
    return this.#total - this.#borrowed;
  }

  /**
   * Waits for a token.
   *
   * @throws Cancelled the scope is cancelled; no token was borrowed
   */
  acquire(): Promise<Guard> {
    return this.#acquire(anonymous);
  }

  /**
   * Waits for a token for `borrower`, which may be anything; it is compared by identity.
   *
   * @throws MisuseError it holds one, now or when its turn comes
   */
  acquireOnBehalfOf(borrower: unknown): Promise<Guard> {
    return this.#acquire(borrower);
  }

  /** @throws WouldBlock no token is free */
  acquireNowait(): Guard {
    return this.#acquireNowait(anonymous);
  }

  /** @throws WouldBlock no token is free; MisuseError `borrower` holds one */
  acquireOnBehalfOfNowait(borrower: unknown): Guard {
    return this.#acquireNowait(borrower);
  }

  /** Runs `body` while holding a token. */
  run<T>(body: (guard: Guard) => Promise<T>): Promise<T> {
    return runGuarded(this.acquire(), body);
  }

  statistics(): CapacityLimiterStatistics {
    return {
      borrowedTokens: this.#borrowed,
      totalTokens: this.#total,
      borrowers: [...this.#holding],
      tasksWaiting: this.#waiting.size,
    };
  }

  #acquire(borrower: unknown): Promise<Guard> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#holding.has(borrower)) return Promise.reject(borrowedTwice());
    return this.availableTokens > 0 ? completed(this.#lend(borrower)) : this.#waiting.wait(borrower);
  }

  #acquireNowait(borrower: unknown): Guard {
    if (this.#holding.has(borrower)) throw borrowedTwice();
    if (this.availableTokens <= 0) throw new WouldBlock('no token is free');
    return this.#lend(borrower);
  }

  #lend(borrower: unknown): Guard {
    this.#borrowed++;
    if (borrower !== anonymous) this.#holding.add(borrower);
    return new ReleaseOnce(() => {
      this.#borrowed--;
      this.#holding.delete(borrower);
      this.#serve();
    });
  }

  /** Nobody waits while a token is free. */
  #serve(): void {
    while (this.availableTokens > 0) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      if (this.#holding.has(next.item)) next.waiter.reject(borrowedTwice());
      else next.waiter.resolve(this.#lend(next.item));
    }
  }
}

function borrowedTwice(): MisuseError {
  return new MisuseError('this borrower holds a token of this limiter already');
}

function checkTotal(total: number): void {
  if (typeof total !== 'number') throw new TypeError(`totalTokens is a number, not ${typeof total}`);
  if (total !== Infinity && (!Number.isInteger(total) || total < 0)) {
    throw new RangeError(`totalTokens is an integer, 0 or more, or Infinity, not ${total}`);
  }
}
