/**
 * Opening TCP connections and listeners by name.
 *
 * These functions decide; a `Network` does (node-network.ts, or a simulated one). All arguments are checked before
 * anything is opened, and whatever fails half-way closes what it had opened.
 *
 * Listening on every interface (`host: null`) takes one dual-stack IPv6 socket, which gives IPv4 and IPv6 the same port,
 * also for port 0; where the machine has no IPv6 it is an IPv4 socket. A name with several addresses gets a socket for
 * each; IPv6 ones are then IPv6 only, and with port 0 they are given one common port, by trying again when the port that
 * the first one got is taken in the other family (as anyio does; Trio leaves them different).
 *
 * Source: Trio `open_tcp_stream`, `open_tcp_listeners`.
 */
import { formatSocketAddress } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import { ClosedResourceError } from '../core/errors.ts';
import { checkPort, formatHostPort } from '../core/host-port.ts';
import type { Connector } from '../core/connector.ts';
import type {
  ConnectTcpOptions,
  ListenTcpOptions,
  Network,
  Resolver,
  SocketListener,
  SocketStream,
} from '../core/network.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { currentNetwork } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { announced } from './announced-connect.ts';
import { interleaveFamilies, raceToConnect } from './happy-eyeballs.ts';
import type { Attempt } from './happy-eyeballs.ts';
import { nodeNetwork, startTcpConnect } from './node-network.ts';
import { isFamilyMissing, resolveHost } from './resolve-host.ts';
import {
  checkBacklog,
  checkConnectOptions,
  checkCount,
  checkFlag,
  checkHost,
  checkRemotePort,
} from './socket-options.ts';

export interface OpenTcpStreamOptions extends ConnectTcpOptions {
  /** How long an attempt may go on alone before the next address is tried beside it; `null`: until it has failed. Default 250. */
  readonly happyEyeballsDelayMs?: number | null | undefined;
  /** Looks names up; default the network's. IP addresses are never asked for. A cancel does not wait for its answer. */
  readonly resolve?: Resolver | undefined;
  /** Default: the ambient network (`withNetwork`), else this machine's. */
  readonly network?: Network | undefined;
}

export interface OpenTcpListenersOptions extends Omit<ListenTcpOptions, 'dualStack'> {
  /** A name or IP address to listen on; default `null`: every interface, IPv4 and IPv6. */
  readonly host?: string | null | undefined;
  readonly resolve?: Resolver | undefined;
  readonly network?: Network | undefined;
}

/**
 * Connects to a host, trying its addresses in the resolver's order, several at a time (RFC 8305).
 *
 * Cancelled, nothing stays open; a name look-up that was under way ends by itself in the background.
 *
 * @param host a name (also an international one), or an IP address without brackets; `fe80::1%eth0` with its zone
 * @param port 1 to 65535
 * @throws ConnectError the name has no address, or no address could be connected to; `attempts` lists them
 */
export function openTcpStream(host: string, port: number, options: OpenTcpStreamOptions = {}): Promise<SocketStream> {
  return quietIfCancelled(dial(host, port, options));
}

async function dial(host: string, port: number, options: OpenTcpStreamOptions): Promise<SocketStream> {
  checkHost(host);
  checkRemotePort(port);
  checkConnectOptions(options);
  const { happyEyeballsDelayMs: delayMs = 250, localAddress, noDelay, keepAliveMs } = options;
  checkDelay(delayMs);
  const network = options.network ?? currentNetwork() ?? nodeNetwork;
  const target = formatHostPort({ host, port });
  return await announced(target, async () => {
    const addresses = await resolveHost(host, options.resolve, network, target);
    const ordered = interleaveFamilies(addresses).map((address) => ({ ...address, port }));
    return await raceToConnect<InetAddress, SocketStream>(ordered, {
      start: (address) => startAttempt(network, address, { localAddress, noDelay, keepAliveMs }),
      discard: (stream) => stream.abort(),
      target,
      describe: formatSocketAddress,
      delayMs,
    });
  });
}

/** `openTcpStream` as a connector, with these options for every target. */
export function tcpConnector(options: OpenTcpStreamOptions = {}): Connector<SocketStream> {
  return ({ host, port }) => openTcpStream(host, port, options);
}

/**
 * Listens for TCP connections. Give the result to `serveListeners`.
 *
 * @param port 0 to 65535; 0 is any free port, the same for all listeners: see `listeners[0].address`
 * @returns one listener for `host: null`, else one for each address of the host
 * @throws MisuseError `reusePort` where this Node does not have it
 */
export function openTcpListeners(port: number, options: OpenTcpListenersOptions = {}): Promise<SocketListener[]> {
  return quietIfCancelled(listen(port, options));
}

async function listen(port: number, options: OpenTcpListenersOptions): Promise<SocketListener[]> {
  checkPort(port);
  const { host = null, resolve, network: givenNetwork, ...rest } = options;
  if (host !== null) checkHost(host);
  const backlog = checkBacklog(rest.backlog);
  checkConnectOptions({ noDelay: rest.noDelay, keepAliveMs: rest.keepAliveMs });
  checkFlag('reusePort', rest.reusePort);
  checkCount('acceptQueue', rest.acceptQueue, () => 1);
  checkCount('maxConnections', rest.maxConnections, () => 1);
  const network = givenNetwork ?? currentNetwork() ?? nodeNetwork;
  const listenOptions = { ...rest, backlog };
  if (host === null) return [await listenEverywhere(network, port, listenOptions)];
  const addresses = await resolveHost(host, resolve, network, formatHostPort({ host, port }));
  return await listenOnAll(network, addresses, port, listenOptions);
}

type Listening = Pick<Network, 'listenTcp'>;

async function listenEverywhere(network: Listening, port: number, options: ListenTcpOptions): Promise<SocketListener> {
  try {
    return await network.listenTcp({ family: 6, host: '::', port }, { ...options, dualStack: true });
  } catch (error) {
    if (!isFamilyMissing(error)) throw error;
    return await network.listenTcp({ family: 4, host: '0.0.0.0', port }, options);
  }
}

/** How often a common port for several addresses is looked for. */
const PORT_TRIES = 10;

async function listenOnAll(
  network: Listening,
  addresses: readonly InetAddress[],
  port: number,
  options: ListenTcpOptions,
): Promise<SocketListener[]> {
  for (let left = PORT_TRIES - 1; ; left--) {
    try {
      return await listenOnEach(network, addresses, port, options);
    } catch (error) {
      const isPortTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== 0 || !isPortTaken || left === 0) throw error;
    }
  }
}

/** All or nothing; a family that the machine does not have is left out, unless it is the only one. */
async function listenOnEach(
  network: Listening,
  addresses: readonly InetAddress[],
  port: number,
  options: ListenTcpOptions,
): Promise<SocketListener[]> {
  const listeners: SocketListener[] = [];
  const missing: Error[] = [];
  let commonPort = port;
  try {
    for (const address of addresses) {
      try {
        const listener = await network.listenTcp({ ...address, port: commonPort }, options);
        listeners.push(listener);
        if (listener.address.family !== 'unix') commonPort = listener.address.port;
      } catch (error) {
        if (!isFamilyMissing(error)) throw error;
        missing.push(error);
      }
    }
  } catch (error) {
    for (const listener of listeners) listener.abort();
    throw error;
  }
  if (listeners.length > 0) return listeners;
  const [first] = missing as [NodeJS.ErrnoException];
  const error = new Error(`none of the address families of this host are supported here (${first.code})`, {
    cause: new AggregateError(missing),
  });
  throw Object.assign(error, { code: first.code });
}

function checkDelay(delayMs: number | null): void {
  if (delayMs === null) return;
  if (typeof delayMs !== 'number') throw new TypeError('happyEyeballsDelayMs is a number of milliseconds or null');
  if (!(delayMs >= 0)) throw new RangeError(`happyEyeballsDelayMs is 0 or more, not ${delayMs}`);
}

/** On this machine's network an attempt can be aborted; on any other it takes a cancel scope to do so. */
function startAttempt(
  network: Pick<Network, 'connectTcp'>,
  address: InetAddress,
  options: ConnectTcpOptions,
): Attempt<SocketStream> {
  if (network === nodeNetwork) return startTcpConnect(address, options);
  const scope = new CancelScope();
  const run = async (): Promise<SocketStream> => {
    const result = await scope.tryRun(() => network.connectTcp(address, options));
    if (result.cancelled) throw new ClosedResourceError('this attempt to connect was given up');
    return result.value;
  };
  return { result: run(), abort: () => scope.cancel('another attempt has won') };
}
