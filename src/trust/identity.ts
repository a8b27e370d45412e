/**
 * An identity: a certificate chain and the private key that goes with it.
 *
 * What is wrong with one is found when it is made, and not by the peer at the first handshake: a key of another
 * certificate, a certificate that has expired or is not yet valid, a chain in the wrong order, a wrong passphrase. Node
 * tells some of these late (the key), and others never (the dates).
 *
 * The key is a KeyObject kept in this file; inspecting, printing or serialising an identity shows the subject
 * and nothing else. The shells get the key from `keyOf`, which is not part of the public face.
 */
import { createPrivateKey, KeyObject, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';

import type { Bytes } from '../core/bytes.ts';
import { CertificateError } from '../core/errors.ts';
import { escapeText } from '../core/quote.ts';
import { readPem } from './key-file.ts';
import { openPkcs12 } from './pkcs12/pkcs12.ts';
import { certificatesOf, encodePem, isDer, keyBlockOf } from './pem.ts';

export interface IdentityMaterial {
  /** The chain, its own certificate first: PEM text, or bytes of PEM, or bytes of one DER certificate. */
  readonly cert: string | Uint8Array;
  /** The private key: PEM text, or bytes of PEM or DER (PKCS#8, PKCS#1 or SEC1). Default: it stands in `cert`. */
  readonly key?: string | Uint8Array | KeyObject | undefined;
  /** Of an encrypted key. */
  readonly passphrase?: string | undefined;
}

/** The same, from files: a URL with `file:`, or a path. Text that is PEM, and bytes, are taken as they are. */
export interface IdentityFiles {
  readonly cert: string | URL | Uint8Array;
  readonly key?: string | URL | Uint8Array | KeyObject | undefined;
  readonly passphrase?: string | undefined;
}

export interface IdentityCheckOptions {
  /** Milliseconds since 1970 at which the certificate must be valid. Default: now. */
  readonly now?: number | undefined;
  /** Take a certificate that has expired or is not yet valid. For tests of what others do with one. */
  readonly insecureAllowInvalidDates?: boolean | undefined;
}

export class Identity {
  /** DER, its own certificate first. */
  readonly chain: readonly Bytes[];
  readonly #subject: string;

  /**
   * Reads an identity from files, or from what is in memory.
   *
   * A key file that every user of the machine can read is used, and reported as `key-file-exposed`.
   *
   * @throws TypeError an argument has the wrong type
   * @throws CertificateError there is no certificate or no key, they do not belong together, or the dates are wrong
   * @throws Error of node:fs: a file cannot be read
   */
  static async load(files: IdentityFiles, options: IdentityCheckOptions = {}): Promise<Identity> {
    const { cert, key = cert, passphrase } = files;
    if (cert === key) {
      const both = await readPem(cert, true);
      return Identity.from({ cert: both, key: both, passphrase }, options);
    }
    const certificates = await readPem(cert, false);
    const privateKey = key instanceof KeyObject ? key : await readPem(key, true);
    return Identity.from({ cert: certificates, key: privateKey, passphrase }, options);
  }

  /**
   * Makes an identity of what is in memory.
   *
   * @throws TypeError an argument has the wrong type
   * @throws CertificateError there is no certificate or no key, they do not belong together, or the dates are wrong
   */
  static from(material: IdentityMaterial, options: IdentityCheckOptions = {}): Identity {
    const { cert, key = cert, passphrase } = material;
    if (passphrase !== undefined && typeof passphrase !== 'string')
      throw new TypeError('a passphrase must be a string');
    return new Identity(certificatesOf(cert), privateKeyOf(key, passphrase), options);
  }

  /**
   * Opens a PKCS#12 (PFX) file. The certificate is the one that the key belongs to; its chain is put in order, and a root
   * that is in the file is left out.
   *
   * @param file its bytes
   * @param passphrase default: the empty one
   * @throws TypeError an argument has the wrong type
   * @throws CertificateError the file does not open, has not exactly one key, none of its certificates fits, or the dates are wrong
   */
  static pkcs12(file: Uint8Array, passphrase: string = '', options: IdentityCheckOptions = {}): Identity {
    const { certificates, keys: privateKeys } = openPkcs12(file, passphrase);
    const [first, ...others] = privateKeys;
    if (first === undefined || others.length > 0)
      throw new CertificateError(`the PKCS#12 file has ${privateKeys.length} private keys, where one is needed`, {
        reason: 'bad-key',
      });
    const key = privateKeyOf(first, undefined);
    return new Identity(chainFor(key, certificates), key, options);
  }

  private constructor(chain: readonly Bytes[], key: KeyObject, options: IdentityCheckOptions) {
    const certificate = checkChain(chain);
    if (!certificate.checkPrivateKey(key))
      throw new CertificateError('the private key is not the one of the certificate', { reason: 'key-mismatch' });
    if (options.insecureAllowInvalidDates !== true) checkDates(certificate, options.now ?? Date.now());
    this.chain = Object.freeze([...chain]);
    keys.set(this, key);
    this.#subject = subjectOf(certificate);
    Object.freeze(this);
  }

  /** The subject of its certificate, on one line. */
  get subject(): string {
    return this.#subject;
  }

  [inspect.custom](): string {
    return `Identity { ${this.#subject} }`;
  }
}

const keys = new WeakMap<Identity, KeyObject>();

/** For the shells: the private key. */
export function keyOf(identity: Identity): KeyObject {
  return keys.get(identity) as KeyObject;
}

/** For node:tls, which takes keys as text only. */
export function pemOf(identity: Identity): { readonly cert: string; readonly key: string } {
  const key = keyOf(identity).export({ type: 'pkcs8', format: 'pem' }) as string;
  return { cert: identity.chain.map((der) => encodePem('CERTIFICATE', der)).join(''), key };
}

/** The certificate of the key, then its issuer, and so on up to a root, which the peer has to have by itself. */
function chainFor(key: KeyObject, ders: readonly Bytes[]): readonly Bytes[] {
  const certificates = ders.map((der, depth) => ({ der, certificate: parseOwn(der, depth) }));
  const own = certificates.find(({ certificate }) => certificate.checkPrivateKey(key));
  if (own === undefined)
    throw new CertificateError('the PKCS#12 file has no certificate of its private key', {
      reason: certificates.length === 0 ? 'no-certificate' : 'key-mismatch',
    });
  const chain = [own];
  for (let last = own; ;) {
    const issuer = certificates.find((one) => !chain.includes(one) && last.certificate.checkIssued(one.certificate));
    if (issuer === undefined || issuer.certificate.subject === issuer.certificate.issuer) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain.map(({ der }) => der);
}

/** Its own certificate, parsed. Each of the others must be the issuer of the one before it (RFC 8446 §4.4.2). */
function checkChain(chain: readonly Bytes[]): X509Certificate {
  const certificates = chain.map(parseOwn);
  const [leaf] = certificates;
  if (leaf === undefined) throw new CertificateError('there is no certificate', { reason: 'no-certificate' });
  for (const [depth, certificate] of certificates.entries()) {
    const issuer = certificates[depth + 1];
    if (issuer !== undefined && certificate.issuer !== issuer.subject)
      throw new CertificateError('a certificate of the chain is not followed by its issuer', {
        reason: 'chain-order',
        depth,
        subject: subjectOf(certificate),
      });
  }
  return leaf;
}

function parseOwn(der: Bytes, depth: number): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CertificateError('the certificate cannot be parsed', { reason: 'malformed', depth, cause });
  }
}

function checkDates(certificate: X509Certificate, now: number): void {
  const subject = subjectOf(certificate);
  if (now < Date.parse(certificate.validFrom))
    throw new CertificateError(`the certificate of ${subject} is not valid before ${certificate.validFrom}`, {
      reason: 'not-yet-valid',
      depth: 0,
      subject,
    });
  if (now > Date.parse(certificate.validTo))
    throw new CertificateError(`the certificate of ${subject} expired on ${certificate.validTo}`, {
      reason: 'expired',
      depth: 0,
      subject,
    });
}

function subjectOf(certificate: X509Certificate): string {
  const names =
    (certificate.subject as string | undefined) ?? certificate.subjectAltName ?? 'a certificate without a name';
  return escapeText(names.split('\n').join(', '));
}

function privateKeyOf(key: string | Uint8Array | KeyObject, passphrase: string | undefined): KeyObject {
  if (key instanceof KeyObject) {
    if (key.type !== 'private') throw new TypeError(`the key of an identity must be private, not ${key.type}`);
    return key;
  }
  const text = typeof key === 'string' ? key : isDer(key) ? undefined : Buffer.from(key).toString('latin1');
  try {
    if (text !== undefined) return createPrivateKey({ key: keyBlockOf(text), format: 'pem', passphrase });
    return derPrivateKey(Buffer.from(key as Uint8Array), passphrase);
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause;
    // OpenSSL's words for a missing and for a wrong passphrase are not fit for people.
    throw new CertificateError(
      passphrase === undefined
        ? 'the private key cannot be read; is it encrypted, and needs a passphrase?'
        : 'the private key cannot be read with this passphrase',
      { reason: 'bad-key', cause },
    );
  }
}

/** DER does not say which of the three forms it is. */
function derPrivateKey(key: Buffer, passphrase: string | undefined): KeyObject {
  let failure: unknown;
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return createPrivateKey({ key, format: 'der', type, passphrase });
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
