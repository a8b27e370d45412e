/**
 * Judging a stapled OCSP response (RFC 6960 §3.2, RFC 6066 §8, RFC 7633).
 *
 * The response has to name the certificate (hashes of its issuer's name and key, and the serial number), be signed by the issuer or by
 * somebody whom the issuer's key itself certified for OCSP (§4.2.2.2: directly, with the purpose id-kp-OCSPSigning; nobody else,
 * and no locally trusted responder), and be fresh. `nextUpdate` has to be there (RFC 5019 §2.2.4): without one a response would be
 * good for ever.
 *
 * A responder's own certificate is not checked for revocation, as id-pkix-ocsp-nocheck asks and as there is no way to.
 */
import { ProtocolError } from '../../../core/errors.ts';
import type { Certificate } from '../certificate.ts';
import type { X509Crypto } from '../crypto.ts';
import { equalBytes } from '../der-reader.ts';
import { formatTime } from '../der-time.ts';
import { keyPurposes } from '../extensions/extended-key-usage.ts';
import { checkPublicKey, checkSignatureAlgorithm } from '../path/algorithm-policy.ts';
import type { WorkBudget } from '../path/limits.ts';
import { checkProfile } from '../path/profile.ts';
import { finding } from '../path/refusal.ts';
import type { Finding } from '../path/refusal.ts';
import { checkValidity } from '../path/validity.ts';
import type { PublicKeyInfo } from '../public-key.ts';
import { CLOCK_SKEW_MS } from './check-lists.ts';
import type { Issuer } from './check-lists.ts';
import { parseOcspResponse } from './ocsp-response.ts';
import type { BasicOcspResponse, SingleOcspResponse } from './ocsp-response.ts';

/**
 * @param response an OCSPResponse, DER
 * @param now in ms since 1970
 * @returns `undefined` where a valid response says that the certificate is good; a finding `revoked`; or `revocation-unknown` for a
 *   response that says nothing
 */
export function checkStapledResponse(
  response: Uint8Array,
  certificate: Certificate,
  issuer: Issuer,
  now: number,
  crypto: X509Crypto,
  budget: WorkBudget,
): Finding | undefined {
  const basic = readBasic(response);
  if ('reason' in basic) return basic;
  const ours = basic.responses.filter((single) => isAbout(single, certificate, issuer, crypto));
  if (ours.length === 0) return unknown('the stapled OCSP response is about another certificate');
  const unauthorised = checkResponder(basic, certificate, issuer, now, crypto, budget);
  if (unauthorised !== undefined) return unauthorised;
  if (basic.producedAt > now + CLOCK_SKEW_MS) return unknown('the stapled OCSP response is from the future');
  for (const { status } of ours)
    if (status.kind === 'revoked')
      return finding('revoked', `it was revoked on ${formatTime(status.revokedAt)} (${status.reason})`);
  const doubts = ours.map((single) => checkStatus(single, now));
  return doubts.includes(undefined) ? undefined : doubts[0];
}

function readBasic(response: Uint8Array): BasicOcspResponse | Finding {
  try {
    const parsed = parseOcspResponse(response);
    return parsed.status === 'successful'
      ? parsed.basic
      : unknown(`the stapled OCSP response is an error: ${parsed.status}`);
  } catch (error) {
    if (error instanceof ProtocolError) return unknown(`the stapled OCSP response is malformed: ${error.message}`);
    throw error;
  }
}

function checkStatus({ status, thisUpdate, nextUpdate }: SingleOcspResponse, now: number): Finding | undefined {
  if (status.kind === 'unknown') return unknown('the OCSP responder does not know it');
  if (thisUpdate > now + CLOCK_SKEW_MS)
    return unknown(`the stapled OCSP response is valid only from ${formatTime(thisUpdate)}`);
  if (nextUpdate === undefined) return unknown('the stapled OCSP response does not say how long it is valid');
  return now > nextUpdate ? unknown(`the stapled OCSP response was valid until ${formatTime(nextUpdate)}`) : undefined;
}

function isAbout(single: SingleOcspResponse, certificate: Certificate, issuer: Issuer, crypto: X509Crypto): boolean {
  const { hash } = single;
  // MD5 certificate ids were never in use, and a collision is easily made.
  if (hash === undefined || hash === 'md5' || !equalBytes(single.serial, certificate.serial)) return false;
  return (
    equalBytes(single.issuerNameHash, crypto.digest(hash, certificate.issuer.raw)) &&
    equalBytes(single.issuerKeyHash, crypto.digest(hash, issuer.publicKey.bits))
  );
}

function checkResponder(
  basic: BasicOcspResponse,
  certificate: Certificate,
  issuer: Issuer,
  now: number,
  crypto: X509Crypto,
  budget: WorkBudget,
): Finding | undefined {
  const isResponder = (name: string, publicKey: PublicKeyInfo): boolean =>
    basic.responder.kind === 'name'
      ? basic.responder.name.key === name
      : equalBytes(basic.responder.hash, crypto.digest('sha1', publicKey.bits));
  const isSigned = (publicKey: PublicKeyInfo, signed: SignedData): boolean => {
    if (checkSignatureAlgorithm(signed.signatureAlgorithm, publicKey) !== undefined) return false;
    budget.spendSignatureCheck();
    const { signatureAlgorithm: algorithm, tbs: data, signature } = signed;
    return crypto.verifySignature({ algorithm, publicKey, data, signature });
  };
  if (isResponder(certificate.issuer.key, issuer.publicKey) && isSigned(issuer.publicKey, basic)) return undefined;
  const delegate = basic.certificates.find(
    (candidate) =>
      isResponder(candidate.subject.key, candidate.publicKey) &&
      candidate.issuer.key === certificate.issuer.key &&
      isDelegate(candidate, now) &&
      isSigned(issuer.publicKey, candidate),
  );
  if (delegate !== undefined && isSigned(delegate.publicKey, basic)) return undefined;
  return unknown('the stapled OCSP response is not signed by the issuer, or by somebody whom the issuer authorised');
}

type SignedData = Pick<Certificate, 'tbs' | 'signature' | 'signatureAlgorithm'>;

/** §4.2.2.2: certified for signing OCSP responses, by this very purpose. */
function isDelegate(certificate: Certificate, now: number): boolean {
  const { extendedKeyUsage, keyUsage } = certificate.extensions;
  return (
    extendedKeyUsage?.has(keyPurposes.ocspSigning) === true &&
    keyUsage?.has('digitalSignature') !== false &&
    checkProfile(certificate) === undefined &&
    checkPublicKey(certificate.publicKey) === undefined &&
    checkValidity(certificate, now) === undefined
  );
}

function unknown(problem: string): Finding {
  return finding('revocation-unknown', problem);
}
