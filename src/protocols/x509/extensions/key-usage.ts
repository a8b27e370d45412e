/** What the key of a certificate may be used for (RFC 5280 §4.2.1.3). */
import type { Bytes } from '../../../core/bytes.ts';
import { readValue } from './extension.ts';

export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsageName = (typeof keyUsages)[number];
export type KeyUsage = ReadonlySet<KeyUsageName>;

export const KEY_USAGE = '2.5.29.15';

export function parseKeyUsage(value: Bytes): KeyUsage {
  return readValue(value, 'RFC 5280 §4.2.1.3', (reader) => {
    const bits = reader.namedBits(keyUsages.length);
    const usage = new Set(keyUsages.filter((_, i) => bits[i]));
    // "When the keyUsage extension appears in a certificate, at least one of the bits MUST be set to 1."
    if (usage.size === 0) reader.fail('a key usage with no bit set');
    return usage;
  });
}
