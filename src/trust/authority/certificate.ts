/**
 * One certificate, from its fields to DER (RFC 5280 §4.1). It signs what it is told to: what belongs in a certificate of a
 * server or of an authority is the business of authority.ts, and what does not is that of tests.
 */
import { randomBytes } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import { bitString, explicit, integer, sequence, time } from '../../protocols/x509/der-writer.ts';
import { extensionList } from './extensions.ts';
import type { Extension } from './extensions.ts';
import { signerOf } from './key-algorithm.ts';
import type { SignatureHash, SigningKey } from './key-algorithm.ts';

export interface CertificateFields {
  readonly serial: Uint8Array;
  /** Name. */
  readonly issuer: Bytes;
  /** Name. */
  readonly subject: Bytes;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo. */
  readonly spki: Bytes;
  readonly extensions: readonly Extension[];
}

/** @param hash default: the one that fits the key */
export function signCertificate(fields: CertificateFields, key: SigningKey, hash?: SignatureHash): Bytes {
  const { serial, issuer, subject, notBefore, notAfter, spki, extensions } = fields;
  const signer = signerOf(key, hash);
  const toBeSigned = sequence(
    explicit(0, integer(2)),
    integer(serial),
    signer.identifier,
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spki,
    explicit(3, extensionList(extensions)),
  );
  return sequence(toBeSigned, signer.identifier, bitString(signer.sign(toBeSigned)));
}

/** Positive, at most 20 octets, and not to be guessed (RFC 5280 §4.1.2.2). */
export function newSerial(): Bytes {
  const serial = new Uint8Array(randomBytes(16));
  // Always 16 octets: neither a leading zero nor a sign bit.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
