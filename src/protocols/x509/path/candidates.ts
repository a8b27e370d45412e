/**
 * Who may have issued a certificate, the most promising first.
 *
 * An issuer is found by its name; key identifiers and validity only order what was found (RFC 5280 §4.2.1.1 calls the
 * identifiers a means to "facilitate" construction, and a wrong one must not make a good chain fail). Anchors come before
 * intermediates, because the shortest path to something trusted is what works when an old root has been cross-signed and
 * its cross-certificate has expired.
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { Certificate } from '../certificate.ts';
import { equalBytes } from '../der-reader.ts';
import type { PublicKeyInfo } from '../public-key.ts';
import type { TrustAnchor, TrustAnchors } from './trust-anchor.ts';
import { checkValidity } from './validity.ts';

export interface Candidate {
  readonly publicKey: PublicKeyInfo;
  /** Undefined for an anchor that is a name and a key alone. */
  readonly certificate: Certificate | undefined;
  readonly anchor: TrustAnchor | undefined;
}

export function candidatesFor(
  subject: Certificate,
  anchors: TrustAnchors,
  intermediates: readonly Certificate[],
  now: number,
): Candidate[] {
  const trusted = anchors
    .named(subject.issuer)
    .map((anchor): Candidate => ({ publicKey: anchor.publicKey, certificate: anchor.certificate, anchor }));
  const untrusted = intermediates
    .filter((certificate) => certificate.subject.key === subject.issuer.key)
    .map((certificate): Candidate => ({ publicKey: certificate.publicKey, certificate, anchor: undefined }));
  const wanted = subject.extensions.authorityKeyIdentifier?.keyIdentifier;
  return [...trusted, ...untrusted]
    .map((candidate) => ({ candidate, penalty: penalty(candidate, wanted, now) }))
    .sort((a, b) => a.penalty - b.penalty || newerFirst(a.candidate, b.candidate))
    .map(({ candidate }) => candidate);
}

/** A wrong key counts most, then the time, then not being trusted by itself. */
function penalty({ certificate, anchor }: Candidate, wantedKey: Bytes | undefined, now: number): number {
  const identifier = certificate?.extensions.subjectKeyIdentifier;
  const otherKey = wantedKey !== undefined && identifier !== undefined && !equalBytes(wantedKey, identifier);
  const otherTime = certificate !== undefined && checkValidity(certificate, now) !== undefined;
  return (otherKey ? 4 : 0) + (otherTime ? 2 : 0) + (anchor === undefined ? 1 : 0);
}

function newerFirst(a: Candidate, b: Candidate): number {
  return (b.certificate?.notBefore ?? 0) - (a.certificate?.notBefore ?? 0);
}
