/**
 * A host of the simulated network: its addresses, its ports, and the `Network` of whoever runs on it.
 */
import { inetAddress } from '../../core/address.ts';
import type { InetAddress } from '../../core/address.ts';
import type { Bytes } from '../../core/bytes.ts';
import { MisuseError } from '../../core/errors.ts';
import { isLoopbackIp, isMulticastIp, isWildcardIp } from '../../core/ip-address.ts';
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
} from '../../core/network.ts';
import { checkBacklog, checkConnectOptions, checkCount, checkUdpQueue } from '../../sockets/socket-options.ts';
import { udpChannelOn } from '../../sockets/udp-channel.ts';
import { udpSocketOn } from '../../sockets/udp-socket.ts';
import { withNetwork } from '../../tasks/environment.ts';
import { completed, refusal, suspend } from '../../tasks/waiter.ts';
import type { Fabric } from './fabric.ts';
import { systemFailure } from './fabric.ts';
import type { SimulatedNat } from './nat.ts';
import { SimulatedTcpListener } from './simulated-tcp-listener.ts';
import { overlaps, SimulatedUdp } from './simulated-udp.ts';
import { TcpConnect } from './tcp-connect.ts';

const BACKLOG = 128;
const FIRST_EPHEMERAL_PORT = 49_152;
const BROADCAST = '255.255.255.255';

export class SimulatedHost implements Network {
  readonly name: string;
  /** Port 0, as from a resolver. */
  readonly addresses: readonly InetAddress[];
  /** What stands between this host and those that are not behind the same one. */
  readonly nat: SimulatedNat | undefined;
  readonly #fabric: Fabric;
  readonly #udp = new Map<number, SimulatedUdp[]>();
  readonly #listeners = new Map<number, SimulatedTcpListener[]>();
  readonly #tcpPorts = new Set<number>();
  #nextPort = FIRST_EPHEMERAL_PORT;

  /** Made by `SimulatedNetwork.host()`. */
  constructor(fabric: Fabric, name: string, addresses: readonly InetAddress[], nat: SimulatedNat | undefined) {
    this.#fabric = fabric;
    this.name = name;
    this.addresses = addresses;
    this.nat = nat;
  }

  /** Runs `body` on this host: the openers and the resolver inside are its own. */
  run<T>(body: () => Promise<T>): Promise<T> {
    return withNetwork(this, body);
  }

  // Network

  connectTcp(address: InetAddress, options: ConnectTcpOptions = {}): Promise<SocketStream> {
    try {
      checkConnectOptions(options);
      this.#fabric.checkClock();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return suspend<SocketStream>(
      (waiter) => {
        const { localAddress } = options;
        const asked = localAddress === undefined ? wildcard(address.family) : inetAddress(localAddress, 0);
        this.#checkOwn(asked, 'connect');
        const from = this.sourceFor(asked, address);
        if (from === undefined) throw systemFailure('connect', 'ENETUNREACH', address);
        const local = { ...from, port: this.#freePort((port) => this.#isTcpTaken(port)) };
        this.#tcpPorts.add(local.port);
        const connect = new TcpConnect(this.#fabric, this, local, address, waiter);
        connect.begin();
        return () => connect.giveUp();
      },
      { kind: 'virtual' },
    );
  }

  async listenTcp(address: InetAddress, options: ListenTcpOptions = {}): Promise<SocketListener> {
    checkConnectOptions({ noDelay: options.noDelay, keepAliveMs: options.keepAliveMs });
    const backlog = Math.min(
      checkBacklog(options.backlog),
      checkCount('acceptQueue', options.acceptQueue, () => BACKLOG),
    );
    checkCount('maxConnections', options.maxConnections, () => 1);
    await this.#toll();
    this.#checkOwn(address, 'listen');
    const { dualStack = false } = options;
    const port = address.port === 0 ? this.#freePort((port) => this.#isTcpTaken(port)) : address.port;
    const bound = { ...address, port };
    const others = this.#listeners.get(port) ?? [];
    if (others.some((other) => overlaps(other, { address: bound, dualStack }))) {
      throw systemFailure('listen', 'EADDRINUSE', bound);
    }
    const listener: SimulatedTcpListener = new SimulatedTcpListener(bound, dualStack, backlog, () => {
      remove(this.#listeners, port, listener);
    });
    this.#listeners.set(port, [...others, listener]);
    return listener;
  }

  async bindUdp(address: InetAddress, options: BindUdpOptions = {}): Promise<UdpSocket> {
    checkUdpQueue(options);
    await this.#toll();
    const { dualStack = false, reuseAddress = false, reusePort = false, broadcast = false } = options;
    const reuse = reuseAddress || reusePort;
    const carrier = this.#bind(address, { dualStack, reuse, broadcast });
    return udpSocketOn(carrier, { ...options, lookup: this.lookup, waitKind: 'virtual' });
  }

  async connectUdp(address: InetAddress, options: ConnectUdpOptions = {}): Promise<UdpChannel> {
    checkUdpQueue(options);
    await this.#toll();
    const { broadcast = false, localAddress = wildcard(address.family) } = options;
    const from = this.sourceFor(localAddress, address);
    if (from === undefined) throw systemFailure('connect', 'ENETUNREACH', address);
    const local = { ...from, port: localAddress.port };
    const carrier = this.#bind(local, { dualStack: false, reuse: false, broadcast, peer: address });
    return udpChannelOn(carrier, { ...options, waitKind: 'virtual' });
  }

  readonly lookup: Resolver = async (name, { family } = {}) => {
    await this.#toll();
    const found = this.#known(name.toLowerCase()).filter(
      (address) => family === undefined || address.family === family,
    );
    if (found.length > 0) return found;
    const error = new Error(`getaddrinfo ENOTFOUND ${name} (simulated)`);
    throw Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: name });
  };

  // For the rest of the network

  /** The address that goes out as the sender's; `undefined` where this host has none of the family. */
  sourceFor(bound: InetAddress, to: InetAddress): InetAddress | undefined {
    if (!isWildcardIp(bound.host)) return bound.family === to.family ? bound : undefined;
    const { port } = bound;
    if (isLoopbackIp(to.host)) return { family: to.family, host: to.family === 4 ? '127.0.0.1' : '::1', port };
    const own = this.addresses.find(({ family }) => family === to.family);
    return own === undefined ? undefined : { ...own, port };
  }

  listenerFor(to: InetAddress): SimulatedTcpListener | undefined {
    const candidates = this.#listeners.get(to.port) ?? [];
    const overlapping = candidates.filter((listener) => overlaps(listener, { address: to, dualStack: false }));
    return overlapping.find(({ address }) => address.host === to.host) ?? overlapping[0];
  }

  /** @returns whether somebody has the port */
  receiveUdp(data: Bytes, from: InetAddress, to: InetAddress): boolean {
    if (isMulticastIp(to.host)) {
      for (const socket of this.groupMembers(from, to)) socket.arrive(data.slice(), from);
      return true;
    }
    const open = this.#udp.get(to.port) ?? [];
    if (to.host === BROADCAST) {
      for (const socket of open) if (isWildcardIp(socket.address.host)) socket.arrive(data.slice(), from);
      return true;
    }
    const takers = open.filter((socket) => socket.takes(to, from));
    // The most particular one, and of several alike the youngest.
    const taker =
      takers.findLast(({ peer }) => peer !== undefined) ??
      takers.findLast(({ address }) => !isWildcardIp(address.host)) ??
      takers.at(-1);
    taker?.arrive(data, from);
    return taker !== undefined;
  }

  groupMembers(from: InetAddress, to: InetAddress): SimulatedUdp[] {
    return (this.#udp.get(to.port) ?? []).filter((socket) => socket.isMember(to.host, from.host));
  }

  releaseUdp(socket: SimulatedUdp): void {
    remove(this.#udp, socket.address.port, socket);
  }

  releaseTcpPort(port: number): void {
    this.#tcpPorts.delete(port);
  }

  #bind(
    address: InetAddress,
    options: { dualStack: boolean; reuse: boolean; broadcast: boolean; peer?: InetAddress },
  ): SimulatedUdp {
    this.#checkOwn(address, 'bind');
    const port = address.port === 0 ? this.#freePort((port) => this.#udp.has(port)) : address.port;
    const bound = { ...address, port };
    const others = this.#udp.get(port) ?? [];
    const isTaken = others.some(
      (other) => !(other.reuse && options.reuse) && overlaps(other, { address: bound, dualStack: options.dualStack }),
    );
    if (isTaken) throw systemFailure('bind', 'EADDRINUSE', bound);
    const socket = new SimulatedUdp(this.#fabric, this, { ...options, address: bound });
    this.#udp.set(port, [...others, socket]);
    return socket;
  }

  #known(name: string): readonly InetAddress[] {
    if (name === 'localhost') return [inetAddress('127.0.0.1', 0), inetAddress('::1', 0)];
    return this.#fabric.names.get(name) ?? this.#fabric.hosts.get(name)?.addresses ?? [];
  }

  #checkOwn(address: InetAddress, syscall: string): void {
    const { host } = address;
    if (isWildcardIp(host) || isLoopbackIp(host) || this.addresses.some((own) => own.host === host)) return;
    throw systemFailure(syscall, 'EADDRNOTAVAIL', address);
  }

  #isTcpTaken(port: number): boolean {
    return this.#tcpPorts.has(port) || this.#listeners.has(port);
  }

  #freePort(isTaken: (port: number) => boolean): number {
    for (let tries = 0; tries <= 65_535 - FIRST_EPHEMERAL_PORT; tries++) {
      const port = this.#nextPort++;
      if (this.#nextPort > 65_535) this.#nextPort = FIRST_EPHEMERAL_PORT;
      if (!isTaken(port)) return port;
    }
    throw new MisuseError(`${this.name} has no free ports left`);
  }

  /** What every operation that does not wait owes: no effect in a cancelled scope. */
  async #toll(): Promise<void> {
    await (refusal() ?? completed(undefined));
    this.#fabric.checkClock();
  }
}

function wildcard(family: 4 | 6): InetAddress {
  return { family, host: family === 4 ? '0.0.0.0' : '::', port: 0 };
}

function remove<T>(table: Map<number, T[]>, port: number, item: T): void {
  const rest = (table.get(port) ?? []).filter((other) => other !== item);
  if (rest.length === 0) table.delete(port);
  else table.set(port, rest);
}
