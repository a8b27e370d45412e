/**
 * The states of a server, each with what it may use and nothing else. It starts with a hello whose cookie is valid.
 *
 *     awaiting-own-identity (certificate suites)      awaiting-resumption-verdict (sessions with a client's certificate)
 *       | ServerHello … ServerHelloDone sent            | ServerHello, ChangeCipherSpec, Finished sent
 *     awaiting-client-certificate (if asked for)        |
 *       | Certificate                                   |
 *     awaiting-key-exchange                             |
 *       | ClientKeyExchange                             |
 *     awaiting-psk (PSK suites)                         |
 *     awaiting-certificate-verify (a client with one)   |
 *       | CertificateVerify                             |
 *     awaiting-client-verdict                           |
 *       |                                               |
 *     awaiting-finished <-------------------------------+
 *       | Finished
 *     established
 */
import type { KeyShare, SecretKey } from '../../../core/crypto-provider.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import type { CertificateMessage } from '../handshake/certificate.ts';
import type { KeyBlock } from '../key-schedule.ts';
import type { AuthenticatedPeer, ProvenKey } from '../proofs.ts';
import type { SessionState } from '../session.ts';
import type { Established, Negotiated } from './exchange.ts';
import type { ClientOffer } from './server-negotiation.ts';

export interface AwaitingOwnIdentity {
  readonly kind: 'awaiting-own-identity';
  readonly offer: ClientOffer;
}

export interface AwaitingResumptionVerdict {
  readonly kind: 'awaiting-resumption-verdict';
  readonly offer: ClientOffer;
  readonly suite: CipherSuite;
  readonly session: SessionState;
  readonly certificate: CertificateMessage;
}

/** What a full handshake knows after the server's first flight. */
interface FlightSent {
  readonly negotiated: Negotiated;
  /** `null` in PSK suites without ECDHE. */
  readonly share: KeyShare | null;
  readonly promisesTicket: boolean;
}

export interface AwaitingClientCertificate extends FlightSent {
  readonly kind: 'awaiting-client-certificate';
}

export interface AwaitingKeyExchange extends FlightSent {
  readonly kind: 'awaiting-key-exchange';
  readonly certificate: CertificateMessage | null;
}

export interface AwaitingPsk {
  readonly kind: 'awaiting-psk';
  readonly negotiated: Negotiated;
  readonly identity: Uint8Array;
  readonly agreed: Uint8Array | null;
}

/** The keys are there. */
interface Keyed {
  readonly negotiated: Negotiated;
  readonly promisesTicket: boolean;
  readonly master: SecretKey;
  readonly keys: KeyBlock;
}

export interface AwaitingCertificateVerify extends Keyed {
  readonly kind: 'awaiting-certificate-verify';
  readonly certificate: CertificateMessage;
}

export interface AwaitingClientVerdict extends Keyed {
  readonly kind: 'awaiting-client-verdict';
  readonly proven: ProvenKey;
}

export interface AwaitingFinished extends Keyed {
  readonly kind: 'awaiting-finished';
  readonly peer: AuthenticatedPeer;
  readonly resumed: boolean;
}

export type ServerState =
  | { readonly kind: 'idle' }
  | AwaitingOwnIdentity
  | AwaitingResumptionVerdict
  | AwaitingClientCertificate
  | AwaitingKeyExchange
  | AwaitingPsk
  | AwaitingCertificateVerify
  | AwaitingClientVerdict
  | AwaitingFinished
  | Established;

export type ServerKeyed = Keyed;
