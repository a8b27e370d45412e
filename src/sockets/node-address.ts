/** Addresses as Node reports them, in bowline's terms. */
import type { InetAddress } from '../core/address.ts';

/** How a dual-stack socket shows an IPv4 peer (RFC 4291 §2.5.5.2). */
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * An address from Node: `fe80::1%eth0` carries its zone, and `::ffff:192.0.2.1` is IPv4, whatever socket it came in on.
 *
 * @returns `undefined` where Node does not know
 */
export function fromNodeAddress(host: string | undefined, port: number | undefined): InetAddress | undefined {
  if (host === undefined || port === undefined) return undefined;
  const mapped = MAPPED_IPV4.exec(host);
  if (mapped !== null) return { family: 4, host: mapped[1] as string, port };
  if (!host.includes(':')) return { family: 4, host, port };
  const [address = '', scopeId] = host.split('%');
  return scopeId === undefined ? { family: 6, host: address, port } : { family: 6, host: address, port, scopeId };
}

/** The host as Node takes it. */
export function toNodeHost(address: InetAddress): string {
  return address.scopeId === undefined ? address.host : `${address.host}%${address.scopeId}`;
}
