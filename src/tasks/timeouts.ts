/**
 * Deadlines and sleeping, in the four forms people use.
 *
 * `moveOn…` gives up and goes on (the result is `undefined`), `fail…` gives up and throws `TooSlowError`; `…After` counts
 * from now, `…At` names a moment of the ambient clock. All of them are a CancelScope; a cancellation from outside passes
 * through them untouched and is never turned into TooSlowError.
 *
 * Source: Trio `move_on_after`, `fail_after`, `sleep`.
 */
import { TooSlowError } from '../core/errors.ts';
import { CancelScope, checkDeadline, checkDuration } from './cancel-scope.ts';
import { currentEnvironment } from './environment.ts';
import { checkpoint, suspend } from './waiter.ts';

/**
 * Gives `body` up after `ms` milliseconds.
 *
 * @returns the body's value, or `undefined` if it was given up
 */
export function moveOnAfter<T>(ms: number, body: (scope: CancelScope) => Promise<T>): Promise<T | undefined> {
  try {
    return new CancelScope({ timeoutMs: ms }).run(body);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Gives `body` up when the ambient clock reads `deadline`. */
export function moveOnAt<T>(deadline: number, body: (scope: CancelScope) => Promise<T>): Promise<T | undefined> {
  try {
    return new CancelScope({ deadline }).run(body);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Gives `body` up after `ms` milliseconds and says so.
 *
 * @throws TooSlowError the body was given up
 */
export async function failAfter<T>(ms: number, body: (scope: CancelScope) => Promise<T>): Promise<T> {
  const result = await new CancelScope({ timeoutMs: ms }).tryRun(body);
  if (result.cancelled) throw new TooSlowError(`the operation took longer than ${ms} ms`);
  return result.value;
}

/** Gives `body` up when the ambient clock reads `deadline`, with a TooSlowError. */
export async function failAt<T>(deadline: number, body: (scope: CancelScope) => Promise<T>): Promise<T> {
  const result = await new CancelScope({ deadline }).tryRun(body);
  if (result.cancelled) throw new TooSlowError();
  return result.value;
}

/**
 * Runs `body` until `signal` aborts.
 *
 * @throws the signal's reason, untouched, if it cut the body off
 */
export async function withSignal<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
  const result = await new CancelScope({ signal }).tryRun(body);
  if (result.cancelled) throw signal.reason;
  return result.value;
}

/** Waits `ms` milliseconds on the ambient clock; 0 is a turn of the event loop. */
export function sleep(ms: number): Promise<void> {
  try {
    checkDuration(ms);
  } catch (error) {
    return Promise.reject(error);
  }
  return sleepUntil(currentEnvironment().clock.now() + ms);
}

/** Waits until the ambient clock reads `deadline`; a moment that has passed is a turn of the event loop. */
export function sleepUntil(deadline: number): Promise<void> {
  try {
    checkDeadline(deadline);
  } catch (error) {
    return Promise.reject(error);
  }
  const { clock } = currentEnvironment();
  if (deadline <= clock.now()) return checkpoint();
  return suspend<void>(
    (waiter) =>
      clock.setTimer(deadline, () => {
        waiter.resolve();
      }),
    { kind: 'virtual' },
  );
}

/** Waits until it is cancelled. */
export function sleepForever(): Promise<never> {
  return suspend<never>(() => undefined, { kind: 'virtual' });
}
