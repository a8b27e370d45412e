/**
 * What a SOCKS5 client asks for (RFC 1928 §4).
 *
 *     | VER | CMD |  RSV  | address field |
 *     |  1  |  1  | X'00' |               |
 *
 * RSV is written as zero and not looked at: the RFC gives receivers nothing to check there.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { measureSocksAddress, readSocksAddress, writeSocksAddress } from './socks-address.ts';
import type { SocksAddress } from './socks-address.ts';
import { checkVersion } from './version.ts';

export const socksCommands = { connect: 1, bind: 2, udpAssociate: 3 } as const;

export interface SocksRequest {
  /** One of `socksCommands`, or a number that is none: to be answered, not to be failed on. */
  readonly command: number;
  readonly target: SocksAddress;
}

const RULE = 'RFC 1928 §4';

/** @throws RangeError the target does not fit */
export function encodeSocksRequest({ command, target }: SocksRequest): Bytes {
  const writer = new ByteWriter(64).u8(5).u8(command).u8(0);
  writeSocksAddress(writer, target);
  return writer.take();
}

export const socksRequest: MessageFormat<SocksRequest> = {
  name: 'a SOCKS request',
  measure(bytes) {
    checkVersion(bytes, 5, RULE);
    return measureSocksAddress(bytes, 3);
  },
  parse(message) {
    const reader = new ByteReader(message, RULE);
    reader.skip(1);
    const command = reader.u8();
    reader.skip(1);
    const target = readSocksAddress(reader);
    reader.expectEnd();
    return { command, target };
  },
};
