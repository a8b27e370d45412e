/**
 * What the openers stand on. `openTcpStream`, `openTcpListeners` and the rest decide *how* to connect (which addresses,
 * in what order, with what limits); a `Network` knows how to do one step of it. Node's is the default; a simulated one
 * (bowline/testing) replaces it for a body of code with `withNetwork`, and nothing above can tell the difference.
 */
import type { InetAddress, SocketAddress } from './address.ts';
import type { AttributeKey } from './attributes.ts';
import { attributeKey } from './attributes.ts';
import type { Bytes } from './bytes.ts';
import type { Channel } from './channel.ts';
import type { Listener } from './listener.ts';
import type { HalfCloseableStream } from './stream.ts';

/** A connected TCP or Unix socket, or a simulated one. */
export interface SocketStream extends HalfCloseableStream {
  /** The peer; kept after the stream is closed. `undefined` where the system does not tell. */
  readonly remoteAddress: SocketAddress | undefined;
  readonly localAddress: SocketAddress | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  receiveInto(buffer: Uint8Array): Promise<number | null>;
  /** TCP_NODELAY; on by default. No effect on Unix sockets. */
  setNoDelay(on: boolean): void;
  /** Probes an idle TCP connection after this many milliseconds of silence; `null` stops it. */
  setKeepAlive(idleMs: number | null): void;
}

export interface SocketListener extends Listener<SocketStream> {
  readonly address: SocketAddress;
}

/** Gives the addresses of a name, best first; `port` of every address is 0. An IP literal never gets here. */
export type Resolver = (host: string, options: { readonly family?: 4 | 6 | undefined }) => Promise<InetAddress[]>;

export interface ConnectTcpOptions {
  /** Local IP address to connect from. */
  readonly localAddress?: string | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAliveMs?: number | null | undefined;
}

export interface ListenTcpOptions {
  readonly backlog?: number | undefined;
  readonly reusePort?: boolean | undefined;
  /** One IPv6 socket that takes IPv4 as well. */
  readonly dualStack?: boolean | undefined;
  /** Most sockets that are accepted by the system but not yet by `accept()`. */
  readonly acceptQueue?: number | undefined;
  readonly maxConnections?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAliveMs?: number | null | undefined;
}

/** A datagram that was received. */
export interface Datagram {
  readonly data: Bytes;
  /** Who sent it. */
  readonly address: InetAddress;
}

/** Where a datagram goes: an `InetAddress`, or an IP address in any text form (a zone allowed), or a name. */
export interface DatagramTarget {
  readonly family?: 4 | 6 | undefined;
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly scopeId?: string | undefined;
}

export interface OutgoingDatagram {
  /** May be empty: that is a datagram too. */
  readonly data: Uint8Array;
  readonly address: DatagramTarget;
}

/** What a layer over datagrams needs of the layer below: a `UdpSocket`, or anything shaped like one. */
export type DatagramSocketLike = Channel<Datagram> & { readonly address: InetAddress };

/** Of a UDP socket since it was opened, and what waits in its queue now. */
export interface UdpStatistics {
  readonly datagramsReceived: number;
  readonly bytesReceived: number;
  readonly datagramsSent: number;
  readonly bytesSent: number;
  /** Arrived, and dropped because the receive queue was full. What the system dropped it does not tell. */
  readonly datagramsDropped: number;
  /** Errors that came back from the network (ICMP), or that concern no datagram in particular. */
  readonly errors: number;
  /** Received and not yet taken. */
  readonly queuedDatagrams: number;
  readonly queuedBytes: number;
}

export interface GroupOptions {
  /** Interface to join on, by one of its addresses (IPv6: `::%eth0`); default the system's choice. */
  readonly interface?: string | undefined;
  /** Takes only what this address sends to the group (source-specific multicast, RFC 4607). */
  readonly source?: string | undefined;
}

/** What every UDP socket can be told. All of these throw the system's error, and ClosedResourceError after the end. */
export interface UdpOptions {
  /** Hops of what is sent, 1 to 255; the system's default is mostly 64. */
  setTtl(hops: number): void;
  /** Hops of what is sent to groups, 0 to 255; 1 (this network) by default. */
  setMulticastTtl(hops: number): void;
  /** Whether groups on this machine hear what this socket sends; on by default. */
  setMulticastLoopback(on: boolean): void;
  /** Interface for what is sent to groups, by one of its addresses (IPv6: `::%eth0`). */
  setMulticastInterface(address: string): void;
  /** Whether datagrams may be sent to broadcast addresses; off by default. */
  setBroadcast(on: boolean): void;
  /** The system's buffer for what has arrived, in bytes. Linux counts its bookkeeping too and tells twice what was asked for. */
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  setReceiveBufferBytes(bytes: number): void;
  setSendBufferBytes(bytes: number): void;
}

/**
 * A UDP socket: datagrams from and to anybody. One send is one datagram; what is received is exactly what was sent, or
 * nothing. The network may lose, repeat and reorder datagrams.
 */
export interface UdpSocket extends Channel<OutgoingDatagram, Datagram>, UdpOptions {
  /** Where it is bound. */
  readonly address: InetAddress;
  /**
   * Sends one datagram; resolves when the system has taken it. Any number of calls may be under way. Cancelled while the
   * system's buffer was full, the datagram may still go out, and its memory must not be changed before it has.
   *
   * @throws DatagramError the system refused this datagram; the socket goes on. DatagramTooLargeError if it is too long
   * @throws ConnectError the address is a name and could not be looked up
   */
  send(datagram: OutgoingDatagram): Promise<void>;
  /**
   * Sends one datagram to an IP address, at once.
   *
   * @throws WouldBlock the system's buffer is full: the datagram was not sent; otherwise as `send`
   */
  sendNowait(datagram: OutgoingDatagram): void;
  /**
   * The fast path: `handler` gets every datagram from now on, those in the queue first, inside the callback of the read.
   * It must not wait; what it throws is reported. `receive()` is busy meanwhile. `null` goes back to the queue.
   */
  onDatagram(handler: ((datagram: Datagram) => void) | null): void;
  /** @param group a multicast address */
  joinGroup(group: string, options?: GroupOptions): void;
  leaveGroup(group: string, options?: GroupOptions): void;
  statistics(): UdpStatistics;
}

/** A UDP socket connected to one peer: datagrams from others do not get in. */
export interface UdpChannel extends Channel<Uint8Array, Bytes>, UdpOptions {
  readonly localAddress: InetAddress;
  readonly remoteAddress: InetAddress;
  /**
   * As `UdpSocket.send`. What the network told about earlier datagrams (`DatagramError` with reason `refused`, most of all)
   * is thrown by the next call, `send` or `receive`, once; the channel goes on.
   */
  send(data: Uint8Array): Promise<void>;
  sendNowait(data: Uint8Array): void;
  /** As `UdpSocket.onDatagram`. @param onError gets what the network tells meanwhile; else the next `send` throws it */
  onDatagram(handler: ((data: Bytes) => void) | null, onError?: (error: Error) => void): void;
  statistics(): UdpStatistics;
}

export interface UdpQueueOptions {
  /** Most datagrams that wait to be received; what arrives beyond is dropped and counted. Default 1,024. */
  readonly receiveQueue?: number | undefined;
  /** The same in bytes. Default 1 MiB. */
  readonly receiveQueueBytes?: number | undefined;
}

export interface ConnectUdpOptions extends UdpQueueOptions {
  readonly broadcast?: boolean | undefined;
  /** Sizes of the system's buffers to ask for; see `UdpOptions`. */
  readonly receiveBufferBytes?: number | undefined;
  readonly sendBufferBytes?: number | undefined;
  /** Local address to send from; default the system's choice, and any port. */
  readonly localAddress?: InetAddress | undefined;
}

export interface UdpNameOptions {
  /** For how long the address of a name that was sent to is used, in milliseconds; Infinity: for good. Default 60,000. */
  readonly nameCacheMs?: number | undefined;
  /** Looks up the names that are sent to; default the network's. */
  readonly resolve?: Resolver | undefined;
}

export interface BindUdpOptions extends UdpQueueOptions, UdpNameOptions {
  /** Several sockets may have the same address and port: for groups, which all of them hear. */
  readonly reuseAddress?: boolean | undefined;
  /** Several sockets share a port, each hearing a share of the peers. Node 22.12, or 23.1 and later. */
  readonly reusePort?: boolean | undefined;
  readonly broadcast?: boolean | undefined;
  /** One IPv6 socket that takes IPv4 as well. */
  readonly dualStack?: boolean | undefined;
  /** Sizes of the system's buffers to ask for; see `UdpOptions`. */
  readonly receiveBufferBytes?: number | undefined;
  readonly sendBufferBytes?: number | undefined;
}

export interface Network {
  /** One attempt, to one address. Cancelled or failed, it leaves nothing open. */
  connectTcp(address: InetAddress, options: ConnectTcpOptions): Promise<SocketStream>;
  listenTcp(address: InetAddress, options: ListenTcpOptions): Promise<SocketListener>;
  bindUdp(address: InetAddress, options: BindUdpOptions): Promise<UdpSocket>;
  /** Talks to nobody: it takes a local port, and fails where there is no way to the address. */
  connectUdp(address: InetAddress, options: ConnectUdpOptions): Promise<UdpChannel>;
  readonly lookup: Resolver;
}

/** Who is at the other end, as far as the outermost layer that knows. */
export const remoteAddress: AttributeKey<SocketAddress> = attributeKey('remoteAddress');
export const localAddress: AttributeKey<SocketAddress> = attributeKey('localAddress');
