/**
 * The address field of SOCKS5: a type, an IP address or a name, and a port (RFC 1928 §5). Requests, replies and the headers
 * of relayed datagrams all end in one.
 *
 *     +------+----------+----------+          type 1: 4 bytes of IPv4
 *     | ATYP |   ADDR   |   PORT   |               3: a length byte and so many bytes of a name
 *     +------+----------+----------+               4: 16 bytes of IPv6
 *     |  1   | Variable |    2     |
 *     +------+----------+----------+
 *
 * The RFC does not say what a name may consist of. Here it is visible ASCII: an international name travels in its ASCII
 * form, and whatever else is in the field is not the name of anything. A name that reads as an IP address is taken for
 * what it reads as, so that nobody downstream can take it for something else.
 */
import type { ByteReader } from '../../core/byte-reader.ts';
import type { ByteWriter } from '../../core/byte-writer.ts';
import { checkPort } from '../../core/host-port.ts';
import { formatIpAddress, ipAddressFromBytes, tryParseIpAddress } from '../../core/ip-address.ts';

export interface SocksAddress {
  /** Canonical text of an IP address, or a name in ASCII. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** ATYP. */
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** Most bytes of a name: its length is one byte. */
const MAX_NAME_BYTES = 255;

/**
 * Where the field ends that begins at `offset`, as far as can be told.
 *
 * @returns a length of the whole message: at least so many bytes
 */
export function measureSocksAddress(bytes: Uint8Array, offset: number): number {
  const type = bytes[offset];
  if (type === IPV4) return offset + 1 + 4 + 2;
  if (type === IPV6) return offset + 1 + 16 + 2;
  // The shortest there can be is a name of one byte. Another type is for the parser to refuse, with what there is.
  const shortest = offset + 1 + 1 + 1 + 2;
  if (type !== NAME) return type === undefined ? shortest : offset + 1;
  const length = bytes[offset + 1];
  return length === undefined ? shortest : offset + 1 + 1 + length + 2;
}

/** Reads the field. Fails as the reader does. */
export function readSocksAddress(reader: ByteReader): SocksAddress {
  const type = reader.u8();
  const host = type === NAME ? readName(reader) : readIp(type, reader);
  return { host, port: reader.u16() };
}

/** @throws RangeError the host does not fit the field */
export function writeSocksAddress(writer: ByteWriter, { host, port }: SocksAddress): void {
  checkPort(port);
  const ip = tryParseIpAddress(host);
  if (ip === undefined) {
    writer.u8(NAME).vector(1, nameBytes(host, MAX_NAME_BYTES));
  } else {
    if (ip.scopeId !== undefined) throw new RangeError('an address with a zone means nothing at the proxy');
    writer.u8(ip.family === 4 ? IPV4 : IPV6).bytes(ip.bytes);
  }
  writer.u16(port);
}

/** A name as bytes. @throws RangeError it is empty, too long, or not visible ASCII */
export function nameBytes(name: string, maxBytes: number): Uint8Array {
  if (name.length === 0 || name.length > maxBytes)
    throw new RangeError(`a name has 1 to ${maxBytes} characters for SOCKS, not ${name.length}`);
  if (!/^[!-~]*$/.test(name)) throw new RangeError('a name is visible ASCII for SOCKS');
  return Uint8Array.from(name, (character) => character.charCodeAt(0));
}

/** Bytes as a name; `undefined` if they are none. */
export function nameFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.some((byte) => byte < 0x21 || byte > 0x7e)) return undefined;
  return String.fromCharCode(...bytes);
}

function readName(reader: ByteReader): string {
  const name = nameFromBytes(reader.vector(1, 1));
  if (name === undefined) reader.fail('a name that is not visible ASCII');
  const ip = tryParseIpAddress(name);
  return ip === undefined ? name : formatIpAddress(ip);
}

function readIp(type: number, reader: ByteReader): string {
  if (type !== IPV4 && type !== IPV6) reader.fail(`the address type ${type}, which does not exist`);
  return formatIpAddress(ipAddressFromBytes(reader.bytes(type === IPV4 ? 4 : 16)));
}
