/**
 * Connecting to a name with several addresses: staggered parallel attempts (RFC 8305, "Happy Eyeballs").
 *
 * Attempt n+1 begins when attempt n has failed, or has been going for `delayMs`, whichever is first; the earlier ones go
 * on. The first to succeed wins, and the others are aborted before the winner is returned. With `delayMs: null` an attempt
 * begins only when the one before has failed (Trio says so of its `None` and does not do it).
 *
 * The order is the resolver's (RFC 6724 was its business), with one change, RFC 8305 §4: the first address of the other
 * family comes second, so that a dead family costs one delay and not one per address.
 *
 * A failure of an attempt is an error of the world. An error of the program (TypeError, RangeError, MisuseError, …) in an
 * attempt is no reason to try the next address: it ends everything and is thrown.
 *
 * This file knows no sockets: attempts are values that can be aborted. It enters no cancel scope either, because an opener
 * must not be what makes a process pay for AsyncLocalStorage; the loop below runs in the caller's own context, and all
 * that happens in callbacks is that its one wait is settled.
 */
import { getSystemErrorMap } from 'node:util';

import { ConnectError, MisuseError } from '../core/errors.ts';
import type { ConnectAttempt } from '../core/errors.ts';
import { currentEnvironment, currentNode } from '../tasks/environment.ts';
import { Waiter } from '../tasks/waiter.ts';

/** An attempt under way. */
export interface Attempt<S> {
  readonly result: Promise<S>;
  /** Gives it up: `result` settles soon, most likely with an error that nobody looks at. */
  abort(): void;
}

export interface RaceOptions<A, S> {
  /** Begins an attempt in the current scope. May throw: then it has failed. */
  start(address: A): Attempt<S>;
  /** Gets rid of a connection that came too late. */
  discard(connection: S): void;
  /** For the error: what was to be connected to, and each address. */
  readonly target: string;
  describe(address: A): string;
  /** From the start of an attempt to the start of the next, at most; `null`: until it has failed. */
  readonly delayMs: number | null;
}

/** Moves the first address of the other family to the second place. */
export function interleaveFamilies<A extends { readonly family: 4 | 6 }>(addresses: readonly A[]): A[] {
  const ordered = [...addresses];
  const other = ordered.findIndex(({ family }) => family !== addresses[0]?.family);
  if (other > 1) ordered.splice(1, 0, ...ordered.splice(other, 1));
  return ordered;
}

/**
 * Connects to the first of `addresses` that answers.
 *
 * @throws ConnectError none did; `attempts` says how each failed, in the order they were started
 */
export async function raceToConnect<A, S>(addresses: readonly A[], options: RaceOptions<A, S>): Promise<S> {
  const race = new Race<A, S>(options);
  try {
    for (const address of addresses) {
      race.begin(address);
      await race.untilNextMayStart();
      if (race.hasVerdict) break;
    }
    while (!race.hasVerdict && race.isRunning) await race.untilSomethingEnds();
  } catch (error) {
    race.forfeit();
    throw error;
  } finally {
    await race.abortTheRest();
  }
  return race.outcome();
}

interface Runner<S> {
  readonly attempt: Attempt<S> | undefined;
  readonly address: string;
  readonly startedAt: number;
  failure: ConnectAttempt | undefined;
  isOver: boolean;
}

type Verdict<S> =
  | { readonly kind: 'won'; readonly connection: S }
  | { readonly kind: 'crashed'; readonly error: unknown }
  | { readonly kind: 'lost' };

class Race<A, S> {
  readonly #options: RaceOptions<A, S>;
  readonly #clock = currentEnvironment().clock;
  readonly #runners: Runner<S>[] = [];
  #verdict: Verdict<S> | undefined;
  /** Settled when an attempt ends or the delay is over. The attempts have waits of their own, which are the real I/O. */
  readonly #step = new Waiter<void>('virtual');

  constructor(options: RaceOptions<A, S>) {
    this.#options = options;
  }

  /** Somebody has won, or the program crashed: no more attempts. */
  get hasVerdict(): boolean {
    return this.#verdict !== undefined;
  }

  /** An attempt is under way. */
  get isRunning(): boolean {
    return this.#runners.some(({ isOver }) => !isOver);
  }

  begin(address: A): void {
    const startedAt = this.#clock.now();
    let attempt: Attempt<S> | undefined;
    let refusal: unknown;
    try {
      attempt = this.#options.start(address);
    } catch (error) {
      refusal = error;
    }
    const runner: Runner<S> = {
      attempt,
      address: this.#options.describe(address),
      startedAt,
      failure: undefined,
      isOver: false,
    };
    this.#runners.push(runner);
    if (attempt === undefined) {
      this.#failed(runner, refusal);
      return;
    }
    attempt.result.then(
      (connection) => this.#succeeded(runner, connection),
      (error: unknown) => this.#failed(runner, error),
    );
  }

  /** Until the newest attempt has failed or had its time, or the race is decided. */
  async untilNextMayStart(): Promise<void> {
    const newest = this.#runners.at(-1) as Runner<S>;
    const { delayMs } = this.#options;
    const nextAt = delayMs === null ? Infinity : newest.startedAt + delayMs;
    const stopTimer = nextAt === Infinity ? undefined : this.#clock.setTimer(nextAt, () => this.#step.resolve());
    try {
      while (!newest.isOver && this.#verdict === undefined && this.#clock.now() < nextAt) await this.#step.wait();
    } finally {
      stopTimer?.();
    }
  }

  untilSomethingEnds(): Promise<void> {
    return this.#step.wait();
  }

  /** The caller was cancelled: a connection that succeeded in the same moment is for nobody. */
  forfeit(): void {
    if (this.#verdict?.kind === 'won') this.#options.discard(this.#verdict.connection);
    this.#verdict = { kind: 'lost' };
  }

  /** Aborts what is still under way and waits until it is gone; cancellation does not cut this short. */
  async abortTheRest(): Promise<void> {
    // From now on whoever succeeds is discarded.
    this.#verdict ??= { kind: 'lost' };
    for (const { attempt, isOver } of this.#runners) if (!isOver) attempt?.abort();
    while (this.isRunning) {
      const gone = new Waiter<void>('parked', () => false);
      this.#whenOver = () => gone.resolve();
      await gone.waitIn(currentNode());
    }
  }

  #whenOver: () => void = () => this.#step.resolve();

  outcome(): S {
    const verdict = this.#verdict;
    if (verdict?.kind === 'won') return verdict.connection;
    if (verdict?.kind === 'crashed') throw verdict.error;
    const attempts = this.#runners.flatMap(({ failure }) => failure ?? []);
    throw failedConnect(this.#options.target, attempts);
  }

  #succeeded(runner: Runner<S>, connection: S): void {
    if (this.#verdict === undefined) this.#verdict = { kind: 'won', connection };
    else this.#options.discard(connection);
    this.#over(runner);
  }

  #failed(runner: Runner<S>, error: unknown): void {
    if (this.#verdict === undefined) {
      if (isAttemptFailure(error)) {
        const durationMs = this.#clock.now() - runner.startedAt;
        runner.failure = { address: runner.address, error, durationMs };
      } else {
        this.#verdict = { kind: 'crashed', error };
      }
    }
    this.#over(runner);
  }

  #over(runner: Runner<S>): void {
    runner.isOver = true;
    this.#whenOver();
  }
}

/** Whether the next address may do better: not after errors of the program, nor after a cancellation. */
function isAttemptFailure(error: unknown): error is Error {
  if (!(error instanceof Error) || error.name === 'AbortError') return false;
  return !PROGRAM_ERRORS.some((kind) => error instanceof kind);
}

const PROGRAM_ERRORS = [TypeError, RangeError, ReferenceError, SyntaxError, MisuseError] as const;

/** The error of a connect that failed, naming every address and what was wrong with it. */
export function failedConnect(target: string, attempts: readonly ConnectAttempt[]): ConnectError {
  const errors = attempts.map(({ error }) => error);
  const cause = errors.length === 1 ? errors[0] : new AggregateError(errors);
  const [only] = attempts;
  const reason =
    attempts.length === 1 && only?.address === target
      ? `: ${describeError(only.error)}`
      : ` (${attempts.map(({ address, error }) => `${address}: ${describeError(error)}`).join('; ')})`;
  return new ConnectError(`cannot connect to ${target}${reason}`, attempts, { cause });
}

function describeError(error: Error): string {
  const { code, errno } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known === undefined ? error.message : `${known[1]} (${code})`;
}
