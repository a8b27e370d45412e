import { BowlineError } from '../core/errors.ts';

/** What says whom to trust cannot be used: no root certificates on this system, or a file of known keys that is damaged. */
export class TrustStoreError extends BowlineError {
  readonly code = 'ERR_BOWLINE_TRUST_STORE';
}
