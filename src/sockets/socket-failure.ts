/**
 * How a socket's failures look to callers.
 *
 * A failure of a connection is for good: every later call gets it again, as a fresh error with the first cause. So such a
 * rejection cannot get lost, and a promise that nobody awaits does no harm: a peer must not be able to end the process by
 * a reset while a program has a send in flight that it did not wait for.
 */
import { BrokenResourceError } from '../core/errors.ts';

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'the peer reset the connection',
  EPIPE: 'the peer has closed the connection',
  ETIMEDOUT: 'the peer did not answer any more',
};

/** A fresh error for every caller, always with the first cause. */
export function broken(cause: Error): BrokenResourceError {
  const { code } = cause as NodeJS.ErrnoException;
  const explanation = (code === undefined ? undefined : EXPLANATIONS[code]) ?? cause.message;
  return new BrokenResourceError(code === undefined ? explanation : `${explanation} (${code})`, { cause });
}

/** Rejects with an error that every later call will give again. */
export function repeatable(error: Error): Promise<never> {
  return quietly(Promise.reject(error));
}

export function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {
  // The next call says the same.
}
