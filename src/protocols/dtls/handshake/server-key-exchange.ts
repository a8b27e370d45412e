/**
 * ServerKeyExchange (RFC 8422 §5.4, RFC 4279 §2, RFC 5489 §2): the server's share, the PSK hint, the signature.
 *
 *     ecdhe       curve_type 3 | group 2 | point <1>       | scheme 2 | signature <2>
 *     psk         hint <2>
 *     ecdhe-psk   hint <2> | curve_type 3 | group 2 | point <1>
 *
 * Explicit curves (types 1 and 2) are malformed here. The signature covers both randoms and the parameters as sent, which
 * is why they are kept as bytes.
 */
import type { ByteReader } from '../../../core/byte-reader.ts';
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import { messageReader } from '../malformed.ts';

export interface EcdhParameters {
  /** Number of the named group. */
  readonly group: number;
  readonly publicKey: Uint8Array;
  /** As sent: what the signature covers. */
  readonly encoded: Uint8Array;
}

export interface Signed {
  /** Number of the signature scheme. */
  readonly scheme: number;
  readonly signature: Uint8Array;
}

export interface ServerKeyExchange {
  readonly hint: Uint8Array | null;
  readonly ecdh: EcdhParameters | null;
  readonly signed: Signed | null;
}

const NAMED_CURVE = 3;

export function encodeEcdhParameters(group: number, publicKey: Uint8Array): Bytes {
  return new ByteWriter(160).u8(NAMED_CURVE).u16(group).vector(1, publicKey).take();
}

export function encodeServerKeyExchange(message: {
  readonly hint: Uint8Array | null;
  readonly ecdh: Uint8Array | null;
  readonly signed: Signed | null;
}): Bytes {
  const writer = new ByteWriter(512);
  if (message.hint !== null) writer.vector(2, message.hint);
  if (message.ecdh !== null) writer.bytes(message.ecdh);
  if (message.signed !== null) writeSigned(writer, message.signed);
  return writer.take();
}

/** @throws MalformedMessage */
export function parseServerKeyExchange(body: Uint8Array, { keyExchange }: CipherSuite): ServerKeyExchange {
  const reader = messageReader(body, 'ServerKeyExchange');
  const hint = keyExchange === 'ecdhe' ? null : reader.vector(2, 0, 128);
  const ecdh = keyExchange === 'psk' ? null : readEcdhParameters(reader, body);
  const signed = keyExchange === 'ecdhe' ? readSigned(reader) : null;
  reader.expectEnd();
  return { hint, ecdh, signed };
}

/** A scheme and a signature: here and in CertificateVerify (RFC 5246 §4.7). */
export function writeSigned(writer: ByteWriter, { scheme, signature }: Signed): void {
  writer.u16(scheme).vector(2, signature);
}

export function readSigned(reader: ByteReader): Signed {
  return { scheme: reader.u16(), signature: reader.vector(2) };
}

function readEcdhParameters(reader: ByteReader, body: Uint8Array): EcdhParameters {
  const start = reader.position;
  if (reader.u8() !== NAMED_CURVE) reader.fail('a curve that is not named');
  const group = reader.u16();
  const publicKey = reader.vector(1, 1);
  return { group, publicKey, encoded: body.subarray(start, reader.position) };
}
