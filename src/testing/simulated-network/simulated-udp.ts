/**
 * UDP on the simulated network: the carrier under udp-socket.ts and udp-channel.ts, and the way of a datagram.
 *
 * As on a real network a send succeeds when the datagram has left, whatever becomes of it. What a system would refuse at
 * once is refused here too: no way to the address family, broadcast without permission, larger than the link takes.
 */
import { inetAddress, sameSocketAddress, unmapInetAddress } from '../../core/address.ts';
import type { InetAddress } from '../../core/address.ts';
import type { Bytes } from '../../core/bytes.ts';
import { isMulticastIp, isWildcardIp } from '../../core/ip-address.ts';
import type { GroupOptions } from '../../core/network.ts';
import type { UdpCarrier, UdpSink } from '../../sockets/udp-carrier.ts';
import type { Fabric, Route } from './fabric.ts';
import { systemFailure } from './fabric.ts';
import type { SimulatedHost } from './simulated-host.ts';

const BUFFER_BYTES = 212_992;
const BROADCAST = '255.255.255.255';

export interface SimulatedUdpOptions {
  readonly address: InetAddress;
  readonly peer?: InetAddress | undefined;
  readonly dualStack: boolean;
  readonly reuse: boolean;
  readonly broadcast: boolean;
}

export class SimulatedUdp implements UdpCarrier {
  readonly address: InetAddress;
  readonly family: 4 | 6;
  readonly peer: InetAddress | undefined;
  readonly dualStack: boolean;
  readonly reuse: boolean;
  receiveBufferBytes = BUFFER_BYTES;
  sendBufferBytes = BUFFER_BYTES;
  readonly #fabric: Fabric;
  readonly #host: SimulatedHost;
  /** What the system is given is text; it is the same few again and again. */
  readonly #targets = new Map<string, InetAddress>();
  /** Groups joined; with the sources let in, `undefined` for any. */
  readonly #groups = new Map<string, Set<string> | undefined>();
  #sink: UdpSink | undefined;
  #isOpen = true;
  #mayBroadcast: boolean;
  #multicastTtl = 1;
  #multicastLoopback = true;

  constructor(fabric: Fabric, host: SimulatedHost, options: SimulatedUdpOptions) {
    this.#fabric = fabric;
    this.#host = host;
    this.address = options.address;
    this.family = options.address.family;
    this.peer = options.peer;
    this.dualStack = options.dualStack;
    this.reuse = options.reuse;
    this.#mayBroadcast = options.broadcast;
  }

  attach(sink: UdpSink): void {
    this.#sink = sink;
  }

  close(): void {
    this.#isOpen = false;
    this.#host.releaseUdp(this);
  }

  // Sending

  send(data: Uint8Array, port: number, host: string | undefined): undefined | Error {
    const to = this.peer ?? this.#target(host as string, port);
    const from = this.#host.sourceFor(this.address, to);
    if (from === undefined) return systemFailure('send', 'ENETUNREACH', to);
    // The sender may reuse its memory.
    const copy: Bytes = new Uint8Array(data);
    if (isMulticastIp(to.host)) return this.#sendToGroup(copy, from, to);
    if (to.host === BROADCAST) return this.#broadcast(copy, from, to);
    const route = this.#fabric.route(this.#host, from, to);
    if (route === undefined) {
      this.#bounce('EHOSTUNREACH', to);
      return undefined;
    }
    return this.#sendOver(route, copy);
  }

  #target(host: string, port: number): InetAddress {
    let address = this.#targets.get(host);
    if (address === undefined) {
      address = unmapInetAddress(inetAddress(host, 0));
      if (this.#targets.size >= 1000) this.#targets.clear();
      this.#targets.set(host, address);
    }
    return { ...address, port };
  }

  #sendToGroup(data: Bytes, from: InetAddress, to: InetAddress): undefined {
    for (const host of this.#neighbours()) {
      if (host === this.#host ? !this.#multicastLoopback : this.#multicastTtl === 0) continue;
      if (host.groupMembers(from, to).length > 0) this.#sendOver({ toHost: host, from, to }, data);
    }
    return undefined;
  }

  #broadcast(data: Bytes, from: InetAddress, to: InetAddress): undefined | Error {
    if (!this.#mayBroadcast) return systemFailure('send', 'EACCES', to);
    for (const host of this.#neighbours()) this.#sendOver({ toHost: host, from, to }, data);
    return undefined;
  }

  /** Every host on this side of the NAT, if there is one. */
  #neighbours(): SimulatedHost[] {
    return [...this.#fabric.hosts.values()].filter(({ nat }) => nat === this.#host.nat);
  }

  #sendOver(route: Route, data: Bytes): undefined | Error {
    const fabric = this.#fabric;
    const { toHost, from, to } = route;
    const link = fabric.link(this.#host, toHost);
    const packetBytes = data.length + (to.family === 6 ? 48 : 28);
    if (link.settings.oversize === 'refuse' && packetBytes > link.settings.mtuBytes) {
      return systemFailure('send', 'EMSGSIZE', to);
    }
    const fate = link.send(fabric.timeline.now(), data.length, packetBytes);
    const packet = link.packets;
    fabric.record(link, packet, 'send', 'udp', from, to, data.length);
    const drop = (reason: string): void => {
      fabric.record(link, packet, 'drop', 'udp', from, to, data.length, reason);
    };
    const deliver = (delayMs: number, copy: Bytes, detail?: string): void => {
      fabric.timeline.after(delayMs, link.name, () => {
        if (fabric.isCut(this.#host, toHost)) {
          drop('partition');
          return;
        }
        fabric.record(link, packet, 'deliver', 'udp', from, to, copy.length, detail);
        if (!toHost.receiveUdp(copy, from, to)) this.#refuse(route);
      });
    };
    const routed = fabric.router?.({ fromHost: this.#host.name, toHost: toHost.name, from, to, data, packet });
    if (routed !== undefined) {
      if (routed.length === 0) drop('router');
      for (const copy of routed) deliver(copy.delayMs, new Uint8Array(copy.data ?? data), 'router');
    } else if (fabric.isCut(this.#host, toHost)) {
      drop('partition');
    } else if (fate.kind === 'lost') {
      drop(fate.reason);
    } else {
      for (const { delayMs, flippedBit } of fate.copies) {
        const copy = new Uint8Array(data);
        if (flippedBit !== undefined) copy[flippedBit >> 3] = (copy[flippedBit >> 3] ?? 0) ^ (1 << (flippedBit & 7));
        deliver(delayMs, copy, flippedBit === undefined ? undefined : 'corrupted');
      }
    }
    return undefined;
  }

  /** Nobody has the port: the other system says so (ICMP port unreachable), and its message is a packet like others. */
  #refuse({ toHost, from, to }: Route): void {
    if (isMulticastIp(to.host) || to.host === BROADCAST) return;
    const fabric = this.#fabric;
    const link = fabric.link(toHost, this.#host);
    const fate = link.send(fabric.timeline.now(), 0, 56);
    const packet = link.packets;
    fabric.record(link, packet, 'send', 'icmp', to, from, 0, 'port unreachable');
    if (fate.kind === 'lost' || fabric.isCut(toHost, this.#host)) {
      fabric.record(link, packet, 'drop', 'icmp', to, from, 0, fate.kind === 'lost' ? fate.reason : 'partition');
      return;
    }
    fabric.timeline.after(fate.copies[0]?.delayMs ?? 0, link.name, () => {
      fabric.record(link, packet, 'deliver', 'icmp', to, from, 0, 'port unreachable');
      this.#hear('ECONNREFUSED');
    });
  }

  #bounce(code: string, to: InetAddress): void {
    const lane = `${this.#host.name}>`;
    this.#fabric.timeline.after(1, `${lane}${to.host}`, () => this.#hear(code));
  }

  /** A system knows only for a connected socket whom such a message concerns. */
  #hear(code: string): void {
    if (this.#isOpen && this.peer !== undefined) this.#sink?.onError(systemFailure('recvmsg', code, this.peer));
  }

  // Receiving

  takes(to: InetAddress, from: InetAddress): boolean {
    if (this.peer !== undefined && !sameSocketAddress(this.peer, from)) return false;
    const { host } = this.address;
    if (host === to.host) return true;
    return isWildcardIp(host) && (this.family === to.family || (this.family === 6 && this.dualStack));
  }

  isMember(group: string, source: string): boolean {
    if (!this.#groups.has(group)) return false;
    const sources = this.#groups.get(group);
    return sources === undefined || sources.has(source);
  }

  arrive(data: Bytes, from: InetAddress): void {
    this.#sink?.onArrival(data, from.host, from.port);
  }

  // Options

  joinGroup(group: string, { source }: GroupOptions): void {
    if (source === undefined) {
      this.#groups.set(group, undefined);
      return;
    }
    const sources = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, sources.add(source));
  }

  leaveGroup(group: string, { source }: GroupOptions): void {
    const sources = this.#groups.get(group);
    if (!this.#groups.has(group)) throw systemFailure('dropMembership', 'EADDRNOTAVAIL', inetAddress(group, 0));
    if (source !== undefined) sources?.delete(source);
    if (source === undefined || sources?.size === 0) this.#groups.delete(group);
  }

  setTtl(): void {
    // Every host is one hop away.
  }

  setMulticastTtl(hops: number): void {
    this.#multicastTtl = hops;
  }

  setMulticastLoopback(on: boolean): void {
    this.#multicastLoopback = on;
  }

  setMulticastInterface(): void {
    // A host has one.
  }

  setBroadcast(on: boolean): void {
    this.#mayBroadcast = on;
  }

  setReceiveBufferBytes(bytes: number): void {
    this.receiveBufferBytes = bytes;
  }

  setSendBufferBytes(bytes: number): void {
    this.sendBufferBytes = bytes;
  }
}

/** Whether two sockets cannot have these addresses at the same port. */
export function overlaps(
  a: { readonly address: InetAddress; readonly dualStack: boolean },
  b: { readonly address: InetAddress; readonly dualStack: boolean },
): boolean {
  if (a.address.host === b.address.host) return true;
  const covers = (one: typeof a, other: InetAddress): boolean =>
    isWildcardIp(one.address.host) &&
    (one.address.family === other.family || (one.address.family === 6 && one.dualStack));
  return covers(a, b.address) || covers(b, a.address);
}
