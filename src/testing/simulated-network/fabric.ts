/**
 * The inside of the simulated network: who is where, what lies between, what is under way, and the record of it all.
 *
 * Hosts are joined by links, one for each direction of each pair; a packet goes over exactly one. Above that it knows just
 * enough of IP: addresses, one level of NAT, groups and broadcast for datagrams, and the ICMP messages that a socket
 * hears of.
 */
import { formatSocketAddress, inetAddress } from '../../core/address.ts';
import type { InetAddress } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import { MisuseError } from '../../core/errors.ts';
import { isLoopbackIp } from '../../core/ip-address.ts';
import { currentEnvironment } from '../../tasks/environment.ts';
import { Link, linkSettings, LOOPBACK_LINK } from './link.ts';
import type { LinkOptions, LinkSettings } from './link.ts';
import { SimulatedNat } from './nat.ts';
import type { SimulatedHost } from './simulated-host.ts';
import { Timeline } from './timeline.ts';

/** One line of the record. Two runs of the same program with the same seed have the same lines. */
export interface TraceEntry {
  readonly atMs: number;
  /** `a>b`: the hosts. */
  readonly link: string;
  /** Counts the packets of this link, from 1. */
  readonly packet: number;
  readonly event: 'send' | 'deliver' | 'drop';
  readonly protocol: 'udp' | 'tcp' | 'icmp';
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  /** Why it was dropped, or what is special: `loss`, `partition`, `corrupted`, `SYN`. */
  readonly detail?: string | undefined;
}

/** A datagram on its way, for a router. */
export interface SimulatedPacket {
  readonly fromHost: string;
  readonly toHost: string;
  readonly from: InetAddress;
  readonly to: InetAddress;
  readonly data: Uint8Array;
  /** Counts the datagrams between these two hosts in this direction, from 1. */
  readonly packet: number;
}

export interface RoutedCopy {
  /** From now; instead of what the link would have taken. */
  readonly delayMs: number;
  /** Default: as it was sent. */
  readonly data?: Uint8Array | undefined;
}

/** Decides what arrives of a datagram: nothing, or copies of it. `undefined` leaves it to the link. */
export type PacketRouter = (packet: SimulatedPacket) => readonly RoutedCopy[] | undefined;

export interface Route {
  readonly toHost: SimulatedHost;
  /** Who the receiver sees. */
  readonly from: InetAddress;
  /** Where it goes, behind all translation. */
  readonly to: InetAddress;
}

export class Fabric {
  readonly hosts = new Map<string, SimulatedHost>();
  readonly names = new Map<string, readonly InetAddress[]>();
  readonly timeline: Timeline;
  router: PacketRouter | null = null;
  readonly #owners = new Map<string, SimulatedHost | SimulatedNat>();
  readonly #links = new Map<string, Link>();
  readonly #settings = new Map<string, LinkOptions>();
  readonly #cuts: (readonly [ReadonlySet<string>, ReadonlySet<string>])[] = [];
  readonly #seed: number;
  #defaults: LinkSettings;
  #clock: Clock | undefined;
  readonly #isTracing: boolean;
  readonly #trace: TraceEntry[] = [];

  constructor(seed: number, defaults: LinkSettings, clock: Clock | undefined, isTracing: boolean) {
    this.#seed = seed;
    this.#defaults = defaults;
    this.#clock = clock;
    this.#isTracing = isTracing;
    this.timeline = new Timeline(() => (this.#clock ??= currentEnvironment().clock));
  }

  /** For operations that begin: time is the ambient clock's, and stays with it. */
  checkClock(): void {
    const { clock } = currentEnvironment();
    if ((this.#clock ??= clock) !== clock) throw new MisuseError('this simulated network lives on another clock');
  }

  // Who is where

  own(address: InetAddress, owner: SimulatedHost | SimulatedNat): void {
    if (this.#owners.has(address.host)) throw new MisuseError(`the address ${address.host} is taken`);
    this.#owners.set(address.host, owner);
  }

  newNat(address: string): SimulatedNat {
    const nat = new SimulatedNat(inetAddress(address, 0), (rebound, before) => {
      if (rebound.address.host === before.host) return;
      this.#owners.delete(before.host);
      this.own(rebound.address, rebound);
    });
    this.own(nat.address, nat);
    return nat;
  }

  /** The way to an address, or `undefined` where there is none. */
  route(fromHost: SimulatedHost, from: InetAddress, to: InetAddress): Route | undefined {
    if (isLoopbackIp(to.host)) return { toHost: fromHost, from, to };
    const owner = this.#owners.get(to.host);
    if (owner === undefined) return undefined;
    if (owner instanceof SimulatedNat) {
      const mapping = owner.find(to.port);
      if (mapping === undefined) return undefined;
      return { toHost: mapping.host, from: this.#outside(fromHost, from), to: mapping.inner };
    }
    if (owner.nat === fromHost.nat) return { toHost: owner, from, to };
    // An inner address means nothing outside.
    if (owner.nat !== undefined) return undefined;
    return { toHost: owner, from: this.#outside(fromHost, from), to };
  }

  #outside(host: SimulatedHost, from: InetAddress): InetAddress {
    return host.nat === undefined || isLoopbackIp(from.host) ? from : host.nat.translate(host, from);
  }

  // What lies between

  link(from: SimulatedHost, to: SimulatedHost): Link {
    const name = `${from.name}>${to.name}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      const base = from === to ? LOOPBACK_LINK : this.#defaults;
      link = new Link(name, linkSettings(base, this.#settings.get(name) ?? {}), this.#seed);
      this.#links.set(name, link);
    }
    return link;
  }

  /** Changes what is said, for packets sent from now on. */
  setLink(name: string, options: LinkOptions): void {
    linkSettings(this.#defaults, options);
    const merged = { ...this.#settings.get(name), ...options };
    this.#settings.set(name, merged);
    const link = this.#links.get(name);
    if (link !== undefined) link.settings = linkSettings(link.settings, options);
  }

  /** For the links that were not set apart. */
  setDefaults(options: LinkOptions): void {
    this.#defaults = linkSettings(this.#defaults, options);
    for (const [name, link] of this.#links) {
      const [from, to] = name.split('>');
      if (from !== to) link.settings = linkSettings(this.#defaults, this.#settings.get(name) ?? {});
    }
  }

  cut(one: readonly string[], other: readonly string[]): void {
    this.#cuts.push([new Set(one), new Set(other)]);
  }

  heal(): void {
    this.#cuts.length = 0;
  }

  isCut(from: SimulatedHost, to: SimulatedHost): boolean {
    return this.#cuts.some(
      ([one, other]) => (one.has(from.name) && other.has(to.name)) || (one.has(to.name) && other.has(from.name)),
    );
  }

  // The record

  record(
    link: Link,
    packet: number,
    event: TraceEntry['event'],
    protocol: TraceEntry['protocol'],
    from: InetAddress,
    to: InetAddress,
    bytes: number,
    detail?: string,
  ): void {
    if (!this.#isTracing) return;
    const entry = {
      atMs: this.timeline.now(),
      link: link.name,
      packet,
      event,
      protocol,
      from: formatSocketAddress(from),
      to: formatSocketAddress(to),
      bytes,
    };
    this.#trace.push(detail === undefined ? entry : { ...entry, detail });
  }

  /** Ordered by time and link, so that it does not show which of two tasks was run first. */
  trace(): TraceEntry[] {
    return [...this.#trace].sort((a, b) => a.atMs - b.atMs || (a.link < b.link ? -1 : a.link > b.link ? 1 : 0));
  }
}

/** An error as the system words it. */
export function systemFailure(syscall: string, code: string, address: InetAddress): Error {
  const where = formatSocketAddress(address);
  const { host, port } = address;
  return Object.assign(new Error(`${syscall} ${code} ${where} (simulated)`), { code, syscall, address: host, port });
}
