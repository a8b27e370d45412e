/**
 * What is kept of an association so that a later one can start from it (RFC 5246 §7.3, RFC 5077).
 *
 * A session is bound to everything that was decided under it: suite, server name, ALPN, who the peer was. All of that is
 * compared again when it is resumed, and the peer's chain is shown to the verifier again, for trust may have changed. The
 * server keeps nothing: its half of a session travels in the ticket, sealed with keys that a fleet may share.
 */
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { CryptoProvider, SecretKey } from '../../core/crypto-provider.ts';
import { encodeCertificate, parseCertificate } from './handshake/certificate.ts';
import type { CertificateMessage } from './handshake/certificate.ts';
import { MalformedMessage, messageReader } from './malformed.ts';

/** Whom the first handshake authenticated. */
export type SessionPeer =
  | { readonly kind: 'certificate'; readonly certificate: CertificateMessage }
  | { readonly kind: 'psk'; readonly identity: Bytes }
  /** A client that was not asked, or had nothing to show. */
  | { readonly kind: 'anonymous' };

/** What both sides remember. */
export interface SessionState {
  readonly cipherSuite: number;
  readonly master: SecretKey;
  readonly peer: SessionPeer;
  readonly serverName: string | null;
  readonly alpnProtocol: Bytes | null;
}

/** A client's half: a ticket, or an ID for a server that keeps its own half itself. One of them is not empty. */
export interface Session extends SessionState {
  readonly ticket: Bytes;
  readonly id: Bytes;
  /** What the server suggests; 0 where it does not say. */
  readonly lifetimeHintSeconds: number;
}

/** Seals and opens tickets; keys, their rotation and the age of tickets are the shell's. */
export interface SessionTickets {
  readonly lifetimeSeconds: number;
  seal(state: Uint8Array): Bytes;
  /** `null`: not one of ours, too old, or damaged. */
  open(ticket: Uint8Array): Bytes | null;
}

const FORMAT = 1;
const peerKinds = ['anonymous', 'psk', 'x509', 'raw-public-key'] as const;

export function encodeSessionState(crypto: CryptoProvider, state: SessionState): Bytes {
  const { peer } = state;
  const kind = peer.kind === 'certificate' ? peer.certificate.kind : peer.kind;
  const writer = new ByteWriter(256)
    .u8(FORMAT)
    .u16(state.cipherSuite)
    .vector(1, crypto.secretBytes(state.master))
    .vector(2, ascii(state.serverName ?? ''))
    .vector(1, state.alpnProtocol ?? new Uint8Array(0))
    .u8(peerKinds.indexOf(kind));
  if (peer.kind === 'psk') writer.vector(2, peer.identity);
  if (peer.kind === 'certificate') writer.bytes(encodeCertificate(peer.certificate));
  return writer.take();
}

/** `null`: of another version of this library. */
export function parseSessionState(crypto: CryptoProvider, encoded: Uint8Array): SessionState | null {
  try {
    const reader = messageReader(encoded, 'a session');
    if (reader.u8() !== FORMAT) return null;
    const cipherSuite = reader.u16();
    const master = crypto.secretKey(reader.vector(1, 48, 48));
    const serverName = String.fromCharCode(...reader.vector(2, 0, 255));
    const alpn = reader.vector(1);
    const peer = parsePeer(peerKinds[reader.u8()], reader.rest());
    return {
      cipherSuite,
      master,
      peer,
      serverName: serverName === '' ? null : serverName,
      alpnProtocol: alpn.length === 0 ? null : new Uint8Array(alpn),
    };
  } catch (error) {
    if (error instanceof MalformedMessage) return null;
    throw error;
  }
}

function parsePeer(kind: (typeof peerKinds)[number] | undefined, body: Uint8Array): SessionPeer {
  if (kind === 'x509' || kind === 'raw-public-key')
    return { kind: 'certificate', certificate: parseCertificate(body, kind) };
  const reader = messageReader(body, 'the peer of a session');
  if (kind === undefined) reader.fail('an unknown kind of peer');
  const peer: SessionPeer =
    kind === 'psk' ? { kind, identity: new Uint8Array(reader.vector(2)) } : { kind: 'anonymous' };
  reader.expectEnd();
  return peer;
}

function ascii(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
