/**
 * Certificate (RFC 5246 §7.4.2; with a raw public key RFC 7250 §3).
 *
 * A chain is a list, the sender's own certificate first, and may be empty for a client that has none. A raw public key is
 * one SubjectPublicKeyInfo and no list.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import type { CertificateType } from '../extensions/certificate-type.ts';
import { messageReader } from '../malformed.ts';

/** Certificates in a chain. Real ones have up to five. */
const MAX_CHAIN = 16;

export type CertificateMessage =
  /** DER, the sender's own first. */
  | { readonly kind: 'x509'; readonly chain: readonly Bytes[] }
  /** SubjectPublicKeyInfo, DER. */
  | { readonly kind: 'raw-public-key'; readonly keyInfo: Bytes };

export function encodeCertificate(message: CertificateMessage): Bytes {
  if (message.kind === 'raw-public-key') return new ByteWriter(256).vector(3, message.keyInfo).take();
  return new ByteWriter(2048)
    .block(3, (list) => {
      for (const certificate of message.chain) list.vector(3, certificate);
    })
    .take();
}

/** @param type what was negotiated for the sender. @throws MalformedMessage */
export function parseCertificate(body: Uint8Array, type: CertificateType): CertificateMessage {
  const reader = messageReader(body, 'Certificate');
  if (type === 'raw-public-key') {
    const keyInfo = new Uint8Array(reader.vector(3));
    reader.expectEnd();
    return { kind: 'raw-public-key', keyInfo };
  }
  const chain = reader.items(3, (item) => new Uint8Array(item.vector(3, 1)));
  reader.expectEnd();
  if (chain.length > MAX_CHAIN) reader.fail(`a chain of ${chain.length} certificates`);
  return { kind: 'x509', chain };
}
