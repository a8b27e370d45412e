/**
 * The stateless cookie exchange (RFC 6347 §4.2.1): nobody gets memory or a large answer before it has shown that it
 * receives at the address it claims.
 *
 * The cookie is an HMAC over the address and everything in the hello but the cookie itself, so it cannot be used from
 * elsewhere and the second hello must say what the first one said (wolfSSL CVE-2022-34293). Nothing is remembered between
 * the two. Two secrets count, the current one and the one before; rotating them is the shell's, and bounds how long a
 * cookie lives. The answer is 60 bytes long and so shorter than any hello that gets one.
 *
 * The hello must be whole in the first record: taking it apart would need memory. Whatever follows it in the datagram is
 * ignored. `AcceptedHello` is the proof that the cookie was checked, and a server association cannot be made without one.
 */
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { CryptoProvider, SecretKey } from '../../core/crypto-provider.ts';
import { parseClientHello } from './handshake/client-hello.ts';
import type { ClientHello } from './handshake/client-hello.ts';
import { encodeFragment, parseFragments } from './handshake/fragment.ts';
import type { HandshakeFragment, HandshakeMessage } from './handshake/fragment.ts';
import { encodeHelloVerifyRequest } from './handshake/hello-verify-request.ts';
import { messageType } from './handshake/message-type.ts';
import { MalformedMessage } from './malformed.ts';
import { contentType } from './record/content-type.ts';
import { DTLS_1_0, parseRecord, RECORD_HEADER_BYTES, writeRecordHeader } from './record/header.ts';
import { noConnectionId } from './record/protection.ts';

const COOKIE_BYTES = 32;
/** Least hello that gets an answer: it must be longer than the answer. */
const MIN_HELLO_DATAGRAM_BYTES = 61;

export interface CookieSecrets {
  readonly current: SecretKey;
  readonly previous: SecretKey | null;
}

/** A hello whose cookie is valid for its address. Made by `examineHello` alone. */
export class AcceptedHello {
  readonly hello: ClientHello;
  readonly message: HandshakeMessage;
  /** Of the record: the server goes on from here. */
  readonly recordSequence: number;
  readonly #proof = true;

  private constructor(hello: ClientHello, message: HandshakeMessage, recordSequence: number) {
    this.hello = hello;
    this.message = message;
    this.recordSequence = recordSequence;
  }

  static is(value: unknown): value is AcceptedHello {
    return typeof value === 'object' && value !== null && #proof in value && value.#proof;
  }

  /** Every cookie is compared with both secrets, whatever the first comparison says. */
  static check(
    crypto: CryptoProvider,
    secrets: CookieSecrets,
    address: Uint8Array,
    hello: ClientHello,
    message: HandshakeMessage,
    recordSequence: number,
  ): AcceptedHello | null {
    const current = crypto.equal(hello.cookie, cookieOf(crypto, secrets.current, address, hello));
    const previous =
      secrets.previous !== null && crypto.equal(hello.cookie, cookieOf(crypto, secrets.previous, address, hello));
    return current || previous ? new AcceptedHello(hello, message, recordSequence) : null;
  }
}

export type HelloVerdict =
  /** Not a hello that can be answered. */
  | { readonly kind: 'dropped' }
  /** Send this back to where it came from, and forget it. */
  | { readonly kind: 'verify'; readonly reply: Bytes }
  | { readonly kind: 'accepted'; readonly hello: AcceptedHello };

/** Whether a datagram starts with the first fragment of a ClientHello in clear; a guess that costs nothing. */
export function looksLikeHello(datagram: Uint8Array): boolean {
  return (
    datagram[0] === contentType.handshake &&
    datagram[3] === 0 &&
    datagram[4] === 0 &&
    datagram[RECORD_HEADER_BYTES] === messageType.clientHello
  );
}

/**
 * @param address what the reply will be sent to, in any form that is the same for the same address
 */
export function examineHello(
  crypto: CryptoProvider,
  secrets: CookieSecrets,
  address: Uint8Array,
  datagram: Uint8Array,
): HelloVerdict {
  const header = parseRecord(datagram, 0, 0)?.header;
  if (header?.type !== contentType.handshake || header.epoch !== 0) return { kind: 'dropped' };
  const parsed = wholeHello(header.fragment);
  if (parsed === null || datagram.length < MIN_HELLO_DATAGRAM_BYTES) return { kind: 'dropped' };
  const { hello, fragment } = parsed;
  const message = { type: fragment.type, messageSeq: fragment.messageSeq, body: new Uint8Array(fragment.bytes) };
  const kept = parseClientHello(message.body);
  const accepted = AcceptedHello.check(crypto, secrets, address, kept, message, header.sequence);
  if (accepted !== null) return { kind: 'accepted', hello: accepted };
  const cookie = cookieOf(crypto, secrets.current, address, hello);
  return { kind: 'verify', reply: helloVerifyRequest(cookie, header.sequence) };
}

function wholeHello(record: Uint8Array): { hello: ClientHello; fragment: HandshakeFragment } | null {
  try {
    const fragments = parseFragments(record);
    const [fragment] = fragments;
    if (fragment?.type !== messageType.clientHello || fragments.length !== 1) return null;
    if (fragment.bytes.length !== fragment.length) return null;
    return { hello: parseClientHello(fragment.bytes), fragment };
  } catch (error) {
    if (error instanceof MalformedMessage) return null;
    throw error;
  }
}

function cookieOf(crypto: CryptoProvider, secret: SecretKey, address: Uint8Array, hello: ClientHello): Bytes {
  const writer = new ByteWriter(256).vector(1, address).u16(hello.version).bytes(hello.random);
  writer.vector(1, hello.sessionId).vector(1, hello.compressionMethods);
  writer.block(2, (suites) => {
    for (const suite of hello.cipherSuites) suites.u16(suite);
  });
  for (const { type, body } of hello.extensions) writer.u16(type).vector(2, body);
  return crypto.hmac('sha256', secret, [writer.take()]).slice(0, COOKIE_BYTES);
}

/** A whole datagram. It has the record number of the hello it answers, for there is no counter (RFC 6347 §4.2.1). */
function helloVerifyRequest(cookie: Uint8Array, sequence: number): Bytes {
  const body = encodeHelloVerifyRequest({ cookie });
  const message = encodeFragment({ type: messageType.helloVerifyRequest, messageSeq: 0, body }, 0, body.length);
  const datagram = new Uint8Array(RECORD_HEADER_BYTES + message.length);
  const header = {
    type: contentType.handshake,
    version: DTLS_1_0,
    epoch: 0,
    sequence,
    connectionId: noConnectionId,
  };
  datagram.set(message, writeRecordHeader(datagram, header, message.length));
  return datagram;
}
