/**
 * ClientKeyExchange (RFC 8422 §5.7, RFC 4279 §2, RFC 5489 §2): the client's share, the identity of the pre-shared key.
 *
 *     ecdhe       point <1>
 *     psk         identity <2>
 *     ecdhe-psk   identity <2> | point <1>
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import { messageReader } from '../malformed.ts';

export interface ClientKeyExchange {
  readonly pskIdentity: Uint8Array | null;
  readonly publicKey: Uint8Array | null;
}

export function encodeClientKeyExchange({ pskIdentity, publicKey }: ClientKeyExchange): Bytes {
  const writer = new ByteWriter(160);
  if (pskIdentity !== null) writer.vector(2, pskIdentity);
  if (publicKey !== null) writer.vector(1, publicKey);
  return writer.take();
}

/** @throws MalformedMessage */
export function parseClientKeyExchange(body: Uint8Array, { keyExchange }: CipherSuite): ClientKeyExchange {
  const reader = messageReader(body, 'ClientKeyExchange');
  const pskIdentity = keyExchange === 'ecdhe' ? null : reader.vector(2);
  const publicKey = keyExchange === 'psk' ? null : reader.vector(1, 1);
  reader.expectEnd();
  return { pskIdentity, publicKey };
}
