/**
 * TLS over any stream.
 *
 * In the strict mode, which is the default, an end of file means that the peer said so (close_notify); a connection that
 * was cut off is a `BrokenResourceError`, on TLS 1.2 and 1.3, now and at every later call. `httpsCompatible` is for
 * protocols that mark the end of their messages themselves and whose peers do not send close_notify (HTTP): there a cut-off
 * connection is an end of file too, and closing does not say goodbye.
 *
 * The handshake begins with the first operation that needs it. Until it is done, and the context's verifier has
 * accepted the peer, no byte of data passes in either direction.
 *
 * What is where: link/ joins node:tls to the transport, handshake.ts runs the handshake and has the peer judged (roles.ts),
 * plaintext-sender.ts and InboundQueue are the two directions, secure-halves.ts says what an event means to them,
 * closing.ts ends it all.
 *
 * Source: Trio `SSLStream`; what differs on purpose is in docs/differences.md.
 */
import type { X509Certificate } from 'node:crypto';

import { attributes, wrapped } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError, MisuseError } from '../core/errors.ts';
import type { HalfCloseableStream, Stream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { wrongBuffer, wrongData, wrongMaxBytes } from '../streams/stream-arguments.ts';
import { quietIfCancelled, refusal } from '../tasks/waiter.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import type { ProtocolVersion } from '../trust/settings.ts';
import type { PeerIdentity } from '../trust/verifier.ts';
import { tlsFact } from './attributes.ts';
import { channelBinding } from './channel-binding.ts';
import type { ChannelBinding } from './channel-binding.ts';
import { Closing } from './closing.ts';
import type { HandshakeFacts } from './handshake-facts.ts';
import { StrictLink } from './link/strict-link.ts';
import type { Role } from './roles.ts';
import { ClientRole, ServerRole } from './roles.ts';
import { SecureHalves } from './secure-halves.ts';
import type { TlsSession } from './session.ts';
import { clientSetup, serverSetup } from './stream-options.ts';
import type { StreamSetup, TlsClientOptions, TlsServerOptions } from './stream-options.ts';

export interface Unwrapped<T extends Stream> {
  readonly transport: T;
  /** What the transport gave after the end of TLS: it comes before what the transport will give next. */
  readonly trailing: Bytes;
}

export class TlsStream<T extends Stream = Stream> implements HalfCloseableStream {
  readonly #transport: T;
  readonly #role: Role;
  readonly #httpsCompatible: boolean;
  readonly #halves: SecureHalves;
  readonly #closing: Closing;
  /** The handshake is done and nobody unwraps: calls go straight to the two directions. */
  #isOpen = false;
  /** Calls that wait for the handshake: it is one at a time in each direction then, too. */
  #isReceivingEarly = false;
  #isSendingEarly = false;
  #isUnwrapping = false;
  #isUnwrapped = false;

  /**
   * The client's end, over a connected transport, which it owns from now on. Sends nothing yet.
   *
   * @throws TypeError, RangeError an option is wrong
   * @throws MisuseError there is no name, and the context's verifier decides by it; or the session is another server's
   */
  static client<T extends Stream>(transport: T, context: ClientContext, options: TlsClientOptions): TlsStream<T> {
    const setup = clientSetup(transport, context, options);
    return new TlsStream(
      transport,
      setup,
      new ClientRole(setup.settings, setup.serverName, setup.place, setup.session),
    );
  }

  /**
   * The server's end.
   *
   * @throws TypeError, RangeError an option is wrong
   */
  static server<T extends Stream>(transport: T, context: ServerContext, options: TlsServerOptions = {}): TlsStream<T> {
    const setup = serverSetup(transport, context, options);
    return new TlsStream(transport, setup, new ServerRole(setup.settings, setup.place));
  }

  private constructor(transport: T, setup: StreamSetup, role: Role) {
    this.#transport = transport;
    this.#role = role;
    this.#httpsCompatible = setup.httpsCompatible;
    this.#halves = new SecureHalves({
      transport,
      role,
      httpsCompatible: setup.httpsCompatible,
      handshakeTimeoutMs: setup.handshakeTimeoutMs,
      makeLink: (user) => new StrictLink(transport, user),
      onOpen: () => {
        this.#isOpen = true;
      },
    });
    this.#closing = new Closing(this.#halves, transport, setup.httpsCompatible);
  }

  /**
   * Does the handshake, or waits for the one under way. Cancelled, the handshake goes on for the others.
   *
   * @throws CertificateError the peer was refused
   * @throws BrokenResourceError the handshake failed; the cause says why
   */
  doHandshake(): Promise<void> {
    const refused = this.#whyClosed();
    if (refused !== undefined) return refused;
    return quietIfCancelled(this.#halves.handshake.wait());
  }

  // Receiving

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    if (this.#isOpen) return this.#halves.inbound.receiveSome(maxBytes);
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#whyNot() ?? quietIfCancelled(this.#receiveEarly(() => this.#halves.inbound.receiveSome(maxBytes)));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    if (this.#isOpen) return this.#halves.inbound.receiveInto(buffer);
    const wrong = wrongBuffer(buffer);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#whyNot() ?? quietIfCancelled(this.#receiveEarly(() => this.#halves.inbound.receiveInto(buffer)));
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  // Sending

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    if (this.#isOpen) return this.#halves.sender.sendAll(data);
    return this.#whyNot() ?? quietIfCancelled(this.#sendEarly(() => this.#halves.sender.sendAll(data)));
  }

  /** Needs no handshake and begins none. */
  waitSendAllMightNotBlock(): Promise<void> {
    if (this.#isUnwrapping) return Promise.reject(unwrapping());
    if (this.#isSendingEarly) return Promise.reject(new BusyResourceError('another call is already sending'));
    return this.#halves.sender.waitSendAllMightNotBlock();
  }

  /**
   * Ends this direction with a close_notify; the other goes on. TLS 1.3 only (RFC 8446 §6.1): in TLS 1.2 the peer would
   * have to end its own at once (RFC 5246 §7.2.1).
   *
   * @throws MisuseError the connection is TLS 1.2
   */
  sendEof(): Promise<void> {
    if (this.#isOpen) return this.#sendEof();
    return this.#whyNot() ?? quietIfCancelled(this.#sendEarly(() => this.#sendEof()));
  }

  // The end

  /**
   * Sends close_notify, after the send that is under way if there is one, and closes the transport. Does not wait for the
   * peer's. All of it takes two seconds at most; then it is an abort, and the peer sees a truncation, which it is.
   *
   * @throws BrokenResourceError there was no handshake yet, and it failed
   */
  close(): Promise<void> {
    return this.#closing.close();
  }

  abort(): void {
    this.#closing.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Ends TLS on both sides and gives the transport back: sends close_notify, waits for the peer's, and leaves the stream
   * closed. Cancelled, it can be called again.
   *
   * @throws BusyResourceError someone is sending or receiving
   * @throws MisuseError there is received data that nobody has taken
   * @throws BrokenResourceError the peer sent data, or ended the transport, where its close_notify was due
   */
  unwrap(): Promise<Unwrapped<T>> {
    return this.#whyNot() ?? quietIfCancelled(this.#unwrap());
  }

  // Facts

  /** What TLS runs over. @throws ClosedResourceError it was given back by `unwrap()` */
  get transportStream(): T {
    if (this.#isUnwrapped) throw new ClosedResourceError('the transport was given back by unwrap()');
    return this.#transport;
  }

  get isServer(): boolean {
    return this.#role.isServer;
  }

  get httpsCompatible(): boolean {
    return this.#httpsCompatible;
  }

  /** @throws NeedHandshakeError as every fact below, before the handshake is done */
  get version(): ProtocolVersion {
    return this.#facts.version;
  }

  /** IANA name. */
  get cipherSuite(): string {
    return this.#facts.cipherSuite;
  }

  /** The group of the key exchange, such as `X25519`; `null` where Node does not tell: on servers, and for hybrid groups. */
  get keyExchangeGroup(): string | null {
    return this.#facts.keyExchangeGroup;
  }

  /** The application protocol; `null`: none was negotiated. */
  get alpnProtocol(): string | null {
    return this.#facts.alpnProtocol;
  }

  /** On a client the name that the server was checked by; on a server the one that the client asked for. */
  get serverName(): string | null {
    return this.#facts.serverName;
  }

  get sessionReused(): boolean {
    return this.#facts.sessionReused;
  }

  /** What the verifier accepted; its chain is empty for an anonymous client, and where a pre-shared key was the proof. */
  get peer(): PeerIdentity {
    return this.#facts.verified.peer;
  }

  /** The peer's certificates, its own first; empty if it showed none. */
  get peerCertificates(): readonly X509Certificate[] {
    return this.peer.certificates;
  }

  /** How the peer was authenticated. */
  get authentication(): 'certificate' | 'raw-public-key' | 'psk' | 'anonymous' {
    return this.#facts.verified.method;
  }

  /** The latest session that the server gave to this client, for `TlsClientOptions.session`; `null`: none yet. */
  get session(): TlsSession | null {
    return this.#role instanceof ClientRole ? this.#role.session : null;
  }

  /**
   * Keys for another protocol, bound to this connection (RFC 8446 §7.5, RFC 5705).
   *
   * @param length in bytes, 1 to 65,535
   * @param context `undefined` and empty are not the same in TLS 1.2
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Bytes {
    if (!Number.isInteger(length)) throw new TypeError('length is an integer');
    if (length < 1 || length > 65_535) throw new RangeError('length is 1 to 65,535');
    if (typeof label !== 'string') throw new TypeError('label is a string');
    void this.#facts;
    const { socket } = this.#halves.link;
    if (socket.destroyed) throw new ClosedResourceError();
    const bytes = context === undefined ? undefined : Buffer.from(context);
    return new Uint8Array(socket.exportKeyingMaterial(length, label, bytes as Buffer));
  }

  /**
   * A value that is the same on both ends of this connection and on no other, to bind an authentication to it.
   *
   * @returns `null`: there is none of that type, such as `tls-server-end-point` without a server certificate
   */
  channelBinding(type: ChannelBinding): Bytes | null {
    const facts = this.#facts;
    return channelBinding(type, facts, (length, label, context) => this.exportKeyingMaterial(length, label, context));
  }

  get [wrapped](): T | undefined {
    return this.#isUnwrapped ? undefined : this.#transport;
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    const { handshake } = this.#halves;
    return handshake.kind === 'done' ? tlsFact(key, handshake.facts) : undefined;
  }

  get #facts(): HandshakeFacts {
    return this.#halves.handshake.facts;
  }

  #whyClosed(): Promise<never> | undefined {
    return this.#closing.isClosed ? Promise.reject(new ClosedResourceError()) : refusal();
  }

  #whyNot(): Promise<never> | undefined {
    return this.#whyClosed() ?? (this.#isUnwrapping ? Promise.reject(unwrapping()) : undefined);
  }

  async #sendEarly(operation: () => Promise<void>): Promise<void> {
    if (this.#isSendingEarly) throw new BusyResourceError('another call is already sending');
    this.#isSendingEarly = true;
    try {
      await this.#halves.handshake.wait();
    } finally {
      this.#isSendingEarly = false;
    }
    return operation();
  }

  async #receiveEarly<R>(operation: () => Promise<R>): Promise<R> {
    if (this.#isReceivingEarly) throw new BusyResourceError('another call is already receiving');
    this.#isReceivingEarly = true;
    try {
      await this.#halves.handshake.wait();
    } catch (error) {
      // In the https-compatible mode a peer that is gone before the handshake has sent nothing, which is no error.
      if (!this.#httpsCompatible || !this.#halves.isTruncated) throw error;
    } finally {
      this.#isReceivingEarly = false;
    }
    return operation();
  }

  #sendEof(): Promise<void> {
    if (this.#facts.version !== '1.3')
      return Promise.reject(
        new MisuseError('TLS 1.2 has no half-close: the peer would have to end its direction too (RFC 5246 §7.2.1)'),
      );
    return this.#halves.sender.sendEof();
  }

  async #unwrap(): Promise<Unwrapped<T>> {
    const { inbound, sender, link, handshake } = this.#halves;
    if (sender.isBusy || inbound.isBusy || this.#isSendingEarly || this.#isReceivingEarly)
      throw new BusyResourceError('someone is sending or receiving');
    this.#isUnwrapping = true;
    this.#isOpen = false;
    try {
      await handshake.wait();
      if (inbound.hasUnread) throw new MisuseError('there is data that was received and not taken: receive it first');
      await sender.sendEnd();
      if ((await inbound.receiveSome(1)) !== null)
        throw new BrokenResourceError('the peer sent data where its close_notify was due');
      const trailing = link.trailing();
      this.#isUnwrapped = true;
      this.#closing.giveBack();
      return { transport: this.#transport, trailing };
    } finally {
      this.#isUnwrapping = false;
      this.#isOpen = !this.#isUnwrapped && handshake.kind === 'done';
    }
  }
}

function unwrapping(): BusyResourceError {
  return new BusyResourceError('the stream is being unwrapped');
}
