/**
 * The surroundings of what outlives the scope it is made in: an adapter, a callback protocol.
 *
 * What an adapter makes is handed to code that knows nothing of scopes and uses it from wherever it likes, long after the
 * scope it was made in has ended. So its operations run outside of every scope, never cancelled from outside, but under
 * the clock and network that were ambient when it was made: a test under virtual time stays under it.
 */
import { currentEnvironment, runDetached, runIn } from './environment.ts';

export type Detached = <R>(fn: () => R) => R;

/** Remembers the clock and network of now. The function it returns runs others under them. */
export function captureDetached(): Detached {
  const environment = runDetached(currentEnvironment);
  // Entering an environment that is current already would cost something, and outside of all scopes it always is.
  return (fn) => (currentEnvironment() === environment ? fn() : runIn(environment, fn));
}
