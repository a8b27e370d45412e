/**
 * How a SOCKS5 server answers a request (RFC 1928 §6).
 *
 *     | VER | REP |  RSV  | address field |        the address that the server uses towards the target
 *     |  1  |  1  | X'00' |               |
 *
 * RSV is not looked at, as in requests.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { measureSocksAddress, readSocksAddress, writeSocksAddress } from './socks-address.ts';
import type { SocksAddress } from './socks-address.ts';
import { checkVersion } from './version.ts';

/** REP. */
export const socksReplies = {
  succeeded: 0,
  generalFailure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  ttlExpired: 6,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

export interface SocksReply {
  /** One of `socksReplies`, or a number that the RFC does not assign. */
  readonly code: number;
  /** Where the server connects from; often not filled in (0.0.0.0:0). */
  readonly bound: SocksAddress;
}

const RULE = 'RFC 1928 §6';

export function encodeSocksReply({ code, bound }: SocksReply): Bytes {
  const writer = new ByteWriter(32).u8(5).u8(code).u8(0);
  writeSocksAddress(writer, bound);
  return writer.take();
}

export const socksReply: MessageFormat<SocksReply> = {
  name: 'a SOCKS reply',
  measure(bytes) {
    checkVersion(bytes, 5, RULE);
    return measureSocksAddress(bytes, 3);
  },
  parse(message) {
    const reader = new ByteReader(message, RULE);
    reader.skip(1);
    const code = reader.u8();
    reader.skip(1);
    const bound = readSocksAddress(reader);
    reader.expectEnd();
    return { code, bound };
  },
};

/** The meaning of a code for people. */
export function describeSocksReply(code: number): string {
  return MEANINGS[code] ?? `an unassigned failure`;
}

const MEANINGS: readonly string[] = [
  'succeeded',
  'general failure',
  'not allowed by its rules',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'time to live expired',
  'command not supported',
  'address type not supported',
];
