/**
 * renegotiation_info (RFC 5746): proof that this is a first handshake for both sides. Its content here is always empty, for
 * there is no renegotiation. Clients may signal the same by a cipher suite number.
 */
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV */
export const RENEGOTIATION_SCSV = 0x00ff;

export const renegotiationInfoExtension: Extension = {
  type: extensionType.renegotiationInfo,
  body: Uint8Array.of(0),
};

/** Whether it says "first handshake". @throws MalformedMessage */
export function parseIsFirstHandshake(body: Uint8Array): boolean {
  const reader = messageReader(body, 'renegotiation_info');
  const renegotiated = reader.vector(1);
  reader.expectEnd();
  return renegotiated.length === 0;
}
