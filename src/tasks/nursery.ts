/**
 * Nurseries: where concurrent tasks live, and never outlive.
 *
 * `openNursery(body)` returns when the body and every task started in it have ended. The first real error cancels the
 * rest; when all have ended it is thrown, alone as it is, several as one AggregateError. Nothing runs on in the
 * background, no error is lost.
 *
 * How an end is judged. Each task (the body counts as one) that throws is judged at that moment, before the nursery
 * cancels anything: in a task that is not effectively cancelled, whatever it threw is a failure, also a `Cancelled` that
 * crossed over from elsewhere; in a cancelled one, the Cancelled leaves are taken out and what is left is a failure. At
 * the end:
 *
 *     any failure                                  → thrown
 *     a task was cut by an OUTER cancellation      → Cancelled goes on outwards, also if the body had a value
 *     a task was cut by the nursery's own scope    → swallowed; the value is undefined if it was the body
 *
 * The exit is not a cancel point: a nursery never makes a Cancelled, only its tasks do.
 *
 * `start` runs a task under its caller until it calls `started(value)`: until then its errors come out of `start`, and
 * cancelling the caller cancels it. `started` moves its node from the caller's place in the tree to the nursery's.
 *
 * Source: Trio nurseries; grouping differs as said (strict groups there).
 */
import { MisuseError } from '../core/errors.ts';
import { CancelScope, checkBody, scopeInternals } from './cancel-scope.ts';
import { isCancellation, ScopeExitedError, takeOutCancelled } from './cancelled.ts';
import { currentNode, runIn, withNode } from './environment.ts';
import type { Environment } from './environment.ts';
import { ScopeNode } from './scope-node.ts';
import { activity, Waiter } from './waiter.ts';

/** Reports that a task is up; given to the function that `nursery.start` runs. */
export type Started<T> = undefined extends T ? (value?: T) => void : (value: T) => void;

export interface Nursery {
  /** The scope around the body and all tasks: cancel it to end them all. */
  readonly cancelScope: CancelScope;

  /**
   * Starts `fn(...args)` as a task of this nursery and returns at once; `fn` never runs inside this call. May be called
   * from any task or callback while the nursery is open. The task is cancelled with the nursery, not with who started it.
   *
   * @throws TypeError `fn` is not a function
   * @throws MisuseError the nursery has ended
   */
  startSoon<A extends unknown[]>(fn: (...args: A) => Promise<unknown>, ...args: A): void;

  /**
   * Starts `fn(started, ...args)` and waits until it calls `started(value)`; then it goes on as a task of this nursery.
   *
   * @returns the value given to `started`
   * @throws what `fn` throws before it called `started`; MisuseError if it returned without calling it
   */
  start<T = void, A extends unknown[] = []>(
    fn: (started: Started<T>, ...args: A) => Promise<unknown>,
    ...args: A
  ): Promise<T>;
}

/**
 * Runs `body` with a new nursery and waits for everything started in it.
 *
 * @returns what the body returned; `undefined` if the nursery's own scope cut the body off
 * @throws the one failure of the body or a task; AggregateError of several; `Cancelled` if an outer scope is cancelled
 */
export function openNursery(body: (nursery: Nursery) => Promise<void>): Promise<void>;
export function openNursery<T>(body: (nursery: Nursery) => Promise<T>): Promise<T | undefined>;
export async function openNursery<T>(body: (nursery: Nursery) => Promise<T>): Promise<T | undefined> {
  checkBody(body);
  const scope = new CancelScope();
  const environment = scopeInternals.enter(scope);
  const group = new TaskGroup(scope, environment);
  let value: T | undefined;
  try {
    value = await runIn(environment, body, group);
  } catch (error) {
    group.bodyFailed(error);
  }
  try {
    await group.bodyEnded();
  } finally {
    scopeInternals.leave(scope);
  }
  group.conclude();
  return value;
}

class TaskGroup implements Nursery {
  readonly cancelScope: CancelScope;
  readonly #environment: Environment;
  readonly #node: ScopeNode;
  /** Tasks running, starts pending, and the body. */
  #living = 1;
  #open = true;
  readonly #failures: unknown[] = [];
  /** The first cancellation that cut a task. */
  #cut: { readonly error: unknown } | undefined;
  #exit: Waiter<void> | undefined;

  constructor(scope: CancelScope, environment: Environment) {
    this.cancelScope = scope;
    this.#environment = environment;
    this.#node = environment.node as ScopeNode;
  }

  startSoon<A extends unknown[]>(fn: (...args: A) => Promise<unknown>, ...args: A): void {
    checkTaskFunction(fn);
    this.#checkOpen();
    const task = new ScopeNode('task', fn.name, this.#node);
    this.#living++;
    activity.count++;
    void this.#run(task, fn, args);
  }

  start<T = void, A extends unknown[] = []>(
    fn: (started: Started<T>, ...args: A) => Promise<unknown>,
    ...args: A
  ): Promise<T> {
    const caller = currentNode();
    try {
      checkTaskFunction(fn);
      this.#checkOpen();
      if (caller?.exited === true) throw new ScopeExitedError();
    } catch (error) {
      return Promise.reject(error);
    }
    const task = new ScopeNode('task', fn.name, caller);
    const outcome = new Waiter<T>('parked', () => false);
    const promise = outcome.waitIn(caller);
    this.#living++;
    activity.count++;
    void this.#runStarting(task, outcome, promise, fn, args);
    return promise;
  }

  /** For openNursery: the body threw. */
  bodyFailed(error: unknown): void {
    this.#judge(error, this.#node);
  }

  /** For openNursery: resolves when every task has ended. Not a cancel point. */
  async bodyEnded(): Promise<void> {
    this.#living--;
    if (this.#living > 0) {
      this.#exit = new Waiter<void>('parked', () => false);
      await this.#exit.waitIn(this.#node);
    }
    this.#open = false;
  }

  /** For openNursery, after leaving the scope: throws what comes out of it all. */
  conclude(): void {
    const isCaught = this.#cut !== undefined && scopeInternals.catchCancelled(this.cancelScope);
    if (this.#failures.length > 0) throw oneOf(this.#failures);
    if (this.#cut !== undefined && !isCaught) throw this.#cut.error;
  }

  async #run<A extends unknown[]>(task: ScopeNode, fn: (...args: A) => Promise<unknown>, args: A): Promise<void> {
    // Not before startSoon has returned.
    await Promise.resolve();
    try {
      await runIn(withNode(this.#environment, task), fn, ...args);
    } catch (error) {
      this.#judge(error, task);
    }
    task.exit();
    this.#taskEnded();
  }

  async #runStarting<T, A extends unknown[]>(
    task: ScopeNode,
    outcome: Waiter<T>,
    promise: Promise<T>,
    fn: (started: Started<T>, ...args: A) => Promise<unknown>,
    args: A,
  ): Promise<void> {
    await Promise.resolve();
    const progress: { reported: { readonly value: T } | undefined; moved: boolean } = {
      reported: undefined,
      moved: false,
    };
    const started = (value?: T): void => {
      if (progress.reported !== undefined) throw new MisuseError('started() was called twice');
      progress.reported = { value: value as T };
      // A caller that is being cancelled keeps the task: what becomes of it comes out of start().
      if (task.effective !== null || task.exited) return;
      progress.moved = true;
      task.moveTo(this.#node);
      outcome.resolve(value as T);
    };
    try {
      await runIn(withNode(this.#environment, task), fn, started as Started<T>, ...args);
      if (progress.moved) return;
      if (progress.reported !== undefined) outcome.resolve(progress.reported.value);
      else outcome.reject(new MisuseError(`the task ${fn.name || '(anonymous)'} ended without calling started()`));
    } catch (error) {
      if (progress.moved) this.#judge(error, task);
      else {
        if (task.effective !== null) promise.catch(ignore);
        outcome.reject(error);
      }
    } finally {
      task.exit();
      this.#taskEnded();
    }
  }

  /** Records how a task failed; the state of its node tells whether it was cancelled. */
  #judge(error: unknown, node: ScopeNode): void {
    const residue = node.effective === null ? ({ cancelled: false, error } as const) : takeOutCancelled(error);
    // A group of nothing but Cancelled goes on as one.
    if (residue.cancelled) this.#cut ??= { error: isCancellation(error) ? error : node.effective };
    if (residue.cancelled && !residue.failed) return;
    this.#failures.push(residue.error);
    this.#node.cancel('nursery');
  }

  #taskEnded(): void {
    activity.count++;
    this.#living--;
    if (this.#living > 0) return;
    // At once: the exit goes on in a microtask, and what starts before that would be left behind.
    this.#open = false;
    this.#exit?.resolve();
  }

  #checkOpen(): void {
    if (!this.#open || this.#node.exited) {
      throw new MisuseError('this nursery has ended: tasks can be started only while it is open');
    }
  }
}

/** One failure as it is, several as a group; a Cancelled that crossed over is one only if nothing else went wrong. */
function oneOf(failures: readonly unknown[]): unknown {
  const real = failures.filter((failure) => !isCancellation(failure));
  if (real.length <= 1) return real.length === 1 ? real[0] : failures[0];
  return new AggregateError(real, `${real.length} tasks of a nursery failed`);
}

export function checkTaskFunction(fn: unknown): void {
  if (typeof fn === 'function') return;
  const hint = fn instanceof Promise ? ': pass the async function itself, not the promise of calling it' : '';
  throw new TypeError(`a task is an async function${hint}`);
}

function ignore(): void {
  // Nobody has to await a start that was cancelled.
}
