/** Where to find the issuer's certificate and its OCSP responder (RFC 5280 §4.2.2.1). bowline fetches neither. */
import type { Bytes } from '../../../core/bytes.ts';
import { readValue } from './extension.ts';
import { readGeneralName } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

export interface AccessDescription {
  /** OID: 1.3.6.1.5.5.7.48.1 is OCSP, 1.3.6.1.5.5.7.48.2 the issuer's certificate. */
  readonly method: string;
  readonly location: GeneralName;
}

export const AUTHORITY_INFORMATION_ACCESS = '1.3.6.1.5.5.7.1.1';

export function parseAuthorityInformationAccess(value: Bytes): readonly AccessDescription[] {
  return readValue(value, 'RFC 5280 §4.2.2.1', (reader) =>
    reader.sequence().items((list) => {
      const description = list.sequence();
      const method = description.oid();
      const location = readGeneralName(description);
      description.expectEnd();
      return { method, location };
    }, 1),
  );
}
