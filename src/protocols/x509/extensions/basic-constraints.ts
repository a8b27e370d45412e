/** Whether a certificate may issue others, and how many may follow below it (RFC 5280 §4.2.1.9). */
import type { Bytes } from '../../../core/bytes.ts';
import { tag } from '../der-tag.ts';
import { readValue } from './extension.ts';

export interface BasicConstraints {
  readonly ca: boolean;
  /** How many certificates that are not self-issued may be between this one and the end entity's; undefined is any number. */
  readonly pathLength: number | undefined;
}

export const BASIC_CONSTRAINTS = '2.5.29.19';

export function parseBasicConstraints(value: Bytes): BasicConstraints {
  return readValue(value, 'RFC 5280 §4.2.1.9', (reader) => {
    const fields = reader.sequence();
    const ca = fields.booleanDefaultFalse();
    const pathLength = fields.nextTag === tag.integer ? fields.smallInteger(2 ** 31 - 1) : undefined;
    fields.expectEnd();
    return { ca, pathLength };
  });
}
