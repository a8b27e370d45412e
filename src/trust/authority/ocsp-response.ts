/**
 * OCSP responses (RFC 6960 §4.2), as servers staple them: about one certificate, signed by its issuer or by a responder that
 * the issuer has certified for it (§4.2.2.2).
 *
 * A certificate is named by hashes of its issuer's name and key. They are SHA-1, which is what the profile for the web
 * (RFC 5019 §2.1.1) and every server and client use; nothing rests on their strength, since the whole is signed.
 */
import { createHash } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import { contextConstructed, tag } from '../../protocols/x509/der-tag.ts';
import {
  bitString,
  element,
  explicit,
  generalizedTime,
  implicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
} from '../../protocols/x509/der-writer.ts';
import type { IssuedCertificate, Issuer } from './authority.ts';
import { keyBits } from './extensions.ts';
import { signerOf } from './key-algorithm.ts';
import type { SignatureHash } from './key-algorithm.ts';

export interface OcspOptions {
  /** Of the certificate that is asked about. Big-endian. */
  readonly serial: Uint8Array;
  /** Default `good`. */
  readonly status?: 'good' | 'revoked' | 'unknown' | undefined;
  /** Milliseconds since 1970; of a revoked one. Default: an hour ago. */
  readonly revokedAt?: number | undefined;
  /** CRLReason of a revoked one. Default: none. */
  readonly reason?: number | undefined;
  /** Milliseconds since 1970. Default: an hour ago. */
  readonly thisUpdate?: number | undefined;
  /** Milliseconds since 1970; `null`: newer information is to be had at any time. Default: a week from now. */
  readonly nextUpdate?: number | null | undefined;
  /** Who signs in place of the issuer; its certificate, which the issuer has issued for `['ocsp']`, goes along. */
  readonly responder?: Pick<IssuedCertificate, 'certificate' | 'key'> | undefined;
  readonly hash?: SignatureHash | undefined;
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;

/** @returns DER of a whole, successful OCSPResponse */
export function signOcspResponse(issuer: Issuer, options: OcspOptions): Bytes {
  const now = Date.now();
  const { serial, thisUpdate = now - HOUR_MS, nextUpdate = now + WEEK_MS, responder, hash } = options;
  const key = responder?.key ?? issuer.key;
  const signer = signerOf(key, hash);
  const single = sequence(
    certificateId(issuer, serial),
    certificateStatus(options, now),
    generalizedTime(thisUpdate),
    ...(nextUpdate === null ? [] : [explicit(0, generalizedTime(nextUpdate))]),
  );
  const data = sequence(
    explicit(2, octetString(sha1(keyBits(key.spki)))),
    generalizedTime(thisUpdate),
    sequence(single),
  );
  const basic = sequence(
    data,
    signer.identifier,
    bitString(signer.sign(data)),
    ...(responder === undefined ? [] : [explicit(0, sequence(responder.certificate))]),
  );
  return sequence(integer(0, tag.enumerated), explicit(0, sequence(oid('1.3.6.1.5.5.7.48.1.1'), octetString(basic))));
}

function certificateId(issuer: Issuer, serial: Uint8Array): Bytes {
  return sequence(
    sequence(oid('1.3.14.3.2.26'), nullValue()),
    octetString(sha1(issuer.subject)),
    octetString(sha1(keyBits(issuer.key.spki))),
    integer(serial),
  );
}

function certificateStatus({ status = 'good', revokedAt, reason }: OcspOptions, now: number): Bytes {
  if (status === 'good') return implicit(0, new Uint8Array());
  if (status === 'unknown') return implicit(2, new Uint8Array());
  return element(
    contextConstructed(1),
    generalizedTime(revokedAt ?? now - HOUR_MS),
    ...(reason === undefined ? [] : [explicit(0, integer(reason, tag.enumerated))]),
  );
}

function sha1(data: Uint8Array): Uint8Array {
  return createHash('sha1').update(data).digest();
}
