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

export interface Datagram {
  readonly data: Bytes;
  readonly address: InetAddress;
}

export interface BindUdpOptions {
  readonly reuseAddress?: boolean | undefined;
  readonly broadcast?: boolean | undefined;
}

export interface Network {
  /** One attempt, to one address. Cancelled or failed, it leaves nothing open. */
  connectTcp(address: InetAddress, options: ConnectTcpOptions): Promise<SocketStream>;
  listenTcp(address: InetAddress, options: ListenTcpOptions): Promise<SocketListener>;
  bindUdp(
    address: InetAddress,
    options: BindUdpOptions,
  ): Promise<Channel<Datagram> & { readonly address: InetAddress }>;
  readonly lookup: Resolver;
}

/** Who is at the other end, as far as the outermost layer that knows. */
export const remoteAddress: AttributeKey<SocketAddress> = attributeKey('remoteAddress');
export const localAddress: AttributeKey<SocketAddress> = attributeKey('localAddress');
