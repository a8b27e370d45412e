/**
 * Proofs of who the peer is. Only the checks in this file make them, and an established association cannot be built
 * without one, so a forgotten check does not compile.
 *
 *     ProvenKey           a signature over this very handshake, under the key in the peer's certificate
 *     AuthenticatedPeer   a ProvenKey and the verdict of the verifier; or a pre-shared key, which Finished proves;
 *                         or, on a server whose policy allows it, nobody in particular
 *
 * Implementations that skipped one of the two where "accept any certificate" was set were taken over by whoever answered
 * first (Californium CVE-2021-34433, pion PR 115), so the signature is checked before the verdict is asked for.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { CryptoProvider } from '../../core/crypto-provider.ts';
import { alertDescription, HandshakeFailure } from './alert.ts';
import type { CertificateMessage } from './handshake/certificate.ts';
import type { Signed } from './handshake/server-key-exchange.ts';
import type { Answer } from './questions.ts';
import type { SessionPeer } from './session.ts';
import { authenticationOf, fits } from './signature-schemes.ts';
import type { SignatureScheme } from './signature-schemes.ts';

export class ProvenKey {
  readonly certificate: CertificateMessage;
  readonly #proof = true;

  private constructor(certificate: CertificateMessage) {
    this.certificate = certificate;
  }

  /**
   * Checks a signature of the peer over `data`.
   *
   * @param offered the schemes that this side allowed
   * @param authentication what the suite asks of a server's key; `null` for clients, whose keys may be of any kind
   * @throws HandshakeFailure the key is of no use, the scheme was not offered or is not the key's, the signature is wrong
   */
  static check(
    crypto: CryptoProvider,
    certificate: CertificateMessage,
    offered: readonly SignatureScheme[],
    authentication: 'ecdsa' | 'rsa' | 'psk' | null,
    data: Uint8Array,
    { scheme, signature }: Signed,
  ): ProvenKey {
    const key = keyOf(crypto, certificate);
    if (key === null)
      throw new HandshakeFailure(alertDescription.badCertificate, "the peer's key cannot be read", 'RFC 5246 §7.4.2');
    const kind = crypto.kindOf(key);
    if (authentication !== null && authenticationOf(kind) !== authentication)
      throw new HandshakeFailure(
        alertDescription.unsupportedCertificate,
        'the key of the server is of another kind than the cipher suite says',
        'RFC 5246 §7.4.2',
      );
    const chosen = offered.find(({ id }) => id === scheme);
    if (chosen === undefined || !fits(chosen, kind))
      throw new HandshakeFailure(
        alertDescription.illegalParameter,
        'a signature scheme that was not offered or does not fit the key',
        'RFC 5246 §7.4.3',
      );
    if (!crypto.verify(chosen.algorithm, key, data, signature))
      throw new HandshakeFailure(alertDescription.decryptError, "the peer's signature is wrong", 'RFC 5246 §7.4.3');
    return new ProvenKey(certificate);
  }

  static is(value: unknown): value is ProvenKey {
    return typeof value === 'object' && value !== null && #proof in value && value.#proof;
  }
}

export class AuthenticatedPeer {
  readonly peer: SessionPeer;
  /** What the verifier's check made; `null` where a pre-shared key or nobody is the peer. */
  readonly evidence: object | null;
  readonly #proof = true;

  private constructor(peer: SessionPeer, evidence: object | null) {
    this.peer = peer;
    this.evidence = evidence;
  }

  /** @throws HandshakeFailure the verdict is a refusal */
  static byVerdict(proven: ProvenKey, verdict: Answer & { readonly kind: 'verdict' }): AuthenticatedPeer {
    return AuthenticatedPeer.#judged(proven.certificate, verdict);
  }

  /** The key was proved in the handshake that is resumed; its master secret is the proof that it is the same peer. */
  static byResumption(
    certificate: CertificateMessage,
    verdict: Answer & { readonly kind: 'verdict' },
  ): AuthenticatedPeer {
    return AuthenticatedPeer.#judged(certificate, verdict);
  }

  /** Both know the key: Finished, without which there is no association, proves it. */
  static byPreSharedKey(identity: Bytes): AuthenticatedPeer {
    return new AuthenticatedPeer({ kind: 'psk', identity }, null);
  }

  /** @throws HandshakeFailure the policy of the server wants to know who the client is */
  static anonymousClient(clientAuth: 'none' | 'request' | 'require'): AuthenticatedPeer {
    if (clientAuth === 'require')
      throw new HandshakeFailure(
        alertDescription.handshakeFailure,
        'the client showed no certificate, and one is required',
        'RFC 5246 §7.4.6',
      );
    return new AuthenticatedPeer({ kind: 'anonymous' }, null);
  }

  static is(value: unknown): value is AuthenticatedPeer {
    return typeof value === 'object' && value !== null && #proof in value && value.#proof;
  }

  static #judged(certificate: CertificateMessage, verdict: Answer & { readonly kind: 'verdict' }): AuthenticatedPeer {
    if (!verdict.accepted) {
      const { alert, error } = verdict;
      throw new HandshakeFailure(alert, `the peer was refused: ${error.message}`, 'RFC 5246 §7.4.2', { cause: error });
    }
    return new AuthenticatedPeer({ kind: 'certificate', certificate }, verdict.evidence);
  }
}

function keyOf(crypto: CryptoProvider, certificate: CertificateMessage): ReturnType<CryptoProvider['keyOfInfo']> {
  if (certificate.kind === 'raw-public-key') return crypto.keyOfInfo(certificate.keyInfo);
  const [own] = certificate.chain;
  return own === undefined ? null : crypto.keyOfCertificate(own);
}
