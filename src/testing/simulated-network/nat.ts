/**
 * Network address translation for datagrams and connections that leave a private network.
 *
 * Endpoint-independent mapping (RFC 4787 REQ-1): whatever an inner address sends, to anybody, comes from one port of the
 * public address, and whoever sends to that port reaches it. A rebinding is what happens to a phone that sleeps or a
 * router that restarts: the mappings are forgotten, and the next datagram comes from another port, or another address.
 */
import { inetAddress, socketAddressKey } from '../../core/address.ts';
import type { InetAddress } from '../../core/address.ts';
import type { SimulatedHost } from './simulated-host.ts';

const FIRST_PORT = 40_000;

interface Mapping {
  readonly host: SimulatedHost;
  readonly inner: InetAddress;
}

export class SimulatedNat {
  #address: InetAddress;
  #generation = 0;
  #nextPort = FIRST_PORT;
  readonly #outward = new Map<string, InetAddress>();
  readonly #inward = new Map<number, Mapping>();
  readonly #onRebind: (nat: SimulatedNat, before: InetAddress) => void;

  /** Made by `SimulatedNetwork.nat()`. */
  constructor(address: InetAddress, onRebind: (nat: SimulatedNat, before: InetAddress) => void) {
    this.#address = address;
    this.#onRebind = onRebind;
  }

  /** The public address, port 0. */
  get address(): InetAddress {
    return this.#address;
  }

  /** How often it was rebound: connections of an earlier time are dead. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Forgets every mapping: datagrams come from new ports from now on, what is sent to the old ones gets lost, and TCP
   * connections through it break.
   *
   * @param address the new public address; default the same
   */
  rebind(address?: string): void {
    const before = this.#address;
    if (address !== undefined) this.#address = inetAddress(address, 0);
    this.#generation++;
    this.#outward.clear();
    this.#inward.clear();
    this.#onRebind(this, before);
  }

  /** What the outside sees `inner` as. */
  translate(host: SimulatedHost, inner: InetAddress): InetAddress {
    const key = socketAddressKey(inner);
    let outer = this.#outward.get(key);
    if (outer === undefined) {
      outer = { ...this.#address, port: this.#nextPort++ };
      if (this.#nextPort > 65_535) this.#nextPort = FIRST_PORT;
      this.#outward.set(key, outer);
      this.#inward.set(outer.port, { host, inner });
    }
    return outer;
  }

  /** Who is behind a port of the public address. */
  find(port: number): Mapping | undefined {
    return this.#inward.get(port);
  }
}
