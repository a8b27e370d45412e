/**
 * Opening UDP sockets by name.
 *
 * As with TCP, these functions decide and a `Network` does. `host: null` takes one dual-stack IPv6 socket, or an IPv4 one
 * where the machine has no IPv6. UDP has no Happy Eyeballs, because a connect tells nothing about the peer; of a name's
 * addresses the first is taken that this machine has a way to, in the resolver's order.
 *
 * A name in the address of a datagram is looked up at the first send and its address is then used for `nameCacheMs`.
 *
 * Source: anyio `create_udp_socket`, `create_connected_udp_socket`; asyncio `create_datagram_endpoint`.
 */
import type { Socket } from 'node:dgram';

import { formatSocketAddress, inetAddress } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import { MisuseError } from '../core/errors.ts';
import type { ConnectAttempt } from '../core/errors.ts';
import { checkPort, formatHostPort } from '../core/host-port.ts';
import type {
  BindUdpOptions,
  ConnectUdpOptions,
  Network,
  Resolver,
  UdpChannel,
  UdpNameOptions,
  UdpQueueOptions,
  UdpSocket,
} from '../core/network.ts';
import { currentEnvironment, currentNetwork } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { failedConnect } from './happy-eyeballs.ts';
import { nodeNetwork } from './node-network.ts';
import { isFamilyMissing, resolveHost } from './resolve-host.ts';
import { checkConnectOptions, checkHost, checkRemotePort, checkUdpQueue } from './socket-options.ts';
import { udpChannelOn } from './udp-channel.ts';
import { adoptDgram } from './udp-dgram.ts';
import { udpSocketOn } from './udp-socket.ts';

export interface OpenUdpSocketOptions extends Omit<BindUdpOptions, 'dualStack'> {
  /** A name or IP address to bind to; default `null`: every interface, IPv4 and IPv6. */
  readonly host?: string | null | undefined;
  /** 0 to 65535; default 0: any free port. */
  readonly port?: number | undefined;
  /** Default: the ambient network (`withNetwork`), else this machine's. */
  readonly network?: Network | undefined;
}

export interface OpenUdpChannelOptions extends Omit<ConnectUdpOptions, 'localAddress'> {
  /** Local IP address to send from. */
  readonly localAddress?: string | undefined;
  /** 0 to 65535; default 0: any free port. */
  readonly localPort?: number | undefined;
  readonly resolve?: Resolver | undefined;
  readonly network?: Network | undefined;
}

/**
 * Opens a socket for datagrams from and to anybody.
 *
 * For IPv4 multicast and broadcast give an IPv4 `host` such as `'0.0.0.0'`: not every system does these on a socket for both.
 *
 * @throws MisuseError `reusePort` where this Node does not have it
 * @throws Error the system's, with its `code`: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`
 */
export function openUdpSocket(options: OpenUdpSocketOptions = {}): Promise<UdpSocket> {
  return quietIfCancelled(bind(options));
}

/**
 * Opens a socket connected to one peer. Nothing is sent for that, so it does not fail because nobody is there.
 *
 * @param host a name, or an IP address without brackets; `fe80::1%eth0` with its zone
 * @param port 1 to 65535
 * @throws ConnectError the name has no address, or this machine has no way to any of them
 */
export function openUdpChannel(host: string, port: number, options: OpenUdpChannelOptions = {}): Promise<UdpChannel> {
  return quietIfCancelled(connect(host, port, options));
}

/**
 * Makes a UdpSocket of a bound `dgram.Socket`, which it owns from now on: for sockets with options that bowline does not have,
 * or that came from elsewhere (a descriptor of systemd, a cluster). Handlers it has go on hearing what arrives.
 *
 * @throws MisuseError the socket is not bound, or is connected (use `fromConnectedDgram`)
 * @throws ClosedResourceError it is closed
 */
export function fromDgram(socket: Socket, options: UdpQueueOptions & UdpNameOptions = {}): UdpSocket {
  checkUdpQueue(options);
  checkNameCache(options.nameCacheMs);
  const carrier = adoptDgram(socket);
  if (carrier.peer !== undefined) throw new MisuseError('this socket is connected; use fromConnectedDgram');
  return udpSocketOn(carrier, { ...options, lookup: nodeNetwork.lookup });
}

/** As `fromDgram`, for a connected one. @throws MisuseError it is not connected */
export function fromConnectedDgram(socket: Socket, options: UdpQueueOptions = {}): UdpChannel {
  checkUdpQueue(options);
  const carrier = adoptDgram(socket);
  if (carrier.peer === undefined) throw new MisuseError('this socket is not connected; use fromDgram');
  return udpChannelOn(carrier, options);
}

async function bind(options: OpenUdpSocketOptions): Promise<UdpSocket> {
  const { host = null, port = 0, network: givenNetwork, ...rest } = options;
  checkPort(port);
  if (host !== null) checkHost(host);
  checkUdpQueue(rest);
  checkNameCache(rest.nameCacheMs);
  const network = givenNetwork ?? currentNetwork() ?? nodeNetwork;
  if (host === null) return await bindEverywhere(network, port, rest);
  const [address] = await resolveHost(host, rest.resolve, network, formatHostPort({ host, port }));
  return await network.bindUdp({ ...(address as InetAddress), port }, rest);
}

async function bindEverywhere(network: Network, port: number, options: BindUdpOptions): Promise<UdpSocket> {
  try {
    return await network.bindUdp({ family: 6, host: '::', port }, { ...options, dualStack: true });
  } catch (error) {
    if (!isFamilyMissing(error)) throw error;
    return await network.bindUdp({ family: 4, host: '0.0.0.0', port }, options);
  }
}

async function connect(host: string, port: number, options: OpenUdpChannelOptions): Promise<UdpChannel> {
  checkHost(host);
  checkRemotePort(port);
  const { localAddress, localPort = 0, resolve, network: givenNetwork, ...rest } = options;
  checkPort(localPort);
  checkConnectOptions({ localAddress });
  checkUdpQueue(rest);
  const network = givenNetwork ?? currentNetwork() ?? nodeNetwork;
  const target = formatHostPort({ host, port });
  const { clock } = currentEnvironment();
  const attempts: ConnectAttempt[] = [];
  for (const found of await resolveHost(host, resolve, network, target)) {
    const address = { ...found, port };
    const startedAt = clock.now();
    try {
      return await network.connectUdp(address, { ...rest, ...localEnd(address, localAddress, localPort) });
    } catch (error) {
      // The world's refusals carry a code of the system; anything else is the program's.
      if (!(error instanceof Error) || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
      attempts.push({ address: formatSocketAddress(address), error, durationMs: clock.now() - startedAt });
    }
  }
  throw failedConnect(target, attempts);
}

function localEnd(
  { family }: InetAddress,
  host: string | undefined,
  port: number,
): { readonly localAddress?: InetAddress } {
  if (host === undefined && port === 0) return {};
  return { localAddress: inetAddress(host ?? (family === 6 ? '::' : '0.0.0.0'), port) };
}

function checkNameCache(nameCacheMs: number | undefined): void {
  if (nameCacheMs === undefined) return;
  if (typeof nameCacheMs !== 'number') throw new TypeError('nameCacheMs is a number of milliseconds');
  if (!(nameCacheMs >= 0)) throw new RangeError(`nameCacheMs is 0 or more, not ${nameCacheMs}`);
}
