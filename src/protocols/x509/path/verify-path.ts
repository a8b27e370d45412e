/**
 * Building and validating a certification path (RFC 5280 §6, RFC 4158).
 *
 * The search goes depth first from the end entity's certificate towards an anchor. A candidate issuer has to pass everything that
 * can be said of it and of what is below it (profile, time, purpose, basic constraints, path length, name constraints, algorithms)
 * before its signature is checked; so a path that reaches an anchor is valid but for what needs the whole of it (policies,
 * revocation), and a branch ends at the first certificate that does not fit. RFC 5280 §6.1 walks the other way; the result is
 * the same, because every rule used here speaks of one issuer and what is below it.
 *
 * - No certificate, and no subject with the same key, is twice in a path: cross-signed cycles end there.
 * - A signature is checked once per pair of certificate and key, however many paths go over it.
 * - All work is counted (`limits.ts`), so that the search ends for any input.
 * - An anchor may be the end entity's own certificate: trusting one self-signed certificate is ordinary in small networks. It has to
 *   be that very certificate, and everything but its signature and its issuer is checked.
 *
 * The result is a proof: `VerifiedPath` has a brand that is made here and nowhere else, so a function that wants one cannot be called
 * with an unchecked chain. A refusal is a `CertificateError` whose reason is one of `refusalReasons`.
 *
 * What is not done: fetching anything (issuers, CRLs, OCSP), Certificate Transparency, and policies of the web PKI's root
 * programs (distrust dates of single roots).
 */
import { isSelfIssued } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import type { X509Crypto } from '../crypto.ts';
import { equalBytes } from '../der-reader.ts';
import { STATUS_REQUEST } from '../extensions/tls-feature.ts';
import { hexOf } from '../hex.ts';
import type { PublicKeyInfo } from '../public-key.ts';
import type { Issuer, RevocationLists } from '../revocation/check-lists.ts';
import { checkStapledResponse } from '../revocation/check-stapled.ts';
import { checkPublicKey, checkSignatureAlgorithm } from './algorithm-policy.ts';
import { candidatesFor } from './candidates.ts';
import type { Candidate } from './candidates.ts';
import { checkIssuer, countedIntermediates } from './issuer.ts';
import { defaultPathLimits, WorkBudget, WorkExhausted } from './limits.ts';
import type { PathLimits } from './limits.ts';
import { NameConstraintChecker } from './name-constraints.ts';
import { checkPolicies } from './policies.ts';
import { checkProfile, checkSerial } from './profile.ts';
import { checkEndEntityPurpose, checkIssuerPurpose } from './purpose.ts';
import type { PeerRole } from './purpose.ts';
import { certificateError, finding, moreHelpful } from './refusal.ts';
import type { Finding, Refusal } from './refusal.ts';
import type { TrustAnchor, TrustAnchors } from './trust-anchor.ts';
import { checkValidity } from './validity.ts';

export interface PathRequest {
  /** The end entity's certificate. */
  readonly leaf: Certificate;
  /** What else the peer sent, in any order; nothing of it is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: TrustAnchors;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whose certificate it is. */
  readonly role: PeerRole;
  readonly crypto: X509Crypto;
  /** CRLs, asked for every certificate but the anchor's where one of its issuer is among them. Default: none. */
  readonly revocationLists?: RevocationLists | undefined;
  /**
   * The OCSP response that a server stapled: DER; `null` if it was asked for one and sent none; undefined (the default) if it was not
   * asked. One that says "revoked" refuses; one that says nothing is ignored unless one is required.
   */
  readonly stapledResponse?: Uint8Array | null | undefined;
  /** Refuse a peer without a good stapled response. Without this, only certificates that demand one themselves (RFC 7633). */
  readonly requireStapledResponse?: boolean | undefined;
  /**
   * OIDs of certificate policies of which one has to hold for the whole path. Default: any policy, or none unless an issuer
   * requires one.
   */
  readonly acceptedPolicies?: ReadonlySet<string> | undefined;
  /** How many issuers that are not self-issued may stand between the end entity and the anchor. Default: any number. */
  readonly maxIntermediates?: number | undefined;
  readonly limits?: Partial<PathLimits> | undefined;
}

declare const proof: unique symbol;

/** A path that passed every check. Only `verifyPath` makes one. */
export interface VerifiedPath {
  readonly [proof]: 'verified path';
  /** The end entity's first; the anchor's certificate last, if it has one. */
  readonly certificates: readonly [Certificate, ...Certificate[]];
  readonly anchor: TrustAnchor;
  readonly role: PeerRole;
  /** The policies that hold for it, in the terms of the anchor; empty in most cases. */
  readonly policies: ReadonlySet<string>;
  /** The time for which it holds. */
  readonly verifiedAt: number;
}

/** @throws CertificateError no path from the certificate to an anchor is valid */
export function verifyPath(request: PathRequest): VerifiedPath {
  const search = new PathSearch(request);
  try {
    const path = search.run();
    if (path !== undefined) return path;
  } catch (error) {
    if (!(error instanceof WorkExhausted)) throw error;
    const refusal: Refusal = {
      reason: 'too-much-work',
      problem: `${error.what} before a path was found`,
      certificate: request.leaf,
      depth: 0,
    };
    throw certificateError(refusal, search.refusal === undefined ? undefined : certificateError(search.refusal));
  }
  throw certificateError(search.refusal as Refusal);
}

class PathSearch {
  readonly #request: PathRequest;
  readonly #limits: PathLimits;
  readonly #budget: WorkBudget;
  readonly #nameConstraints: NameConstraintChecker;
  readonly #signatures = new Map<Certificate, Map<string, boolean>>();
  readonly #keyTexts = new Map<PublicKeyInfo, string>();
  #refusal: Refusal | undefined;

  constructor(request: PathRequest) {
    this.#request = request;
    this.#limits = { ...defaultPathLimits, ...request.limits };
    this.#budget = new WorkBudget(this.#limits);
    this.#nameConstraints = new NameConstraintChecker(this.#budget);
  }

  /** The most helpful of the refusals so far. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  run(): VerifiedPath | undefined {
    const { leaf, role } = this.#request;
    const found =
      this.#checkSize() ?? checkSerial(leaf) ?? this.#checkCertificate(leaf) ?? checkEndEntityPurpose(leaf, role);
    if (found !== undefined) {
      this.#refuse(found, leaf, 0);
      return undefined;
    }
    const itself = this.#request.anchors
      .named(leaf.subject)
      .find(({ certificate }) => certificate !== undefined && equalBytes(certificate.raw, leaf.raw));
    return itself === undefined ? this.#extend([leaf]) : this.#complete([leaf], itself);
  }

  /** Tries every way to go on from `path`, which is valid as far as it goes. */
  #extend(path: readonly [Certificate, ...Certificate[]]): VerifiedPath | undefined {
    const { anchors, intermediates, now } = this.#request;
    const last = path.at(-1) as Certificate;
    const depth = path.length - 1;
    const candidates = candidatesFor(last, anchors, intermediates, now).filter((candidate) => !isIn(path, candidate));
    if (candidates.length === 0) this.#refuse(this.#noIssuer(last, depth), last, depth);
    let signature: 'untried' | 'wrong' | 'right' = 'untried';
    for (const candidate of candidates) {
      this.#budget.spendCandidate();
      if (!this.#fits(candidate, path)) continue;
      if (!this.#isSignedBy(last, candidate)) {
        if (signature === 'untried') signature = 'wrong';
        continue;
      }
      signature = 'right';
      const { certificate, anchor } = candidate;
      const longer: readonly [Certificate, ...Certificate[]] =
        certificate === undefined ? path : [...path, certificate];
      const verified = anchor === undefined ? this.#extend(longer) : this.#complete(longer, anchor);
      if (verified !== undefined) return verified;
    }
    // Others of the issuer's name with other keys are no news where one was right.
    if (signature === 'wrong')
      this.#refuse(finding('bad-signature', 'its signature is not by the key of its issuer'), last, depth);
    return undefined;
  }

  /** Whether the candidate may have issued the last certificate of `path`, as far as can be said without its signature. */
  #fits(candidate: Candidate, path: readonly Certificate[]): boolean {
    const { certificate, anchor, publicKey } = candidate;
    const subject = path.at(-1) as Certificate;
    const depth = path.length;
    if (certificate !== undefined) {
      const found =
        checkIssuer(certificate, path) ??
        (anchor === undefined ? checkSerial(certificate) : undefined) ??
        this.#checkCertificate(certificate) ??
        checkIssuerPurpose(certificate, this.#request.role) ??
        this.#checkLength(path, certificate, anchor !== undefined);
      if (found !== undefined) return this.#refuse(found, certificate, depth);
      const constrained = this.#nameConstraints.check(certificate, path);
      if (constrained !== undefined)
        return this.#refuse(constrained, path[constrained.depth] as Certificate, constrained.depth);
    }
    const weak = checkPublicKey(publicKey);
    if (weak !== undefined) return this.#refuse(weak, certificate, depth);
    const algorithm = checkSignatureAlgorithm(subject.signatureAlgorithm, publicKey);
    if (algorithm !== undefined) return this.#refuse(algorithm, subject, depth - 1);
    return true;
  }

  #checkCertificate(certificate: Certificate): Finding | undefined {
    return (
      checkProfile(certificate) ??
      checkPublicKey(certificate.publicKey) ??
      checkValidity(certificate, this.#request.now)
    );
  }

  #checkSize(): Finding | undefined {
    const { leaf, intermediates } = this.#request;
    const { maxCertificates, maxChainBytes } = this.#limits;
    const count = intermediates.length + 1;
    if (count > maxCertificates)
      return finding('chain-too-large', `the peer sent ${count} certificates; ${maxCertificates} are allowed`);
    const bytes = intermediates.reduce((sum, { raw }) => sum + raw.length, leaf.raw.length);
    if (bytes <= maxChainBytes) return undefined;
    return finding('chain-too-large', `the peer sent ${bytes} bytes of certificates; ${maxChainBytes} are allowed`);
  }

  #checkLength(path: readonly Certificate[], issuer: Certificate, isAnchor: boolean): Finding | undefined {
    const { maxPathCertificates } = this.#limits;
    if (path.length + 1 > maxPathCertificates)
      return finding(
        'path-too-long',
        `it would be certificate ${path.length + 1} of the path; ${maxPathCertificates} are allowed`,
      );
    const { maxIntermediates } = this.#request;
    if (maxIntermediates === undefined) return undefined;
    const count = countedIntermediates(isAnchor ? path : [...path, issuer]);
    if (count <= maxIntermediates) return undefined;
    return finding('path-too-long', `${count} issuers are below the anchor; ${maxIntermediates} are allowed`);
  }

  #isSignedBy(subject: Certificate, { publicKey }: Candidate): boolean {
    const known = this.#signatures.get(subject) ?? new Map<string, boolean>();
    this.#signatures.set(subject, known);
    const key = this.#keyTexts.get(publicKey) ?? hexOf(publicKey.raw);
    this.#keyTexts.set(publicKey, key);
    const before = known.get(key);
    if (before !== undefined) return before;
    this.#budget.spendSignatureCheck();
    const { signatureAlgorithm: algorithm, tbs: data, signature } = subject;
    const right = this.#request.crypto.verifySignature({ algorithm, publicKey, data, signature });
    known.set(key, right);
    return right;
  }

  /** What needs the whole path. */
  #complete(certificates: readonly [Certificate, ...Certificate[]], anchor: TrustAnchor): VerifiedPath | undefined {
    const { role, now, acceptedPolicies } = this.#request;
    const path = anchor.certificate === undefined ? certificates : certificates.slice(0, -1);
    const outcome = checkPolicies(path, acceptedPolicies);
    if (outcome.finding !== undefined) {
      this.#refuse(outcome.finding, path[outcome.depth], outcome.depth);
      return undefined;
    }
    const { policies } = outcome;
    for (const [depth, certificate] of certificates.entries()) {
      const found = this.#checkRevocation(certificates, depth, anchor);
      if (found !== undefined) {
        this.#refuse(found, certificate, depth);
        return undefined;
      }
    }
    return { certificates, anchor, role, policies, verifiedAt: now } as unknown as VerifiedPath;
  }

  #checkRevocation(path: readonly Certificate[], depth: number, anchor: TrustAnchor): Finding | undefined {
    const { revocationLists, now, crypto } = this.#request;
    const certificate = path[depth] as Certificate;
    const above = path[depth + 1];
    if (above === undefined && anchor.certificate !== undefined) {
      // Nobody revokes an anchor. One that is the end entity itself still owes the response that is required.
      return depth === 0
        ? this.#checkStapled(certificate, { publicKey: certificate.publicKey, certificate })
        : undefined;
    }
    const issuer: Issuer = { publicKey: above?.publicKey ?? anchor.publicKey, certificate: above };
    const signers = [issuer, ...this.#request.anchors.named(certificate.issuer)];
    const listed = revocationLists?.check(certificate, signers, now, crypto, this.#budget);
    return listed ?? (depth === 0 ? this.#checkStapled(certificate, issuer) : undefined);
  }

  #checkStapled(leaf: Certificate, issuer: Issuer): Finding | undefined {
    const { stapledResponse, requireStapledResponse = false, now, crypto } = this.#request;
    const demanded = leaf.extensions.tlsFeature?.has(STATUS_REQUEST) === true && stapledResponse !== undefined;
    const required = requireStapledResponse || demanded;
    if (stapledResponse === undefined || stapledResponse === null)
      return required ? finding('revocation-unknown', 'no OCSP response was stapled, and one is required') : undefined;
    const found = checkStapledResponse(stapledResponse, leaf, issuer, now, crypto, this.#budget);
    return required || found?.reason === 'revoked' ? found : undefined;
  }

  #noIssuer(certificate: Certificate, depth: number): Finding {
    if (!isSelfIssued(certificate))
      return finding('unknown-issuer', 'no certificate of its issuer was sent or is trusted');
    if (depth === 0) return finding('self-signed', 'it is signed by itself, and is not trusted');
    return finding('unknown-issuer', 'it is a root that is not trusted');
  }

  #refuse({ reason, problem }: Finding, certificate: Certificate | undefined, depth: number): false {
    this.#refusal = moreHelpful(this.#refusal, { reason, problem, certificate, depth });
    return false;
  }
}

/** Whether the candidate, or the same subject with the same key, is in the path already (RFC 4158 §2.4.1). */
function isIn(path: readonly Certificate[], { certificate }: Candidate): boolean {
  if (certificate === undefined) return false;
  return path.some(
    (other) =>
      other.subject.key === certificate.subject.key && equalBytes(other.publicKey.raw, certificate.publicKey.raw),
  );
}
