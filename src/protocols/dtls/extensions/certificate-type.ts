/**
 * client_certificate_type and server_certificate_type (RFC 7250): X.509 certificates or raw public keys.
 *
 * A hello has a list in order of preference, the answer one type. Nothing said means X.509.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

export type CertificateType = 'x509' | 'raw-public-key';

const ids: Readonly<Record<CertificateType, number>> = { x509: 0, 'raw-public-key': 2 };

type Direction = 'clientCertificateType' | 'serverCertificateType';

export function certificateTypesExtension(direction: Direction, types: readonly CertificateType[]): Extension {
  const body = new ByteWriter()
    .vector(
      1,
      Uint8Array.from(types, (type) => ids[type]),
    )
    .take();
  return { type: extensionType[direction], body };
}

export function certificateTypeExtension(direction: Direction, type: CertificateType): Extension {
  return { type: extensionType[direction], body: Uint8Array.of(ids[type]) };
}

/** The list of a client. @throws MalformedMessage */
export function parseCertificateTypes(body: Uint8Array): CertificateType[] {
  const reader = messageReader(body, 'a list of certificate types');
  const list = reader.vector(1, 1);
  reader.expectEnd();
  return [...list].map(certificateTypeOf).filter((type) => type !== undefined);
}

/** The answer of a server; `undefined`: a type that is not known here. @throws MalformedMessage */
export function parseCertificateType(body: Uint8Array): CertificateType | undefined {
  const reader = messageReader(body, 'a certificate type');
  const id = reader.u8();
  reader.expectEnd();
  return certificateTypeOf(id);
}

function certificateTypeOf(id: number): CertificateType | undefined {
  return id === ids.x509 ? 'x509' : id === ids['raw-public-key'] ? 'raw-public-key' : undefined;
}
