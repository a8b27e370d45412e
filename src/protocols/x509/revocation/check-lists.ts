/**
 * Asking the CRLs that a program gave (RFC 5280 §6.3).
 *
 * A list counts for a certificate if it is by the same issuer and its scope includes the certificate. It has to be signed by the
 * key that signed the certificate, or by that of an anchor with the issuer's name, as after a key change of a root. Where such a list is given it has to answer: one that is stale, not yet valid or wrongly signed makes the
 * status unknown, and that refuses. Where none is given for an issuer nothing is asked: a program that wants every certificate checked
 * gives a list for every issuer. A list that names the certificate counts although it is stale, since nobody takes a revocation
 * back by not publishing; one that is for some reasons only can say "revoked" and cannot say "good".
 *
 * Signatures of lists are checked once per list and key and remembered, since a large list takes milliseconds to hash.
 */
import type { Certificate } from '../certificate.ts';
import type { X509Crypto } from '../crypto.ts';
import { formatTime } from '../der-time.ts';
import type { DistributionPointName } from '../extensions/distribution-points.ts';
import type { GeneralName } from '../extensions/general-name.ts';
import { hexOf } from '../hex.ts';
import { checkSignatureAlgorithm } from '../path/algorithm-policy.ts';
import type { WorkBudget } from '../path/limits.ts';
import { finding } from '../path/refusal.ts';
import type { Finding } from '../path/refusal.ts';
import type { PublicKeyInfo } from '../public-key.ts';
import type { RevocationList } from './revocation-list.ts';

/** Who issued a certificate: the next one of the path, or an anchor without one. */
export interface Issuer {
  readonly publicKey: PublicKeyInfo;
  readonly certificate: Certificate | undefined;
}

/** CRLs by issuer, with what is known of their signatures. */
export class RevocationLists {
  readonly #byIssuer = new Map<string, RevocationList[]>();
  readonly #signatures = new WeakMap<RevocationList, Map<string, boolean>>();

  constructor(lists: Iterable<RevocationList>) {
    for (const list of lists) {
      const sameIssuer = this.#byIssuer.get(list.issuer.key);
      if (sameIssuer === undefined) this.#byIssuer.set(list.issuer.key, [list]);
      else sameIssuer.push(list);
    }
  }

  /**
   * @param signers who may sign lists: the certificate's issuer, then others of its name that are trusted
   * @param now in ms since 1970
   */
  check(
    certificate: Certificate,
    signers: readonly Issuer[],
    now: number,
    crypto: X509Crypto,
    budget: WorkBudget,
  ): Finding | undefined {
    let doubt: Finding | undefined;
    let good = false;
    for (const list of this.#byIssuer.get(certificate.issuer.key) ?? []) {
      if (!isFor(list, certificate)) continue;
      const wrong = this.#checkSigners(list, signers, crypto, budget);
      if (wrong !== undefined) {
        doubt ??= wrong;
        continue;
      }
      const entry = list.find(certificate.serial);
      if (entry !== undefined)
        return finding('revoked', `it was revoked on ${formatTime(entry.revokedAt)} (${entry.reason})`);
      if (list.scope?.onlySomeReasons === true) doubt ??= unknown('the CRL of its issuer covers only some reasons');
      else if (now < list.thisUpdate - CLOCK_SKEW_MS)
        doubt ??= unknown(`the CRL of its issuer is valid only from ${formatTime(list.thisUpdate)}`);
      else if (now > list.nextUpdate)
        doubt ??= unknown(`the CRL of its issuer was to be replaced on ${formatTime(list.nextUpdate)}`);
      else good = true;
    }
    return good ? undefined : doubt;
  }

  /** Undefined if one of them signed it; else what is wrong with the first, who is the issuer itself. */
  #checkSigners(
    list: RevocationList,
    signers: readonly Issuer[],
    crypto: X509Crypto,
    budget: WorkBudget,
  ): Finding | undefined {
    let first: Finding | undefined;
    for (const signer of signers) {
      const wrong = this.#checkSigner(list, signer, crypto, budget);
      if (wrong === undefined) return undefined;
      first ??= wrong;
    }
    return first;
  }

  #checkSigner(list: RevocationList, issuer: Issuer, crypto: X509Crypto, budget: WorkBudget): Finding | undefined {
    // §4.2.1.3: "cRLSign bit is asserted when the subject public key is used for verifying signatures on CRLs".
    if (issuer.certificate?.extensions.keyUsage?.has('cRLSign') === false)
      return unknown('the key usage of its issuer does not allow to sign the CRL that was given');
    const weak = checkSignatureAlgorithm(list.signatureAlgorithm, issuer.publicKey);
    if (weak !== undefined) return unknown('the CRL of its issuer is signed with an algorithm that is not accepted');
    return this.#isSigned(list, issuer, crypto, budget)
      ? undefined
      : unknown('the signature of the CRL of its issuer is wrong');
  }

  #isSigned(list: RevocationList, { publicKey }: Issuer, crypto: X509Crypto, budget: WorkBudget): boolean {
    const known = this.#signatures.get(list) ?? new Map<string, boolean>();
    this.#signatures.set(list, known);
    const key = hexOf(publicKey.raw);
    const before = known.get(key);
    if (before !== undefined) return before;
    budget.spendSignatureCheck();
    const { signatureAlgorithm: algorithm, tbs: data, signature } = list;
    const right = crypto.verifySignature({ algorithm, publicKey, data, signature });
    // A key that was wrong may be one of a peer's making: those are not remembered, or the map would grow for ever.
    if (right) known.set(key, right);
    return right;
  }
}

/** A responder whose clock is a little ahead is no reason to refuse. */
export const CLOCK_SKEW_MS = 5 * 60_000;

function isFor(list: RevocationList, certificate: Certificate): boolean {
  const { scope } = list;
  if (scope === undefined) return true;
  const ca = certificate.extensions.basicConstraints?.ca === true;
  if (scope.onlyAttributeCertificates || (scope.onlyUserCertificates && ca) || (scope.onlyAuthorityCertificates && !ca))
    return false;
  return scope.name === undefined || isDistributedAt(certificate, scope.name);
}

/** §6.3.3 (b) (2): one of the names in the certificate's distribution points is one of the list's. */
function isDistributedAt({ extensions }: Certificate, name: DistributionPointName): boolean {
  const wanted = keysOf(name);
  return (extensions.crlDistributionPoints ?? []).some(
    (point) => point.name !== undefined && keysOf(point.name).some((key) => wanted.includes(key)),
  );
}

function keysOf(name: DistributionPointName): string[] {
  // Relative names are deprecated (§4.2.1.13, "CAs SHOULD NOT") and match nothing.
  return name.kind === 'full' ? name.names.flatMap(keyOf) : [];
}

function keyOf(name: GeneralName): string[] {
  if (name.kind === 'uri') return [`uri:${name.uri}`];
  return name.kind === 'directory' ? [`directory:${name.name.key}`] : [];
}

function unknown(problem: string): Finding {
  return finding('revocation-unknown', problem);
}
