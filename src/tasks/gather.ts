/**
 * Several things at once, none left behind.
 *
 * `Promise.all` and `Promise.race` return while their losers run on. These do not: losers are cancelled and awaited, and
 * an error of theirs is not lost.
 */
import type { CancelScope } from './cancel-scope.ts';
import { isCancellation, takeOutCancelled } from './cancelled.ts';
import { currentNode } from './environment.ts';
import { checkTaskFunction, openNursery } from './nursery.ts';

type TaskFunction<T> = () => Promise<T>;
type Results<F extends readonly TaskFunction<unknown>[]> = { -readonly [K in keyof F]: Awaited<ReturnType<F[K]>> };

/**
 * Runs all functions concurrently and waits for all.
 *
 * @returns their results, in the order of the functions
 * @throws the first failure, after the others were cancelled and have ended; AggregateError if several failed
 * @throws TypeError something is not a function; nothing was started
 */
export async function gather<const F extends readonly TaskFunction<unknown>[]>(fns: F): Promise<Results<F>> {
  fns.forEach(checkTaskFunction);
  const results: unknown[] = new Array(fns.length);
  await openNursery(async (nursery) => {
    fns.forEach((fn, index) => {
      nursery.startSoon(async () => {
        results[index] = await fn();
      });
    });
    await Promise.resolve();
  });
  return results as Results<F>;
}

export interface FirstOfOptions {
  /**
   * `'settled'` (default): the first to end decides, by value or by error. `'success'`: the first value decides; errors
   * count only when all have failed.
   */
  readonly until?: 'success' | 'settled' | undefined;
}

/**
 * Runs all functions concurrently until one decides; the others are cancelled and awaited. Once it is decided, a
 * cancellation from outside no longer takes the value away: it takes effect at the next wait.
 *
 * @throws the deciding error; with `until: 'success'` an AggregateError of all errors if every function failed
 * @throws an error that a loser threw while it was being cancelled; not with `until: 'success'`, where failing is what
 *   attempts do
 * @throws TypeError there is no function, or something is not one
 */
export async function firstOf<T>(fns: readonly TaskFunction<T>[], options: FirstOfOptions = {}): Promise<T> {
  if (fns.length === 0) throw new TypeError('firstOf needs at least one function');
  fns.forEach(checkTaskFunction);
  const { until = 'settled' } = options;
  let winner: { readonly value: T } | undefined;
  const errors: unknown[] = new Array(fns.length);
  const attempt = async (fn: TaskFunction<T>, index: number, scope: CancelScope): Promise<void> => {
    let value: T;
    try {
      value = await fn();
    } catch (error) {
      if (until === 'settled') throw error;
      const cancelled = currentNode()?.effective ?? null;
      const residue = cancelled === null ? ({ cancelled: false, error } as const) : takeOutCancelled(error);
      if (!residue.cancelled || residue.failed) errors[index] = residue.error;
      if (residue.cancelled) throw cancelled ?? error;
      return;
    }
    winner ??= { value };
    scope.cancel('another one was first');
  };
  try {
    await openNursery(async (nursery) => {
      fns.forEach((fn, index) => {
        nursery.startSoon(attempt, fn, index, nursery.cancelScope);
      });
      await Promise.resolve();
    });
  } catch (error) {
    // What comes out besides cancellation from outside is an error that counts.
    if (winner === undefined || !isCancellation(error)) throw error;
  }
  if (winner !== undefined) return winner.value;
  throw new AggregateError(errors, `all ${fns.length} attempts failed`);
}
