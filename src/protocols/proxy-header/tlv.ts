/**
 * What a header of version 2 says besides addresses: type, length, value (PROXY protocol §2.2.1 to §2.2.7). What a type means
 * is defined for a few; others are the sender's own (0xE0 to 0xEF by agreement, such as Amazon's endpoint id 0xEA) and are
 * passed on as they are.
 *
 *     | type (1) | length (2) | value |
 */
import { ByteReader } from '../../core/byte-reader.ts';
import type { ByteWriter } from '../../core/byte-writer.ts';

export interface ProxyTlv {
  /** 0 to 255; see `proxyTlvTypes`. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** Types that the specification defines. */
export const proxyTlvTypes = {
  /** Application protocol that the client chose by ALPN. */
  alpn: 0x01,
  /** Host name that the client asked for, as in SNI; UTF-8. */
  authority: 0x02,
  crc32c: 0x03,
  /** Padding. */
  noop: 0x04,
  /** At most 128 bytes, unique for each connection. */
  uniqueId: 0x05,
  /** What TLS the client used; see `parseProxyTls`. */
  ssl: 0x20,
  /** Name of the network namespace; ASCII. */
  networkNamespace: 0x30,
} as const;

/** What the sender knows of the client's TLS connection (§2.2.5). */
export interface ProxyTls {
  /** The client connected over TLS. */
  readonly isTls: boolean;
  /** It gave a certificate on this connection, or at least in this session. */
  readonly certificate: 'connection' | 'session' | 'none';
  /** It gave a certificate, and that was verified. */
  readonly isVerified: boolean;
  /** Such as `TLSv1.3`. */
  readonly version: string | undefined;
  /** Common name of the client certificate. */
  readonly commonName: string | undefined;
  /** OpenSSL's name. */
  readonly cipher: string | undefined;
  readonly signatureAlgorithm: string | undefined;
  readonly keyAlgorithm: string | undefined;
}

const RULE = 'PROXY protocol §2.2';
const MAX_UNIQUE_ID_BYTES = 128;

/** Reads all that is left. Values are views. */
export function readTlvs(reader: ByteReader): ProxyTlv[] {
  const tlvs: ProxyTlv[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const value = reader.vector(2);
    if (type === proxyTlvTypes.uniqueId && value.length > MAX_UNIQUE_ID_BYTES)
      reader.fail(`a unique id of ${value.length} bytes`);
    tlvs.push({ type, value });
  }
  return tlvs;
}

/** @throws RangeError the type or the length does not fit */
export function writeTlv(writer: ByteWriter, { type, value }: ProxyTlv): void {
  writer.u8(type).vector(2, value);
}

/** The value of a `proxyTlvTypes.ssl`. @throws ProtocolError */
export function parseProxyTls(value: Uint8Array): ProxyTls {
  const reader = new ByteReader(value, `${RULE}.5`);
  const flags = reader.u8();
  const verify = reader.u32();
  const parts = new Map(readTlvs(reader).map((tlv) => [tlv.type, tlv.value]));
  const text = (type: number): string | undefined => {
    const bytes = parts.get(type);
    return bytes === undefined ? undefined : utf8.decode(bytes);
  };
  const certificate = (flags & 0x02) !== 0 ? 'connection' : (flags & 0x04) !== 0 ? 'session' : 'none';
  return {
    isTls: (flags & 0x01) !== 0,
    certificate,
    // "The verify field will be zero if the client presented a certificate and it was successfully verified"
    isVerified: certificate !== 'none' && verify === 0,
    version: text(0x21),
    commonName: text(0x22),
    cipher: text(0x23),
    signatureAlgorithm: text(0x24),
    keyAlgorithm: text(0x25),
  };
}

const utf8 = new TextDecoder();
