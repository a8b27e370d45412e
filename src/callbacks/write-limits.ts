/** The two marks of a write buffer, and which side of them it was last seen on: `pauseWriting` and `resumeWriting` come in pairs. */
import type { WriteBufferLimits } from './protocol.ts';

const DEFAULT_HIGH_BYTES = 65_536;

export class WriteLimits {
  high = DEFAULT_HIGH_BYTES;
  low = DEFAULT_HIGH_BYTES / 4;
  #isPaused = false;

  /** @throws TypeError, RangeError the limits make no sense */
  set({ high, low }: WriteBufferLimits): void {
    const newHigh = high ?? (low === undefined ? DEFAULT_HIGH_BYTES : low * 4);
    const newLow = low ?? Math.floor(newHigh / 4);
    for (const [name, value] of [
      ['high', newHigh],
      ['low', newLow],
    ] as const) {
      if (!Number.isInteger(value)) throw new TypeError(`${name} is an integer, not ${String(value)}`);
      if (value < 0) throw new RangeError(`${name} is 0 or more, not ${value}`);
    }
    if (newLow > newHigh) throw new RangeError(`low (${newLow}) is at most high (${newHigh})`);
    this.high = newHigh;
    this.low = newLow;
  }

  /** Whether writing has to pause now, with so much waiting: true once, when the high mark is first passed. */
  mustPause(waitingBytes: number): boolean {
    if (this.#isPaused || waitingBytes <= this.high) return false;
    this.#isPaused = true;
    return true;
  }

  /** Whether writing may go on now: true once after each pause. */
  mayResume(waitingBytes: number): boolean {
    if (!this.#isPaused || waitingBytes > this.low) return false;
    this.#isPaused = false;
    return true;
  }
}
