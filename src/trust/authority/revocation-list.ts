/** Certificate revocation lists (RFC 5280 §5.1), version 2. */
import type { Bytes } from '../../core/bytes.ts';
import { tag } from '../../protocols/x509/der-tag.ts';
import { bitString, explicit, integer, sequence, time } from '../../protocols/x509/der-writer.ts';
import type { Issuer } from './authority.ts';
import { authorityKeyIdentifier, crlNumber, extensionList, keyIdentifier } from './extensions.ts';
import type { Extension } from './extensions.ts';
import { signerOf } from './key-algorithm.ts';
import type { SignatureHash } from './key-algorithm.ts';

export interface Revocation {
  /** Big-endian. */
  readonly serial: Uint8Array;
  /** Milliseconds since 1970. Default: an hour ago. */
  readonly revokedAt?: number | undefined;
  /** CRLReason (RFC 5280 §5.3.1), such as 1, keyCompromise. Default: none. */
  readonly reason?: number | undefined;
}

export interface RevocationListOptions {
  /** Default: nothing is revoked. */
  readonly revoked?: readonly Revocation[] | undefined;
  /** Milliseconds since 1970. Default: an hour ago. */
  readonly thisUpdate?: number | undefined;
  /** Milliseconds since 1970. Default: a week from now. */
  readonly nextUpdate?: number | undefined;
  /** Grows from one list of an authority to the next. Default 1. */
  readonly number?: number | undefined;
  /** In addition, for tests. */
  readonly extensions?: readonly Extension[] | undefined;
  readonly hash?: SignatureHash | undefined;
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;

/** @returns DER */
export function signRevocationList(issuer: Issuer, options: RevocationListOptions): Bytes {
  const now = Date.now();
  const { revoked = [], thisUpdate = now - HOUR_MS, nextUpdate = now + WEEK_MS, number = 1, extensions = [] } = options;
  const signer = signerOf(issuer.key, options.hash);
  const entries = revoked.map(({ serial, revokedAt = now - HOUR_MS, reason }) =>
    sequence(integer(serial), time(revokedAt), ...(reason === undefined ? [] : [extensionList([reasonCode(reason)])])),
  );
  const toBeSigned = sequence(
    integer(1),
    signer.identifier,
    issuer.subject,
    time(thisUpdate),
    time(nextUpdate),
    // "the revoked certificates list MUST be absent" where there are none (RFC 5280 §5.1.2.6).
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    explicit(
      0,
      extensionList([authorityKeyIdentifier(keyIdentifier(issuer.key.spki)), crlNumber(number), ...extensions]),
    ),
  );
  return sequence(toBeSigned, signer.identifier, bitString(signer.sign(toBeSigned)));
}

function reasonCode(reason: number): Extension {
  return { oid: '2.5.29.21', critical: false, value: integer(reason, tag.enumerated) };
}
