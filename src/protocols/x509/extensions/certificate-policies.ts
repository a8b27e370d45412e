/** Under which policies a certificate was issued (RFC 5280 §4.2.1.4). Qualifiers are for people and stay unread. */
import type { Bytes } from '../../../core/bytes.ts';
import { readValue } from './extension.ts';

/** OIDs of the policies. */
export type CertificatePolicies = ReadonlySet<string>;

export const CERTIFICATE_POLICIES = '2.5.29.32';
export const ANY_POLICY = '2.5.29.32.0';

export function parseCertificatePolicies(value: Bytes): CertificatePolicies {
  return readValue(value, 'RFC 5280 §4.2.1.4', (reader) => {
    const policies = new Set<string>();
    reader.sequence().items((list) => {
      const information = list.sequence();
      const policy = information.oid();
      if (policies.has(policy)) list.fail(`the policy ${policy} appears twice`);
      policies.add(policy);
      if (!information.atEnd) information.sequence().items((qualifiers) => qualifiers.sequence(), 1);
      information.expectEnd();
    }, 1);
    return policies;
  });
}
