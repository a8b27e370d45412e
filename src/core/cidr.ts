/**
 * Address blocks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3): `10.0.0.0/8`, `2001:db8::/32`, or one bare address.
 *
 * A block answers one question, "is this peer in it?", and usually stands in a trust decision. So it is read strictly:
 * bits after the prefix must be zero (`10.1.2.3/8` is more often a slip of the pen than meant, and the error says what the
 * block would be), and a zone has no place in it. IPv4-mapped addresses and blocks within `::ffff:0:0/96` count as the
 * IPv4 they stand for: a dual-stack socket shows its IPv4 peers that way, and `192.0.2.0/24` must match them. It follows
 * that `::/0` holds no IPv4 peer; "everybody" is `0.0.0.0/0` and `::/0`.
 */
import type { Bytes } from './bytes.ts';
import { AddressError } from './errors.ts';
import type { IpAddress } from './ip-address.ts';
import { formatIpAddress, isIpv4Mapped, parseIpAddress, tryParseIpAddress, unmapIpAddress } from './ip-address.ts';
import { quoteText } from './quote.ts';

export interface Cidr {
  readonly family: 4 | 6;
  /** The first address of the block, in network order. Not to be changed. */
  readonly bytes: Bytes;
  /** 0 to 32 or 128. */
  readonly prefixLength: number;
}

/** @throws AddressError `text` is not a block, or has bits set after its prefix */
export function parseCidr(text: string): Cidr {
  if (typeof text !== 'string') throw new TypeError(`an address block must be a string, not ${typeof text}`);
  const slash = text.indexOf('/');
  const written = tryParseIpAddress(slash === -1 ? text : text.slice(0, slash));
  if (written === undefined || written.scopeId !== undefined)
    throw refusal(text, 'expected an address such as 192.0.2.0/24 or 2001:db8::/32');
  const bits = written.family === 4 ? 32 : 128;
  let prefixLength = bits;
  if (slash !== -1) {
    const digits = text.slice(slash + 1);
    prefixLength = /^(0|[1-9]\d{0,2})$/.test(digits) ? Number(digits) : Infinity;
    if (prefixLength > bits) throw refusal(text, `the prefix length must be 0 to ${bits}`);
  }
  let address: IpAddress = written;
  if (isIpv4Mapped(written) && prefixLength >= 96) {
    address = unmapIpAddress(written);
    prefixLength -= 96;
  }
  const bytes = maskedBytes(address.bytes, prefixLength);
  const block: Cidr = { family: address.family, bytes, prefixLength };
  if (!bytes.every((byte, i) => byte === address.bytes[i]))
    throw refusal(text, `bits are set after the prefix; the block is ${formatCidr(block)}`);
  return block;
}

/** Canonical text, the prefix length always written. */
export function formatCidr(block: Cidr): string {
  return `${formatIpAddress({ family: block.family, bytes: block.bytes })}/${block.prefixLength}`;
}

/**
 * Whether the address lies in the block. A zone does not matter; an IPv4-mapped address counts as IPv4.
 *
 * @throws AddressError `address` is text, and not an IP address
 */
export function cidrContains(block: Cidr, address: string | IpAddress): boolean {
  const { family, bytes } = unmapIpAddress(typeof address === 'string' ? parseIpAddress(address) : address);
  if (family !== block.family) return false;
  const whole = block.prefixLength >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== block.bytes[i]) return false;
  const restBits = block.prefixLength & 7;
  return restBits === 0 || ((bytes[whole] ?? 0) ^ (block.bytes[whole] ?? 0)) >> (8 - restBits) === 0;
}

function maskedBytes(bytes: Uint8Array, prefixLength: number): Bytes {
  const masked = new Uint8Array(bytes);
  const whole = prefixLength >> 3;
  if (whole < masked.length) {
    masked[whole] = (masked[whole] ?? 0) & (0xff << (8 - (prefixLength & 7)));
    masked.fill(0, whole + 1);
  }
  return masked;
}

function refusal(text: string, why: string): AddressError {
  return new AddressError(`${quoteText(text)} is not an address block: ${why}`, why);
}
