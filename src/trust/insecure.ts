/**
 * No check at all. The connection is then encrypted to whoever answered, who may be in the middle.
 *
 * There is a reason to want that: tests, a first look at a server (`--info`), a protocol that authenticates the channel
 * itself by its binding. So it exists, with a name that a reviewer sees.
 */
import type { Verifier } from './verifier.ts';

export function insecureAcceptAnyone(): Verifier {
  return acceptAnyone;
}

const acceptAnyone: Verifier = Object.freeze(Object.assign((): void => undefined, { needsName: false }));
