/** Which key signed a certificate and which key it holds (RFC 5280 §4.2.1.1, §4.2.1.2): hints for finding issuers. */
import type { Bytes } from '../../../core/bytes.ts';
import { contextConstructed, contextPrimitive } from '../der-tag.ts';
import { readValue } from './extension.ts';
import { readGeneralNames } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

export interface AuthorityKeyIdentifier {
  readonly keyIdentifier: Bytes | undefined;
  /** Issuer and serial number of the issuer's certificate: both or neither. */
  readonly issuer: readonly GeneralName[] | undefined;
  readonly serial: Bytes | undefined;
}

export const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
export const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';

export function parseAuthorityKeyIdentifier(value: Bytes): AuthorityKeyIdentifier {
  return readValue(value, 'RFC 5280 §4.2.1.1', (reader) => {
    const fields = reader.sequence();
    const keyIdentifier = fields.optional(contextPrimitive(0))?.contents;
    const names = fields.optionalInside(contextConstructed(1));
    const issuer = names === undefined ? undefined : readGeneralNames(names);
    const serial = fields.nextTag === contextPrimitive(2) ? fields.integerBytes(contextPrimitive(2)) : undefined;
    fields.expectEnd();
    if ((issuer === undefined) !== (serial === undefined))
      reader.fail('an issuer without a serial number, or the reverse');
    return { keyIdentifier, issuer, serial };
  });
}

export function parseSubjectKeyIdentifier(value: Bytes): Bytes {
  return readValue(value, 'RFC 5280 §4.2.1.2', (reader) => {
    const identifier = reader.octetString();
    if (identifier.length === 0) reader.fail('an empty key identifier');
    return identifier;
  });
}
