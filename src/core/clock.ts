/**
 * Time, as something that can be replaced. Every deadline and sleep of bowline goes through the ambient clock, so that a
 * test can run a day of timeouts in a second (`withClock`, `MockClock`).
 */
export interface Clock {
  /** Milliseconds since some fixed moment, never going back. Readings of two clocks cannot be compared. */
  now(): number;
  /**
   * Calls `fn` once, not before `at` and never from inside this call.
   *
   * @param at a reading of this clock, in milliseconds; a moment that has passed means as soon as possible
   * @returns cancels the timer; calling it later or twice does nothing
   */
  setTimer(at: number, fn: () => void): () => void;
}
