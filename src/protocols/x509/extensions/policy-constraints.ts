/** What an issuer demands of policies below it: constraints, mappings, and no anyPolicy (RFC 5280 §4.2.1.5, §4.2.1.11, §4.2.1.14). */
import type { Bytes } from '../../../core/bytes.ts';
import { contextPrimitive } from '../der-tag.ts';
import { ANY_POLICY } from './certificate-policies.ts';
import { readValue } from './extension.ts';

/** Numbers of certificates that may follow before the constraint bites; undefined: it never does. */
export interface PolicyConstraints {
  readonly requireExplicitPolicy: number | undefined;
  readonly inhibitPolicyMapping: number | undefined;
}

export interface PolicyMapping {
  readonly issuerDomainPolicy: string;
  readonly subjectDomainPolicy: string;
}

export const POLICY_CONSTRAINTS = '2.5.29.36';
export const POLICY_MAPPINGS = '2.5.29.33';
export const INHIBIT_ANY_POLICY = '2.5.29.54';

export function parsePolicyConstraints(value: Bytes): PolicyConstraints {
  return readValue(value, 'RFC 5280 §4.2.1.11', (reader) => {
    const fields = reader.sequence();
    if (fields.atEnd) fields.fail('policy constraints without a constraint');
    const skip = (number: number): number | undefined =>
      fields.nextTag === contextPrimitive(number) ? fields.smallInteger(MAX_SKIP, contextPrimitive(number)) : undefined;
    const requireExplicitPolicy = skip(0);
    const inhibitPolicyMapping = skip(1);
    fields.expectEnd();
    return { requireExplicitPolicy, inhibitPolicyMapping };
  });
}

export function parsePolicyMappings(value: Bytes): readonly PolicyMapping[] {
  return readValue(value, 'RFC 5280 §4.2.1.5', (reader) =>
    reader.sequence().items((list) => {
      const mapping = list.sequence();
      const issuerDomainPolicy = mapping.oid();
      const subjectDomainPolicy = mapping.oid();
      mapping.expectEnd();
      // "Policies MUST NOT be mapped either to or from the special value anyPolicy."
      if (issuerDomainPolicy === ANY_POLICY || subjectDomainPolicy === ANY_POLICY) list.fail('a mapping of anyPolicy');
      return { issuerDomainPolicy, subjectDomainPolicy };
    }, 1),
  );
}

export function parseInhibitAnyPolicy(value: Bytes): number {
  return readValue(value, 'RFC 5280 §4.2.1.14', (reader) => reader.smallInteger(MAX_SKIP));
}

const MAX_SKIP = 2 ** 31 - 1;
