/**
 * The network of this machine: one step of connecting, listening and looking up, done by Node.
 *
 * Everything that decides (which address first, how long to wait, which family) is above, in terms of the `Network`
 * interface, and runs just as well on a simulated one. `autoSelectFamily` is off: Node's own address selection kills each
 * attempt when the next begins (nodejs/node#54359), so bowline races attempts itself.
 *
 * Nothing here enters an AsyncLocalStorage in a program that has none: a server that only opens sockets and accepts does
 * not pay for scopes (0.4 µs per promise on Node 20).
 */
import { isIP, createServer } from 'node:net';
import type { Server, TcpNetConnectOpts } from 'node:net';

import type { InetAddress, SocketAddress } from '../core/address.ts';
import { ClosedResourceError, MisuseError } from '../core/errors.ts';
import type {
  BindUdpOptions,
  ConnectTcpOptions,
  ConnectUdpOptions,
  ListenTcpOptions,
  Network,
  Resolver,
  SocketListener,
  SocketStream,
  UdpChannel,
  UdpSocket,
} from '../core/network.ts';
import { newClientSocket } from '../platform/accelerated-reads.ts';
import { supportsReusePort } from '../platform/features.ts';
import { lookupAll } from '../platform/resolver.ts';
import { runDetached } from '../tasks/environment.ts';
import { suspend, Waiter } from '../tasks/waiter.ts';
import type { Attempt } from './happy-eyeballs.ts';
import { fromNodeAddress, toNodeHost } from './node-address.ts';
import {
  checkBacklog,
  checkConnectOptions,
  checkCount,
  checkFlag,
  checkUdpQueue,
  toKeepAliveDelay,
} from './socket-options.ts';
import { ServerListener } from './socket-listener.ts';
import { adoptSocket } from './socket-stream.ts';
import type { AdoptOptions } from './socket-stream.ts';
import { udpChannelOn } from './udp-channel.ts';
import { bindDgram, connectDgram } from './udp-dgram.ts';
import { udpSocketOn } from './udp-socket.ts';

/** Default of `acceptQueue`. */
export const ACCEPT_QUEUE = 128;

function connectTcp(address: InetAddress, options: ConnectTcpOptions = {}): Promise<SocketStream> {
  try {
    checkConnectOptions(options);
    return startTcpConnect(address, options).result;
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

/** `connectTcp` as an attempt that can be aborted without a cancel scope of its own. Options are checked already. */
export function startTcpConnect(address: InetAddress, options: ConnectTcpOptions): Attempt<SocketStream> {
  const { localAddress, noDelay = true, keepAliveMs } = options;
  if (localAddress !== undefined && isIP(localAddress) !== address.family) {
    const message = `localAddress ${localAddress} is incompatible with the remote address ${address.host}: another family`;
    throw Object.assign(new Error(message), { code: 'EAFNOSUPPORT' });
  }
  return startConnect({
    host: toNodeHost(address),
    port: address.port,
    ...(localAddress === undefined ? {} : { localAddress }),
    noDelay,
    keepAlive: typeof keepAliveMs === 'number',
    keepAliveInitialDelay: toKeepAliveDelay(keepAliveMs ?? 0),
    autoSelectFamily: false,
  });
}

/** Begins to connect. Cancelled, aborted or failed, the socket is closed: a connect that has begun cannot be taken back. */
export function startConnect(
  target: TcpNetConnectOpts | { readonly path: string },
  options?: AdoptOptions,
): Attempt<SocketStream> {
  const waiter = new Waiter<SocketStream>('external', giveUp);
  const result = waiter.wait();
  if (!waiter.pending) return { result, abort: ignore };
  const socket = runDetached(newClientSocket);
  socket.on('error', onError);
  socket.on('connect', onConnect);
  try {
    socket.connect(target as TcpNetConnectOpts);
  } catch (error) {
    waiter.reject(error);
  }
  return { result, abort };

  function onError(error: Error): void {
    waiter.reject(error);
  }
  function onConnect(): void {
    if (!waiter.pending) return;
    socket.off('error', onError);
    socket.off('connect', onConnect);
    waiter.resolve(adoptSocket(socket, options));
  }
  function giveUp(): void {
    socket.destroy();
  }
  function abort(): void {
    if (!waiter.pending) return;
    giveUp();
    waiter.rejectRepeatable(new ClosedResourceError('this attempt to connect was given up'));
  }
}

async function listenTcp(address: InetAddress, options: ListenTcpOptions = {}): Promise<SocketListener> {
  const { noDelay = true, keepAliveMs, reusePort = false, dualStack = false } = options;
  checkConnectOptions({ noDelay, keepAliveMs });
  checkFlag('reusePort', reusePort);
  checkFlag('dualStack', dualStack);
  const backlog = checkBacklog(options.backlog);
  const acceptQueue = checkCount('acceptQueue', options.acceptQueue, () => ACCEPT_QUEUE);
  const maxConnections = checkCount('maxConnections', options.maxConnections, () => undefined);
  if (reusePort && !supportsReusePort) {
    throw new MisuseError(`reusePort needs Node.js 22.12, or 23.1 and later; this is ${process.versions.node}`);
  }
  const server = newServer(noDelay, keepAliveMs);
  await listenOn(server, {
    host: toNodeHost(address),
    port: address.port,
    backlog,
    ipv6Only: address.family === 6 && !dualStack,
    reusePort,
  });
  return new ServerListener(server, { address: boundAddress(server, address), acceptQueue, maxConnections });
}

/** A server that is not listening yet. */
export function newServer(noDelay: boolean, keepAliveMs: number | null | undefined): Server {
  return createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay,
    keepAlive: typeof keepAliveMs === 'number',
    keepAliveInitialDelay: toKeepAliveDelay(keepAliveMs ?? 0),
  });
}

/** Binds and listens. Cancelled or failed, nothing stays open. */
export function listenOn(server: Server, target: object): Promise<void> {
  return suspend<void>((waiter) => {
    const onError = (error: Error): void => {
      waiter.reject(error);
    };
    server.once('error', onError);
    // The accept callbacks outlive this scope and must not hold on to it.
    runDetached(() =>
      server.listen(target, () => {
        server.off('error', onError);
        waiter.resolve();
      }),
    );
    return () => {
      server.off('error', onError);
      server.on('error', ignore);
      server.close();
    };
  });
}

function boundAddress(server: Server, asked: InetAddress): SocketAddress {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return asked;
  const { host } = asked;
  return fromNodeAddress(bound.address, bound.port) ?? { family: asked.family, host, port: asked.port };
}

const lookup: Resolver = (host, { family } = {}) =>
  suspend<InetAddress[]>(
    (waiter) => {
      lookupAll(host, family, (error, addresses) => {
        if (error !== null) {
          waiter.reject(error);
          return;
        }
        waiter.resolve(addresses.map(({ address }) => fromNodeAddress(address, 0) as InetAddress));
      });
      return undefined;
    },
    { kind: 'busy' },
  );

async function bindUdp(address: InetAddress, options: BindUdpOptions = {}): Promise<UdpSocket> {
  checkUdpQueue(options);
  return udpSocketOn(await bindDgram(address, options), { ...options, lookup });
}

async function connectUdp(address: InetAddress, options: ConnectUdpOptions = {}): Promise<UdpChannel> {
  checkUdpQueue(options);
  return udpChannelOn(await connectDgram(address, options), options);
}

/** This machine's own. */
export const nodeNetwork: Network = Object.freeze({ connectTcp, listenTcp, bindUdp, connectUdp, lookup });

function ignore(): void {
  // The attempt was given up.
}
