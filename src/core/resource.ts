/**
 * The life of everything that can be closed.
 *
 * Two ways to end, and the difference is whether they may wait. `close()` is the polite one: it may do I/O (a FIN, a
 * close_notify, a flush), so it may wait and may be cancelled, but the resource is closed afterwards whatever happened.
 * `abort()` is the way out that always works: no I/O, no waiting, no exception. Every object in bowline that holds
 * something implements both, so that wrappers can close what they wrap without knowing what it is.
 *
 * Source: Trio `AsyncResource` (`aclose`, `aclose_forcefully`).
 */
export interface AsyncResource extends AsyncDisposable {
  /**
   * Closes gracefully. May do I/O and therefore wait; always leaves the resource closed, also when it throws or is
   * cancelled. Idempotent. Operations that are pending or come later fail with `ClosedResourceError`.
   *
   * In a cancelled scope this becomes `abort()` and resolves: it never throws `Cancelled` itself (the next wait does),
   * so that `finally` and `await using` keep the real error.
   */
  close(): Promise<void>;

  /** Closes at once: no I/O, never waits, never throws. Data that was not yet sent may be lost. */
  abort(): void;
}
