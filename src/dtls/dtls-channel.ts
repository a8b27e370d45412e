/**
 * A DTLS association as a channel of messages: one send is one datagram, encrypted, and one receive is one message. Messages
 * may be lost, repeated ones are not, and they may change places, as with UDP.
 *
 * The handshake begins with the first operation that needs it, or with `doHandshake`. Sends may be under way together; each
 * stays a message of its own. Several calls may receive.
 */
import type { InetAddress } from '../core/address.ts';
import { attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Channel } from '../core/channel.ts';
import { ClosedResourceError, EndOfChannel, BrokenResourceError, NeedHandshakeError } from '../core/errors.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { SrtpProfile } from '../protocols/dtls/extensions/use-srtp.ts';
import { quietIfCancelled, refusal } from '../tasks/waiter.ts';
import type { VerifiedPeer } from '../trust/authenticate.ts';
import { peerIdentity } from '../trust/verifier.ts';
import type { PeerIdentity } from '../trust/verifier.ts';
import type { Association } from './association.ts';
import { checkMtu, checkRetransmit } from './dtls-options.ts';
import type { DtlsSession } from './session.ts';
import { makeSession } from './session.ts';

export interface DtlsChannelStatistics {
  /** Messages that were dropped because nobody received them in time. */
  readonly messagesDropped: number;
  /** Records that were dropped: forged, damaged, or under keys that are not there. */
  readonly recordsUnauthentic: number;
  /** Records that had been received before, or are too old to tell. */
  readonly recordsReplayed: number;
  /** Records and datagrams that are none. */
  readonly recordsMalformed: number;
  /** Flights of the handshake that were sent again. */
  readonly retransmissions: number;
}

/** How a channel reaches its endpoint; `DtlsEndpoint` makes channels, nobody else. */
export interface ChannelSeat<E> {
  readonly endpoint: E;
  readonly localAddress: InetAddress;
  readonly peerAddress: InetAddress;
  /** The association, made when it is first needed. `null`: it has not been. */
  current(): Association | null;
  open(): Association;
  /** Before there is an association. */
  configure(change: { readonly initialRetransmitTimeoutMs?: number; readonly ciphertextMtu?: number }): void;
  send(datagram: Bytes, to: InetAddress): Promise<void>;
  /** @param says whether the peer is told */
  close(says: boolean): Promise<void>;
}

export class DtlsChannel<E = unknown> implements Channel<Uint8Array, Bytes> {
  readonly #seat: ChannelSeat<E>;
  #isClosed = false;

  /** Made by an endpoint: see `DtlsEndpoint.connect` and `listen`. */
  constructor(seat: ChannelSeat<E>) {
    this.#seat = seat;
  }

  /** The endpoint that this channel belongs to. */
  get endpoint(): E {
    return this.#seat.endpoint;
  }

  /** Where the peer is now; with connection IDs it may move. */
  get peerAddress(): InetAddress {
    return this.#seat.current()?.peer ?? this.#seat.peerAddress;
  }

  /**
   * Does the handshake, or waits for the one under way; done already, it does nothing. Cancelled, the handshake goes on.
   *
   * @param options.initialRetransmitTimeoutMs for a handshake that this call starts; as in `DtlsOptions`
   * @throws CertificateError the peer was refused
   * @throws BrokenResourceError the handshake failed; the cause says why
   */
  doHandshake(options: { readonly initialRetransmitTimeoutMs?: number | undefined } = {}): Promise<void> {
    const { initialRetransmitTimeoutMs } = options;
    try {
      checkRetransmit(initialRetransmitTimeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    const closed = this.#whyClosed();
    if (closed !== undefined) return closed;
    if (initialRetransmitTimeoutMs !== undefined) this.#seat.configure({ initialRetransmitTimeoutMs });
    return this.#ready();
  }

  /**
   * Sends one message; resolves when the system has taken the datagram.
   *
   * @param data at least one byte, and at most `getCleartextMtu()`
   * @throws MessageTooLongError it does not fit a datagram; `usableBytes` says what does
   * @throws RangeError it is empty: DTLS carries no empty messages
   * @throws BrokenResourceError the peer has ended the association, or it failed
   */
  send(data: Uint8Array): Promise<void> {
    if (!(data instanceof Uint8Array)) return Promise.reject(new TypeError('a message is a Uint8Array'));
    if (data.length === 0) return Promise.reject(new RangeError('DTLS carries no empty messages'));
    const closed = this.#whyClosed();
    if (closed !== undefined) return closed;
    const association = this.#seat.current();
    if (association !== null && (association.isEstablished || association.isEnded))
      return refusal() ?? this.#send(association, data);
    return quietIfCancelled(this.#sendAfterHandshake(data));
  }

  /**
   * The next message.
   *
   * @throws EndOfChannel the peer closed the association
   * @throws BrokenResourceError it failed
   */
  receive(): Promise<Bytes> {
    const closed = this.#whyClosed();
    if (closed !== undefined) return closed;
    const association = this.#seat.current();
    // What was received before the end can be taken after it.
    if (association !== null && (association.isEstablished || association.isEnded)) return association.nextMessage();
    return quietIfCancelled(this.#receiveAfterHandshake());
  }

  /** Ends where `receive` would throw EndOfChannel. */
  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    const next = async (): Promise<IteratorResult<Bytes, undefined>> => {
      try {
        return { done: false, value: await this.receive() };
      } catch (error) {
        if (error instanceof EndOfChannel) return { done: true, value: undefined };
        throw error;
      }
    };
    return { next: () => quietIfCancelled(next()) };
  }

  /**
   * Longest datagram from now on, without the headers of IP and UDP. Before the handshake it is what the handshake is cut to.
   *
   * @param bytes 128 to 65,507
   */
  setCiphertextMtu(bytes: number): void {
    checkMtu(bytes);
    const association = this.#seat.current();
    if (association === null) this.#seat.configure({ ciphertextMtu: bytes });
    else association.connection.setDatagramBytes(bytes);
  }

  /** Longest message that fits a datagram. @throws NeedHandshakeError before the handshake is done */
  getCleartextMtu(): number {
    return this.#demandOpen().connection.usableBytes;
  }

  statistics(): DtlsChannelStatistics {
    const association = this.#seat.current();
    const engine = association?.connection.statistics();
    return {
      messagesDropped: association?.dropped ?? 0,
      recordsUnauthentic: engine?.unauthentic ?? 0,
      recordsReplayed: engine?.replayed ?? 0,
      recordsMalformed: (engine?.malformed ?? 0) + (engine?.malformedMessages ?? 0),
      retransmissions: engine?.retransmissions ?? 0,
    };
  }

  /**
   * Key material for another protocol (RFC 5705), the same on both sides.
   *
   * @param label such as `EXTRACTOR-dtls_srtp`
   * @param context `undefined`: none, which is not the same as an empty one
   * @throws NeedHandshakeError before the handshake is done
   */
  exportKeyingMaterial(lengthBytes: number, label: string, context?: Uint8Array): Bytes {
    if (!Number.isInteger(lengthBytes) || lengthBytes < 1 || lengthBytes > 65_535)
      throw new RangeError(`a length must be an integer of 1 to 65,535, not ${String(lengthBytes)}`);
    if (!/^[\x20-\x7e]+$/.test(label)) throw new RangeError('a label is printable ASCII');
    return this.#demandOpen().connection.exportKeyingMaterial(label, context ?? null, lengthBytes);
  }

  /** IANA name; `undefined` before the handshake is done, as the following. */
  get cipherSuite(): string | undefined {
    return this.#seat.current()?.established?.negotiated.suite.name;
  }

  get alpnProtocol(): string | undefined {
    const name = this.#seat.current()?.established?.negotiated.alpnProtocol;
    return name === undefined || name === null ? undefined : new TextDecoder().decode(name);
  }

  get srtpProfile(): SrtpProfile | undefined {
    return this.#seat.current()?.established?.negotiated.srtpProfile ?? undefined;
  }

  /** On a server: the name that the client asked for. On a client: the one that the server was checked by. */
  get serverName(): string | null | undefined {
    const association = this.#seat.current();
    const established = association?.established;
    if (established === undefined || established === null) return undefined;
    return association?.serverName ?? established.negotiated.serverName;
  }

  /** Whether an earlier session was resumed. */
  get isResumed(): boolean | undefined {
    return this.#seat.current()?.established?.resumed;
  }

  /** Who the peer is, as the verifier accepted it; without certificates where it is known by a pre-shared key. */
  get peer(): PeerIdentity | undefined {
    const established = this.#seat.current()?.established;
    if (established === undefined || established === null) return undefined;
    const evidence = established.peer.evidence as VerifiedPeer | null;
    return evidence?.peer ?? peerIdentity({ transport: 'dtls', resumed: established.resumed });
  }

  /** The identity of the pre-shared key that authenticated the peer. */
  get pskIdentity(): string | undefined {
    const peer = this.#seat.current()?.established?.peer.peer;
    return peer?.kind === 'psk' ? new TextDecoder().decode(peer.identity) : undefined;
  }

  /** On a client: for `connect` to the same name under the same context. `undefined`: the server gave none. */
  get session(): DtlsSession | undefined {
    const association = this.#seat.current();
    const session = association?.established?.session;
    if (association === null || session === undefined || session === null) return undefined;
    if (association.settings.side !== 'client') return undefined;
    return makeSession(session, association.serverName, association.settings);
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === remoteAddress) return this.peerAddress;
    if (key === localAddress) return this.#seat.localAddress;
    return undefined;
  }

  /** Tells the peer, once, and does not wait whether it hears it. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    return this.#seat.close(true);
  }

  abort(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.#seat.close(false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ready(): Promise<void> {
    try {
      return this.#seat.open().whenEstablished();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #sendAfterHandshake(data: Uint8Array): Promise<void> {
    await this.#ready();
    await this.#send(this.#seat.open(), data);
  }

  #send(association: Association, data: Uint8Array): Promise<void> {
    let datagram: Bytes;
    try {
      datagram = association.seal(data);
    } catch (error) {
      return Promise.reject(error instanceof EndOfChannel ? peerHasClosed(error) : error);
    }
    return this.#seat.send(datagram, association.peer);
  }

  async #receiveAfterHandshake(): Promise<Bytes> {
    await this.#ready();
    return await this.#seat.open().nextMessage();
  }

  #whyClosed(): Promise<never> | undefined {
    return this.#isClosed ? Promise.reject(new ClosedResourceError()) : undefined;
  }

  #demandOpen(): Association {
    if (this.#isClosed) throw new ClosedResourceError();
    const association = this.#seat.current();
    if (association?.isEstablished !== true) throw new NeedHandshakeError();
    return association;
  }
}

function peerHasClosed(cause: EndOfChannel): Error {
  return new BrokenResourceError('the peer has closed the association', { cause });
}
