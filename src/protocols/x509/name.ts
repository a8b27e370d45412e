/**
 * Distinguished names (RFC 5280 §4.1.2.4, §7.1): parsing, comparing and showing.
 *
 * A name is a sequence of sets of attributes. Two names are equal when they have the same attributes in the same order of
 * sets, values compared after preparation: RFC 5280 §7.1 asks for LDAP's stringprep profile (RFC 4518), which comes down to
 * Unicode normalisation (NFKC), folding of case, and collapsing of white space, whatever string type the value has. That is
 * what `comparisonKey` does; values that are not text are compared by their encoding. A laxer comparison can make a chain be
 * tried that then fails by its signatures; it cannot make one pass. For name constraints both the excluded and the permitted
 * side use the same keys, as §7.1 wants.
 *
 * Whole names are compared by one string computed when the name is parsed, so that finding issuers is a Map lookup.
 */
import type { Bytes } from '../../core/bytes.ts';
import { escapeText } from '../../core/quote.ts';
import type { DerElement, DerReader } from './der-reader.ts';
import { tag } from './der-tag.ts';
import { hexOf } from './hex.ts';

export interface NameAttribute {
  /** OID of the type, such as `2.5.4.3` (commonName). */
  readonly type: string;
  /** The value where it is text. */
  readonly text: string | undefined;
  /** The value's element. */
  readonly raw: Bytes;
}

/** Attributes of one level; nearly always one. */
export type RelativeName = readonly NameAttribute[];

export interface Name {
  readonly raw: Bytes;
  /** From the most general (country) to the most specific (common name), as encoded. */
  readonly rdns: readonly RelativeName[];
  /** For each level a string that is equal for equal levels. */
  readonly rdnKeys: readonly string[];
  /** Equal for names that are equal by RFC 5280 §7.1. */
  readonly key: string;
}

export function readName(reader: DerReader): Name {
  const element = reader.element(tag.sequence);
  const rdns = reader.insideOf(element).items((level) => level.setOf(readAttribute, 1));
  return nameOf(element.raw, rdns);
}

/** A RelativeDistinguishedName alone with an IMPLICIT tag, as in a CRL's distribution point. */
export function readRelativeName(reader: DerReader): RelativeName {
  return reader.items(readAttribute, 1);
}

function nameOf(raw: Bytes, rdns: readonly RelativeName[]): Name {
  const rdnKeys = rdns.map((rdn) => JSON.stringify(rdn.map(comparisonKey).sort()));
  return { raw, rdns, rdnKeys, key: rdnKeys.join('\n') };
}

/** Whether `name` is `subtree` or below it (RFC 5280 §4.2.1.10, directoryName). */
export function isNameWithin(name: Name, subtree: Name): boolean {
  return subtree.rdnKeys.length <= name.rdnKeys.length && subtree.rdnKeys.every((key, i) => key === name.rdnKeys[i]);
}

/** Every value of a type, such as `attributeTypes.commonName`, in the order of the encoding. */
export function attributeTexts(name: Name, type: string): string[] {
  return name.rdns
    .flat()
    .flatMap((attribute) => (attribute.type === type && attribute.text !== undefined ? [attribute.text] : []));
}

export const attributeTypes = {
  commonName: '2.5.4.3',
  countryName: '2.5.4.6',
  localityName: '2.5.4.7',
  stateOrProvinceName: '2.5.4.8',
  organizationName: '2.5.4.10',
  organizationalUnitName: '2.5.4.11',
  emailAddress: '1.2.840.113549.1.9.1',
  domainComponent: '0.9.2342.19200300.100.1.25',
} as const;

/** One line for people, most specific first, such as `CN=example.org, O=Example`. Safe to print; not to be parsed. */
export function formatName(name: Name): string {
  const levels = name.rdns.map((rdn) => rdn.map(formatAttribute).join('+'));
  return escapeText(levels.reverse().join(', '), 200);
}

const shortNames = new Map<string, string>([
  [attributeTypes.commonName, 'CN'],
  [attributeTypes.countryName, 'C'],
  [attributeTypes.localityName, 'L'],
  [attributeTypes.stateOrProvinceName, 'ST'],
  [attributeTypes.organizationName, 'O'],
  [attributeTypes.organizationalUnitName, 'OU'],
  [attributeTypes.emailAddress, 'emailAddress'],
  [attributeTypes.domainComponent, 'DC'],
]);

function formatAttribute({ type, text }: NameAttribute): string {
  return `${shortNames.get(type) ?? type}=${(text ?? '?').replace(/[\\,+"<>;=]/g, '\\$&')}`;
}

function comparisonKey({ type, text, raw }: NameAttribute): string {
  if (text === undefined) return `${type}#${hexOf(raw)}`;
  return `${type}=${text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim()}`;
}

function readAttribute(reader: DerReader): NameAttribute {
  const attribute = reader.sequence();
  const type = attribute.oid();
  const value = attribute.any();
  attribute.expectEnd();
  return { type, text: readText(value, attribute), raw: value.raw };
}

/** DirectoryString and the other string types that names hold; undefined for what is not text. */
function readText({ tag: type, contents }: DerElement, reader: DerReader): string | undefined {
  switch (type) {
    case tag.utf8String:
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(contents);
      } catch {
        return reader.fail('a UTF8String that is not UTF-8');
      }
    case tag.printableString:
    case tag.ia5String:
    case tag.numericString:
    case tag.visibleString:
      // Issuers put '@', '*' and '&' into PrintableStrings, and everybody accepts it.
      return contents.some((octet) => octet >= 0x80) ? reader.fail('a text that is not ASCII') : singleOctets(contents);
    case tag.teletexString:
      // In practice Latin-1.
      return singleOctets(contents);
    case tag.bmpString:
      return wideText(contents, 2) ?? reader.fail('a malformed BMPString');
    case tag.universalString:
      return wideText(contents, 4) ?? reader.fail('a malformed UniversalString');
    default:
      return undefined;
  }
}

function singleOctets(contents: Bytes): string {
  let text = '';
  for (const octet of contents) text += String.fromCharCode(octet);
  return text;
}

function wideText(contents: Bytes, width: 2 | 4): string | undefined {
  if (contents.length % width !== 0) return undefined;
  let text = '';
  for (let i = 0; i < contents.length; i += width) {
    let code = 0;
    for (let j = i; j < i + width; j++) code = code * 256 + (contents[j] as number);
    // Surrogates are not characters in either type.
    if (code > 0x10_ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
    text += String.fromCodePoint(code);
  }
  return text;
}
