/** CertificateRequest (RFC 5246 §7.4.4): the server wants to know who the client is. */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { readSchemes, writeSchemes } from '../extensions/signature-algorithms.ts';
import { messageReader } from '../malformed.ts';
import type { SignatureScheme } from '../signature-schemes.ts';

export const clientCertificateType = { rsaSign: 1, ecdsaSign: 64 } as const;

export interface CertificateRequest {
  readonly certificateTypes: Uint8Array;
  readonly schemes: readonly SignatureScheme[];
  /** Distinguished names, DER. */
  readonly authorities: readonly Uint8Array[];
}

export function encodeCertificateRequest(request: CertificateRequest): Bytes {
  const writer = new ByteWriter(128).vector(1, request.certificateTypes);
  writeSchemes(writer, request.schemes);
  writer.block(2, (list) => {
    for (const name of request.authorities) list.vector(2, name);
  });
  return writer.take();
}

/** @throws MalformedMessage */
export function parseCertificateRequest(body: Uint8Array): CertificateRequest {
  const reader = messageReader(body, 'CertificateRequest');
  const certificateTypes = reader.vector(1, 1);
  const schemes = readSchemes(reader);
  const authorities = reader.items(2, (item) => item.vector(2, 1));
  reader.expectEnd();
  return { certificateTypes, schemes, authorities };
}
