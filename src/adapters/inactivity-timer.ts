/**
 * The timer behind `socket.setTimeout`: fires once when nothing has happened for so long, again after the next pause that
 * long. A touch only notes the time; the one timer that is set looks again when it fires.
 */
import type { Clock } from '../core/clock.ts';
import { currentEnvironment } from '../tasks/environment.ts';

/** Longest that Node's own accepts. */
const MAX_TIMEOUT_MS = 2_147_483_647;

export class InactivityTimer {
  readonly #clock: Clock = currentEnvironment().clock;
  readonly #onTimeout: () => void;
  #timeoutMs: number | undefined;
  #lastActivity = 0;
  #cancel: (() => void) | undefined;

  constructor(onTimeout: () => void) {
    this.#onTimeout = onTimeout;
  }

  get timeoutMs(): number | undefined {
    return this.#timeoutMs;
  }

  /**
   * @param timeoutMs 0 turns it off
   * @throws TypeError, RangeError as Node's
   */
  set(timeoutMs: number): void {
    if (typeof timeoutMs !== 'number')
      throw new TypeError(`a timeout is a number of milliseconds, not ${typeof timeoutMs}`);
    if (!(timeoutMs >= 0)) throw new RangeError(`a timeout is 0 or more milliseconds, not ${timeoutMs}`);
    this.stop();
    this.#timeoutMs = Math.min(timeoutMs, MAX_TIMEOUT_MS);
    this.touch();
  }

  touch(): void {
    const { timeoutMs } = this;
    if (timeoutMs === undefined || timeoutMs === 0) return;
    this.#lastActivity = this.#clock.now();
    this.#cancel ??= this.#clock.setTimer(this.#lastActivity + timeoutMs, this.#look);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#timeoutMs = undefined;
  }

  readonly #look = (): void => {
    this.#cancel = undefined;
    const dueAt = this.#lastActivity + (this.#timeoutMs as number);
    if (this.#clock.now() < dueAt) this.#cancel = this.#clock.setTimer(dueAt, this.#look);
    else this.#onTimeout();
  };
}
