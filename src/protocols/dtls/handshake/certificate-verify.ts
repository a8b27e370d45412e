/** CertificateVerify (RFC 5246 §7.4.8): the client signs the handshake so far, and so proves to have its key. */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { messageReader } from '../malformed.ts';
import { readSigned, writeSigned } from './server-key-exchange.ts';
import type { Signed } from './server-key-exchange.ts';

export function encodeCertificateVerify(signed: Signed): Bytes {
  const writer = new ByteWriter(512);
  writeSigned(writer, signed);
  return writer.take();
}

/** @throws MalformedMessage */
export function parseCertificateVerify(body: Uint8Array): Signed {
  const reader = messageReader(body, 'CertificateVerify');
  const signed = readSigned(reader);
  reader.expectEnd();
  return signed;
}
