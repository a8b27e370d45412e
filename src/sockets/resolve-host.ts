/**
 * From what a caller says to the addresses to try: an IP address is itself, a name is asked of a resolver.
 *
 * International names go to resolvers in their ASCII form (UTS #46). What a resolver answers is checked, because it is other
 * people's code.
 */
import { domainToASCII } from 'node:url';

import { inetAddress } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import { ConnectError } from '../core/errors.ts';
import { ipVersion } from '../core/ip-address.ts';
import type { Network, Resolver } from '../core/network.ts';
import { suspend } from '../tasks/waiter.ts';

/**
 * @param resolve asked instead of the network's resolver
 * @param target for errors
 * @returns one address or more, with port 0
 * @throws ConnectError the name has none
 */
export async function resolveHost(
  host: string,
  resolve: Resolver | undefined,
  network: Pick<Network, 'lookup'>,
  target: string,
): Promise<InetAddress[]> {
  if (ipVersion(host) !== 0) return [inetAddress(host, 0)];
  const name = toAsciiName(host);
  let addresses: InetAddress[];
  try {
    addresses = await (resolve === undefined ? network.lookup(name, {}) : untilResolved(resolve, name));
  } catch (error) {
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).syscall !== 'getaddrinfo') throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new ConnectError(`cannot find ${target}: the name ${name} cannot be resolved (${code})`, [], {
      cause: error,
    });
  }
  checkAddresses(addresses);
  if (addresses.length === 0) throw new ConnectError(`cannot find ${target}: the name ${name} has no addresses`, []);
  return addresses;
}

/** A resolver is the user's code, and need not know of scopes: a cancel does not wait for it, and its answer is dropped. */
function untilResolved(resolve: Resolver, name: string): Promise<InetAddress[]> {
  return suspend<InetAddress[]>((waiter) => {
    Promise.resolve(resolve(name, {})).then(
      (addresses) => waiter.resolve(addresses),
      (error: unknown) => waiter.reject(error),
    );
  });
}

/** Node would take a missing host for its own machine (`dns.lookup` says `address`, not `host`), and look a name up once more. */
function checkAddresses(addresses: readonly InetAddress[]): void {
  if (!Array.isArray(addresses)) throw new TypeError('a resolver gives an array of addresses');
  for (const address of addresses as readonly (Partial<InetAddress> | null | undefined)[]) {
    const { host, family } = address ?? {};
    if (typeof host === 'string' && ipVersion(host) !== 0 && ipVersion(host) === family) continue;
    throw new TypeError('a resolver gives addresses { family: 4 or 6, host: an IP address of that family, port: 0 }');
  }
}

/** What goes to resolvers: an international name in its ASCII form (UTS #46). */
function toAsciiName(host: string): string {
  if (!/[^\0-\x7f]/.test(host)) return host;
  const ascii = domainToASCII(host);
  if (ascii === '') throw new RangeError(`not a host name: ${JSON.stringify(host)}`);
  return ascii;
}

/** Whether an error of binding says that this machine does not have the address family. */
export function isFamilyMissing(error: unknown): error is NodeJS.ErrnoException {
  // EADDRNOTAVAIL: the family is there, and switched off on every interface (Linux disable_ipv6).
  const { code } = error as NodeJS.ErrnoException;
  return error instanceof Error && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL');
}
