/**
 * Extensions as certificates, CRLs and OCSP responses carry them (RFC 5280 §4.1.2.9, §5.2): an OID, whether it is critical,
 * and a value that is a DER encoding of its own. "A certificate MUST NOT include more than one instance of a particular
 * extension" (§4.2), and the list is not empty where it is present. It is read many times while paths are searched, so it is short:
 * certificates have about ten.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { DerReader } from '../der-reader.ts';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** What is inside the OCTET STRING. */
  readonly value: Bytes;
}

/** Reads `Extensions`, the SEQUENCE itself. */
export function readExtensions(reader: DerReader): Extension[] {
  const seen = new Set<string>();
  return reader.sequence().items((list) => {
    const fields = list.sequence();
    const oid = fields.oid();
    const critical = fields.booleanDefaultFalse();
    const value = fields.octetString();
    fields.expectEnd();
    if (seen.size === MAX_EXTENSIONS) list.fail(`more than ${MAX_EXTENSIONS} extensions`);
    if (seen.has(oid)) list.fail(`the extension ${oid} appears twice`);
    seen.add(oid);
    return { oid, critical, value };
  }, 1);
}

/**
 * Reads the value of an extension to its end.
 *
 * @param rule the section that defines the extension
 */
export function readValue<T>(value: Bytes, rule: string, read: (reader: DerReader) => T): T {
  const reader = new DerReader(value, rule);
  const result = read(reader);
  reader.expectEnd();
  return result;
}

const MAX_EXTENSIONS = 100;
