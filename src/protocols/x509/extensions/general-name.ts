/**
 * GeneralName (RFC 5280 §4.2.1.6): the one type for every kind of name a certificate can be for, or speak of.
 *
 * Texts are IA5 (a U-label or an emoji is malformed, §7.2). Nothing is judged here beyond the encoding: whether `*.example.org`
 * or an empty dNSName means anything depends on where the name stands.
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { DerReader } from '../der-reader.ts';
import { contextConstructed, contextPrimitive } from '../der-tag.ts';
import { readName } from '../name.ts';
import type { Name } from '../name.ts';

export type GeneralName =
  | { readonly kind: 'dns'; readonly name: string }
  | { readonly kind: 'email'; readonly address: string }
  | { readonly kind: 'uri'; readonly uri: string }
  /** 4 or 16 octets; in name constraints 8 or 32, address and mask. */
  | { readonly kind: 'ip'; readonly octets: Bytes }
  | { readonly kind: 'directory'; readonly name: Name }
  | { readonly kind: 'registered-id'; readonly oid: string }
  | { readonly kind: 'other'; readonly oid: string; readonly value: Bytes }
  | { readonly kind: 'x400'; readonly raw: Bytes }
  | { readonly kind: 'edi-party'; readonly raw: Bytes };

/**
 * @param ipBytes which sizes an iPAddress may have: in a name 4 or 16, in a name constraint 8 or 32
 */
export function readGeneralName(reader: DerReader, ipBytes: readonly number[] = ADDRESS_BYTES): GeneralName {
  switch (reader.nextTag) {
    case contextConstructed(0): {
      const other = reader.inside(contextConstructed(0));
      const oid = other.oid();
      const value = other.element(contextConstructed(0)).contents;
      other.expectEnd();
      return { kind: 'other', oid, value };
    }
    case contextPrimitive(1):
      return { kind: 'email', address: reader.ia5String(contextPrimitive(1)) };
    case contextPrimitive(2):
      return { kind: 'dns', name: reader.ia5String(contextPrimitive(2)) };
    case contextConstructed(3):
      return { kind: 'x400', raw: reader.any().raw };
    case contextConstructed(4): {
      // EXPLICIT, since Name is a CHOICE (X.680 §31.2.7).
      const inside = reader.inside(contextConstructed(4));
      const name = readName(inside);
      inside.expectEnd();
      return { kind: 'directory', name };
    }
    case contextConstructed(5):
      return { kind: 'edi-party', raw: reader.any().raw };
    case contextPrimitive(6):
      return { kind: 'uri', uri: reader.ia5String(contextPrimitive(6)) };
    case contextPrimitive(7): {
      const octets = reader.octetString(contextPrimitive(7));
      if (!ipBytes.includes(octets.length)) reader.fail(`an iPAddress of ${octets.length} octets`);
      return { kind: 'ip', octets };
    }
    case contextPrimitive(8):
      return { kind: 'registered-id', oid: reader.oid(contextPrimitive(8)) };
    default:
      return reader.fail('a GeneralName of an unknown kind');
  }
}

/** GeneralNames, `SEQUENCE SIZE (1..MAX) OF GeneralName`: what is inside it. */
export function readGeneralNames(inside: DerReader): GeneralName[] {
  return inside.items((list) => readGeneralName(list), 1);
}

const ADDRESS_BYTES = [4, 16] as const;
