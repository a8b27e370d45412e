/**
 * The states of a client, each with what it may use and nothing else.
 *
 *     awaiting-server-hello --HelloVerifyRequest--> awaiting-server-hello (with the cookie)
 *       | ServerHello                              \ ServerHello that resumes
 *     awaiting-certificate (certificate suites)     awaiting-resumption-verdict (certificate sessions)
 *       | Certificate                                |
 *     awaiting-key-exchange                          |
 *       | ServerKeyExchange (PSK: may be missing)    |
 *     awaiting-hello-done [CertificateRequest]       |
 *       | ServerHelloDone                            |
 *     awaiting-verdict -> awaiting-own-identity      |
 *     or awaiting-psk                                |
 *       | ClientKeyExchange … Finished sent          |
 *     awaiting-finished [NewSessionTicket] <---------+
 *       | Finished
 *     established
 */
import type { SecretKey } from '../../../core/crypto-provider.ts';
import type { CertificateMessage } from '../handshake/certificate.ts';
import type { CertificateRequest } from '../handshake/certificate-request.ts';
import type { ClientHello } from '../handshake/client-hello.ts';
import type { EcdhParameters } from '../handshake/server-key-exchange.ts';
import type { KeyBlock } from '../key-schedule.ts';
import type { AuthenticatedPeer, ProvenKey } from '../proofs.ts';
import type { Session } from '../session.ts';
import type { Established, Negotiated } from './exchange.ts';

export interface AwaitingServerHello {
  readonly kind: 'awaiting-server-hello';
  readonly hello: ClientHello;
  readonly cookieRounds: number;
}

/** What the rest of a full handshake knows since ServerHello. */
interface Answered {
  readonly negotiated: Negotiated;
  readonly sessionId: Uint8Array;
  readonly promisesTicket: boolean;
}

export interface AwaitingCertificate extends Answered {
  readonly kind: 'awaiting-certificate';
}

export interface AwaitingKeyExchange extends Answered {
  readonly kind: 'awaiting-key-exchange';
  /** `null` in PSK suites. */
  readonly certificate: CertificateMessage | null;
}

/** What the server contributed: with its proof, where it has a certificate. */
interface ServerShare extends Answered {
  readonly ecdh: EcdhParameters | null;
  readonly hint: Uint8Array | null;
  /** `null` in PSK suites. */
  readonly proven: ProvenKey | null;
}

export interface AwaitingHelloDone extends ServerShare {
  readonly kind: 'awaiting-hello-done';
  readonly request: CertificateRequest | null;
}

export interface AwaitingVerdict extends ServerShare {
  readonly kind: 'awaiting-verdict';
  readonly proven: ProvenKey;
  readonly request: CertificateRequest | null;
}

export interface AwaitingOwnIdentity extends ServerShare {
  readonly kind: 'awaiting-own-identity';
  readonly peer: AuthenticatedPeer;
  readonly request: CertificateRequest;
}

export interface AwaitingPsk extends ServerShare {
  readonly kind: 'awaiting-psk';
}

export interface AwaitingResumptionVerdict {
  readonly kind: 'awaiting-resumption-verdict';
  readonly negotiated: Negotiated;
  readonly session: Session;
  readonly certificate: CertificateMessage;
  readonly promisesTicket: boolean;
}

export interface AwaitingFinished {
  readonly kind: 'awaiting-finished';
  readonly negotiated: Negotiated;
  readonly master: SecretKey;
  readonly peer: AuthenticatedPeer;
  readonly sessionId: Uint8Array;
  readonly promisesTicket: boolean;
  readonly ticket: { readonly bytes: Uint8Array; readonly lifetimeHintSeconds: number } | null;
  /** The session that this handshake resumes, and the keys of the answer; `null` in a full handshake. */
  readonly resuming: { readonly session: Session; readonly keys: KeyBlock } | null;
}

export type ClientState =
  | { readonly kind: 'idle' }
  | AwaitingServerHello
  | AwaitingCertificate
  | AwaitingKeyExchange
  | AwaitingHelloDone
  | AwaitingVerdict
  | AwaitingOwnIdentity
  | AwaitingPsk
  | AwaitingResumptionVerdict
  | AwaitingFinished
  | Established;

export type FullHandshake = ServerShare;
