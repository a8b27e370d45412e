/** Which certificates a CRL speaks of (RFC 5280 §5.2.5). */
import type { Bytes } from '../../../core/bytes.ts';
import { contextPrimitive } from '../der-tag.ts';
import { REASON_FLAGS, readDistributionPointName } from './distribution-points.ts';
import type { DistributionPointName } from './distribution-points.ts';
import { readValue } from './extension.ts';

export interface IssuingDistributionPoint {
  readonly name: DistributionPointName | undefined;
  readonly onlyUserCertificates: boolean;
  readonly onlyAuthorityCertificates: boolean;
  readonly onlyAttributeCertificates: boolean;
  /** The list is silent about other reasons. */
  readonly onlySomeReasons: boolean;
  /** Entries may be of other issuers. */
  readonly indirect: boolean;
}

export const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';

export function parseIssuingDistributionPoint(value: Bytes): IssuingDistributionPoint {
  return readValue(value, 'RFC 5280 §5.2.5', (reader) => {
    const fields = reader.sequence();
    const name = readDistributionPointName(fields);
    const onlyUserCertificates = fields.booleanDefaultFalse(contextPrimitive(1));
    const onlyAuthorityCertificates = fields.booleanDefaultFalse(contextPrimitive(2));
    const onlySomeReasons = fields.nextTag === contextPrimitive(3);
    if (onlySomeReasons) fields.namedBits(REASON_FLAGS, contextPrimitive(3));
    const indirect = fields.booleanDefaultFalse(contextPrimitive(4));
    const onlyAttributeCertificates = fields.booleanDefaultFalse(contextPrimitive(5));
    fields.expectEnd();
    const kinds = [onlyUserCertificates, onlyAuthorityCertificates, onlyAttributeCertificates].filter(Boolean).length;
    if (kinds > 1) reader.fail('a CRL for only two kinds of certificates at once, which is none');
    return {
      name,
      onlyUserCertificates,
      onlyAuthorityCertificates,
      onlyAttributeCertificates,
      onlySomeReasons,
      indirect,
    };
  });
}
