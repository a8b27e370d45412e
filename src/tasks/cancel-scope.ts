/**
 * CancelScope: a piece of a program that can be given up, by a call, a deadline or an AbortSignal.
 *
 * `run(body)` enters the scope, runs the body and leaves. While the scope is effectively cancelled every wait in it throws
 * `Cancelled`, again and again; the exception unwinds the body, and the outermost scope that was cancelled swallows it.
 * So with two nested scopes cancelled the outer one catches: the inner one's caller is to be given up as well.
 *
 * Leaving goes by the state of the scope, not by which error arrived: in a scope that is not cancelled, a `Cancelled`
 * (from a promise that crossed scopes) is an ordinary error; in one that is, a foreign AbortError caused by it counts too.
 *
 * A deadline is a timer on the ambient clock. Moving it later only stores the new time; the timer looks again when it
 * fires. Extending the deadline of one scope for every request is therefore the cheap way to an idle timeout.
 *
 * Source: Trio `CancelScope`.
 */
import { MisuseError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { newAbortController } from '../platform/abort-signal.ts';
import { isCancellation, ScopeExitedError, takeOutCancelled } from './cancelled.ts';
import type { Cancelled } from './cancelled.ts';
import { currentEnvironment, currentNode, runIn, withNode } from './environment.ts';
import type { Environment } from './environment.ts';
import { driveBySignal } from './foreign-signal.ts';
import { ScopeNode } from './scope-node.ts';

export interface CancelScopeOptions {
  /** Cancels this many milliseconds after the scope is entered; >= 0. Not together with `deadline`. */
  readonly timeoutMs?: number | undefined;
  /** Cancels when the ambient clock reads this, see `currentTime()`. Default: never. */
  readonly deadline?: number | undefined;
  /** Keeps cancellation from outside away from the body. Default `false`. */
  readonly shield?: boolean | undefined;
  /** Cancels when this aborts. */
  readonly signal?: AbortSignal | undefined;
}

export type TryRunResult<T> = { readonly cancelled: false; readonly value: T } | { readonly cancelled: true };

type Phase = 'new' | 'running' | 'done';

/** What a nursery needs of its scope, because it judges its tasks itself. */
interface ScopeInternals {
  enter(scope: CancelScope): Environment;
  leave(scope: CancelScope): void;
  /** After leaving: whether the Cancelled that was thrown inside ends here; notes that it did. */
  catchCancelled(scope: CancelScope): boolean;
}

export let scopeInternals: ScopeInternals;

export class CancelScope {
  readonly #node: ScopeNode;
  readonly #foreignSignal: AbortSignal | undefined;
  #timeoutMs: number | undefined;
  #deadline: number;
  #phase: Phase = 'new';
  #clock: Clock | undefined;
  #cancelTimer: (() => void) | undefined;
  /** What the timer is set for; may be earlier than the deadline. */
  #timerAt = Infinity;
  #stopListening: (() => void) | undefined;
  #cancelledCaught = false;
  /** How things stood when the body ended; the node forgets when it leaves the tree. */
  #effectiveAtEnd: Cancelled | null = null;
  #outerCancelledAtEnd = false;

  static {
    scopeInternals = {
      enter: (scope) => scope.#enter(),
      leave: (scope) => {
        scope.#leave();
      },
      catchCancelled: (scope) => {
        const isOwn = scope.#isOwnCancellation();
        if (isOwn) scope.#cancelledCaught = true;
        return isOwn;
      },
    };
  }

  constructor(options: CancelScopeOptions = {}) {
    const { timeoutMs, deadline, shield = false, signal } = options;
    if (timeoutMs !== undefined) checkDuration(timeoutMs);
    if (deadline !== undefined) {
      if (timeoutMs !== undefined) throw new TypeError('a scope takes a timeoutMs or a deadline, not both');
      checkDeadline(deadline);
    }
    checkShield(shield);
    this.#node = new ScopeNode('scope', 'scope', null);
    this.#node.shield = shield;
    this.#timeoutMs = timeoutMs;
    this.#deadline = deadline ?? Infinity;
    this.#foreignSignal = signal;
  }

  /**
   * Runs `body` inside this scope; a scope can be used once.
   *
   * @returns what the body returned, or `undefined` if this scope was cancelled and cut the body off
   * @throws what the body throws; `Cancelled` if an outer scope is cancelled
   */
  async run<T>(body: (scope: this) => Promise<T>): Promise<T | undefined> {
    checkBody(body);
    const environment = this.#enter();
    let error: unknown;
    try {
      return await runIn(environment, body, this);
    } catch (thrown) {
      error = thrown;
    } finally {
      this.#leave();
    }
    this.#swallow(error);
    return undefined;
  }

  /** Like `run`, for bodies whose value may be `undefined`. */
  async tryRun<T>(body: (scope: this) => Promise<T>): Promise<TryRunResult<T>> {
    checkBody(body);
    const environment = this.#enter();
    let error: unknown;
    try {
      return { cancelled: false, value: await runIn(environment, body, this) };
    } catch (thrown) {
      error = thrown;
    } finally {
      this.#leave();
    }
    this.#swallow(error);
    return { cancelled: true };
  }

  /** Cancels everything that runs in this scope. Idempotent: the first reason counts. Works before `run` as well. */
  cancel(reason?: unknown): void {
    this.#node.cancel('explicit', reason);
  }

  /** Reading of the ambient clock at which this scope is cancelled; Infinity for never. May be moved at any time. */
  get deadline(): number {
    if (this.#phase === 'new' && this.#timeoutMs !== undefined) {
      throw new MisuseError('the deadline of a scope with a timeoutMs is known when it has been entered');
    }
    return this.#deadline;
  }

  set deadline(deadline: number) {
    checkDeadline(deadline);
    if (this.#phase === 'new' && this.#timeoutMs !== undefined) {
      throw new MisuseError('a scope with a timeoutMs gets its deadline when it is entered');
    }
    this.#deadline = deadline;
    this.#node.deadline = deadline;
    if (this.#phase === 'running') this.#armTimer();
  }

  /** Whether outer cancellation is kept away. Takes effect at once in both directions. */
  get shield(): boolean {
    return this.#node.shield;
  }

  set shield(shield: boolean) {
    checkShield(shield);
    this.#node.setShield(shield);
  }

  /** Whether this scope itself was cancelled, by `cancel()`, its deadline or its signal. Never goes back to false. */
  get cancelCalled(): boolean {
    if (this.#phase !== 'done') {
      // Asking counts as looking at the clock: the timer may not have had its turn yet.
      const clock = this.#clock ?? currentEnvironment().clock;
      if (this.#deadline <= clock.now()) this.#node.cancel('deadline');
      if (this.#foreignSignal?.aborted === true) this.#node.cancel('signal', this.#foreignSignal.reason);
    }
    return this.#node.own !== null;
  }

  /** Whether this scope cut its body off. False if the body got through all the same, or an outer scope caught it. */
  get cancelledCaught(): boolean {
    return this.#cancelledCaught;
  }

  /** For APIs that take an AbortSignal: aborts when the scope is effectively cancelled, with its `Cancelled` as the reason. */
  get signal(): AbortSignal {
    return this.#node.signal;
  }

  #enter(): Environment {
    if (this.#phase !== 'new') throw new MisuseError('a CancelScope can be run only once: make a new one');
    const environment = currentEnvironment();
    if (environment.node?.exited === true) throw new ScopeExitedError();
    this.#phase = 'running';
    this.#clock = environment.clock;
    if (environment.node !== null) this.#node.moveTo(environment.node);
    if (this.#timeoutMs !== undefined) this.#deadline = environment.clock.now() + this.#timeoutMs;
    if (this.#deadline !== Infinity) {
      this.#node.deadline = this.#deadline;
      this.#armTimer();
    }
    if (this.#foreignSignal !== undefined) {
      this.#stopListening = driveBySignal(this.#node, this.#foreignSignal);
    }
    return withNode(environment, this.#node);
  }

  /** Bookkeeping of the end, and notes of how things stood for `#swallow`. */
  #leave(): void {
    this.#phase = 'done';
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#outerCancelledAtEnd = this.#node.isCancelledFromOutside;
    this.#effectiveAtEnd = this.#node.effective;
    this.#node.exit();
  }

  /** Returns if the error was this scope's cancellation and nothing else. Throws what is left of it if not. */
  #swallow(error: unknown): void {
    const effective = this.#effectiveAtEnd;
    if (effective === null) throw error;
    const residue = takeOutCancelled(error);
    if (!residue.cancelled) throw error;
    const isOwn = this.#isOwnCancellation();
    if (isOwn) this.#cancelledCaught = true;
    if (residue.failed) throw residue.error;
    // A group of nothing but Cancelled goes on as one.
    if (!isOwn) throw isCancellation(error) ? error : effective;
  }

  /** Of two cancelled scopes the outer one catches. */
  #isOwnCancellation(): boolean {
    return this.#node.own !== null && !this.#outerCancelledAtEnd;
  }

  #armTimer(): void {
    const clock = this.#clock as Clock;
    const deadline = this.#deadline;
    if (deadline <= clock.now()) {
      this.#node.cancel('deadline');
      return;
    }
    if (this.#cancelTimer !== undefined && this.#timerAt <= deadline) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = deadline;
    if (deadline === Infinity) return;
    this.#cancelTimer = clock.setTimer(deadline, () => {
      this.#cancelTimer = undefined;
      // The deadline may have moved later since the timer was set: then this arms it again.
      this.#armTimer();
    });
  }
}

/** The signal of the innermost scope, for APIs that take one; outside of any scope, one that never aborts. */
export function currentSignal(): AbortSignal {
  return currentNode()?.signal ?? (neverAborted ??= newAbortController().signal);
}

let neverAborted: AbortSignal | undefined;

/** When the current code will be cut off at the latest: -Infinity if it is cancelled, Infinity if no deadline applies. */
export function currentEffectiveDeadline(): number {
  const current = currentNode();
  if (current !== null && current.effective !== null) return -Infinity;
  let earliest = Infinity;
  // Deadlines outside of `withClock` are readings of another clock, which say nothing here.
  for (let node = current; node !== null && node.role !== 'clock'; node = node.shield ? null : node.parent) {
    earliest = Math.min(earliest, node.deadline);
  }
  return earliest;
}

export function checkDuration(ms: number): void {
  if (typeof ms !== 'number') throw new TypeError(`a duration is a number of milliseconds, not ${typeof ms}`);
  if (!(ms >= 0)) throw new RangeError(`a duration is 0 or more milliseconds, not ${ms}`);
}

export function checkDeadline(deadline: number): void {
  if (typeof deadline !== 'number')
    throw new TypeError(`a deadline is a number of milliseconds, not ${typeof deadline}`);
  if (Number.isNaN(deadline)) throw new RangeError('a deadline cannot be NaN');
}

export function checkBody(body: unknown): void {
  if (typeof body !== 'function') throw new TypeError(`a body is an async function, not ${typeof body}`);
}

function checkShield(shield: boolean): void {
  if (typeof shield !== 'boolean') throw new TypeError(`shield is true or false, not ${typeof shield}`);
}
