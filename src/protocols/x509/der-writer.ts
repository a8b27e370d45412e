/**
 * Writing DER: as much as an issuer of certificates, a CRL or an OCSP request needs.
 *
 * Functions from values to elements, composed inside out: `sequence(integer(1), oid('1.2.3'))`. Each gives one whole
 * element, so that pieces can be signed, compared and nested as they are. A value that has no DER encoding is a mistake of
 * this program and a `RangeError`.
 */
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import { compareBytes } from './der-reader.ts';
import { contextConstructed, contextPrimitive, tag } from './der-tag.ts';
import { encodeTime } from './der-time.ts';
import { encodeObjectIdentifier } from './object-identifier.ts';

/** One element: `contents` under the identifier octet `identifier`, with the shortest length. */
export function element(identifier: number, ...contents: readonly Uint8Array[]): Bytes {
  if (!Number.isInteger(identifier) || identifier < 0 || identifier > 0xff || (identifier & 0x1f) === 0x1f)
    throw new RangeError(`${identifier} is not an identifier octet`);
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const writer = new ByteWriter(length + 6).u8(identifier);
  if (length < 0x80) writer.u8(length);
  else if (length < 0x100) writer.u8(0x81).u8(length);
  else if (length < 0x1_0000) writer.u8(0x82).u16(length);
  else if (length < 0x100_0000) writer.u8(0x83).u24(length);
  else writer.u8(0x84).u32(length);
  for (const part of contents) writer.bytes(part);
  return writer.take();
}

export function sequence(...elements: readonly Uint8Array[]): Bytes {
  return element(tag.sequence, ...elements);
}

/** SET OF: the elements are put in the order that DER wants. */
export function setOf(...elements: readonly Uint8Array[]): Bytes {
  return element(tag.set, ...[...elements].sort(compareBytes));
}

/** `[number] EXPLICIT`. */
export function explicit(number: number, ...elements: readonly Uint8Array[]): Bytes {
  return element(contextConstructed(number), ...elements);
}

/** `[number] IMPLICIT` on a primitive type: the contents octets alone under another tag. */
export function implicit(number: number, contents: Uint8Array): Bytes {
  return element(contextPrimitive(number), contents);
}

/** The same contents under another identifier octet: IMPLICIT tagging of any element. */
export function retagged(identifier: number, whole: Uint8Array): Bytes {
  const lengthOctet = whole[1] ?? 0;
  return element(identifier, whole.subarray(2 + (lengthOctet < 0x80 ? 0 : lengthOctet & 0x7f)));
}

/** An INTEGER from a number, a bigint, or the big-endian octets of an unsigned number (leading zeros are dropped). */
export function integer(value: number | bigint | Uint8Array, identifier: number = tag.integer): Bytes {
  return element(identifier, typeof value === 'object' ? unsignedOctets(value) : signedOctets(BigInt(value)));
}

export function boolean(value: boolean): Bytes {
  return element(tag.boolean, Uint8Array.of(value ? 0xff : 0x00));
}

export function nullValue(): Bytes {
  return element(tag.null);
}

export function oid(dotted: string): Bytes {
  return element(tag.oid, encodeObjectIdentifier(dotted));
}

export function octetString(...contents: readonly Uint8Array[]): Bytes {
  return element(tag.octetString, ...contents);
}

/** A BIT STRING of whole octets, as keys and signatures are. */
export function bitString(octets: Uint8Array): Bytes {
  return element(tag.bitString, Uint8Array.of(0), octets);
}

/** A BIT STRING with named bits, trailing zeros cut off (X.690 §11.2.2). Bit 0 is the first of `bits`. */
export function namedBits(bits: readonly boolean[], identifier: number = tag.bitString): Bytes {
  const length = bits.lastIndexOf(true) + 1;
  const octets = new Uint8Array(Math.ceil(length / 8));
  for (let i = 0; i < length; i++) if (bits[i] === true) octets[i >> 3] = (octets[i >> 3] ?? 0) | (0x80 >> (i & 7));
  return element(identifier, Uint8Array.of((8 - (length & 7)) & 7), octets);
}

export function utf8String(text: string): Bytes {
  return element(tag.utf8String, new TextEncoder().encode(text));
}

/** @throws RangeError the text has a character that PrintableString has not */
export function printableString(text: string): Bytes {
  if (!/^[A-Za-z0-9 '()+,./:=?-]*$/.test(text)) throw new RangeError('a PrintableString has no such character');
  return element(tag.printableString, ascii(text));
}

/** @throws RangeError the text is not ASCII */
export function ia5String(text: string, identifier: number = tag.ia5String): Bytes {
  return element(identifier, ascii(text));
}

/** UTCTime through 2049, GeneralizedTime otherwise (RFC 5280 §4.1.2.5). @param ms since 1970 */
export function time(ms: number): Bytes {
  const { tag: identifier, text } = encodeTime(ms);
  return element(identifier, ascii(text));
}

/** GeneralizedTime, whatever the year: for OCSP and CRL extensions. @param ms since 1970 */
export function generalizedTime(ms: number): Bytes {
  const { tag: identifier, text } = encodeTime(ms, 'generalized');
  return element(identifier, ascii(text));
}

function ascii(text: string): Bytes {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) throw new RangeError('the text is not ASCII');
    octets[i] = code;
  }
  return octets;
}

function unsignedOctets(value: Uint8Array): Bytes {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start += 1;
  const significant = value.subarray(start);
  const padded = new Uint8Array(significant.length + ((significant[0] ?? 0x80) >= 0x80 ? 1 : 0));
  padded.set(significant, padded.length - significant.length);
  return padded;
}

function signedOctets(value: bigint): Bytes {
  let width = 1;
  while (BigInt.asIntN(width * 8, value) !== value) width += 1;
  const octets = new Uint8Array(width);
  let rest = value;
  for (let i = width - 1; i >= 0; i--) {
    octets[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return octets;
}
