/**
 * A certificate authority for development and tests: it issues certificates of servers and clients, intermediate
 * authorities, CRLs and OCSP responses, all with keys of node:crypto.
 *
 * It issues what a careful authority would (RFC 5280 §4; the names of a server in subjectAltName only, RFC 9525 §2; one
 * purpose for each certificate), and on request what none would: expired, with a wrong purpose, with any extension
 * at all. It keeps no record and no state; who revokes something says so when asking for a CRL.
 *
 * It is no authority for the internet: nobody checks who asks for a name.
 */
import type { Bytes } from '../../core/bytes.ts';
import { newSerial, signCertificate } from './certificate.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  mustStaple,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import type { Extension, Purpose } from './extensions.ts';
import { generateKey } from './key-algorithm.ts';
import type { KeyAlgorithm, SignatureHash, SigningKey } from './key-algorithm.ts';
import { distinguishedName } from './name.ts';
import { signOcspResponse } from './ocsp-response.ts';
import type { OcspOptions } from './ocsp-response.ts';
import { signRevocationList } from './revocation-list.ts';
import type { RevocationListOptions } from './revocation-list.ts';

/** What every certificate has. */
export interface IssueOptions {
  /** Default: the first of the names; for an authority one that no other has. */
  readonly commonName?: string | undefined;
  /** A key, or the kind of a new one. Default `ecdsa-p256`. */
  readonly key?: SigningKey | KeyAlgorithm | undefined;
  /** Milliseconds since 1970. Default: an hour ago, for clocks that are behind. */
  readonly notBefore?: number | undefined;
  /** Milliseconds since 1970. Default: 90 days from now, ten years for an authority. */
  readonly notAfter?: number | undefined;
  /** Hash of the signature. Default: the one that fits the issuer's key. */
  readonly hash?: SignatureHash | undefined;
  /** Big-endian. Default: 127 random bits. */
  readonly serial?: Uint8Array | undefined;
  /** In addition; one with the identifier of a default one replaces it. */
  readonly extensions?: readonly Extension[] | undefined;
}

export interface LeafOptions extends IssueOptions {
  /** `example.org`, `*.example.org`, `192.0.2.1`, `email:a@example.org`, `uri:…`. Default: none. */
  readonly names?: readonly string[] | undefined;
  /** Default `['server']`; empty: without the extension, so for anything. */
  readonly purposes?: readonly Purpose[] | undefined;
  /** Its server promises to staple an OCSP response always (RFC 7633). Default false. */
  readonly mustStaple?: boolean | undefined;
}

export interface AuthorityOptions extends IssueOptions {
  /** How many further authorities may be below it. Default: any number for a root, 0 for an intermediate one. */
  readonly pathLength?: number | null | undefined;
  /** Names that it may issue for (name constraints). Default: all. */
  readonly permittedNames?: readonly string[] | undefined;
  readonly excludedNames?: readonly string[] | undefined;
}

export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Bytes;
  /** It and the intermediate authorities above it, leaf first, without the root: what a server sends. */
  readonly chain: readonly Bytes[];
  readonly key: SigningKey;
  readonly serial: Bytes;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What is known of an authority that signs: all that its signatures need. */
export interface Issuer {
  /** Name, as it stands in the authority's own certificate. */
  readonly subject: Bytes;
  readonly key: SigningKey;
}

export class Authority implements Issuer {
  readonly subject: Bytes;
  readonly key: SigningKey;
  /** DER. */
  readonly certificate: Bytes;
  /** Its certificate and those above it, without the root; empty for a root. */
  readonly chain: readonly Bytes[];
  /** DER of the certificate that has to be trusted. */
  readonly root: Bytes;

  private constructor(issuer: Issuer, certificate: Bytes, chain: readonly Bytes[], root: Bytes) {
    this.subject = issuer.subject;
    this.key = issuer.key;
    this.certificate = certificate;
    this.chain = chain;
    this.root = root;
  }

  /** A new root, which signs itself. */
  static root(options: AuthorityOptions = {}): Authority {
    const key = keyOf(options);
    const subject = authoritySubject(options, key, 'development CA');
    const { certificate } = issue(
      { subject, key },
      subject,
      key,
      options,
      TEN_YEARS_MS,
      authorityProfile(options, null),
    );
    return new Authority({ subject, key }, certificate, [], certificate);
  }

  /** A root that exists: its certificate, its subject (a Name, as it is written there) and its key. */
  static existing(certificate: Bytes, issuer: Issuer): Authority {
    return new Authority(issuer, certificate, [], certificate);
  }

  /** A certificate of a server, or of whatever `purposes` says. */
  issue(options: LeafOptions = {}): IssuedCertificate {
    const key = keyOf(options);
    const { names = [], commonName = names[0]?.replace(/^(?:dns|email|uri):/, '') } = options;
    const subject = distinguishedName({ commonName: isShort(commonName) ? commonName : undefined });
    const issued = issue(this, subject, key, options, NINETY_DAYS_MS, leafProfile(options, !isShort(commonName)));
    return { ...issued, chain: [issued.certificate, ...this.chain] };
  }

  /** An authority below this one. */
  intermediate(options: AuthorityOptions = {}): Authority {
    const key = keyOf(options);
    const subject = authoritySubject(options, key, 'intermediate CA');
    const { certificate } = issue(this, subject, key, options, TEN_YEARS_MS, authorityProfile(options, 0));
    return new Authority({ subject, key }, certificate, [certificate, ...this.chain], this.root);
  }

  /** A CRL, DER. */
  revocationList(options: RevocationListOptions = {}): Bytes {
    return signRevocationList(this, options);
  }

  /** An OCSP response about one certificate that this authority has issued, DER: what a server staples. */
  ocspResponse(options: OcspOptions): Bytes {
    return signOcspResponse(this, options);
  }
}

/** A certificate that vouches for itself, and is no authority. */
export function issueSelfSigned(options: LeafOptions = {}): IssuedCertificate {
  const key = keyOf(options);
  const { names = [], commonName = names[0] } = options;
  const subject = distinguishedName({ commonName: isShort(commonName) ? commonName : 'self-signed' });
  const issued = issue({ subject, key }, subject, key, options, NINETY_DAYS_MS, leafProfile(options, false));
  return { ...issued, chain: [issued.certificate] };
}

const ORGANIZATION = 'bowline';
const HOUR_MS = 3_600_000;
const NINETY_DAYS_MS = 90 * 24 * HOUR_MS;
const TEN_YEARS_MS = 3652 * 24 * HOUR_MS;

function keyOf({ key = 'ecdsa-p256' }: IssueOptions): SigningKey {
  return typeof key === 'string' ? generateKey(key) : key;
}

/** Authorities that are different have different names: paths are found by name. */
function authoritySubject({ commonName }: AuthorityOptions, key: SigningKey, what: string): Bytes {
  const id = Buffer.from(keyIdentifier(key.spki).subarray(0, 4)).toString('hex');
  return distinguishedName({ organization: ORGANIZATION, commonName: commonName ?? `${what} ${id}` });
}

function isShort(commonName: string | undefined): commonName is string {
  return commonName !== undefined && commonName !== '' && [...commonName].length <= 64;
}

function leafProfile(options: LeafOptions, hasNoSubject: boolean): Extension[] {
  const { names = [], purposes = ['server'] } = options;
  return [
    basicConstraints(undefined),
    // No keyEncipherment: that would be RSA key transport, which has no forward secrecy.
    keyUsage('digitalSignature'),
    ...(purposes.length === 0 ? [] : [extendedKeyUsage(...purposes)]),
    ...(names.length === 0 ? [] : [subjectAltName(names, hasNoSubject)]),
    ...(options.mustStaple === true ? [mustStaple()] : []),
  ];
}

function authorityProfile(options: AuthorityOptions, defaultPathLength: number | null): Extension[] {
  const { pathLength = defaultPathLength, permittedNames = [], excludedNames = [] } = options;
  const isConstrained = permittedNames.length + excludedNames.length > 0;
  return [
    basicConstraints(pathLength),
    keyUsage('keyCertSign', 'cRLSign'),
    ...(isConstrained ? [nameConstraints(permittedNames, excludedNames)] : []),
  ];
}

function issue(
  issuer: Issuer,
  subject: Bytes,
  key: SigningKey,
  options: IssueOptions,
  lifetimeMs: number,
  profile: readonly Extension[],
): Omit<IssuedCertificate, 'chain'> {
  const now = Date.now();
  const { notBefore = now - HOUR_MS, notAfter = now + lifetimeMs, hash, extensions: extra = [] } = options;
  const serial = new Uint8Array(options.serial ?? newSerial());
  const usual = [
    ...profile,
    subjectKeyIdentifier(keyIdentifier(key.spki)),
    authorityKeyIdentifier(keyIdentifier(issuer.key.spki)),
  ];
  const extensions = [...usual.filter(({ oid }) => !extra.some((other) => other.oid === oid)), ...extra];
  const fields = { serial, issuer: issuer.subject, subject, notBefore, notAfter, spki: key.spki, extensions };
  return { certificate: signCertificate(fields, issuer.key, hash), key, serial, notBefore, notAfter };
}
