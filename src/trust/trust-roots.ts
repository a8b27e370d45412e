/**
 * Root certificates: whom a chain may end at.
 *
 * A set is parsed once and shared by every verifier and connection. It is never empty: an empty set trusts nobody, which
 * is a mistake that should be found when it is made; and in OpenSSL it means "the built-in list", which is worse.
 *
 * A list of one's own must be right in every certificate. Of a system's list the ones that are not well-formed by today's
 * rules are left out, for nobody can repair them and the others are fine; how many is told by `skipped`.
 */
import { inspect } from 'node:util';

import type { Bytes } from '../core/bytes.ts';
import { CertificateError } from '../core/errors.ts';
import type { Certificate } from '../protocols/x509/certificate.ts';
import { parseCertificate } from '../protocols/x509/certificate.ts';
import { anchorOfCertificate, TrustAnchors } from '../protocols/x509/path/trust-anchor.ts';
import { certificatesOf } from './pem.ts';

/** One text or several: PEM with one certificate or many, or the DER of one. */
export type RootsSource = string | Uint8Array | readonly (string | Uint8Array)[];

export class TrustRoots {
  /** Where they come from, such as `/etc/ssl/certs/ca-certificates.crt`; for messages. */
  readonly source: string;
  /** DER. */
  readonly certificates: readonly Bytes[];
  /** How many of the source are not here because they are not well-formed. */
  readonly skipped: number;

  /**
   * @throws TypeError it is no certificates at all
   * @throws RangeError it is an empty list
   * @throws CertificateError one of them is not well-formed
   */
  static from(source: RootsSource): TrustRoots {
    const list = typeof source === 'string' || source instanceof Uint8Array ? [source] : source;
    if (!Array.isArray(list)) throw new TypeError('roots must be certificates as PEM or DER, or TrustRoots');
    const certificates = (list as readonly (string | Uint8Array)[]).flatMap((part) => certificatesOf(part));
    if (certificates.length === 0) throw new RangeError('roots must not be empty: nobody could be trusted');
    return TrustRoots.#make('given certificates', certificates, (_, cause) => {
      throw new CertificateError('a root certificate cannot be parsed', { reason: 'malformed', cause });
    });
  }

  /**
   * For the lists of systems: leaves out what is not well-formed.
   *
   * @returns `undefined` if nothing is left
   */
  static lenient(source: string, certificates: readonly Bytes[]): TrustRoots | undefined {
    const roots = TrustRoots.#make(source, certificates, () => undefined);
    return roots.certificates.length === 0 ? undefined : roots;
  }

  static #make(source: string, given: readonly Bytes[], onMalformed: (der: Bytes, cause: unknown) => void): TrustRoots {
    const parsed: Certificate[] = [];
    for (const der of given) {
      try {
        parsed.push(parseCertificate(der));
      } catch (cause) {
        onMalformed(der, cause);
      }
    }
    return new TrustRoots(source, parsed, given.length - parsed.length);
  }

  private constructor(source: string, parsed: readonly Certificate[], skipped: number) {
    this.source = source;
    this.certificates = Object.freeze(parsed.map(({ raw }) => raw));
    this.skipped = skipped;
    anchors.set(this, new TrustAnchors(parsed.map(anchorOfCertificate)));
    Object.freeze(this);
  }

  [inspect.custom](): string {
    return `TrustRoots { ${this.certificates.length} certificates from ${this.source} }`;
  }
}

const anchors = new WeakMap<TrustRoots, TrustAnchors>();

/** What path validation takes. */
export function anchorsOf(roots: TrustRoots): TrustAnchors {
  return anchors.get(roots) as TrustAnchors;
}
