/**
 * The header in front of every datagram that goes through a SOCKS5 UDP association (RFC 1928 §7).
 *
 *     | RSV | FRAG | address field |   DATA   |
 *     |  2  |  1   |               | Variable |
 *
 * FRAG is 0 for a whole datagram, else the position of a fragment with the highest bit on the last one. Whoever does not
 * reassemble must drop what has another value; that is for the caller, the codec keeps the number.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import { readSocksAddress, writeSocksAddress } from './socks-address.ts';
import type { SocksAddress } from './socks-address.ts';

export interface SocksDatagram {
  /** 0 to 255; 0: not a fragment. */
  readonly fragment: number;
  /** Where it is to go, or where it came from. */
  readonly peer: SocksAddress;
  readonly data: Uint8Array;
}

export function encodeSocksDatagram({ fragment, peer, data }: SocksDatagram): Bytes {
  const writer = new ByteWriter(data.length + 32).u16(0).u8(fragment);
  writeSocksAddress(writer, peer);
  return writer.bytes(data).take();
}

/** `data` is a view of `datagram`. @throws ProtocolError */
export function parseSocksDatagram(datagram: Uint8Array): SocksDatagram {
  const reader = new ByteReader(datagram, 'RFC 1928 §7');
  reader.skip(2);
  const fragment = reader.u8();
  const peer = readSocksAddress(reader);
  return { fragment, peer, data: reader.rest() };
}
