/**
 * SOCKS4 and its extension 4A, which resolves names at the proxy. No RFC: the two notes of Ying-Da Lee, "SOCKS: A protocol
 * for TCP proxy across firewalls" and "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol".
 *
 *     client  | VN=4 | CD=1 | DSTPORT | DSTIP | USERID | NUL |  and for a name  | NAME | NUL |
 *     server  | VN=0 | CD | DSTPORT | DSTIP |                 CD: 90 granted, 91 to 93 refused
 *
 * A name is announced by the address 0.0.0.x with x not zero. There are no IPv6 addresses and no passwords; the user is
 * merely named. The strings have no length in front of them, so they get a limit here.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { checkPort } from '../../core/host-port.ts';
import { formatIpAddress, ipAddressFromBytes, tryParseIpAddress } from '../../core/ip-address.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { nameBytes, nameFromBytes } from './socks-address.ts';
import type { SocksAddress } from './socks-address.ts';
import { checkVersion } from './version.ts';

export interface Socks4Request {
  readonly target: SocksAddress;
  /** Visible ASCII of at most 255 characters; may be empty. */
  readonly userId: string;
}

export const SOCKS4_GRANTED = 90;

const RULE = 'SOCKS 4A';
const CONNECT = 1;
const MAX_STRING_BYTES = 255;
const FIXED_BYTES = 8;

/** @throws RangeError the target is an IPv6 address, or something does not fit */
export function encodeSocks4Request({ target, userId }: Socks4Request): Bytes {
  const ip = tryParseIpAddress(target.host);
  if (ip?.family === 6) throw new RangeError('SOCKS4 has no IPv6 addresses: use a SOCKS5 proxy');
  const isName = ip === undefined || ip.bytes.subarray(0, 3).every((byte) => byte === 0);
  const name = isName ? nameBytes(target.host, MAX_STRING_BYTES) : undefined;
  const writer = new ByteWriter(64)
    .u8(4)
    .u8(CONNECT)
    .u16(checkPort(target.port))
    .bytes(isName ? Uint8Array.of(0, 0, 0, 1) : ip.bytes)
    .bytes(userId === '' ? new Uint8Array(0) : nameBytes(userId, MAX_STRING_BYTES))
    .u8(0);
  return (name === undefined ? writer : writer.bytes(name).u8(0)).take();
}

export const socks4Request: MessageFormat<Socks4Request> = {
  name: 'a SOCKS4 request',
  measure(bytes) {
    checkVersion(bytes, 4, RULE);
    const userIdEnd = stringEnd(bytes, FIXED_BYTES);
    if (userIdEnd === undefined) return Math.max(FIXED_BYTES + 1, bytes.length + 1);
    if (!announcesName(bytes)) return userIdEnd;
    return stringEnd(bytes, userIdEnd) ?? bytes.length + 1;
  },
  parse(message) {
    const reader = new ByteReader(message, RULE);
    reader.skip(1);
    if (reader.u8() !== CONNECT) reader.fail('a command other than CONNECT');
    const port = reader.u16();
    const ip = reader.bytes(4);
    const userId = readString(reader);
    const host = announcesName(message) ? readString(reader) : formatIpAddress(ipAddressFromBytes(ip));
    reader.expectEnd();
    if (host === '') reader.fail('an empty name');
    return { target: { host, port }, userId };
  },
};

export interface Socks4Reply {
  /** 90: granted; anything else is a refusal. */
  readonly code: number;
  readonly bound: SocksAddress;
}

/** @throws RangeError `bound` has no IPv4 address */
export function encodeSocks4Reply({ code, bound }: Socks4Reply): Bytes {
  const ip = tryParseIpAddress(bound.host);
  if (ip?.family !== 4) throw new RangeError('a SOCKS4 reply has an IPv4 address');
  return new ByteWriter(FIXED_BYTES).u8(0).u8(code).u16(checkPort(bound.port)).bytes(ip.bytes).take();
}

export const socks4Reply: MessageFormat<Socks4Reply> = {
  name: 'a SOCKS4 reply',
  measure(bytes) {
    checkVersion(bytes, 0, RULE);
    return FIXED_BYTES;
  },
  parse(message) {
    const reader = new ByteReader(message, RULE);
    reader.skip(1);
    const code = reader.u8();
    const port = reader.u16();
    return { code, bound: { host: formatIpAddress(ipAddressFromBytes(reader.bytes(4))), port } };
  },
};

/** The meaning of a code for people. */
export function describeSocks4Reply(code: number): string {
  return MEANINGS[code - SOCKS4_GRANTED] ?? 'an unassigned failure';
}

const MEANINGS: readonly string[] = [
  'granted',
  'rejected or failed',
  'rejected: it cannot reach identd on this machine',
  'rejected: identd reports another user',
];

/** DSTIP is 0.0.0.x with x not zero. */
function announcesName(bytes: Uint8Array): boolean {
  return bytes[4] === 0 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] !== 0;
}

/** The position after the NUL of the string at `start`; `undefined` if that is not there yet. */
function stringEnd(bytes: Uint8Array, start: number): number | undefined {
  const end = bytes.indexOf(0, start);
  if ((end === -1 ? bytes.length : end) - start > MAX_STRING_BYTES)
    throw new ProtocolError(`a string of more than ${MAX_STRING_BYTES} bytes`, RULE);
  return end === -1 ? undefined : end + 1;
}

function readString(reader: ByteReader): string {
  const bytes: number[] = [];
  for (let byte = reader.u8(); byte !== 0; byte = reader.u8()) bytes.push(byte);
  if (bytes.length === 0) return '';
  return nameFromBytes(Uint8Array.from(bytes)) ?? reader.fail('a string that is not visible ASCII');
}
