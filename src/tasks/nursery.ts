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
import { CancelScope } from './cancel-scope.ts';
import { takeOutCancelled } from './cancelled.ts';
import { currentEnvironment, currentNode, runIn } from './environment.ts';
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
export function openNursery<T>(body: (nursery: Nursery) => Promise<T>): Promise<T | undefined> {
  const scope = new CancelScope();
  return scope.run((): Promise<T | undefined> => new TaskGroup(scope).host(body));
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

  /** To be made inside the scope. */
  constructor(scope: CancelScope) {
    this.cancelScope = scope;
    this.#environment = currentEnvironment();
    this.#node = this.#environment.node as ScopeNode;
  }

  async host<T>(body: (nursery: Nursery) => Promise<T>): Promise<T | undefined> {
    let value: T | undefined;
    let bodyWasCut = false;
    try {
      value = await body(this);
    } catch (error) {
      bodyWasCut = true;
      this.#judge(error, this.#node);
    }
    this.#living--;
    if (this.#living > 0) {
      this.#exit = new Waiter<void>('parked', () => false);
      await this.#exit.waitIn(this.#node);
    }
    this.#open = false;
    if (this.#failures.length === 1) throw this.#failures[0];
    if (this.#failures.length > 1) throw new AggregateError(this.#failures, `${this.#failures.length} tasks of a nursery failed`);
    // The scope around swallows what is its own. A body that got through keeps its value, unless something outer is cancelled.
    const isOwn = this.#node.own !== null && !this.#node.isCancelledFromOutside;
    if (this.#cut !== undefined && (bodyWasCut || !isOwn)) throw this.#cut.error;
    return value;
  }

  startSoon<A extends unknown[]>(fn: (...args: A) => Promise<unknown>, ...args: A): void {
    checkTaskFunction(fn);
    this.#checkOpen();
    const task = new ScopeNode('task', fn.name, this.#node);
    this.#living++;
    activity.count++;
    queueMicrotask(() => {
      void this.#run(task, fn, args);
    });
  }

  async start<T = void, A extends unknown[] = []>(
    fn: (started: Started<T>, ...args: A) => Promise<unknown>,
    ...args: A
  ): Promise<T> {
    checkTaskFunction(fn);
    this.#checkOpen();
    const caller = currentNode();
    const task = new ScopeNode('task', fn.name, caller);
    const outcome = new Waiter<T>('parked', () => false);
    const promise = outcome.waitIn(caller);
    let reported: { readonly value: T } | undefined;
    let moved = false;
    const started = (value?: T): void => {
      if (reported !== undefined) throw new MisuseError('started() was called twice');
      reported = { value: value as T };
      // A caller that is being cancelled keeps the task: what becomes of it comes out of start().
      if (task.effective !== null || task.exited) return;
      moved = true;
      task.moveTo(this.#node);
      outcome.resolve(value as T);
    };
    this.#living++;
    activity.count++;
    queueMicrotask(() => {
      void this.#startTask(task, fn, started as Started<T>, args).then((end) => {
        if (moved) {
          if (end.failed) this.#judge(end.error, this.#node, end.cancelled);
        } else if (end.failed) outcome.reject(end.error);
        else if (reported !== undefined) outcome.resolve(reported.value);
        else outcome.reject(new MisuseError(`the task ${fn.name || '(anonymous)'} ended without calling started()`));
        this.#taskEnded();
      });
    });
    return await promise;
  }

  async #run<A extends unknown[]>(task: ScopeNode, fn: (...args: A) => Promise<unknown>, args: A): Promise<void> {
    try {
      await runIn({ ...this.#environment, node: task }, fn, ...args);
    } catch (error) {
      this.#judge(error, task);
    }
    task.exit();
    this.#taskEnded();
  }

  async #startTask<T, A extends unknown[]>(
    task: ScopeNode,
    fn: (started: Started<T>, ...args: A) => Promise<unknown>,
    started: Started<T>,
    args: A,
  ): Promise<{ failed: false } | { failed: true; error: unknown; cancelled: boolean }> {
    try {
      await runIn({ ...this.#environment, node: task }, fn, started, ...args);
      return { failed: false };
    } catch (error) {
      return { failed: true, error, cancelled: task.effective !== null };
    } finally {
      task.exit();
    }
  }

  /** Records how a task failed; `node` tells whether it was cancelled when it did. */
  #judge(error: unknown, node: ScopeNode, cancelled: boolean = node.effective !== null): void {
    const residue = cancelled ? takeOutCancelled(error) : ({ cancelled: false, error } as const);
    if (residue.cancelled) this.#cut ??= { error };
    if (residue.cancelled && !residue.failed) return;
    this.#failures.push(residue.error);
    this.#node.cancel('nursery');
  }

  #taskEnded(): void {
    activity.count++;
    this.#living--;
    if (this.#living === 0) this.#exit?.resolve();
  }

  #checkOpen(): void {
    if (!this.#open) throw new MisuseError('this nursery has ended: tasks can be started only while it is open');
  }
}

function checkTaskFunction(fn: unknown): void {
  if (typeof fn === 'function') return;
  const hint = fn instanceof Promise ? ': pass the async function itself, not the promise of calling it' : '';
  throw new TypeError(`a task is an async function${hint}`);
}
