/**
 * Guards: what acquiring gives, and what releasing needs.
 *
 * JavaScript has no current task, so nothing can tell who holds a lock. The guard does: whoever has it holds the lock,
 * and may hand it on. Releasing a guard twice does nothing, so that `using guard = await lock.acquire()` may also release
 * early; it can never release what another guard holds.
 *
 * A guard that is dropped without being released holds for ever: a task that ends does not give back what it acquired
 * (in Trio the waiters get BrokenResourceError then). `run(body)` and `using` cannot drop one.
 */
export interface Guard extends Disposable {
  /** Whether this guard still holds. */
  readonly held: boolean;
  /** Gives back what was acquired. Idempotent, never throws. */
  release(): void;
}

/** A guard whose release calls `onRelease`, once. */
export class ReleaseOnce implements Guard {
  #onRelease: (() => void) | undefined;

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  get held(): boolean {
    return this.#onRelease !== undefined;
  }

  release(): void {
    const onRelease = this.#onRelease;
    this.#onRelease = undefined;
    onRelease?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Runs `body` with what `acquiring` gives, and gives it back however the body ends. */
export async function runGuarded<G extends Guard, T>(
  acquiring: Promise<G>,
  body: (guard: G) => Promise<T>,
): Promise<T> {
  const guard = await acquiring;
  try {
    return await body(guard);
  } finally {
    guard.release();
  }
}
