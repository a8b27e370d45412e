/**
 * Several things at once, none left behind.
 *
 * `Promise.all` and `Promise.race` return while their losers run on. These do not: losers are cancelled and awaited, and
 * an error of theirs is not lost.
 */
import { CancelScope } from './cancel-scope.ts';
import { openNursery } from './nursery.ts';
import { cancelRequested } from './waiter.ts';

type TaskFunction<T> = () => Promise<T>;
type Results<F extends readonly TaskFunction<unknown>[]> = { -readonly [K in keyof F]: Awaited<ReturnType<F[K]>> };

/**
 * Runs all functions concurrently and waits for all.
 *
 * @returns their results, in the order of the functions
 * @throws the first failure, after the others were cancelled and have ended; AggregateError if several failed
 */
export async function gather<const F extends readonly TaskFunction<unknown>[]>(fns: F): Promise<Results<F>> {
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
 * Runs all functions concurrently until one decides; the others are cancelled and awaited.
 *
 * @throws the deciding error; with `until: 'success'` an AggregateError of all errors if every function failed
 * @throws an error that a loser threw while it was being cancelled
 * @throws TypeError there is no function
 */
export async function firstOf<T>(fns: readonly TaskFunction<T>[], options: FirstOfOptions = {}): Promise<T> {
  if (fns.length === 0) throw new TypeError('firstOf needs at least one function');
  const { until = 'settled' } = options;
  let winner: { readonly value: T } | undefined;
  const errors: unknown[] = [];
  const scope = new CancelScope();
  await scope.run(() =>
    openNursery(async (nursery) => {
      for (const fn of fns) {
        nursery.startSoon(async () => {
          let value: T;
          try {
            value = await fn();
          } catch (error) {
            if (until === 'settled' || cancelRequested()) throw error;
            errors.push(error);
            return;
          }
          winner ??= { value };
          scope.cancel('another one was first');
        });
      }
      await Promise.resolve();
    }),
  );
  if (winner !== undefined) return winner.value;
  throw new AggregateError(errors, `all ${fns.length} attempts failed`);
}
