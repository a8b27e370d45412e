/**
 * Version 1: one line of ASCII, at most 107 bytes with its CR LF (PROXY protocol §2.1).
 *
 *     PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n
 *     PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n
 *     PROXY UNKNOWN …anything…\r\n
 *
 * Read strictly: single spaces, addresses of the family that is named, ports without leading zeros. After UNKNOWN the line is
 * thrown away, as the specification demands.
 */
import { formatSocketAddress, inetAddress } from '../../core/address.ts';
import type { InetAddress, SocketAddress } from '../../core/address.ts';
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { tryParseIpAddress } from '../../core/ip-address.ts';
import type { ProxyHeader } from './header.ts';

/** "a 108-byte buffer is always enough to store all the line and a trailing zero" */
export const VERSION_1_MAX_BYTES = 107;

const RULE = 'PROXY protocol §2.1';
const START = 'PROXY ';
/** `PROXY UNKNOWN` and its CR LF. */
const SHORTEST = 15;
const CR = 0x0d;
const LF = 0x0a;

export function measureVersion1(bytes: Uint8Array, seenBytes: number): number {
  for (let i = 0; i < bytes.length && i < START.length; i++) {
    if (bytes[i] !== START.charCodeAt(i))
      throw new ProtocolError('the connection does not begin with a PROXY header', RULE);
  }
  for (let at = seenBytes; at < bytes.length; at++) {
    if (at >= VERSION_1_MAX_BYTES) throw new ProtocolError(`a line of more than ${VERSION_1_MAX_BYTES} bytes`, RULE);
    if (bytes[at] !== LF) continue;
    if (bytes[at - 1] !== CR) throw new ProtocolError('a line feed without a carriage return', RULE);
    return at + 1;
  }
  // After a CR the LF may be all that is missing.
  return Math.max(SHORTEST, bytes.length + (bytes.at(-1) === CR ? 1 : 2));
}

export function parseVersion1(message: Uint8Array): ProxyHeader {
  const line = String.fromCharCode(...message.subarray(0, -2));
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = line.split(' ');
  if (family === 'UNKNOWN') return header('unspecified', undefined, undefined);
  if (family !== 'TCP4' && family !== 'TCP6') throw refusal('a protocol that is not TCP4, TCP6 or UNKNOWN');
  if (more.length > 0) throw refusal('more than six fields');
  const version = family === 'TCP4' ? 4 : 6;
  return header('stream', addressOf(version, source, sourcePort), addressOf(version, destination, destinationPort));
}

/** @throws RangeError the addresses are not of one family, or have zones */
export function encodeVersion1(
  addresses: { readonly source: InetAddress; readonly destination: InetAddress } | undefined,
): Bytes {
  if (addresses === undefined) return ascii('PROXY UNKNOWN\r\n');
  const { source, destination } = addresses;
  for (const address of [source, destination]) {
    if (address.scopeId !== undefined)
      throw new RangeError(`a PROXY header has no room for the zone of ${formatSocketAddress(address)}`);
  }
  return ascii(`PROXY TCP${source.family} ${source.host} ${destination.host} ${source.port} ${destination.port}\r\n`);
}

function header(
  transport: ProxyHeader['transport'],
  source: SocketAddress | undefined,
  destination: SocketAddress | undefined,
): ProxyHeader {
  return { version: 1, command: 'proxy', transport, source, destination, tlvs: [] };
}

function addressOf(family: 4 | 6, host: string, port: string): InetAddress {
  const ip = tryParseIpAddress(host);
  if (ip?.family !== family || ip.scopeId !== undefined) throw refusal(`an address that is not IPv${family}`);
  if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535)
    throw refusal('a port that is not a number from 0 to 65535');
  return inetAddress(ip, Number(port));
}

function refusal(what: string): ProtocolError {
  return new ProtocolError(`a PROXY header with ${what}`, RULE);
}

function ascii(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
