/**
 * The one trust decision: a function that is shown the peer and either returns or throws.
 *
 * Node splits the decision over four options (`ca`, `rejectUnauthorized`, `checkServerIdentity`, `requestCert`) and a flag
 * that a program may forget to read; `checkServerIdentity` is synchronous, does not run where the chain did not verify,
 * and is skipped on resumed sessions. Here there is one function, for clients and servers, for TLS and DTLS. It may wait.
 * It runs after the handshake and before the first byte of the application in either direction, on resumption too.
 *
 * A verifier says whether it decides by the peer's name. `serverName: null` (connect without a name) is allowed only with
 * one that says `needsName: false`, so that leaving the name away can never weaken a check. Not saying anything is saying
 * true.
 *
 * Source: aioopenssl's `post_handshake_callback`; rustls `ServerCertVerifier`.
 */
import { X509Certificate } from 'node:crypto';

import type { Bytes } from '../core/bytes.ts';
import { CertificateError } from '../core/errors.ts';
import { parseCertificate } from '../protocols/x509/certificate.ts';

/** What the peer showed, and over what. */
export interface PeerIdentity {
  readonly transport: 'tls' | 'dtls';
  /**
   * The certificates that the peer sent, DER, its own first; the rest may be in any order, incomplete or beside the point.
   * Empty where it has shown a raw public key.
   */
  readonly chain: readonly Bytes[];
  /**
   * The same, parsed by Node; made when first read.
   *
   * @throws CertificateError one of them cannot be parsed
   */
  readonly certificates: readonly X509Certificate[];
  /** SubjectPublicKeyInfo, DER, where the peer showed a key without a certificate (RFC 7250). */
  readonly rawPublicKey: Bytes | undefined;
  /**
   * The peer's public key as SubjectPublicKeyInfo, DER, whichever way it was shown.
   *
   * @throws CertificateError the certificate cannot be parsed
   */
  readonly publicKeyInfo: Bytes;
  /**
   * The OCSP response that the server stapled, DER; `null` if it was asked for one and sent none, `undefined` if it was not
   * asked. On resumption the one of the first connection.
   */
  readonly stapledOcsp: Bytes | null | undefined;
  /** The peer proved possession of its key in an earlier connection, which this one resumes; the chain is from there. */
  readonly resumed: boolean;
}

/** Whom the program wanted to talk to. */
export interface ExpectedPeer {
  /** What the peer must be entitled to be. */
  readonly role: 'server' | 'client';
  /** The name or IP address to check a server by; `null` for clients, and where the program gave none. */
  readonly serverName: string | null;
  /** Where the program connected to, or where the peer came from; what is not known is absent. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Milliseconds since 1970, for validity times. */
  readonly now: number;
}

/** Returns (or resolves) to accept the peer; throws (or rejects) to refuse it, best with a CertificateError. */
export interface Verifier {
  (peer: PeerIdentity, expected: ExpectedPeer): void | Promise<void>;
  /** Whether it decides by `expected.serverName`. Default true: it must be given one when it checks a server. */
  readonly needsName?: boolean | undefined;
  /** Whether servers should be asked to staple an OCSP response. Default false. */
  readonly wantsStapledOcsp?: boolean | undefined;
}

/** For the shells: what they saw of the peer. */
export interface SeenPeer {
  readonly transport: 'tls' | 'dtls';
  /** DER, the peer's own first. */
  readonly chain?: readonly Uint8Array[] | undefined;
  /** SubjectPublicKeyInfo, DER, where the peer showed that and no certificate. */
  readonly rawPublicKey?: Uint8Array | undefined;
  readonly stapledOcsp?: Uint8Array | null | undefined;
  readonly resumed?: boolean | undefined;
}

/** A PeerIdentity over what a shell saw; nothing is parsed before somebody asks. */
export function peerIdentity(seen: SeenPeer): PeerIdentity {
  const chain = Object.freeze((seen.chain ?? []).map(ownBytes));
  const stapledOcsp = seen.stapledOcsp instanceof Uint8Array ? ownBytes(seen.stapledOcsp) : seen.stapledOcsp;
  let certificates: readonly X509Certificate[] | undefined;
  const rawPublicKey = seen.rawPublicKey === undefined ? undefined : ownBytes(seen.rawPublicKey);
  let publicKeyInfo = rawPublicKey;
  return Object.freeze({
    transport: seen.transport,
    chain,
    rawPublicKey,
    stapledOcsp,
    resumed: seen.resumed ?? false,
    get certificates() {
      return (certificates ??= Object.freeze(chain.map(parse)));
    },
    get publicKeyInfo() {
      return (publicKeyInfo ??= keyInfoOf(chain[0]));
    },
  });
}

function parse(der: Bytes, depth: number): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CertificateError('a certificate of the peer cannot be parsed', { reason: 'malformed', depth, cause });
  }
}

function keyInfoOf(leaf: Bytes | undefined): Bytes {
  if (leaf === undefined) throw new CertificateError('the peer showed no certificate', { reason: 'no-certificate' });
  try {
    // The bytes as they stand in the certificate: what OpenSSL writes when asked for a key may be encoded otherwise.
    return parseCertificate(leaf).publicKey.raw;
  } catch (cause) {
    throw new CertificateError('the certificate of the peer cannot be parsed', {
      reason: 'malformed',
      depth: 0,
      cause,
    });
  }
}

/** A copy that nobody else can write to; and a plain Uint8Array, for a Buffer behaves differently in places. */
function ownBytes(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
