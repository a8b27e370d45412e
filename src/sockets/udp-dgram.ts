/**
 * UDP by Node's dgram: binding, connecting, adopting, and the carrier that udp-socket.ts and udp-channel.ts stand on.
 *
 * Sockets are made with a `lookup` that answers at once, because only IP addresses come here: dgram would else start its
 * address lookup for every datagram (a quarter of the cost of an unconnected send).
 *
 * A dgram socket says 'error' for two things: it could not be bound or connected, or a read failed, which is how ICMP
 * errors show. The first ends the opening here; the second is news, and the socket goes on.
 */
import { createSocket, Socket } from 'node:dgram';
import type { RemoteInfo, SocketOptions } from 'node:dgram';

import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import { ClosedResourceError, MisuseError } from '../core/errors.ts';
import type { BindUdpOptions, ConnectUdpOptions, GroupOptions } from '../core/network.ts';
import { datagramHandle } from '../platform/datagram-handle.ts';
import type { DatagramHandle, QueuedSend } from '../platform/datagram-handle.ts';
import { supportsReusePort } from '../platform/features.ts';
import { runDetached } from '../tasks/environment.ts';
import { suspend } from '../tasks/waiter.ts';
import { fromNodeAddress, toNodeHost } from './node-address.ts';
import { checkFlag } from './socket-options.ts';
import { UdpAddresses } from './udp-addresses.ts';
import type { UdpCarrier, UdpSink } from './udp-carrier.ts';

/** Binds a socket. Cancelled or failed, nothing stays open. */
export function bindDgram(address: InetAddress, options: BindUdpOptions): Promise<UdpCarrier> {
  const { reuseAddress = false, reusePort = false, dualStack = false, broadcast = false } = options;
  checkFlag('reuseAddress', reuseAddress);
  checkFlag('reusePort', reusePort);
  checkFlag('dualStack', dualStack);
  checkFlag('broadcast', broadcast);
  if (reusePort && !supportsReusePort) {
    throw new MisuseError(`reusePort needs Node.js 22.12, or 23.1 and later; this is ${process.versions.node}`);
  }
  const socket = newSocket(address.family, options, {
    reuseAddr: reuseAddress,
    ...(reusePort ? { reusePort } : {}),
    ipv6Only: address.family === 6 && !dualStack,
  });
  return opened(
    socket,
    'listening',
    undefined,
    () => {
      // Exclusive: workers of a cluster get ports of their own, as their sockets hear different peers.
      socket.bind({ address: toNodeHost(address), port: address.port, exclusive: reusePort });
    },
    () => {
      if (broadcast) socket.setBroadcast(true);
    },
  );
}

/** Connects a socket. Nothing goes out for that: it takes a local port, and finds the way to the peer. */
export function connectDgram(address: InetAddress, options: ConnectUdpOptions): Promise<UdpCarrier> {
  const { localAddress, broadcast = false } = options;
  checkFlag('broadcast', broadcast);
  const socket = newSocket(address.family, options, {});
  return opened(socket, 'connect', address, () => {
    const connect = (): void => {
      if (broadcast) socket.setBroadcast(true);
      socket.connect(address.port, toNodeHost(address));
    };
    if (localAddress === undefined) {
      connect();
      return;
    }
    const host = new UdpAddresses(address.family).systemHost(localAddress);
    socket.bind({ address: host, port: localAddress.port, exclusive: true }, connect);
  });
}

/** A carrier over a socket that is bound already. */
export function adoptDgram(socket: Socket): UdpCarrier {
  if (!(socket instanceof Socket)) throw new TypeError('only a dgram.Socket can be made a UdpSocket');
  const bound = boundAddress(socket);
  return new DgramCarrier(socket, bound, peerAddress(socket));
}

function newSocket(
  family: 4 | 6,
  sizes: { readonly receiveBufferBytes?: number | undefined; readonly sendBufferBytes?: number | undefined },
  more: Partial<SocketOptions> & { readonly reusePort?: boolean },
): Socket {
  const { receiveBufferBytes, sendBufferBytes } = sizes;
  // The socket's callbacks outlive this scope and must not hold on to it.
  return runDetached(() =>
    createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      lookup: answerAtOnce,
      ...(receiveBufferBytes === undefined ? {} : { recvBufferSize: receiveBufferBytes }),
      ...(sendBufferBytes === undefined ? {} : { sendBufferSize: sendBufferBytes }),
      ...more,
    }),
  );
}

type LookupCallback = (error: Error | null, address: string, family: number) => void;

const answerAtOnce = ((host: string, _options: unknown, done: LookupCallback) => {
  done(null, host, host.includes(':') ? 6 : 4);
}) as NonNullable<SocketOptions['lookup']>;

function opened(
  socket: Socket,
  event: 'listening' | 'connect',
  peer: InetAddress | undefined,
  begin: () => void,
  finish?: () => void,
): Promise<UdpCarrier> {
  return suspend<UdpCarrier>((waiter) => {
    const fail = (error: unknown): void => {
      closeQuietly(socket);
      waiter.reject(error);
    };
    socket.once('error', fail);
    socket.once(event, () => {
      socket.off('error', fail);
      try {
        finish?.();
        waiter.resolve(new DgramCarrier(socket, boundAddress(socket), peer));
      } catch (error) {
        fail(error);
      }
    });
    runDetached(() => {
      try {
        begin();
      } catch (error) {
        fail(error);
      }
    });
    return () => {
      closeQuietly(socket);
    };
  });
}

class DgramCarrier implements UdpCarrier {
  readonly address: InetAddress;
  readonly family: 4 | 6;
  readonly peer: InetAddress | undefined;
  readonly #socket: Socket;
  readonly #handle: DatagramHandle;
  #isOpen = true;

  constructor(socket: Socket, address: InetAddress, peer: InetAddress | undefined) {
    this.#socket = socket;
    this.address = address;
    this.peer = peer;
    this.family = (socket as Socket & { readonly type?: string }).type === 'udp6' ? 6 : 4;
    this.#handle = datagramHandle(socket, peer !== undefined);
  }

  attach(sink: UdpSink): void {
    const socket = this.#socket;
    socket.on('message', (message: Buffer<ArrayBuffer>, { address, port }: RemoteInfo) => {
      // A plain Uint8Array, because a Buffer's `slice` would share its memory.
      const data: Bytes = new Uint8Array(message.buffer, message.byteOffset, message.length);
      sink.onArrival(data, address, port);
    });
    socket.on('error', (error) => {
      if (this.#isOpen) sink.onError(error);
    });
    socket.on('close', () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      sink.onClosed();
    });
  }

  send(data: Uint8Array, port: number, host: string | undefined): undefined | Error | QueuedSend {
    return this.#handle.send(data, port, host);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeQuietly(this.#socket);
  }

  joinGroup(group: string, { interface: name, source }: GroupOptions): void {
    if (source === undefined) this.#socket.addMembership(group, name);
    else this.#socket.addSourceSpecificMembership(source, group, name);
  }

  leaveGroup(group: string, { interface: name, source }: GroupOptions): void {
    if (source === undefined) this.#socket.dropMembership(group, name);
    else this.#socket.dropSourceSpecificMembership(source, group, name);
  }

  setTtl(hops: number): void {
    this.#socket.setTTL(hops);
  }

  setMulticastTtl(hops: number): void {
    this.#socket.setMulticastTTL(hops);
  }

  setMulticastLoopback(on: boolean): void {
    this.#socket.setMulticastLoopback(on);
  }

  setMulticastInterface(address: string): void {
    this.#socket.setMulticastInterface(address);
  }

  setBroadcast(on: boolean): void {
    this.#socket.setBroadcast(on);
  }

  get receiveBufferBytes(): number {
    return this.#socket.getRecvBufferSize();
  }

  get sendBufferBytes(): number {
    return this.#socket.getSendBufferSize();
  }

  setReceiveBufferBytes(bytes: number): void {
    this.#socket.setRecvBufferSize(bytes);
  }

  setSendBufferBytes(bytes: number): void {
    this.#socket.setSendBufferSize(bytes);
  }
}

function boundAddress(socket: Socket): InetAddress {
  try {
    const { address, port } = socket.address();
    return fromNodeAddress(address, port) as InetAddress;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_SOCKET_DGRAM_NOT_RUNNING')
      throw new ClosedResourceError('this socket is closed', { cause: error });
    throw new MisuseError('this socket is not bound yet', { cause: error });
  }
}

function peerAddress(socket: Socket): InetAddress | undefined {
  try {
    const { address, port } = socket.remoteAddress();
    return fromNodeAddress(address, port);
  } catch {
    // Not connected.
    return undefined;
  }
}

function closeQuietly(socket: Socket): void {
  // What still happens to it must not end the process.
  socket.on('error', ignore);
  try {
    socket.close();
  } catch {
    // It was closed already.
  }
}

function ignore(): void {
  // See `closeQuietly`.
}
