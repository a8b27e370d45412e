/**
 * Verifiers made of verifiers.
 *
 * They are asked one after the other, in the order given: a verifier may look something up or ask a person, and the next
 * should not be bothered where the first has already decided.
 */
import { CertificateError } from '../core/errors.ts';
import { verdict } from './authenticate.ts';
import type { Verifier } from './verifier.ts';

/**
 * Accepts whom all of them accept: `allOf(pki(), pinned(pins))`. It needs a name if one of them does.
 *
 * @throws TypeError there is none, or one is no function
 */
export function allOf(...verifiers: readonly Verifier[]): Verifier {
  checkVerifiers(verifiers, 'allOf');
  const verify: Verifier = async (peer, expected) => {
    for (const one of verifiers) await verdict(one, peer, expected);
  };
  return Object.freeze(Object.assign(verify, declarations(verifiers)));
}

/**
 * Accepts whom one of them accepts: `anyOf(pki(), pinned([selfSigned]))`. It needs a name if one of them does.
 *
 * Refused by all, the error is that of the last, whose `cause` is an AggregateError of all of them.
 *
 * @throws TypeError there is none, or one is no function
 */
export function anyOf(...verifiers: readonly Verifier[]): Verifier {
  checkVerifiers(verifiers, 'anyOf');
  const verify: Verifier = async (peer, expected) => {
    const refusals: CertificateError[] = [];
    for (const one of verifiers) {
      try {
        await verdict(one, peer, expected);
        return;
      } catch (error) {
        if (!(error instanceof CertificateError)) throw error;
        refusals.push(error);
      }
    }
    throw refusedByAll(refusals);
  };
  return Object.freeze(Object.assign(verify, declarations(verifiers)));
}

function refusedByAll(refusals: readonly CertificateError[]): CertificateError {
  const [only] = refusals;
  if (refusals.length === 1 && only !== undefined) return only;
  const { reason, depth, subject } = refusals.at(-1) as CertificateError;
  return new CertificateError(`no verifier accepted the peer: ${refusals.map(({ message }) => message).join('; ')}`, {
    reason,
    depth,
    subject,
    cause: new AggregateError(refusals, 'refused by every verifier'),
  });
}

function declarations(verifiers: readonly Verifier[]): {
  readonly needsName: boolean;
  readonly wantsStapledOcsp: boolean;
} {
  return {
    needsName: verifiers.some((one) => one.needsName !== false),
    wantsStapledOcsp: verifiers.some((one) => one.wantsStapledOcsp === true),
  };
}

function checkVerifiers(verifiers: readonly Verifier[], what: string): void {
  if (verifiers.length === 0) throw new TypeError(`${what} needs a verifier: without one it would decide nothing`);
  if (verifiers.some((one) => typeof one !== 'function'))
    throw new TypeError(`${what} takes verifiers, which are functions`);
}
