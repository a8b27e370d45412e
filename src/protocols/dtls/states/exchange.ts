/**
 * What the steps of a handshake may do, and what they agree on. The steps decide; the driver, which implements this, keeps
 * numbers, flights, timers and records.
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { CryptoProvider, SecretKey } from '../../../core/crypto-provider.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import type { CertificateType } from '../extensions/certificate-type.ts';
import type { SrtpProfile } from '../extensions/use-srtp.ts';
import type { FlightPart } from '../flights/flight.ts';
import type { VerifiedFinished } from '../handshake/finished.ts';
import type { HandshakeMessage } from '../handshake/fragment.ts';
import type { Transcript } from '../handshake/transcript.ts';
import type { Randoms } from '../key-schedule.ts';
import type { AuthenticatedPeer } from '../proofs.ts';
import type { Answer, Question } from '../questions.ts';
import type { TrafficKeys } from '../record/protection.ts';
import type { Session } from '../session.ts';

/** What the hellos agreed on. */
export interface Negotiated {
  readonly suite: CipherSuite;
  readonly randoms: Randoms;
  /** What the client named. */
  readonly serverName: string | null;
  readonly alpnProtocol: Bytes | null;
  readonly srtpProfile: SrtpProfile | null;
  /** Empty: none. */
  readonly sendConnectionId: Bytes;
  readonly receiveConnectionId: Bytes;
  /** Longest plaintext that the peer takes in a protected record. */
  readonly sendLimitBytes: number;
  readonly clientCertificateType: CertificateType;
  readonly serverCertificateType: CertificateType;
}

/** A handshake that is over. It cannot be made without both proofs. */
export interface Established {
  readonly kind: 'established';
  readonly finished: VerifiedFinished;
  readonly peer: AuthenticatedPeer;
  readonly negotiated: Negotiated;
  readonly master: SecretKey;
  readonly resumed: boolean;
  /** On a client: what a later handshake may resume. */
  readonly session: Session | null;
}

export interface Exchange {
  readonly crypto: CryptoProvider;
  readonly transcript: Transcript;
  /** Numbers a message of this side and puts it into the transcript. */
  compose(type: number, body: Bytes): HandshakeMessage;
  send(parts: readonly FlightPart[], options: { readonly awaitsAnswer: boolean }): void;
  /** Messages are held back until the answer is there. */
  ask(question: Question): void;
  /** What comes next from the peer has this number. */
  expectMessage(messageSeq: number): void;
  protectWriting(keys: TrafficKeys, connectionId: Uint8Array): void;
  protectReading(keys: TrafficKeys, connectionId: Uint8Array): void;
  logSecret(randoms: Randoms, master: SecretKey): void;
}

/** One side of the handshake. A step throws `MalformedMessage` before it has changed anything, or `HandshakeFailure`. */
export interface Side {
  start(x: Exchange): void;
  receive(message: HandshakeMessage, x: Exchange): void;
  answer(answer: Answer, x: Exchange): void;
  /** Whether an answer is awaited, and messages are not taken. */
  readonly isDeciding: boolean;
  /** Whether a HelloVerifyRequest is taken whatever its number: a stateless server has only the number 0. */
  readonly takesCookies: boolean;
  readonly established: Established | null;
}

export function inClear(message: HandshakeMessage): FlightPart {
  return { kind: 'message', epoch: 0, message };
}

export const changeCipherSpec: FlightPart = { kind: 'change-cipher-spec' };

/** Finished, the one message that is protected. */
export function inProtection(message: HandshakeMessage): FlightPart {
  return { kind: 'message', epoch: 1, message };
}
