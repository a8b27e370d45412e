/**
 * What an association is told at its birth. The shell fills it in from contexts and options and has checked it; a core
 * trusts it.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { CryptoProvider, GroupName, PrivateKey, SecretKey } from '../../core/crypto-provider.ts';
import type { CipherSuite } from './cipher-suites.ts';
import type { CertificateType } from './extensions/certificate-type.ts';
import type { MaxFragmentLength } from './extensions/max-fragment-length.ts';
import type { SrtpProfile } from './extensions/use-srtp.ts';
import type { CertificateMessage } from './handshake/certificate.ts';
import type { RetransmissionSettings } from './retransmission.ts';
import type { SessionTickets } from './session.ts';
import type { Session } from './session.ts';
import type { SignatureScheme } from './signature-schemes.ts';

/** Least size of datagrams that a handshake is cut to; below it headers would outweigh what they carry. */
export const MIN_DATAGRAM_BYTES = 128;

/** What a side shows of itself. */
export interface LocalIdentity {
  readonly certificate: CertificateMessage;
  readonly key: PrivateKey;
}

/** A pre-shared key with its name on the wire. */
export interface PreSharedKey {
  readonly identity: Bytes;
  readonly key: SecretKey;
}

export interface CommonSettings {
  readonly crypto: CryptoProvider;
  /** In order of preference. */
  readonly cipherSuites: readonly CipherSuite[];
  readonly groups: readonly GroupName[];
  readonly signatureSchemes: readonly SignatureScheme[];
  /** As on the wire, in order of preference. */
  readonly alpnProtocols: readonly Uint8Array[];
  readonly srtpProfiles: readonly SrtpProfile[];
  /** What the peer is to send with; empty: only for the other direction; `null`: no connection IDs at all. */
  readonly connectionId: Bytes | null;
  /** Longest plaintext of a protected record that is taken, 64 to 16,384; `null`: nothing is said about it. */
  readonly recordSizeLimit: number | null;
  /** How this side can show itself and what it takes from the peer, in order of preference. */
  readonly ownCertificateTypes: readonly CertificateType[];
  readonly peerCertificateTypes: readonly CertificateType[];
  /** Longest datagram, without UDP and IP headers. */
  readonly datagramBytes: number;
  /** What a handshake is cut to after repeated loss. */
  readonly smallDatagramBytes: number;
  readonly retransmission: RetransmissionSettings;
  /** After which an unfinished handshake fails; `null`: never. */
  readonly handshakeTimeoutMs: number | null;
  /** Gets the line of an NSS key log. Must not throw. */
  readonly keyLog: ((line: string) => void) | null;
}

export interface ClientSettings extends CommonSettings {
  readonly side: 'client';
  /** Sent to the server, where it is a host name. */
  readonly serverName: string | null;
  /** Fail where the server chooses none of `alpnProtocols`. */
  readonly requiresAlpn: boolean;
  /** Whether there may be a certificate to show. */
  readonly hasIdentity: boolean;
  readonly maxFragmentLength: MaxFragmentLength | null;
  /** What to resume. */
  readonly session: Session | null;
  /** Ask for a session that can be resumed. */
  readonly wantsSession: boolean;
}

export interface ServerSettings extends CommonSettings {
  readonly side: 'server';
  readonly clientAuth: 'none' | 'request' | 'require';
  /** Whether there is a certificate to show; which, is asked for each name. */
  readonly hasIdentity: boolean;
  readonly hasPsk: boolean;
  readonly pskHint: Bytes | null;
  readonly sessions: SessionTickets | null;
}
