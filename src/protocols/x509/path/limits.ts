/**
 * How much a peer's certificates may cost.
 *
 * Paths are searched depth first, and cross-signed intermediates make the number of paths exponential in what the peer sends;
 * name constraints are checked name by name and are quadratic in it. Each kind of work has a budget for one whole verification,
 * whatever the number of paths. Ten certificates bound the search already to a size that a chain in use never reaches; the
 * budgets bound it where intermediates of the program's own are added.
 *
 * Measured on the bundle of 144 roots: a chain of three takes 2 signature checks; Go and BoringSSL stop at 100 to 250 as well.
 */
export interface PathLimits {
  /** Certificates that a peer may send, its own included. Default 10. */
  readonly maxCertificates: number;
  /** Bytes of all of them. Default 64 KiB. */
  readonly maxChainBytes: number;
  /** Certificates in a path, both ends included. Default 10. */
  readonly maxPathCertificates: number;
  /** Signatures checked, of CRLs and OCSP responses too. Default 100. */
  readonly maxSignatureChecks: number;
  /** Issuers considered. Default 1000. */
  readonly maxCandidates: number;
  /** Comparisons of a name with a constraint. Default 250,000. */
  readonly maxNameComparisons: number;
}

export const defaultPathLimits: PathLimits = {
  maxCertificates: 10,
  maxChainBytes: 64 * 1024,
  maxPathCertificates: 10,
  maxSignatureChecks: 100,
  maxCandidates: 1000,
  maxNameComparisons: 250_000,
};

/** Thrown through the search when a budget is used up; `verifyPath` makes it a refusal. */
export class WorkExhausted extends Error {
  readonly what: string;
  constructor(what: string) {
    super(what);
    this.what = what;
  }
}

/** What is left of the budgets of one verification. */
export class WorkBudget {
  signatureChecks: number;
  candidates: number;
  nameComparisons: number;

  constructor(limits: PathLimits) {
    this.signatureChecks = limits.maxSignatureChecks;
    this.candidates = limits.maxCandidates;
    this.nameComparisons = limits.maxNameComparisons;
  }

  spendSignatureCheck(): void {
    if (this.signatureChecks === 0) throw new WorkExhausted('more signatures than may be checked');
    this.signatureChecks -= 1;
  }

  spendCandidate(): void {
    if (this.candidates === 0) throw new WorkExhausted('more possible issuers than may be considered');
    this.candidates -= 1;
  }

  spendNameComparisons(count: number): void {
    if (this.nameComparisons < count) throw new WorkExhausted('more names and name constraints than may be compared');
    this.nameComparisons -= count;
  }
}
