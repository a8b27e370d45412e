/** signature_algorithms (RFC 5246 §7.4.1.4.1): schemes in order of preference; unknown ones are passed over. */
import type { ByteReader } from '../../../core/byte-reader.ts';
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { signatureSchemeOf } from '../signature-schemes.ts';
import type { SignatureScheme } from '../signature-schemes.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

export function signatureAlgorithmsExtension(schemes: readonly SignatureScheme[]): Extension {
  const writer = new ByteWriter();
  writeSchemes(writer, schemes);
  return { type: extensionType.signatureAlgorithms, body: writer.take() };
}

/** @throws MalformedMessage */
export function parseSignatureAlgorithms(body: Uint8Array): SignatureScheme[] {
  const reader = messageReader(body, 'signature_algorithms');
  const schemes = readSchemes(reader);
  reader.expectEnd();
  return schemes;
}

/** The list alone, as CertificateRequest has it, too. */
export function writeSchemes(writer: ByteWriter, schemes: readonly SignatureScheme[]): void {
  writer.block(2, (list) => {
    for (const { id } of schemes) list.u16(id);
  });
}

export function readSchemes(reader: ByteReader): SignatureScheme[] {
  const ids = reader.items(2, (item) => item.u16());
  if (ids.length === 0) reader.fail('an empty list of signature schemes');
  return ids.map(signatureSchemeOf).filter((scheme) => scheme !== undefined);
}
