/**
 * OCSP responses (RFC 6960 §4.2): from DER to what they say. As stapled by a server: small, for one certificate or a few.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { ProtocolError } from '../../../core/errors.ts';
import { parseCertificate } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import { DerReader } from '../der-reader.ts';
import { contextConstructed, contextPrimitive, tag } from '../der-tag.ts';
import { readExtensions } from '../extensions/extension.ts';
import { readName } from '../name.ts';
import type { Name } from '../name.ts';
import { hashAlgorithmOf, readAlgorithmIdentifier, signatureAlgorithmOf } from '../signature-algorithm.ts';
import type { HashName, SignatureAlgorithm } from '../signature-algorithm.ts';
import { MAX_REASON, revocationReason } from './revocation-reason.ts';
import type { RevocationReason } from './revocation-reason.ts';

/** `successful`, or why the responder did not answer (§4.2.1). Such a response is not signed. */
export type OcspResponse =
  | { readonly status: 'successful'; readonly basic: BasicOcspResponse }
  | { readonly status: 'malformedRequest' | 'internalError' | 'tryLater' | 'sigRequired' | 'unauthorized' };

export interface BasicOcspResponse {
  readonly tbs: Bytes;
  readonly responder:
    | { readonly kind: 'name'; readonly name: Name }
    /** SHA-1 of the responder's key. */
    | { readonly kind: 'key'; readonly hash: Bytes };
  readonly producedAt: number;
  readonly responses: readonly SingleOcspResponse[];
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Bytes;
  readonly certificates: readonly Certificate[];
}

export interface SingleOcspResponse {
  /** Undefined: a hash that has no name here. */
  readonly hash: HashName | undefined;
  readonly issuerNameHash: Bytes;
  readonly issuerKeyHash: Bytes;
  readonly serial: Bytes;
  readonly status: OcspStatus;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
}

export type OcspStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly revokedAt: number; readonly reason: RevocationReason }
  | { readonly kind: 'unknown' };

const MAX_OCSP_RESPONSE_BYTES = 64 * 1024;

/**
 * @param der one OCSPResponse; copied
 * @throws ProtocolError it is malformed, or has a critical extension that is not known
 */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  if (der.length > MAX_OCSP_RESPONSE_BYTES)
    throw new ProtocolError(`an OCSP response of ${der.length} bytes; ${MAX_OCSP_RESPONSE_BYTES} are allowed`, RULE);
  const input = new DerReader(new Uint8Array(der), RULE);
  const response = input.sequence();
  input.expectEnd();
  const number = response.smallInteger(6, tag.enumerated);
  const bytes = response.explicit(0);
  response.expectEnd();
  if (number !== 0) {
    if (bytes !== undefined) response.fail('an error with an answer');
    return { status: failures.get(number) ?? response.fail(`the unknown status ${number}`) };
  }
  if (bytes === undefined) return response.fail('no answer and no error');
  const typed = bytes.sequence();
  bytes.expectEnd();
  if (typed.oid() !== BASIC_RESPONSE) typed.fail('a response that is not a basic one');
  const basic = new DerReader(typed.octetString(), RULE);
  typed.expectEnd();
  return { status: 'successful', basic: readBasicResponse(basic) };
}

const RULE = 'RFC 6960 §4.2.1';
const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
/** A responder sends its own certificate, perhaps with one above it. */
const MAX_CERTIFICATES = 10;
/** A server staples the status of one certificate; responders that batch add a few. */
const MAX_RESPONSES = 100;

const failures = new Map<number, Exclude<OcspResponse['status'], 'successful'>>([
  [1, 'malformedRequest'],
  [2, 'internalError'],
  [3, 'tryLater'],
  [5, 'sigRequired'],
  [6, 'unauthorized'],
]);

function readBasicResponse(reader: DerReader): BasicOcspResponse {
  const response = reader.sequence();
  reader.expectEnd();
  const tbs = response.element(tag.sequence);
  const fields = response.insideOf(tbs);
  const algorithm = readAlgorithmIdentifier(response);
  const signature = response.bitStringOctets();
  const certificates = response.explicit(0)?.sequence().items(readCertificate) ?? [];
  response.expectEnd();
  if (certificates.length > MAX_CERTIFICATES) response.fail(`more than ${MAX_CERTIFICATES} certificates`);

  // Version 1 is the default, so it is not written out, and there is no other.
  const responder = readResponder(fields);
  const producedAt = fields.generalizedTime();
  const responses = fields.sequence().items(readSingleResponse);
  if (responses.length > MAX_RESPONSES) fields.fail(`more than ${MAX_RESPONSES} answers`);
  refuseCriticalExtensions(fields.explicit(1));
  fields.expectEnd();
  const signatureAlgorithm = signatureAlgorithmOf(algorithm, RULE);
  return { tbs: tbs.raw, responder, producedAt, responses, signatureAlgorithm, signature, certificates };
}

function readCertificate(list: DerReader): Certificate {
  return parseCertificate(list.element(tag.sequence).raw);
}

function readResponder(fields: DerReader): BasicOcspResponse['responder'] {
  const byName = fields.explicit(1);
  if (byName !== undefined) {
    const name = readName(byName);
    byName.expectEnd();
    return { kind: 'name', name };
  }
  const byKey = fields.inside(contextConstructed(2));
  const hash = byKey.octetString();
  byKey.expectEnd();
  return { kind: 'key', hash };
}

function readSingleResponse(list: DerReader): SingleOcspResponse {
  const single = list.sequence();
  const id = single.sequence();
  const hash = hashAlgorithmOf(readAlgorithmIdentifier(id), RULE);
  const issuerNameHash = id.octetString();
  const issuerKeyHash = id.octetString();
  const serial = id.integerBytes();
  id.expectEnd();
  const status = readStatus(single);
  const thisUpdate = single.generalizedTime();
  const next = single.explicit(0);
  const nextUpdate = next?.generalizedTime();
  next?.expectEnd();
  refuseCriticalExtensions(single.explicit(1));
  single.expectEnd();
  return { hash, issuerNameHash, issuerKeyHash, serial, status, thisUpdate, nextUpdate };
}

function readStatus(single: DerReader): OcspStatus {
  switch (single.nextTag) {
    case contextPrimitive(0):
    case contextPrimitive(2): {
      const { tag: which, contents } = single.any();
      if (contents.length > 0) single.fail('a NULL with contents');
      return { kind: which === contextPrimitive(0) ? 'good' : 'unknown' };
    }
    default: {
      const revoked = single.inside(contextConstructed(1));
      const revokedAt = revoked.generalizedTime();
      const explicit = revoked.explicit(0);
      const number = explicit?.smallInteger(MAX_REASON, tag.enumerated) ?? 0;
      explicit?.expectEnd();
      revoked.expectEnd();
      return {
        kind: 'revoked',
        revokedAt,
        reason: revocationReason(number) ?? single.fail(`the unknown reason ${number}`),
      };
    }
  }
}

/** Nonces and archive cut-offs mean nothing to a stapled response; what is critical and not known must not be ignored. */
function refuseCriticalExtensions(explicit: DerReader | undefined): void {
  if (explicit === undefined) return;
  for (const { oid, critical } of readExtensions(explicit))
    if (critical) explicit.fail(`the critical extension ${oid}, which is not known`);
  explicit.expectEnd();
}
