/**
 * How often crashed workers are started again: a worker that fell over something rare is replaced at once, one that falls
 * over what it always meets must not turn the machine into a heater.
 */
export class RestartBudget {
  readonly maxRestarts: number;
  readonly windowMs: number;
  readonly #restartsMs: number[] = [];

  constructor({ maxRestarts = 5, windowMs = 60_000 } = {}) {
    this.maxRestarts = maxRestarts;
    this.windowMs = windowMs;
  }

  /** Whether one more restart is allowed at this time; counts it if so. */
  take(nowMs: number): boolean {
    while (this.#restartsMs.length > 0 && nowMs - (this.#restartsMs[0] as number) >= this.windowMs)
      this.#restartsMs.shift();
    if (this.#restartsMs.length >= this.maxRestarts) return false;
    this.#restartsMs.push(nowMs);
    return true;
  }
}
