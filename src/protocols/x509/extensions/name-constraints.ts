/**
 * Where the names of all certificates below an issuer may and may not be (RFC 5280 §4.2.1.10). This is the encoding; what a
 * constraint means is in `path/name-constraints.ts`.
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { DerReader } from '../der-reader.ts';
import { contextConstructed } from '../der-tag.ts';
import { readValue } from './extension.ts';
import { readGeneralName } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

export const NAME_CONSTRAINTS = '2.5.29.30';

export function parseNameConstraints(value: Bytes): NameConstraints {
  return readValue(value, 'RFC 5280 §4.2.1.10', (reader) => {
    const fields = reader.sequence();
    // "Conforming CAs MUST NOT issue certificates where name constraints is an empty sequence."
    if (fields.atEnd) fields.fail('name constraints without a subtree');
    const permitted = readSubtrees(fields.optionalInside(contextConstructed(0)));
    const excluded = readSubtrees(fields.optionalInside(contextConstructed(1)));
    fields.expectEnd();
    return { permitted, excluded };
  });
}

function readSubtrees(list: DerReader | undefined): GeneralName[] {
  if (list === undefined) return [];
  return list.items((subtrees) => {
    const subtree = subtrees.sequence();
    const base = readGeneralName(subtree, ADDRESS_AND_MASK_BYTES);
    // minimum is zero, which DER leaves out, and maximum is absent: "applications MUST either process or reject".
    subtree.expectEnd();
    return base;
  }, 1);
}

const ADDRESS_AND_MASK_BYTES = [8, 32] as const;
