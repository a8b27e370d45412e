/**
 * Why a path was refused: a fixed list of words, and which one to tell when several paths failed in several ways.
 *
 * The words are part of the interface (`CertificateError.reason`): programs branch on them and people search for them. Rules
 * return a `Refusal` instead of throwing, because the builder tries other paths before it gives up; it throws one at the end.
 *
 * Which one: the most helpful. That somebody's intermediate did not lead anywhere is noise where another path reached a
 * trusted root and failed there because the leaf is revoked. So reasons have a rank, and among equals the first one counts,
 * since candidates are tried in the order of their promise.
 */
import { CertificateError } from '../../../core/errors.ts';
import { describeCertificate } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';

/** Every reason, the least telling first: the rank of a reason is its place. */
export const refusalReasons = [
  /** No issuer was found among the intermediates and the anchors. */
  'unknown-issuer',
  /** The end entity's certificate is signed by itself, and is not an anchor. */
  'self-signed',
  /** The path has more certificates than allowed. */
  'path-too-long',
  /** The signature is not the issuer's. */
  'bad-signature',
  /** An issuer that is not a CA by its basic constraints or its key usage. */
  'not-a-ca',
  /** An issuer's path length constraint. */
  'path-length',
  /** More certificates or bytes than a peer may send. */
  'chain-too-large',
  /** The budget of work was used up before a path was found. */
  'too-much-work',
  /** It cannot be parsed. */
  'malformed',
  /** It contradicts the profile of RFC 5280 or itself. */
  'invalid-certificate',
  /** A critical extension that is not known. */
  'unknown-critical-extension',
  /** The policies of the path leave none that is acceptable. */
  'policy',
  /** MD5, SHA-1, a small RSA key, an unknown curve or algorithm. */
  'weak-algorithm',
  /** The key usage or the extended key usage says that it is for something else. */
  'wrong-usage',
  'name-constraint',
  'not-yet-valid',
  'expired',
  /** A CRL or an OCSP response that should have told was missing, stale or wrong. */
  'revocation-unknown',
  'revoked',
  /** No name in the certificate is the expected one (`checkServiceIdentity`). */
  'name-mismatch',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

export interface Refusal {
  readonly reason: RefusalReason;
  /** A sentence without the subject, such as `it expired on 2026-11-21T00:00:00Z`. */
  readonly problem: string;
  readonly certificate: Certificate | undefined;
  /** 0 for the end entity's certificate, 1 for its issuer's. */
  readonly depth: number | undefined;
}

/** What a rule about one certificate says: where that stands is added by who applies the rule. */
export interface Finding {
  readonly reason: RefusalReason;
  readonly problem: string;
}

export function finding(reason: RefusalReason, problem: string): Finding {
  return { reason, problem };
}

export function moreHelpful(known: Refusal | undefined, next: Refusal): Refusal {
  if (known === undefined) return next;
  return refusalReasons.indexOf(next.reason) > refusalReasons.indexOf(known.reason) ? next : known;
}

export function certificateError(refusal: Refusal, cause?: unknown): CertificateError {
  const { reason, problem, certificate, depth } = refusal;
  const subject = certificate === undefined ? undefined : describeCertificate(certificate);
  const which = subject === undefined ? '' : `${depth === 0 ? 'certificate' : `certificate ${depth}`} of ${subject}: `;
  const details = { reason, depth, subject };
  return new CertificateError(`${which}${problem}`, cause === undefined ? details : { ...details, cause });
}
