/** TLS extensions that a server with this certificate must answer (RFC 7633): `status_request` is "must staple". */
import type { Bytes } from '../../../core/bytes.ts';
import { readValue } from './extension.ts';

/** Numbers of TLS extensions. */
export type TlsFeature = ReadonlySet<number>;

export const TLS_FEATURE = '1.3.6.1.5.5.7.1.24';
export const STATUS_REQUEST = 5;

export function parseTlsFeature(value: Bytes): TlsFeature {
  return readValue(
    value,
    'RFC 7633 §4.1',
    (reader) => new Set(reader.sequence().items((list) => list.smallInteger(0xffff))),
  );
}
