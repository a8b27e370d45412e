/**
 * The public key infrastructure: a chain of certificates up to a root that is trusted, and the peer's name in the first.
 *
 * Path building and validation are RFC 5280, names RFC 9525; both are pure code in `protocols/x509`. This file gathers what
 * they need: the roots, the peer's certificates, the time, node:crypto.
 *
 * A server is checked by the name (or address) that the program gave, always; there is no way to leave the name away and
 * keep the rest, for a certificate of anybody at all proves nothing. Clients have no name to check: whoever wants certain
 * clients adds a verifier of their own with `allOf`.
 *
 * Revocation: by default nobody is asked. `crls` are asked for every certificate whose issuer has one among them, and one
 * that is out of date refuses. A stapled OCSP response is read where a server sends one: if it says "revoked" that counts
 * always, and with `requireStapledOcsp`, or if the certificate says so itself (RFC 7633), one that says "good" must be
 * there. Nothing is ever fetched: a handshake that waits for a third party is one that a third party can stop.
 */
import { domainToASCII } from 'node:url';

import { CertificateError } from '../core/errors.ts';
import { tryParseIpAddress } from '../core/ip-address.ts';
import { quoteText } from '../core/quote.ts';
import type { Certificate } from '../protocols/x509/certificate.ts';
import { parseCertificate } from '../protocols/x509/certificate.ts';
import { defaultPathLimits } from '../protocols/x509/path/limits.ts';
import type { TrustAnchors } from '../protocols/x509/path/trust-anchor.ts';
import type { VerifiedPath } from '../protocols/x509/path/verify-path.ts';
import { verifyPath } from '../protocols/x509/path/verify-path.ts';
import { RevocationLists } from '../protocols/x509/revocation/check-lists.ts';
import { parseRevocationList } from '../protocols/x509/revocation/revocation-list.ts';
import { checkServiceIdentity } from '../protocols/x509/service-identity.ts';
import { blocksOf, certificatesOf } from './pem.ts';
import { systemTrust } from './system-trust.ts';
import type { RootsSource } from './trust-roots.ts';
import { anchorsOf, TrustRoots } from './trust-roots.ts';
import type { ExpectedPeer, PeerIdentity, Verifier } from './verifier.ts';
import { x509Crypto } from './x509-crypto.ts';

export interface PkiOptions {
  /** Whom a chain may end at: PEM or DER, or `TrustRoots`. Default `systemTrust()`. Empty, or an explicit `undefined`, is an error. */
  readonly roots?: RootsSource | TrustRoots;
  /** Certificates of issuers besides those that the peer sends, for servers that forget theirs. Not trusted by themselves. */
  readonly intermediates?: RootsSource | undefined;
  /**
   * Revocation lists: PEM or DER, one or several. A list that is out of date refuses what it is for; so whoever gives some
   * has to make a new verifier when there are newer ones.
   */
  readonly crls?: RootsSource | undefined;
  /** Refuse servers that do not staple a good OCSP response. Clients have no way to. Default false. */
  readonly requireStapledOcsp?: boolean | undefined;
  /** How many issuers may stand between the peer's certificate and the root; an integer >= 0. Default: any number. */
  readonly maxIntermediates?: number | undefined;
}

/**
 * A verifier that accepts peers with a valid chain to one of the roots, servers only under their name.
 *
 * @throws TypeError `roots` is there but undefined, or an option has the wrong type
 * @throws RangeError `roots` is empty
 * @throws CertificateError a certificate among the options is malformed
 * @throws TrustStoreError `roots` was left away, and this system has none
 */
export function pki(options: PkiOptions = {}): Verifier {
  const { roots, rules } = pkiRules(options);
  const verify = (peer: PeerIdentity, expected: ExpectedPeer): void => {
    verifyPkiPeer(peer, expected, rules);
  };
  const verifier = Object.freeze(Object.assign(verify, { needsName: true, wantsStapledOcsp: true }));
  if (rules.extra.length === 0) rootsOfPki.set(verifier, roots);
  return verifier;
}

/** The options, checked and parsed; throws what `pki` throws. */
export function pkiRules(options: PkiOptions): { readonly roots: TrustRoots; readonly rules: ChainRules } {
  if ('roots' in options && (options.roots as unknown) === undefined)
    throw new TypeError('roots must be certificates: leave it away for those of the system');
  const { roots: source = systemTrust(), intermediates: extra, crls, requireStapledOcsp = false } = options;
  const { maxIntermediates } = options;
  if (typeof requireStapledOcsp !== 'boolean') throw new TypeError('requireStapledOcsp must be a boolean');
  if (maxIntermediates !== undefined && (!Number.isInteger(maxIntermediates) || maxIntermediates < 0))
    throw new RangeError('maxIntermediates must be an integer >= 0');
  const roots = source instanceof TrustRoots ? source : TrustRoots.from(source);
  const rules: ChainRules = {
    anchors: anchorsOf(roots),
    extra: extra === undefined ? [] : intermediatesOf(extra),
    maxIntermediates,
    revocationLists: crls === undefined ? undefined : revocationListsOf(crls),
    requireStapledOcsp,
  };
  return { roots, rules };
}

/** What `pki` checks: the chain, and the name of a server. */
export function verifyPkiPeer(peer: PeerIdentity, expected: ExpectedPeer, rules: ChainRules): VerifiedPath {
  const path = verifyChain(peer, expected, rules);
  if (expected.role === 'server') checkName(path.certificates[0], expected.serverName);
  return path;
}

/**
 * For the shell of TLS: the roots of a verifier that is nothing but `pki`, so that Node's own verification can be made to
 * agree as well; `undefined` for every other verifier.
 */
export function pkiRootsOf(verifier: Verifier): TrustRoots | undefined {
  return rootsOfPki.get(verifier);
}

const rootsOfPki = new WeakMap<Verifier, TrustRoots>();

/** What a chain is checked against, apart from names. */
export interface ChainRules {
  readonly anchors: TrustAnchors;
  readonly extra: readonly Certificate[];
  readonly maxIntermediates?: number | undefined;
  readonly revocationLists?: RevocationLists | undefined;
  readonly requireStapledOcsp?: boolean | undefined;
}

/** @throws CertificateError the peer has no valid chain */
export function verifyChain(peer: PeerIdentity, expected: ExpectedPeer, rules: ChainRules): VerifiedPath {
  const { leaf, intermediates } = parsedChain(peer);
  const { extra, maxIntermediates, revocationLists, requireStapledOcsp = false } = rules;
  return verifyPath({
    leaf,
    intermediates: [...intermediates, ...extra],
    anchors: rules.anchors,
    now: expected.now,
    role: expected.role,
    crypto: x509Crypto,
    maxIntermediates,
    revocationLists,
    stapledResponse: peer.stapledOcsp,
    requireStapledResponse: requireStapledOcsp && expected.role === 'server',
    // What the program added is not the peer's doing.
    limits: {
      maxCertificates: defaultPathLimits.maxCertificates + extra.length,
      maxChainBytes: defaultPathLimits.maxChainBytes + extra.reduce((sum, { raw }) => sum + raw.length, 0),
    },
  });
}

/**
 * The peer's certificates. Its own must be well-formed; one of the others that is not is left out, for it may be beside the
 * point, and if it is not there will be no path.
 */
export function parsedChain({ chain }: PeerIdentity): { leaf: Certificate; intermediates: readonly Certificate[] } {
  const [first, ...others] = chain;
  if (first === undefined)
    throw new CertificateError('the peer showed no certificate, which this verifier needs', {
      reason: 'no-certificate',
    });
  const bytes = chain.reduce((sum, der) => sum + der.length, 0);
  if (chain.length > defaultPathLimits.maxCertificates || bytes > defaultPathLimits.maxChainBytes)
    throw new CertificateError(
      `the peer sent ${chain.length} certificates of ${bytes} bytes, which is more than is read`,
      {
        reason: 'chain-too-large',
      },
    );
  let leaf: Certificate;
  try {
    leaf = parseCertificate(first);
  } catch (cause) {
    throw new CertificateError('the certificate of the peer cannot be parsed', {
      reason: 'malformed',
      depth: 0,
      cause,
    });
  }
  return { leaf, intermediates: others.flatMap(parsedOrNone) };
}

/** @throws CertificateError the certificate is not for that name, or there is no name */
export function checkName(certificate: Certificate, serverName: string | null): void {
  if (serverName === null)
    throw new CertificateError('a server cannot be checked without its name', { reason: 'name-mismatch', depth: 0 });
  const name = referenceName(serverName);
  try {
    checkServiceIdentity(certificate, name);
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause;
    throw notAName(serverName, cause);
  }
}

/** The name in the form that certificates have: ASCII (UTS 46), and addresses without their zone. */
function referenceName(name: string): string {
  const zone = name.indexOf('%');
  const bare = zone === -1 ? name : name.slice(0, zone);
  if (tryParseIpAddress(bare) !== undefined) return bare;
  const ascii = /^[\x21-\x7e]+$/.test(name) ? name : domainToASCII(name);
  // Letters that look like digits can become an address, which nobody meant to connect to.
  if (ascii === '' || (ascii !== name && tryParseIpAddress(ascii) !== undefined)) throw notAName(name);
  return ascii;
}

function notAName(name: string, cause?: unknown): CertificateError {
  const message = `${quoteText(name)} is no name that a certificate can have`;
  return new CertificateError(message, { reason: 'name-mismatch', depth: 0, cause });
}

function parsedOrNone(der: Uint8Array): readonly Certificate[] {
  try {
    return [parseCertificate(der)];
  } catch {
    return [];
  }
}

function intermediatesOf(source: RootsSource): readonly Certificate[] {
  return partsOf(source)
    .flatMap((part) => certificatesOf(part))
    .map((der) => {
      try {
        return parseCertificate(der);
      } catch (cause) {
        throw new CertificateError('a certificate in intermediates cannot be parsed', { reason: 'malformed', cause });
      }
    });
}

function revocationListsOf(source: RootsSource): RevocationLists {
  const lists = partsOf(source).flatMap((part) => blocksOf(part, 'X509 CRL', 'a revocation list'));
  if (lists.length === 0) throw new RangeError('crls must not be empty: leave it away for no revocation lists');
  return new RevocationLists(
    lists.map((der) => {
      try {
        return parseRevocationList(der);
      } catch (cause) {
        throw new CertificateError('a revocation list cannot be parsed', { reason: 'malformed', cause });
      }
    }),
  );
}

function partsOf(source: RootsSource): readonly (string | Uint8Array)[] {
  if (typeof source === 'string' || source instanceof Uint8Array) return [source];
  if (!Array.isArray(source)) throw new TypeError('certificates and lists must be PEM or DER, or an array of those');
  return source as readonly (string | Uint8Array)[];
}
