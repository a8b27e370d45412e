/**
 * Running the checks of a contract, one by one, against fresh objects, and saying by name which one failed.
 *
 * All checks run, also after a failure, so that whoever writes a stream sees the whole list. Each has a deadline, on the
 * ambient clock and in real time, because the commonest failure of a stream is to hang. At the deadline the check is cancelled; an
 * object that does not react to that either is aborted, and given up on a little later: then the report says so, and what
 * hangs is left behind.
 *
 * No test runner is needed, and none is assumed: a failed check is a ContractError, thrown alone or as the leaves of an
 * AggregateError. It looks like an AssertionError to runners that know one.
 */
import type { AsyncResource } from '../core/resource.ts';
import { systemClock } from '../platform/clock.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { cancelRequested, suspend } from '../tasks/waiter.ts';

/** One rule of a contract was broken. The `cause` is what was thrown, if anything was. */
export class ContractError extends Error {
  override readonly name = 'AssertionError';
  readonly code = 'ERR_ASSERTION';
  /** The check that failed, such as `checkOneWayStream 7: …`. */
  readonly check: string;

  constructor(check: string, problem: string, options?: { cause?: unknown }) {
    super(`${check}: ${problem}`, options);
    this.check = check;
  }
}

/** Makes fresh objects for one check; they are aborted at its end. */
export type Maker<O extends readonly Abortable[]> = () => Promise<O>;

type Abortable = Pick<AsyncResource, 'abort'>;

/** One rule, and the code that breaks on objects that do not keep it. */
export interface Check<O extends readonly Abortable[]> {
  readonly name: string;
  run(objects: O): Promise<void>;
}

export function check<O extends readonly Abortable[]>(name: string, run: (objects: O) => Promise<void>): Check<O> {
  return { name, run };
}

export interface CheckOptions {
  /** How long one check may take, in milliseconds. Default 10,000. */
  readonly checkTimeoutMs?: number | undefined;
}

const DEFAULT_CHECK_TIMEOUT_MS = 10_000;
/** From the cancellation of a check that took too long to giving up on it, at most. */
const GRACE_MS = 500;

export interface Suite {
  add<O extends readonly Abortable[]>(suite: string, checks: readonly Check<O>[], maker: Maker<O>): void;
}

/**
 * Runs every check that `fill` adds.
 *
 * @throws ContractError the one check that failed; AggregateError of ContractErrors if several did
 */
export async function runChecks(options: CheckOptions, fill: (suite: Suite) => void): Promise<void> {
  const timeoutMs = options.checkTimeoutMs ?? DEFAULT_CHECK_TIMEOUT_MS;
  const planned: (() => Promise<void>)[] = [];
  fill({
    add: (suite, checks, maker) => {
      for (const check of checks) planned.push(() => runOne(`${suite} ${check.name}`, check, maker, timeoutMs));
    },
  });
  const failures: ContractError[] = [];
  for (const run of planned) {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (failures.length === 1 && first !== undefined) throw first;
  if (failures.length > 1) {
    const list = failures.map((failure) => `  ${failure.message}`).join('\n');
    throw new AggregateError(failures, `${failures.length} of ${planned.length} checks failed:\n${list}`);
  }
}

async function runOne<O extends readonly Abortable[]>(
  name: string,
  check: Check<O>,
  maker: Maker<O>,
  timeoutMs: number,
): Promise<void> {
  let objects: O | undefined;
  const abortAll = (): void => {
    for (const object of objects ?? []) object.abort();
  };
  const scope = new CancelScope({ timeoutMs });
  const body = async (): Promise<boolean> => {
    const result = await scope.tryRun(async () => {
      objects = await maker();
      await check.run(objects);
    });
    return !result.cancelled;
  };
  try {
    const isDone = await withLastResort(body(), scope, timeoutMs, abortAll);
    if (!isDone) throw new ContractError(name, `not done after ${timeoutMs} ms: something hangs`);
  } catch (error) {
    // A cancellation from outside is not a verdict on the stream.
    if (isOuterCancellation(error)) throw error;
    throw describe(name, error, timeoutMs, objects !== undefined);
  } finally {
    abortAll();
  }
}

class Unresponsive extends Error {}

/**
 * Waits for `result`, but for an object that does not react to cancellation no longer than it must. In real time: on a
 * MockClock none may pass while something hangs.
 */
function withLastResort<T>(
  result: Promise<T>,
  scope: CancelScope,
  timeoutMs: number,
  abortAll: () => void,
): Promise<T> {
  return suspend<T>(
    (waiter) => {
      let stopTimer: () => void;
      const giveUpSoon = (): void => {
        stopTimer = systemClock.setTimer(systemClock.now() + Math.min(GRACE_MS, timeoutMs), () => {
          abortAll();
          waiter.reject(new Unresponsive());
        });
      };
      stopTimer = systemClock.setTimer(systemClock.now() + timeoutMs, () => {
        scope.cancel('the check takes too long');
        giveUpSoon();
      });
      result.then(
        (value) => {
          stopTimer();
          waiter.resolve(value);
        },
        (error: unknown) => {
          stopTimer();
          waiter.reject(error);
        },
      );
      return () => {
        // The check is being cancelled as well, and should come to its end by itself.
        stopTimer();
        giveUpSoon();
        return false;
      };
    },
    { kind: 'virtual' },
  );
}

function isOuterCancellation(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && cancelRequested();
}

function describe(name: string, error: unknown, timeoutMs: number, isMade: boolean): ContractError {
  if (error instanceof ContractError) return error;
  if (!isMade) return new ContractError(name, 'making the objects to check failed', { cause: error });
  if (error instanceof Broken) return new ContractError(name, error.message, { cause: error.cause });
  if (error instanceof Unresponsive) {
    return new ContractError(name, `not done after ${timeoutMs} ms, and it does not react to cancellation`);
  }
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new ContractError(name, `unexpected ${what}`, { cause: error });
}

/** An expectation of a check did not hold; becomes a ContractError with the name of the check. */
class Broken extends Error {}

export function expect(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Broken(problem);
}

/** An error class, as far as `instanceof` and its name go. */
type ErrorClass = abstract new (...args: never[]) => Error;

/** Expects that `call` rejects with one of the classes; a synchronous throw is a broken rule of its own. */
export async function expectRejects(
  what: string,
  classes: ErrorClass | readonly ErrorClass[],
  call: () => Promise<unknown>,
): Promise<void> {
  const wanted: readonly ErrorClass[] = Array.isArray(classes)
    ? (classes as readonly ErrorClass[])
    : [classes as ErrorClass];
  const names = wanted.map((each) => each.name).join(' or ');
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    throw new Broken(`${what} throws synchronously instead of rejecting`, { cause: error });
  }
  try {
    await promise;
  } catch (error) {
    if (wanted.some((each) => error instanceof each)) return;
    const got = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new Broken(`${what} rejects with ${got} instead of ${names}`, { cause: error });
  }
  throw new Broken(`${what} does not reject with ${names}`);
}
