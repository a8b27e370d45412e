/**
 * The one way to wait.
 *
 * Every promise of bowline that may stay pending comes from a `Waiter`. It is the node of the current scope's list of
 * waits, so cancellation reaches it, virtual time sees it, and a wait that outlives its scope is found. Nothing else in
 * the library makes pending promises; cancellation, busy guards, leak reports and idle detection hang on this one place.
 *
 *     idle ──wait()──▶ pending ──resolve/reject──▶ idle            the value wins over a later cancel
 *                        │  cancel, callback says nothing ──▶ idle  rejected with Cancelled
 *                        └─ cancel, callback returns false ──▶ stubborn ──resolve/reject──▶ idle
 *
 * `suspend` is the form for one-off waits. On hot paths an object keeps a Waiter per direction and waits on it again and
 * again: no closure, no listener and no timer per wait, only the promise itself.
 *
 * Operations that can finish without waiting check cancellation before any effect, and give the event loop a turn after
 * 512 completions in a row, at the price of one ambient look-up. An async function awaits `pass()` if it gives a promise;
 * one that returns promises itself begins with `refusal()` and ends with `completed(value)`.
 *
 * Source: Trio `wait_task_rescheduled` with its abort function; "a value that was given is kept" is Trio's rule too.
 */
import { debugEnabled } from '../platform/debug.ts';
import { Cancelled } from './cancelled.ts';
import type { ScopeExitedError } from './cancelled.ts';
import { currentNode } from './environment.ts';
import type { RegisteredWait, ScopeNode, WaitKind } from './scope-node.ts';
import { startNewTurn, turnIsDue } from './turns.ts';

/** Called when the scope is cancelled: undo the registration. `false` means "cannot abort, I shall settle later". */
export type CancelCallback = (why: Cancelled) => false | void;

type WaiterState = 'idle' | 'pending' | 'starting' | 'stubborn';

/** Counts everything that happens to waits and tasks. While it stands still, nothing in the library is going on. */
export const activity = { count: 0 };

/** Where the executor below leaves the functions of the promise being made; read at once by the Waiter that makes it. */
const made: { resolve: (value: never) => void; reject: (error: unknown) => void } = { resolve: ignore, reject: ignore };

/** One executor for every promise: a closure for each would cost more than the promise's own bookkeeping. */
function executor(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  made.resolve = resolve;
  made.reject = reject;
}

function ignore(): void {
  // Stands where no promise is pending, and hears the errors that nobody has to hear.
}

export class Waiter<T> implements RegisteredWait {
  nextWait: RegisteredWait | null = null;
  previousWait: RegisteredWait | null = null;
  node: ScopeNode | null = null;
  origin: Error | undefined;
  readonly kind: WaitKind;
  /** Called at most once for each wait, when its scope is cancelled. Set before `wait()`. */
  onCancel: CancelCallback | undefined;
  #state: WaiterState = 'idle';
  #promise: Promise<T> | undefined;
  #resolve: (value: never) => void = ignore;
  #reject: (error: unknown) => void = ignore;
  #cancelledWhileStarting: Cancelled | undefined;

  constructor(kind: WaitKind = 'external', onCancel?: CancelCallback) {
    this.kind = kind;
    this.onCancel = onCancel;
  }

  get pending(): boolean {
    return this.#state !== 'idle';
  }

  /**
   * Begins a wait in the current scope. In a cancelled scope the promise is rejected with `Cancelled`, in one that has
   * ended with `ScopeExitedError`, and no wait begins: check `pending` afterwards where that matters.
   */
  wait(): Promise<T> {
    const node = currentNode();
    if (node !== null && (node.effective !== null || node.exited)) return node.refuse();
    return this.#begin(node);
  }

  /** Like `wait`, registered in a given scope and also if that is cancelled: for waits that cancellation must not cut. */
  waitIn(node: ScopeNode | null): Promise<T> {
    return this.#begin(node);
  }

  /** Ends the wait with a value. Does nothing when no wait is pending. */
  resolve(value: T): void {
    if (this.#state === 'idle') return;
    const resolve = this.#resolve as (value: T) => void;
    this.#end();
    // Tasks that do nothing but wake each other must not keep the event loop from turning.
    if (turnIsDue()) setImmediate(resolve, value);
    else resolve(value);
  }

  /** Ends the wait with an error. Does nothing when no wait is pending. */
  reject(error: unknown): void {
    if (this.#state === 'idle') return;
    const reject = this.#reject;
    this.#end();
    reject(error);
  }

  /**
   * Like `reject`, for an error that the resource will give again at every later call. It cannot get lost, so nobody has to
   * await this wait: a reset by a peer must not end the process as an unhandled rejection.
   */
  rejectRepeatable(error: unknown): void {
    this.#promise?.catch(ignore);
    this.reject(error);
  }

  /** For the scope: delivers a cancellation. */
  cancel(why: Cancelled): void {
    switch (this.#state) {
      case 'idle':
      case 'stubborn':
        return;
      case 'starting':
        this.#cancelledWhileStarting ??= why;
        return;
      case 'pending':
    }
    // Set first: a callback that ends in another cancel of this wait must not be called again.
    this.#state = 'stubborn';
    let answer: false | void;
    try {
      answer = this.onCancel?.(why);
    } catch (error) {
      this.reject(error);
      return;
    }
    if (answer === false || !this.pending) return;
    // Nobody has to await a wait that was cancelled.
    this.#promise?.catch(ignore);
    this.node?.noteDelivery();
    this.reject(why);
  }

  /** For the scope: ends a wait that outlived it. What the wait had registered is undone as by a cancellation. */
  expire(error: ScopeExitedError, why: Cancelled): void {
    if (this.#state === 'pending') {
      this.#state = 'stubborn';
      try {
        this.onCancel?.(why);
      } catch {
        // The escape is what has to be told; it is the cause of whatever went wrong here.
      }
    }
    this.reject(error);
  }

  /** For `suspend`: runs `start` with cancellation held back until its callback is known. */
  start(start: (waiter: Waiter<T>) => CancelCallback | void): void {
    this.#state = 'starting';
    let callback: CancelCallback | void;
    try {
      callback = start(this);
    } catch (error) {
      this.reject(error);
      return;
    }
    if ((this.#state as WaiterState) !== 'starting') return;
    this.#state = 'pending';
    this.onCancel = callback ?? undefined;
    const why = this.#cancelledWhileStarting;
    if (why !== undefined) this.cancel(why);
  }

  #begin(node: ScopeNode | null): Promise<T> {
    if (this.#state !== 'idle') throw new Error('bowline: a Waiter can be in one wait at a time');
    activity.count++;
    this.#state = 'pending';
    const promise = new Promise<T>(executor as never);
    this.#promise = promise;
    this.#resolve = made.resolve;
    this.#reject = made.reject;
    // Else the last promise, with what it was settled with, would live until the next one is made.
    made.resolve = ignore;
    made.reject = ignore;
    this.node = node;
    if (node !== null) {
      node.addWait(this);
      if (debugEnabled) this.origin = new Error('the wait began here');
    }
    return promise;
  }

  #end(): void {
    activity.count++;
    this.#state = 'idle';
    this.#promise = undefined;
    this.#resolve = ignore;
    this.#reject = ignore;
    const { node } = this;
    if (node !== null) {
      node.removeWait(this);
      this.node = null;
    }
  }
}

export interface SuspendOptions {
  /** What the wait waits for, for virtual time. Default `'external'`. */
  readonly kind?: 'virtual' | 'external' | 'busy' | undefined;
}

/**
 * Waits until the waiter given to `start` is settled.
 *
 * @param start begins the operation, at once; keeps the waiter and settles it later, or now. Returns what to do when the
 *   scope is cancelled: undo the registration (the wait then rejects with `Cancelled`), or return `false` if the
 *   operation cannot be aborted (the wait goes on until it settles). Not called in a cancelled scope.
 * @throws Cancelled the scope is cancelled, or was before
 * @throws ScopeExitedError the scope has ended
 */
export function suspend<T = void>(
  start: (waiter: Waiter<T>) => CancelCallback | void,
  options?: SuspendOptions,
): Promise<T> {
  const waiter = new Waiter<T>(options?.kind);
  const promise = waiter.wait();
  if (waiter.pending) waiter.start(start);
  return promise;
}

/**
 * The toll of an operation that may complete without waiting; call it before any effect.
 *
 * @returns `undefined`: go on. A promise: await it first; it rejects in a cancelled scope, else it gives the event loop a turn.
 */
export function pass(): Promise<void> | undefined {
  const refused = refusal();
  if (refused !== undefined) return refused;
  return turnIsDue() ? yieldToEventLoop() : undefined;
}

/** What an operation returns at once if it must not begin: a promise that rejects because the scope is cancelled or has ended. */
export function refusal(): Promise<never> | undefined {
  const node = currentNode();
  return node !== null && (node.effective !== null || node.exited) ? node.refuse() : undefined;
}

/**
 * What an operation returns that had its effect without waiting. Each 512th completion gives the event loop a turn, which
 * cancellation does not cut short: the effect has happened, so the value must arrive.
 */
export function completed<T>(value: T): Promise<T> {
  if (!turnIsDue()) return Promise.resolve(value);
  return new Promise((resolve) => {
    setImmediate(resolve, value);
  });
}

/**
 * What an operation returns that is made of several waits, or that wraps one. An `async` function makes a promise of its own,
 * which would end the process if the scope is cancelled while nobody awaits it yet; this one is as quiet as a single wait.
 * All other errors stay what they are.
 */
export function quietIfCancelled<T>(operation: Promise<T>): Promise<T> {
  const result: Promise<T> = operation.then(undefined, (error: unknown) => {
    if (error instanceof Cancelled) result.catch(ignore);
    throw error;
  });
  return result;
}

/** A cancel point that also gives everything else a turn: I/O, timers, other tasks. For long computations. */
export function checkpoint(): Promise<void> {
  startNewTurn();
  return yieldToEventLoop();
}

function yieldToEventLoop(): Promise<void> {
  return suspend<void>(
    (waiter) => {
      const turn = setImmediate(() => {
        waiter.resolve();
      });
      return () => {
        clearImmediate(turn);
      };
    },
    { kind: 'busy' },
  );
}

/** Whether the current scope is effectively cancelled: the next wait will throw. For code that closes things. */
export function cancelRequested(): boolean {
  const node = currentNode();
  return node !== null && node.effective !== null;
}

/**
 * Waits for a promise that bowline knows nothing of, in a way that virtual time respects: the clock does not jump while it
 * is pending. It cannot be cancelled (give the foreign API `currentSignal()` for that); a cancel takes effect at the next wait.
 */
export function foreign<T>(promise: PromiseLike<T>): Promise<T> {
  // Where the wait is refused or cut short, nobody is left to hear how the promise fails.
  promise.then(undefined, ignore);
  return suspend<T>(
    (waiter) => {
      promise.then(
        (value) => {
          waiter.resolve(value);
        },
        (error: unknown) => {
          waiter.reject(error);
        },
      );
      return () => false;
    },
    { kind: 'busy' },
  );
}
