/**
 * SimulatedNetwork: hosts and the bad network between them, in one process, in virtual time, the same in every run.
 *
 *     const network = new SimulatedNetwork({ seed: 7, link: { latencyMs: 40, jitterMs: 20, loss: 0.1 } });
 *     await withClock(new MockClock(), () => openNursery(async (nursery) => {
 *       nursery.startSoon(() => network.host('server').run(() => serveTcp(handler, 80)));
 *       await network.host('client').run(async () => { const stream = await openTcpStream('server', 80); … });
 *     }));
 *
 * Inside `run` the openers of bowline (`openTcpStream`, `openUdpSocket`, `serveTcp` …) and the resolver are those of the
 * host. Datagrams get lost, repeated, reordered and changed as the links say; byte streams arrive whole and late. All chance
 * comes from the seed, for each link apart, and whatever is due at the same moment comes in the order of the links' names;
 * so `trace()` is equal in every run of a program that does the same things.
 *
 * Time is the ambient clock's, and should be a MockClock's; with the system's it works, and takes its time.
 *
 * Source: Trio's private `_fake_net`, which has hosts and a hook for packets and stops there.
 */
import { inetAddress } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import { MisuseError } from '../../core/errors.ts';
import { startNewTurn } from '../../tasks/turns.ts';
import { Fabric } from './fabric.ts';
import type { PacketRouter, TraceEntry } from './fabric.ts';
import { linkSettings, PERFECT_LINK } from './link.ts';
import type { LinkOptions } from './link.ts';
import type { SimulatedNat } from './nat.ts';
import { SimulatedHost } from './simulated-host.ts';

export interface SimulatedNetworkOptions {
  /** Where all chance comes from. Default 1. */
  readonly seed?: number | undefined;
  /** What links are like that are not set apart; see `LinkOptions` for the defaults, which lose nothing and take 1 ms. */
  readonly link?: LinkOptions | undefined;
  /** Default: the ambient clock of whoever uses the network first. */
  readonly clock?: Clock | undefined;
  /** Whether to keep a record; about 200 bytes a packet. Default true. */
  readonly trace?: boolean | undefined;
}

export interface SimulatedHostOptions {
  /** IP addresses. Default: one of 10.0.0.0/8 and one of fd00::/64, by the order in which hosts are made. */
  readonly addresses?: readonly string[] | undefined;
  /** Behind which NAT it is; see `SimulatedNetwork.nat`. */
  readonly nat?: SimulatedNat | undefined;
}

export class SimulatedNetwork {
  readonly #fabric: Fabric;
  #made = 0;

  /** @throws TypeError, RangeError an option is none */
  constructor(options: SimulatedNetworkOptions = {}) {
    const { seed = 1, link = {}, clock, trace = true } = options;
    if (typeof seed !== 'number') throw new TypeError('a seed is a number');
    if (!Number.isFinite(seed)) throw new RangeError(`a seed is a finite number, not ${seed}`);
    // Each 512th completion goes through the event loop (turns.ts), and lets another task go first: count from here.
    startNewTurn();
    this.#fabric = new Fabric(seed, linkSettings(PERFECT_LINK, link), clock, trace);
  }

  /**
   * A host, made when it is first named.
   *
   * @param name also what the resolver finds it by
   * @throws MisuseError it is there already and options are given, or an address is taken
   */
  host(name: string, options?: SimulatedHostOptions): SimulatedHost {
    const known = this.#fabric.hosts.get(name);
    if (known !== undefined) {
      if (options !== undefined) throw new MisuseError(`there is a host ${name} already`);
      return known;
    }
    if (!/^[0-9a-z._-]+$/.test(name))
      throw new RangeError(`not a host name (a-z, 0-9, . _ -): ${JSON.stringify(name)}`);
    const number = ++this.#made;
    const { addresses = [`10.0.${number >> 8}.${number & 255}`, `fd00::${number.toString(16)}`], nat } = options ?? {};
    const host = new SimulatedHost(
      this.#fabric,
      name,
      addresses.map((address) => inetAddress(address, 0)),
      nat,
    );
    for (const address of host.addresses) this.#fabric.own(address, host);
    this.#fabric.hosts.set(name, host);
    return host;
  }

  /** A NAT with a public address; give it to the hosts that are behind it. @param address an IPv4 or IPv6 address */
  nat(address: string): SimulatedNat {
    return this.#fabric.newNat(address);
  }

  /** Gives a name addresses, as DNS does. An empty list takes it away. */
  setName(name: string, addresses: readonly string[]): void {
    const found = addresses.map((address) => inetAddress(address, 0));
    if (found.length === 0) this.#fabric.names.delete(name.toLowerCase());
    else this.#fabric.names.set(name.toLowerCase(), found);
  }

  /**
   * Changes what the links between two hosts are like, in both directions, for what is sent from now on.
   *
   * @param a, b names of hosts; the same twice is the loopback of that host
   */
  setLink(a: string, b: string, options: LinkOptions): void {
    this.setOneWayLink(a, b, options);
    this.setOneWayLink(b, a, options);
  }

  /** The same for one direction. */
  setOneWayLink(from: string, to: string, options: LinkOptions): void {
    this.#fabric.setLink(`${from}>${to}`, options);
  }

  /** Changes the options of all links, as far as they were not set apart. */
  setLinks(options: LinkOptions): void {
    this.#fabric.setDefaults(options);
  }

  /** Cuts every link between two groups of hosts, by their names; what is under way is lost too. */
  partition(one: readonly string[], other: readonly string[]): void {
    this.#fabric.cut(one, other);
  }

  /** Takes all partitions away. */
  heal(): void {
    this.#fabric.heal();
  }

  /**
   * Puts a router in charge of datagrams: it sees each as it is sent, and says what arrives of it. For tests that lose
   * exactly the third one. `null` takes it away. The router must not wait.
   */
  setRouter(router: PacketRouter | null): void {
    this.#fabric.router = router;
  }

  /** What happened so far, by time and link. */
  trace(): readonly TraceEntry[] {
    return this.#fabric.trace();
  }
}
