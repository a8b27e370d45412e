/**
 * Addresses on their way to the system and back.
 *
 * To the system: an IPv4 address on an IPv6 socket is written inside IPv6 (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2), and taken
 * out again on an IPv4 socket; a zone goes to the end; any text form of an address is accepted; a name is looked up, and
 * its answer is kept for as long as the socket was told. From the system: the same backwards, so that a peer has one
 * form only, whatever socket it came in on, and its address is a key.
 *
 * One object stands for a peer as long as its datagrams follow each other, and the text that goes to the system is
 * remembered with it: an answer to the sender costs no strings.
 */
import { inetAddress } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import { DatagramError } from '../core/errors.ts';
import { ipVersion } from '../core/ip-address.ts';
import type { DatagramTarget } from '../core/network.ts';
import { fromNodeAddress } from './node-address.ts';

const MAPPED = '::ffff:';
/** Names that are remembered for one socket. */
const MAX_NAMES = 256;

export class UdpAddresses {
  readonly #family: 4 | 6;
  #lastPeer: InetAddress;
  #lastText = '';
  #lastTarget: DatagramTarget | undefined;
  #lastTargetHost = '';
  readonly #names = new Map<string, { readonly host: string; readonly expiresAt: number }>();

  /** @param family of the socket */
  constructor(family: 4 | 6) {
    this.#family = family;
    this.#lastPeer = { family, host: '', port: 0 };
  }

  /** Who sent a datagram, from the system's words. */
  peer(text: string, port: number): InetAddress {
    const last = this.#lastPeer;
    if (port === last.port && text === this.#lastText) return last;
    const peer = fromSystem(text, port);
    this.#lastPeer = peer;
    this.#lastText = text;
    return peer;
  }

  /**
   * The host as the system takes it; `undefined` for a name, which has to be looked up (see `rememberName`).
   *
   * @throws TypeError, RangeError this is no address; DatagramError this socket cannot send there
   */
  hostFor(target: DatagramTarget, now: () => number): string | undefined {
    if (target === this.#lastTarget) return this.#lastTargetHost;
    checkTarget(target);
    const { host } = target;
    const family = target.family ?? ipVersion(host);
    if (family === 0) return this.#knownName(host, now);
    const system =
      target.family === undefined ? this.systemHost(inetAddress(host, 0)) : this.systemHost(target as InetAddress);
    // Only what cannot change may stand for a string that was made of it: addresses of this file's own making.
    if (target === this.#lastPeer) {
      this.#lastTarget = target;
      this.#lastTargetHost = system;
    }
    return system;
  }

  /** @throws DatagramError the socket is of another family */
  systemHost(address: InetAddress): string {
    const { family, host, scopeId } = address;
    if (this.#family === 6) {
      if (family === 4) return MAPPED + host;
      return scopeId === undefined ? host : `${host}%${scopeId}`;
    }
    if (family === 4) return host;
    if (host.startsWith(MAPPED)) return host.slice(MAPPED.length);
    throw new DatagramError(`an IPv4 socket cannot send to ${host}`, 'unreachable');
  }

  /** @returns the address to use of those that a name has: the first that this socket can send to */
  rememberName(name: string, addresses: readonly InetAddress[], expiresAt: number): string {
    const address = addresses.find(({ family }) => this.#family === 6 || family === 4) ?? (addresses[0] as InetAddress);
    const host = this.systemHost(address);
    if (this.#names.size >= MAX_NAMES) this.#names.delete(this.#names.keys().next().value as string);
    this.#names.set(name, { host, expiresAt });
    return host;
  }

  #knownName(name: string, now: () => number): string | undefined {
    const known = this.#names.get(name);
    return known !== undefined && known.expiresAt > now() ? known.host : undefined;
  }
}

function fromSystem(text: string, port: number): InetAddress {
  const address = fromNodeAddress(text, port) as InetAddress;
  // libuv writes ::192.0.2.1 (an obsolete form) with a dotted tail, RFC 5952 does not.
  return address.family === 6 && address.host.includes('.') ? inetAddress(text, port) : address;
}

function checkTarget(target: DatagramTarget): void {
  const { host, port, family } = target;
  if (typeof host !== 'string') throw new TypeError('the address of a datagram has a host, which is a string');
  if (!Number.isInteger(port)) throw new TypeError('the address of a datagram has a port, which is an integer');
  if (port < 1 || port > 65_535) throw new RangeError(`a datagram is sent to a port from 1 to 65535, not ${port}`);
  if (![undefined, 4, 6].includes(family)) throw new TypeError('a family is 4 or 6');
}
