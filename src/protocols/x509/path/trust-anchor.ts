/**
 * Trust anchors (RFC 5280 §6.1.1 (d)): a name and a key, with or without a certificate around them.
 *
 * A certificate as an anchor need not be self-signed: trusting an intermediate is allowed, and ends every path there. RFC
 * 5280 takes nothing but name and key from it; but a root that says when it ends, what it may not issue, or that it is no CA
 * at all means it, so (like web browsers, and as the test suites of the web PKI expect) everything in an anchor's certificate
 * is applied, except its own signature, which proves nothing, its serial number, and its policies. Who wants the bare rule has `anchorOfKey`.
 *
 * The collection is indexed by name once, since the same 150 roots serve every connection.
 */
import type { Certificate } from '../certificate.ts';
import type { Name } from '../name.ts';
import type { PublicKeyInfo } from '../public-key.ts';

export interface TrustAnchor {
  readonly name: Name;
  readonly publicKey: PublicKeyInfo;
  readonly certificate: Certificate | undefined;
}

export function anchorOfCertificate(certificate: Certificate): TrustAnchor {
  return { name: certificate.subject, publicKey: certificate.publicKey, certificate };
}

export function anchorOfKey(name: Name, publicKey: PublicKeyInfo): TrustAnchor {
  return { name, publicKey, certificate: undefined };
}

/** Anchors by name. */
export class TrustAnchors {
  readonly #byName = new Map<string, TrustAnchor[]>();
  readonly #size: number;

  constructor(anchors: Iterable<TrustAnchor>) {
    let size = 0;
    for (const anchor of anchors) {
      const sameName = this.#byName.get(anchor.name.key);
      if (sameName === undefined) this.#byName.set(anchor.name.key, [anchor]);
      else sameName.push(anchor);
      size += 1;
    }
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  named(name: Name): readonly TrustAnchor[] {
    return this.#byName.get(name.key) ?? [];
  }
}
