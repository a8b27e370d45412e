/** The names that a certificate is for (RFC 5280 §4.2.1.6). */
import type { Bytes } from '../../../core/bytes.ts';
import { readValue } from './extension.ts';
import { readGeneralNames } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

export type SubjectAlternativeName = readonly GeneralName[];

export const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

export function parseSubjectAlternativeName(value: Bytes): SubjectAlternativeName {
  return readValue(value, 'RFC 5280 §4.2.1.6', (reader) => readGeneralNames(reader.sequence()));
}
