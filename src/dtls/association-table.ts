/**
 * Which association a datagram belongs to: by connection ID where it has one, else by address.
 *
 * An address may have two: one in use, and a *candidate*, whose handshake began on that address later and is not done. A peer
 * that restarted behind the same address and port so gets through, and nobody who merely says so takes the place of the
 * one in use: only a handshake that completes does.
 */
import { socketAddressKey } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import type { Association } from './association.ts';

export class AssociationTable {
  readonly #inUse = new Map<string, Association>();
  readonly #candidates = new Map<string, Association>();
  readonly #byId = new Map<string, Association>();
  readonly #perHost = new Map<string, number>();

  get size(): number {
    return this.#inUse.size + this.#candidates.size;
  }

  get candidates(): number {
    return this.#candidates.size;
  }

  /** Associations and candidates of a host, whatever the port. */
  countOf(host: string): number {
    return this.#perHost.get(host) ?? 0;
  }

  all(): Association[] {
    return [...this.#inUse.values(), ...this.#candidates.values()];
  }

  inUse(address: InetAddress): Association | undefined {
    return this.#inUse.get(socketAddressKey(address));
  }

  candidate(address: InetAddress): Association | undefined {
    return this.#candidates.get(socketAddressKey(address));
  }

  byId(connectionId: Uint8Array): Association | undefined {
    return this.#byId.get(idKey(connectionId));
  }

  /** Takes the address; what was there is given back. */
  use(association: Association): Association | undefined {
    const key = socketAddressKey(association.peer);
    const before = this.#inUse.get(key);
    if (before !== undefined) this.remove(before);
    this.#inUse.set(key, association);
    this.#register(association);
    return before;
  }

  addCandidate(association: Association): void {
    this.#candidates.set(socketAddressKey(association.peer), association);
    this.#register(association);
  }

  /** The candidate's handshake is done: it takes the address; what was there is given back. */
  promote(association: Association): Association | undefined {
    this.remove(association);
    return this.use(association);
  }

  /** The peer has moved; what was at the new address is given back. */
  move(association: Association, before: InetAddress): Association | undefined {
    const key = socketAddressKey(before);
    if (this.#inUse.get(key) !== association) return undefined;
    this.#inUse.delete(key);
    this.#unregister(association, before.host);
    return this.use(association);
  }

  remove(association: Association): void {
    const key = socketAddressKey(association.peer);
    for (const map of [this.#inUse, this.#candidates]) {
      if (map.get(key) !== association) continue;
      map.delete(key);
      this.#unregister(association, association.peer.host);
    }
  }

  #register(association: Association): void {
    const { host } = association.peer;
    this.#perHost.set(host, this.countOf(host) + 1);
    if (association.connectionId.length > 0) this.#byId.set(idKey(association.connectionId), association);
  }

  #unregister(association: Association, host: string): void {
    const left = this.countOf(host) - 1;
    if (left > 0) this.#perHost.set(host, left);
    else this.#perHost.delete(host);
    if (association.connectionId.length > 0) this.#byId.delete(idKey(association.connectionId));
  }
}

function idKey(connectionId: Uint8Array): string {
  return String.fromCharCode(...connectionId);
}
