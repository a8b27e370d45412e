/** ec_point_formats (RFC 8422 §5.1.2): `uncompressed` must be in the list, and nothing else is used. */
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

const UNCOMPRESSED = 0;

export const ecPointFormatsExtension: Extension = {
  type: extensionType.ecPointFormats,
  body: Uint8Array.of(1, UNCOMPRESSED),
};

/** Whether uncompressed points are allowed. @throws MalformedMessage */
export function parseAllowsUncompressed(body: Uint8Array): boolean {
  const reader = messageReader(body, 'ec_point_formats');
  const formats = reader.vector(1, 1);
  reader.expectEnd();
  return formats.includes(UNCOMPRESSED);
}
