/**
 * Version 2: binary (PROXY protocol §2.2).
 *
 *     signature (12) | version, command (1) | family, transport (1) | length (2) | addresses | TLVs
 *
 * `length` counts everything after it; addresses are 12 (IPv4), 36 (IPv6) or 216 (Unix) bytes, or none. With the command
 * LOCAL the whole block means nothing and is skipped; otherwise values that the specification does not assign are refused, as
 * it demands. A CRC32C among the TLVs is checked over the whole header with the field itself zeroed (§2.2.3), and a header
 * that fails it is not used at all: the protocol says that such a connection must be dropped.
 */
import { inetAddress, unmapInetAddress } from '../../core/address.ts';
import type { InetAddress, SocketAddress, UnixAddress } from '../../core/address.ts';
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { ipAddressFromBytes, parseIpAddress } from '../../core/ip-address.ts';
import { crc32c } from './crc32c.ts';
import type { ProxyHeader } from './header.ts';
import { proxyTlvTypes, readTlvs, writeTlv } from './tlv.ts';
import type { ProxyTlv } from './tlv.ts';

/** `\r\n\r\n\0\r\nQUIT\n`: made so that HTTP, SMTP and TLS servers fail on it at once. */
export const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

const RULE = 'PROXY protocol §2.2';
const FIXED_BYTES = 16;
const UNIX_PATH_BYTES = 108;

const families = { unspecified: 0, inet: 1, inet6: 2, unix: 3 } as const;
const transports = { unspecified: 0, stream: 1, datagram: 2 } as const;

export function measureVersion2(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length && i < SIGNATURE.length; i++) {
    if (bytes[i] !== SIGNATURE[i]) throw new ProtocolError('the connection does not begin with a PROXY header', RULE);
  }
  const version = bytes[12];
  if (version !== undefined && version >> 4 !== 2)
    throw new ProtocolError(`version ${version >> 4} of the binary header`, RULE);
  if (bytes.length < FIXED_BYTES) return FIXED_BYTES;
  return FIXED_BYTES + (bytes[14] as number) * 256 + (bytes[15] as number);
}

export function parseVersion2(message: Bytes): ProxyHeader {
  const reader = new ByteReader(message, RULE);
  reader.skip(SIGNATURE.length);
  const command = reader.u8() & 0x0f;
  const familyAndTransport = reader.u8();
  reader.skip(2);
  if (command === 0) return header('local', 'unspecified', undefined, undefined, []);
  if (command !== 1) reader.fail(`the command ${command}, which does not exist`);
  const transport = transportOf(familyAndTransport & 0x0f, reader);
  const family = familyAndTransport >> 4;
  if ((family === families.unspecified) !== (transport === 'unspecified'))
    reader.fail(`the combination 0x${familyAndTransport.toString(16)} of family and transport`);
  const [source, destination] = readAddresses(family, reader);
  const tlvs = readTlvs(reader);
  checkChecksum(message, tlvs, reader);
  return header('proxy', transport, source, destination, tlvs.filter(isAboutConnection));
}

export interface Version2 {
  readonly command: 'proxy' | 'local';
  readonly transport?: 'stream' | 'datagram' | undefined;
  /** Both of one family. `undefined`: unspecified. */
  readonly addresses?: { readonly source: SocketAddress; readonly destination: SocketAddress } | undefined;
  readonly tlvs?: readonly ProxyTlv[] | undefined;
  /** Adds a CRC32C. */
  readonly checksum?: boolean | undefined;
}

/** @throws RangeError something does not fit: a TLV or a path that is too long, more than 65,535 bytes, addresses of two kinds */
export function encodeVersion2({
  command,
  transport = 'stream',
  addresses,
  tlvs = [],
  checksum = false,
}: Version2): Bytes {
  let checksumAt = -1;
  const writer = new ByteWriter(256).bytes(SIGNATURE).u8(0x20 | (command === 'proxy' ? 1 : 0));
  writer.u8(addresses === undefined ? 0 : (familyOf(addresses.source) << 4) | transports[transport]);
  writer.block(2, () => {
    if (addresses !== undefined) writeAddresses(writer, addresses.source, addresses.destination);
    for (const tlv of tlvs) writeTlv(writer, tlv);
    if (!checksum) return;
    checksumAt = writer.length + 3;
    writeTlv(writer, { type: proxyTlvTypes.crc32c, value: new Uint8Array(4) });
  });
  const bytes = writer.take();
  if (checksum) new DataView(bytes.buffer).setUint32(checksumAt, crc32c(bytes));
  return bytes;
}

function header(
  command: ProxyHeader['command'],
  transport: ProxyHeader['transport'],
  source: SocketAddress | undefined,
  destination: SocketAddress | undefined,
  tlvs: readonly ProxyTlv[],
): ProxyHeader {
  return { version: 2, command, transport, source, destination, tlvs };
}

function transportOf(value: number, reader: ByteReader): ProxyHeader['transport'] {
  if (value === transports.unspecified) return 'unspecified';
  if (value === transports.stream) return 'stream';
  if (value === transports.datagram) return 'datagram';
  return reader.fail(`the transport ${value}, which does not exist`);
}

function readAddresses(
  family: number,
  reader: ByteReader,
): readonly [SocketAddress | undefined, SocketAddress | undefined] {
  if (family === families.unspecified) return [undefined, undefined];
  if (family === families.unix) return [readUnix(reader), readUnix(reader)];
  if (family !== families.inet && family !== families.inet6)
    reader.fail(`the address family ${family}, which does not exist`);
  const width = family === families.inet ? 4 : 16;
  const source = ipAddressFromBytes(reader.bytes(width));
  const destination = ipAddressFromBytes(reader.bytes(width));
  return [inetAddress(source, reader.u16()), inetAddress(destination, reader.u16())];
}

/** The path ends at the first NUL, but a name in the abstract namespace begins with one (unix(7)) and ends before the padding. */
function readUnix(reader: ByteReader): UnixAddress {
  const field = reader.bytes(UNIX_PATH_BYTES);
  let end = field.length;
  if (field[0] === 0) while (end > 0 && field[end - 1] === 0) end--;
  else if (field.includes(0)) end = field.indexOf(0);
  try {
    return { family: 'unix', path: utf8.decode(field.subarray(0, end)) };
  } catch {
    return reader.fail('a Unix path that is not UTF-8');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function familyOf(address: SocketAddress): number {
  return address.family === 'unix' ? families.unix : address.family === 4 ? families.inet : families.inet6;
}

function writeAddresses(writer: ByteWriter, source: SocketAddress, destination: SocketAddress): void {
  if (source.family !== destination.family) throw new RangeError('the addresses of a PROXY header are of one family');
  if (source.family === 'unix' || destination.family === 'unix') {
    for (const { path } of [source as UnixAddress, destination as UnixAddress]) {
      const bytes = new TextEncoder().encode(path);
      if (bytes.length > UNIX_PATH_BYTES) throw new RangeError(`a Unix path of ${bytes.length} bytes, where 108 fit`);
      writer.bytes(bytes).zeros(UNIX_PATH_BYTES - bytes.length);
    }
    return;
  }
  for (const { host } of [source, destination]) writer.bytes(parseIpAddress(host).bytes);
  writer.u16(source.port).u16(destination.port);
}

/** Two addresses as one family, as a header needs them: IPv4 next to IPv6 is written as IPv4-mapped (as HAProxy does). */
export function inOneFamily(
  source: InetAddress,
  destination: InetAddress,
): { readonly source: InetAddress; readonly destination: InetAddress } {
  const plain = { source: unmapInetAddress(source), destination: unmapInetAddress(destination) };
  if (plain.source.family === plain.destination.family) return plain;
  return { source: asIpv6(plain.source), destination: asIpv6(plain.destination) };
}

function asIpv6(address: InetAddress): InetAddress {
  return address.family === 6 ? address : inetAddress(`::ffff:${address.host}`, address.port);
}

function isAboutConnection({ type }: ProxyTlv): boolean {
  return type !== proxyTlvTypes.crc32c && type !== proxyTlvTypes.noop;
}

function checkChecksum(message: Bytes, tlvs: readonly ProxyTlv[], reader: ByteReader): void {
  const checksums = tlvs.filter(({ type }) => type === proxyTlvTypes.crc32c);
  const [first] = checksums;
  if (first === undefined) return;
  if (checksums.length > 1) reader.fail('two checksums');
  if (first.value.length !== 4) reader.fail(`a checksum of ${first.value.length} bytes`);
  const zeroed = message.slice();
  const offset = first.value.byteOffset - message.byteOffset;
  zeroed.fill(0, offset, offset + 4);
  const written = new ByteReader(first.value, RULE).u32();
  if (crc32c(zeroed) !== written) reader.fail('a checksum that is wrong');
}
