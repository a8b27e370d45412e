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
import { suspend } from './waiter.ts';

/**
 * Gives `body` up after `ms` milliseconds.
 *
 * @returns the body's value, or `undefined` if it was given up
 */
export async function moveOnAfter<T>(ms: number, body: (scope: CancelScope) => Promise<T>): Promise<T | undefined> {
  return await new CancelScope({ timeoutMs: ms }).run(body);
}

/** Gives `body` up when the ambient clock reads `deadline`. */
export async function moveOnAt<T>(deadline: number, body: (scope: CancelScope) => Promise<T>): Promise<T | undefined> {
  return await new CancelScope({ deadline }).run(body);
}

/**
 * Gives `body` up after `ms` milliseconds and says so.
 *
 * @throws TooSlowError the body was given up
 */
export async function failAfter<T>(ms: number, body: (scope: CancelScope) => Promise<T>): Promise<T> {
  checkDuration(ms);
  return await failIfCut(new CancelScope({ timeoutMs: ms }), body, `the operation took longer than ${ms} ms`);
}

/** Gives `body` up when the ambient clock reads `deadline`, with a TooSlowError. */
export async function failAt<T>(deadline: number, body: (scope: CancelScope) => Promise<T>): Promise<T> {
  checkDeadline(deadline);
  return await failIfCut(new CancelScope({ deadline }), body, 'the deadline passed before the operation was done');
}

async function failIfCut<T>(scope: CancelScope, body: (scope: CancelScope) => Promise<T>, message: string): Promise<T> {
  const result = await scope.tryRun(body);
  if (result.cancelled) throw new TooSlowError(message);
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
    return Promise.reject(error as Error);
  }
  return sleepUntil(currentEnvironment().clock.now() + ms);
}

/** Waits until the ambient clock reads `deadline`; a moment that has passed is a turn of the event loop. */
export function sleepUntil(deadline: number): Promise<void> {
  try {
    checkDeadline(deadline);
  } catch (error) {
    return Promise.reject(error as Error);
  }
  const { clock } = currentEnvironment();
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
