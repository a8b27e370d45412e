/** Why a certificate was revoked (RFC 5280 §5.3.1), as CRLs and OCSP responses say it. */

export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'cACompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'certificateHold'
  | 'removeFromCRL'
  | 'privilegeWithdrawn'
  | 'aACompromise';

/** The reason with this number, or `undefined` where there is none. */
export function revocationReason(number: number): RevocationReason | undefined {
  return reasons.get(number);
}

/** Numbers above this have no meaning. */
export const MAX_REASON = 10;

const reasons = new Map<number, RevocationReason>([
  [0, 'unspecified'],
  [1, 'keyCompromise'],
  [2, 'cACompromise'],
  [3, 'affiliationChanged'],
  [4, 'superseded'],
  [5, 'cessationOfOperation'],
  [6, 'certificateHold'],
  [8, 'removeFromCRL'],
  [9, 'privilegeWithdrawn'],
  [10, 'aACompromise'],
]);
