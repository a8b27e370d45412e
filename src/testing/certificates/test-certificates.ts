/**
 * `testCertificates()`: a certificate authority that lives as long as the test, and certificates with every fault that
 * a verifier should notice, each wrong in exactly one way.
 *
 * Each is made when it is first asked for, and once; with elliptic curves that takes a millisecond. The keys are of no worth to
 * anybody, so no test data has to be kept, and none expires in the repository one day.
 */
import type { Bytes } from '../../core/bytes.ts';
import { Authority, issueSelfSigned } from '../../trust/authority/authority.ts';
import type { AuthorityOptions, LeafOptions } from '../../trust/authority/authority.ts';
import type { KeyAlgorithm } from '../../trust/authority/key-algorithm.ts';
import type { OcspOptions } from '../../trust/authority/ocsp-response.ts';
import { encodePem } from '../../trust/pem.ts';
import type { RevocationListOptions } from '../../trust/authority/revocation-list.ts';
import { testCertificate } from './test-certificate.ts';
import type { TestCertificate } from './test-certificate.ts';

export interface TestCertificatesOptions {
  /** What the servers are called: names and addresses. Default `['localhost', '127.0.0.1', '::1']`. */
  readonly names?: readonly string[] | undefined;
  /** Kind of all keys, those of authorities included. Default `ecdsa-p256`. RSA takes a tenth of a second for each key. */
  readonly key?: KeyAlgorithm | undefined;
  /** Milliseconds since 1970: the moment at which `good` is good. Default: when this is called. */
  readonly now?: number | undefined;
}

/**
 * Makes an authority for a test. Give its `roots` to whoever should trust it.
 *
 *     const certificates = testCertificates();
 *     tls.createServer({ cert: certificates.good.cert, key: certificates.good.key });
 */
export function testCertificates(options: TestCertificatesOptions = {}): TestCertificates {
  return new TestCertificates(options);
}

/** Of every authority of tests, so that `untrusted` differs in nothing but the key. */
const ROOT_NAME = 'bowline test CA';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** One that verifiers agree is too long (the library takes 10, OpenSSL 100). */
const LONG_CHAIN = 100;

export class TestCertificates {
  /** As given. */
  readonly names: readonly string[];
  /** As given: for a verifier that is told the time. */
  readonly now: number;
  readonly #key: KeyAlgorithm;
  readonly #made = new Map<string, unknown>();

  /** Use `testCertificates`. */
  constructor({
    names = ['localhost', '127.0.0.1', '::1'],
    key = 'ecdsa-p256',
    now = Date.now(),
  }: TestCertificatesOptions) {
    if (!Number.isFinite(now)) throw new RangeError(`now must be milliseconds since 1970, not ${now}`);
    this.names = Object.freeze([...names]);
    this.now = now;
    this.#key = key;
  }

  /** PEM of the root: what trusts `good` and the others. */
  get roots(): readonly string[] {
    return this.#once('roots', () => Object.freeze([encodePem('CERTIFICATE', this.#root.certificate)]));
  }

  /** DER of the root. */
  get rootDer(): Bytes {
    return this.#root.certificate;
  }

  /** A server's, issued by the root, with nothing wrong. */
  get good(): TestCertificate {
    return this.#leaf('good');
  }

  /** A server's, issued by an intermediate authority, which is in its chain. */
  get chain(): TestCertificate {
    return this.#once('chain', () => testCertificate(this.#intermediate.issue(this.#options())));
  }

  /** A client's, with nothing wrong. */
  get clientCertificate(): TestCertificate {
    return this.#leaf('clientCertificate', {
      names: ['email:client@example.org'],
      commonName: 'client',
      purposes: ['client'],
    });
  }

  /** Was good until a day ago. */
  get expired(): TestCertificate {
    return this.#leaf('expired', { notBefore: this.now - 30 * DAY_MS, notAfter: this.now - DAY_MS });
  }

  /** Will be good from tomorrow on. */
  get notYetValid(): TestCertificate {
    return this.#leaf('notYetValid', { notBefore: this.now + DAY_MS, notAfter: this.now + 30 * DAY_MS });
  }

  /** A server's with another name, `wrong.host.invalid`. */
  get wrongHost(): TestCertificate {
    return this.#leaf('wrongHost', { names: ['wrong.host.invalid'] });
  }

  /** A server's that may be used by clients only. */
  get wrongUsage(): TestCertificate {
    return this.#leaf('wrongUsage', { purposes: ['client'] });
  }

  /** A client's that may be used by servers only. */
  get clientWrongUsage(): TestCertificate {
    return this.#leaf('clientWrongUsage', { names: ['email:client@example.org'], commonName: 'client' });
  }

  /** A server's that is in `crl`, and of which `ocspResponse` says so. */
  get revoked(): TestCertificate {
    return this.#leaf('revoked');
  }

  /** A server's from an intermediate authority that is not in its chain. */
  get incompleteChain(): TestCertificate {
    return this.#once('incompleteChain', () => {
      const issued = this.#intermediate.issue(this.#options());
      return testCertificate(issued, [issued.certificate]);
    });
  }

  /** A server's that vouches for itself. */
  get selfSigned(): TestCertificate {
    return this.#once('selfSigned', () => testCertificate(issueSelfSigned(this.#options())));
  }

  /** A server's from another authority, which nobody trusts and which is called like this one. */
  get untrusted(): TestCertificate {
    return this.#once('untrusted', () => {
      const stranger = Authority.root({ ...this.#authorityOptions(), commonName: ROOT_NAME });
      return testCertificate(stranger.issue(this.#options()));
    });
  }

  /** A server's with an RSA key of 1024 bits. Newer versions of OpenSSL refuse to serve it. */
  get weakKey(): TestCertificate {
    return this.#leaf('weakKey', { key: 'rsa-1024' });
  }

  /** A server's that was signed over SHA-1. Newer versions of OpenSSL refuse to serve it. */
  get weakSignature(): TestCertificate {
    return this.#leaf('weakSignature', { hash: 'sha1' });
  }

  /**
   * A server's with many intermediate authorities.
   *
   * @param length certificates in its chain, its own included, the root not; 2 or more. Default 100
   */
  longChain(length: number = LONG_CHAIN): TestCertificate {
    if (!Number.isInteger(length) || length < 2) throw new RangeError(`length must be an integer >= 2, not ${length}`);
    return this.#once(`longChain ${length}`, () => {
      let authority = this.#root;
      for (let i = 1; i < length; i++)
        authority = authority.intermediate({ ...this.#authorityOptions(), pathLength: null });
      return testCertificate(authority.issue(this.#options()));
    });
  }

  /** Any other certificate: what `options` says, and for the rest as `good`. Made anew in each call. */
  issue(options: LeafOptions = {}): TestCertificate {
    return testCertificate(this.#root.issue({ ...this.#options(), ...options }));
  }

  /** The root's list of what it has revoked, DER: of `revoked`, unless `options.revoked` lists others. Made anew in each call. */
  crl(options: RevocationListOptions = {}): Bytes {
    const { now } = this;
    return this.#root.revocationList({
      revoked: [{ serial: this.revoked.serial, revokedAt: now - DAY_MS, reason: 1 }],
      thisUpdate: now - 60 * MINUTE_MS,
      nextUpdate: now + 7 * DAY_MS,
      ...options,
    });
  }

  /** What the root says of a certificate, DER, for stapling: that `revoked` is revoked and all others are good. Made anew in each call. */
  ocspResponse(certificate: TestCertificate, options: Partial<OcspOptions> = {}): Bytes {
    const { now } = this;
    return this.#root.ocspResponse({
      serial: certificate.serial,
      status: certificate === this.#made.get('revoked') ? 'revoked' : 'good',
      revokedAt: now - DAY_MS,
      thisUpdate: now - 60 * MINUTE_MS,
      nextUpdate: now + 7 * DAY_MS,
      ...options,
    });
  }

  get #root(): Authority {
    return this.#once('root', () => Authority.root({ ...this.#authorityOptions(), commonName: ROOT_NAME }));
  }

  get #intermediate(): Authority {
    return this.#once('intermediate', () => this.#root.intermediate(this.#authorityOptions()));
  }

  #leaf(name: string, options: LeafOptions = {}): TestCertificate {
    return this.#once(name, () => this.issue(options));
  }

  #options(): LeafOptions {
    return {
      names: this.names,
      key: this.#key,
      notBefore: this.now - 60 * MINUTE_MS,
      notAfter: this.now + 30 * DAY_MS,
    };
  }

  #authorityOptions(): AuthorityOptions {
    return { key: this.#key, notBefore: this.now - 365 * DAY_MS, notAfter: this.now + 365 * DAY_MS };
  }

  #once<T>(name: string, make: () => T): T {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as T;
  }
}
