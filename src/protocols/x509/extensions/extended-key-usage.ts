/** The purposes that a certificate is for (RFC 5280 §4.2.1.12), as OIDs. */
import type { Bytes } from '../../../core/bytes.ts';
import { readValue } from './extension.ts';

export type ExtendedKeyUsage = ReadonlySet<string>;

export const EXTENDED_KEY_USAGE = '2.5.29.37';

export const keyPurposes = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  any: '2.5.29.37.0',
} as const;

export function parseExtendedKeyUsage(value: Bytes): ExtendedKeyUsage {
  return readValue(value, 'RFC 5280 §4.2.1.12', (reader) => new Set(reader.sequence().items((list) => list.oid(), 1)));
}
