/**
 * IP addresses: text to bytes and back, and the questions a server asks about a peer.
 *
 * Reading is strict, because addresses decide who is let in, and two programs that read one text differently are a hole.
 * IPv4 is four decimal parts and nothing else: no `127.1`, no `0x7f.0.0.1`, no leading zero (which C libraries take for
 * octal). IPv6 is the text forms of RFC 4291 §2.2, an embedded IPv4 tail included, and a zone (RFC 4007 §11) after `%`.
 * Writing follows RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`, and
 * IPv4-mapped addresses with a dotted tail (§5).
 *
 * An IPv4-mapped address (`::ffff:192.0.2.1`) is how a socket for both families shows an IPv4 peer. It means the IPv4
 * address, so every predicate here looks through the mapping; `parse` and `format` keep it, so that nothing is lost.
 *
 * Text that is not an address is an `AddressError`; `tryParseIpAddress` gives `undefined` instead.
 */
import type { Bytes } from './bytes.ts';
import { AddressError } from './errors.ts';
import { quoteText } from './quote.ts';

export interface IpAddress {
  readonly family: 4 | 6;
  /** Four or sixteen bytes in network order. Not to be changed. */
  readonly bytes: Bytes;
  /** IPv6 zone: an interface name or index. */
  readonly scopeId?: string | undefined;
}

/**
 * @param text such as `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1` or `fe80::1%eth0`; without brackets
 * @throws AddressError it is none of these
 */
export function parseIpAddress(text: string): IpAddress {
  const address = tryParseIpAddress(text);
  if (address === undefined)
    throw new AddressError(`${quoteText(text)} is not an IP address`, 'it is not an IP address');
  return address;
}

/** The address, or `undefined` where `text` is not one. */
export function tryParseIpAddress(text: string): IpAddress | undefined {
  if (typeof text !== 'string') throw new TypeError(`an IP address must be a string, not ${typeof text}`);
  // The longest address is 45 characters; a zone may follow.
  if (text.length > 45 + 1 + MAX_ZONE_CHARACTERS) return undefined;
  if (!text.includes(':')) {
    const bytes = new Uint8Array(4);
    return readIpv4(text, 0, bytes, 0) ? { family: 4, bytes } : undefined;
  }
  const percent = text.indexOf('%');
  const bytes = new Uint8Array(16);
  if (!readIpv6(percent === -1 ? text : text.slice(0, percent), bytes)) return undefined;
  if (percent === -1) return { family: 6, bytes };
  const scopeId = text.slice(percent + 1);
  return isScopeId(scopeId) ? { family: 6, bytes, scopeId } : undefined;
}

/** 4 or 6 for the text of an IP address (a zone allowed), 0 for any other text. */
export function ipVersion(text: string): 0 | 4 | 6 {
  return tryParseIpAddress(text)?.family ?? 0;
}

/** Whether `text` names an interface: 1 to 64 letters, digits and `. _ ~ : -` (RFC 6874 §2, and the colon that Node takes). */
export function isScopeId(text: string): boolean {
  return text.length <= MAX_ZONE_CHARACTERS && /^[0-9A-Za-z._~:-]+$/.test(text);
}

/** Canonical text, with the zone. */
export function formatIpAddress(address: IpAddress): string {
  const { bytes } = address;
  if (address.family === 4) return formatIpv4(bytes, 0);
  const text = isIpv4Mapped(address) ? `::ffff:${formatIpv4(bytes, 12)}` : formatGroups(bytes);
  return address.scopeId === undefined ? text : `${text}%${address.scopeId}`;
}

/**
 * An address from its bytes in network order, as in a certificate, a SOCKS request or a PROXY header. Copies them.
 *
 * @throws RangeError there are not 4 or 16 bytes, or an IPv4 address is given a zone, or the zone is no zone
 */
export function ipAddressFromBytes(bytes: Uint8Array, scopeId?: string): IpAddress {
  if (bytes.length !== 4 && bytes.length !== 16)
    throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const copy = new Uint8Array(bytes);
  if (scopeId === undefined) return { family: copy.length === 4 ? 4 : 6, bytes: copy };
  if (copy.length === 4) throw new RangeError('an IPv4 address has no zone');
  if (!isScopeId(scopeId)) throw new RangeError(`${quoteText(scopeId)} is not a zone`);
  return { family: 6, bytes: copy, scopeId };
}

/** Canonical text of the address that `text` is. @throws AddressError */
export function canonicalIpText(text: string): string {
  return formatIpAddress(parseIpAddress(text));
}

/** IPv4 before IPv6, then by number, then by zone: an order for sorting, and 0 exactly where the two are the same. */
export function compareIpAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let i = 0; i < a.bytes.length; i++) {
    const difference = (a.bytes[i] ?? 0) - (b.bytes[i] ?? 0);
    if (difference !== 0) return difference;
  }
  const zoneA = a.scopeId ?? '';
  const zoneB = b.scopeId ?? '';
  return zoneA < zoneB ? -1 : zoneA > zoneB ? 1 : 0;
}

/** Whether this is `::ffff:0:0/96` (RFC 4291 §2.5.5.2). */
export function isIpv4Mapped(address: IpAddress): boolean {
  return address.family === 6 && startsWith(address.bytes, MAPPED_PREFIX);
}

/** The IPv4 address inside an IPv4-mapped one; any other address as it is. */
export function unmapIpAddress(address: IpAddress): IpAddress {
  return isIpv4Mapped(address) ? { family: 4, bytes: address.bytes.slice(12) } : address;
}

/** `0.0.0.0` or `::`: "every interface" when listening. Looks through an IPv4-mapped address, as all predicates here do. */
export function isWildcardIp(address: string | IpAddress): boolean {
  return resolved(address).bytes.every((byte) => byte === 0);
}

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3) or `::1`. */
export function isLoopbackIp(address: string | IpAddress): boolean {
  const { family, bytes } = resolved(address);
  if (family === 4) return bytes[0] === 127;
  return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0);
}

/** 169.254.0.0/16 (RFC 3927) or fe80::/10. */
export function isLinkLocalIp(address: string | IpAddress): boolean {
  const { family, bytes } = resolved(address);
  const [first = 0, second = 0] = bytes;
  return family === 4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80;
}

/** Not routed on the internet by agreement: 10/8, 172.16/12, 192.168/16 (RFC 1918) or fc00::/7 (RFC 4193). */
export function isPrivateIp(address: string | IpAddress): boolean {
  const { family, bytes } = resolved(address);
  const [first = 0, second = 0] = bytes;
  if (family === 6) return (first & 0xfe) === 0xfc;
  return first === 10 || (first === 172 && (second & 0xf0) === 16) || (first === 192 && second === 168);
}

/** 224.0.0.0/4 (RFC 5771) or ff00::/8. */
export function isMulticastIp(address: string | IpAddress): boolean {
  const { family, bytes } = resolved(address);
  const [first = 0] = bytes;
  return family === 4 ? (first & 0xf0) === 0xe0 : first === 0xff;
}

const MAX_ZONE_CHARACTERS = 64;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

function resolved(address: string | IpAddress): IpAddress {
  return unmapIpAddress(typeof address === 'string' ? parseIpAddress(address) : address);
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

/** Reads `text` from `start` to its end as dotted decimal into four bytes of `out` at `offset`. */
function readIpv4(text: string, start: number, out: Uint8Array, offset: number): boolean {
  let position = start;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(position++) !== 0x2e) return false;
    const first = position;
    let value = 0;
    while (position < text.length && position - first < 3) {
      const digit = text.charCodeAt(position) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      position += 1;
    }
    const digits = position - first;
    if (digits === 0 || value > 255 || (digits > 1 && text.charCodeAt(first) === 0x30)) return false;
    out[offset + part] = value;
  }
  return position === text.length;
}

/** Reads RFC 4291 §2.2 text (forms 1 to 3) without a zone into sixteen bytes. */
function readIpv6(text: string, out: Uint8Array): boolean {
  let position = 0;
  let written = 0;
  /** Where in `out` the `::` stands. */
  let gap = -1;
  if (text.startsWith('::')) {
    gap = 0;
    position = 2;
  }
  while (position < text.length) {
    if (written === 16) return false;
    const first = position;
    let value = 0;
    while (position < text.length && position - first < 5) {
      const digit = hexDigit(text.charCodeAt(position));
      if (digit === -1) break;
      value = value * 16 + digit;
      position += 1;
    }
    if (text[position] === '.') {
      if (written > 12 || !readIpv4(text, first, out, written)) return false;
      written += 4;
      break;
    }
    const digits = position - first;
    if (digits === 0 || digits > 4) return false;
    out[written] = value >> 8;
    out[written + 1] = value & 0xff;
    written += 2;
    if (position === text.length) break;
    if (text[position] !== ':') return false;
    position += 1;
    if (text[position] === ':') {
      if (gap !== -1) return false;
      gap = written;
      position += 1;
    } else if (position === text.length) {
      return false;
    }
  }
  if (gap === -1) return written === 16;
  // "::" stands for one or more groups of zeros (RFC 4291 §2.2), so it may not stand for none.
  if (written === 16) return false;
  out.copyWithin(16 - (written - gap), gap, written);
  out.fill(0, gap, 16 - (written - gap));
  return true;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

function formatIpv4(bytes: Uint8Array, offset: number): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

function formatGroups(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  let gapStart = -1;
  let gapLength = 1; // RFC 5952 §4.2.2: "::" must not shorten just one group
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - i > gapLength) {
      gapStart = i;
      gapLength = end - i;
    }
    i = Math.max(i, end - 1);
  }
  const hex = groups.map((group) => group.toString(16));
  if (gapStart === -1) return hex.join(':');
  return `${hex.slice(0, gapStart).join(':')}::${hex.slice(gapStart + gapLength).join(':')}`;
}
