/**
 * Where a socket is: the address families of bowline, and what programs do with addresses.
 *
 * An `InetAddress` always carries a numeric address in canonical text; names live in `HostPort` and `ConnectTarget` until
 * a resolver has turned them into addresses. Because the text is canonical, two addresses are the same exactly when their
 * fields are, and a key for a map is put together without parsing. `inetAddress` makes one from any text.
 */
import { checkPort } from './host-port.ts';
import { compareIpAddresses, formatIpAddress, parseIpAddress, unmapIpAddress } from './ip-address.ts';
import type { IpAddress } from './ip-address.ts';
import { escapeText } from './quote.ts';

export interface InetAddress {
  readonly family: 4 | 6;
  /** Canonical text (RFC 5952 for IPv6), without brackets and without zone. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
  /** IPv6 zone of a link-local address: an interface name or index. */
  readonly scopeId?: string | undefined;
}

export interface UnixAddress {
  readonly family: 'unix';
  /** A file system path, or on Windows a pipe name; empty for an unnamed socket. */
  readonly path: string;
}

export type SocketAddress = InetAddress | UnixAddress;

/**
 * @param host an IP address as text, a zone allowed, or parsed; IPv4-mapped stays IPv6 (see `unmapInetAddress`)
 * @param port 0 to 65535
 * @throws AddressError `host` is text, and not an IP address
 * @throws TypeError, RangeError `port` is not a port
 */
export function inetAddress(host: string | IpAddress, port: number): InetAddress {
  checkPort(port);
  const address = typeof host === 'string' ? parseIpAddress(host) : host;
  const text = formatIpAddress({ family: address.family, bytes: address.bytes });
  return address.scopeId === undefined
    ? { family: address.family, host: text, port }
    : { family: address.family, host: text, port, scopeId: address.scopeId };
}

/** The numeric address of a socket address, without its port. */
export function ipAddressOf(address: InetAddress): IpAddress {
  return parseIpAddress(hostWithZone(address));
}

/** An IPv4-mapped IPv6 address as the IPv4 address it stands for; any other as it is. */
export function unmapInetAddress(address: InetAddress): InetAddress {
  if (address.family !== 6 || !address.host.startsWith('::ffff:')) return address;
  return inetAddress(unmapIpAddress(ipAddressOf(address)), address.port);
}

/** For people: `192.0.2.1:443`, `[fe80::1%eth0]:443`, `unix:/run/x`, `unix:@abstract`, `unix:(unnamed)`. One line, always. */
export function formatSocketAddress(address: SocketAddress): string {
  if (address.family !== 'unix') return inetText(address);
  if (address.path === '') return 'unix:(unnamed)';
  // Linux: a name that starts with NUL is in the abstract namespace, conventionally shown with "@" (unix(7)).
  return address.path.startsWith('\0')
    ? `unix:@${escapeText(address.path.slice(1), 256)}`
    : `unix:${escapeText(address.path, 256)}`;
}

/** A string that is the same for the same address and different for different ones: a key for maps. */
export function socketAddressKey(address: SocketAddress): string {
  return address.family === 'unix' ? `unix:${address.path}` : inetText(address);
}

export function sameSocketAddress(a: SocketAddress, b: SocketAddress): boolean {
  if (a.family === 'unix' || b.family === 'unix')
    return a.family === b.family && (a as UnixAddress).path === (b as UnixAddress).path;
  return a.port === b.port && a.host === b.host && a.family === b.family && a.scopeId === b.scopeId;
}

/** IPv4, then IPv6, then Unix; within a family by address, zone and port, or by path. 0 exactly where the two are the same. */
export function compareSocketAddresses(a: SocketAddress, b: SocketAddress): number {
  if (a.family === 'unix') return b.family === 'unix' ? compareText(a.path, b.path) : 1;
  if (b.family === 'unix') return -1;
  return compareIpAddresses(ipAddressOf(a), ipAddressOf(b)) || a.port - b.port;
}

function inetText(address: InetAddress): string {
  return address.family === 4 ? `${address.host}:${address.port}` : `[${hostWithZone(address)}]:${address.port}`;
}

function hostWithZone({ host, scopeId }: InetAddress): string {
  return scopeId === undefined ? host : `${host}%${scopeId}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
