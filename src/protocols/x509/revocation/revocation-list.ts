/**
 * Certificate revocation lists (RFC 5280 §5): from DER to what the list says.
 *
 * Complete version 2 lists of one issuer about its own certificates: that is what RFC 5280 requires a client to know. Delta lists
 * (which change another list) and indirect ones (which speak for other issuers) are refused by name rather than misread, and so
 * is a list with a critical extension that is not known, in the list or in one entry (§5.2, §5.3): "must not be used". The
 * program gave the list, so it learns this when it does, not when a handshake fails.
 *
 * Lists have up to hundreds of thousands of entries; they are kept as a map from serial number to date and reason, and the
 * input is not copied entry by entry.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { ProtocolError } from '../../../core/errors.ts';
import { DerReader, equalBytes } from '../der-reader.ts';
import { tag } from '../der-tag.ts';
import { readExtensions, readValue } from '../extensions/extension.ts';
import type { Extension } from '../extensions/extension.ts';
import { ISSUING_DISTRIBUTION_POINT, parseIssuingDistributionPoint } from '../extensions/issuing-distribution-point.ts';
import type { IssuingDistributionPoint } from '../extensions/issuing-distribution-point.ts';
import { AUTHORITY_KEY_IDENTIFIER, parseAuthorityKeyIdentifier } from '../extensions/key-identifiers.ts';
import { hexOf } from '../hex.ts';
import { readName } from '../name.ts';
import type { Name } from '../name.ts';
import { readAlgorithmIdentifier, signatureAlgorithmOf } from '../signature-algorithm.ts';
import type { SignatureAlgorithm } from '../signature-algorithm.ts';
import { MAX_REASON, revocationReason } from './revocation-reason.ts';
import type { RevocationReason } from './revocation-reason.ts';

export interface Revocation {
  /** Milliseconds since 1970. */
  readonly revokedAt: number;
  readonly reason: RevocationReason;
}

export interface RevocationList {
  readonly tbs: Bytes;
  readonly issuer: Name;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Bytes;
  /** Undefined: every certificate of the issuer. */
  readonly scope: IssuingDistributionPoint | undefined;
  /** How many certificates are on the list. */
  readonly size: number;
  /** @param serial contents octets of the certificate's serial number */
  find(serial: Uint8Array): Revocation | undefined;
}

/** The largest lists of the web PKI have some ten megabytes. */
const MAX_REVOCATION_LIST_BYTES = 64 * 1024 * 1024;

/**
 * @param der one CertificateList; copied
 * @throws ProtocolError it is malformed, or of a kind that must not be used here
 */
export function parseRevocationList(der: Uint8Array): RevocationList {
  if (der.length > MAX_REVOCATION_LIST_BYTES)
    throw new ProtocolError(`a CRL of ${der.length} bytes; ${MAX_REVOCATION_LIST_BYTES} are allowed`, RULE);
  const input = new DerReader(new Uint8Array(der), RULE);
  const list = input.sequence();
  input.expectEnd();
  const tbs = list.element(tag.sequence);
  const fields = list.insideOf(tbs);
  const outerAlgorithm = readAlgorithmIdentifier(list);
  const signature = list.bitStringOctets();
  list.expectEnd();

  // §5.1.2.1: version 2 (1 on the wire), as every list with a number has to be.
  if (fields.nextTag !== tag.integer || fields.smallInteger(1) !== 1)
    fields.fail('a CRL that is not of version 2 (it needs a cRLNumber extension)');
  const signedAlgorithm = readAlgorithmIdentifier(fields);
  if (!equalBytes(outerAlgorithm.raw, signedAlgorithm.raw)) fields.fail('two signature algorithms that differ');
  const issuer = readName(fields);
  const thisUpdate = fields.time();
  if (fields.nextTag !== tag.utcTime && fields.nextTag !== tag.generalizedTime) fields.fail('a CRL without nextUpdate');
  const nextUpdate = fields.time();
  const entries = readEntries(fields);
  const explicit = fields.explicit(0);
  const extensions = explicit === undefined ? [] : readExtensions(explicit);
  explicit?.expectEnd();
  fields.expectEnd();
  return {
    tbs: tbs.raw,
    issuer,
    thisUpdate,
    nextUpdate,
    signatureAlgorithm: signatureAlgorithmOf(outerAlgorithm, RULE),
    signature,
    scope: readScope(extensions, fields),
    size: entries.size,
    find: (serial) => entries.get(hexOf(serial)),
  };
}

const RULE = 'RFC 5280 §5.1';
const CRL_NUMBER = '2.5.29.20';
const DELTA_CRL_INDICATOR = '2.5.29.27';
const REASON_CODE = '2.5.29.21';
const CERTIFICATE_ISSUER = '2.5.29.29';

function readEntries(fields: DerReader): Map<string, Revocation> {
  const entries = new Map<string, Revocation>();
  // "When there are no revoked certificates, the revoked certificates list MUST be absent" (§5.1.2.6).
  fields.optionalInside(tag.sequence)?.items((list) => {
    const entry = list.sequence();
    const serial = hexOf(entry.integerBytes());
    const revokedAt = entry.time();
    const extensions = entry.atEnd ? [] : readExtensions(entry);
    entry.expectEnd();
    let reason: RevocationReason = 'unspecified';
    for (const { oid, critical, value } of extensions) {
      if (oid === CERTIFICATE_ISSUER) list.fail('an indirect CRL, which is not supported');
      if (oid === REASON_CODE) reason = readReason(value);
      else if (critical) list.fail(`the critical extension ${oid} of an entry, which is not known`);
    }
    entries.set(serial, { revokedAt, reason });
  }, 1);
  return entries;
}

function readReason(value: Bytes): RevocationReason {
  return readValue(value, 'RFC 5280 §5.3.1', (reader) => {
    const number = reader.smallInteger(MAX_REASON, tag.enumerated);
    return revocationReason(number) ?? reader.fail(`the unknown reason ${number}`);
  });
}

function readScope(extensions: readonly Extension[], fields: DerReader): IssuingDistributionPoint | undefined {
  let scope: IssuingDistributionPoint | undefined;
  let numbered = false;
  for (const { oid, critical, value } of extensions) {
    if (oid === DELTA_CRL_INDICATOR) fields.fail('a delta CRL, which is not supported');
    if (oid === ISSUING_DISTRIBUTION_POINT) {
      scope = parseIssuingDistributionPoint(value);
      if (scope.indirect) fields.fail('an indirect CRL, which is not supported');
      continue;
    }
    if (critical) fields.fail(`the critical extension ${oid} of a CRL, which is not known or must not be critical`);
    if (oid === AUTHORITY_KEY_IDENTIFIER) parseAuthorityKeyIdentifier(value);
    if (oid === CRL_NUMBER) numbered = readValue(value, 'RFC 5280 §5.2.3', (reader) => readNumber(reader));
  }
  // §5.2.3: "CRL issuers conforming to this profile MUST include this extension in all CRLs".
  if (!numbered) fields.fail('a CRL without a number');
  return scope;
}

function readNumber(reader: DerReader): true {
  const number = reader.integerBytes();
  if ((number[0] as number) >= 0x80 || number.length > 21) reader.fail('a CRL number that is negative or too long');
  return true;
}
