/**
 * Reading DER, strictly (X.690 §8, §10, §11).
 *
 * DER gives every value exactly one encoding, and signatures are over encodings. A reader that accepts two encodings of one
 * value lets an attacker show one certificate to us and another to somebody else, so everything BER allows beyond DER is
 * refused: indefinite lengths, lengths with more octets than needed, integers with a padding octet, booleans other than
 * 00 and FF, padding bits that are set, SET OF out of order, and tag numbers above 30, which X.509 does not have.
 * (`namedBits` says where one rule is not insisted on.)
 *
 * A reader stands on one level of the input and can only go forward; `sequence()` and its like give a reader for the level
 * below. Depth is bounded by `MAX_DEPTH` whatever a caller does, size by whoever took the input off the wire (the parsers
 * of this folder name their limits). Every read takes time proportional to the bytes it covers, and nothing is read twice.
 *
 * Everything wrong is one `ProtocolError` that cites the rule the reader was made with and the offset in the reader's outermost
 * input (for an extension, its value).
 * Values are views of the input; nobody changes them.
 */
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { decodeObjectIdentifier } from './object-identifier.ts';
import { contextConstructed, tag } from './der-tag.ts';
import { decodeTime } from './der-time.ts';

/** One element: identifier, length and contents. */
export interface DerElement {
  readonly tag: number;
  /** The whole element. */
  readonly raw: Bytes;
  readonly contents: Bytes;
}

/** BIT STRING: whole octets, of which the last may be used in part. */
export interface BitString {
  readonly bytes: Bytes;
  /** Bits of the last octet that do not count, 0 to 7; they are zero. */
  readonly unusedBits: number;
}

export class DerReader {
  readonly #bytes: Bytes;
  readonly #rule: string;
  readonly #base: number;
  readonly #depth: number;
  #position = 0;

  /**
   * @param bytes the whole input; not copied
   * @param rule what a malformed input breaks, such as `RFC 5280 §4.1`
   */
  constructor(bytes: Bytes, rule: string, base = 0, depth = 0) {
    this.#bytes = bytes;
    this.#rule = rule;
    this.#base = base;
    this.#depth = depth;
    if (depth > MAX_DEPTH) this.fail(`elements are nested deeper than ${MAX_DEPTH}`);
  }

  /** Whether everything on this level was read. */
  get atEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  /** The tag of the next element, or `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#position];
  }

  /** Throws the reader's failure: for what a parser finds wrong beyond the encoding. */
  fail(problem: string): never {
    throw new ProtocolError(`${problem} (at offset ${this.#base + this.#position})`, this.#rule);
  }

  /** The next element, whatever it is. */
  any(): DerElement {
    const start = this.#position;
    const identifier = this.#octet();
    if ((identifier & 0x1f) === 0x1f) this.fail('a tag number above 30');
    const length = this.#length();
    const contentsStart = this.#position;
    if (length > this.#bytes.length - contentsStart) this.fail(`an element of ${length} bytes, past the end`);
    this.#position = contentsStart + length;
    return {
      tag: identifier,
      raw: this.#bytes.subarray(start, this.#position),
      contents: this.#bytes.subarray(contentsStart, this.#position),
    };
  }

  /** The next element, which must have this tag. */
  element(expected: number): DerElement {
    if (this.nextTag !== expected) {
      this.fail(`tag ${hex(expected)} wanted, not ${this.nextTag === undefined ? 'the end' : hex(this.nextTag)}`);
    }
    return this.any();
  }

  /** The next element if it has this tag. */
  optional(expected: number): DerElement | undefined {
    return this.nextTag === expected ? this.any() : undefined;
  }

  /** A reader for what is inside the next element, which must have this (constructed) tag. */
  inside(expected: number): DerReader {
    return this.insideOf(this.element(expected));
  }

  /** A reader for what is inside `element`, the one that was read last: for who needs its encoding, too. */
  insideOf(element: DerElement): DerReader {
    const base = this.#base + this.#position - element.contents.length;
    return new DerReader(element.contents, this.#rule, base, this.#depth + 1);
  }

  /** As `inside`, or `undefined` where another tag comes next. */
  optionalInside(expected: number): DerReader | undefined {
    return this.nextTag === expected ? this.inside(expected) : undefined;
  }

  sequence(): DerReader {
    return this.inside(tag.sequence);
  }

  /** What is inside the EXPLICIT tag `[number]`, or `undefined` where it is absent. */
  explicit(number: number): DerReader | undefined {
    return this.optionalInside(contextConstructed(number));
  }

  /**
   * Reads elements until this level is used up.
   *
   * @param readItem reads one element or more
   * @param minimum how few items are a failure; SIZE (1..MAX) is 1
   */
  items<T>(readItem: (reader: DerReader) => T, minimum = 0): T[] {
    const items: T[] = [];
    while (!this.atEnd) {
      const before = this.#position;
      items.push(readItem(this));
      if (this.#position === before) this.fail('an item that reads nothing');
    }
    if (items.length < minimum) this.fail(`a list of fewer than ${minimum}`);
    return items;
  }

  /** Reads the elements of a SET OF, which DER wants in ascending order of their encodings (X.690 §11.6). */
  setOf<T>(readItem: (reader: DerReader) => T, minimum = 0): T[] {
    const set = this.inside(tag.set);
    let previous: Bytes | undefined;
    return set.items((reader) => {
      const start = reader.#position;
      const item = readItem(reader);
      const encoded = reader.#bytes.subarray(start, reader.#position);
      if (previous !== undefined && compareBytes(previous, encoded) > 0) reader.fail('a SET OF out of order');
      previous = encoded;
      return item;
    }, minimum);
  }

  /**
   * BOOLEAN DEFAULT FALSE: absent is false, and a false that is written out is not DER (X.690 §11.5).
   */
  booleanDefaultFalse(expected: number = tag.boolean): boolean {
    if (this.nextTag !== expected) return false;
    if (!this.boolean(expected)) this.fail('a default value that is written out');
    return true;
  }

  boolean(expected: number = tag.boolean): boolean {
    const { contents } = this.element(expected);
    if (contents.length !== 1) this.fail('a BOOLEAN that is not one octet');
    if (contents[0] !== 0x00 && contents[0] !== 0xff) this.fail('a BOOLEAN that is neither 00 nor FF');
    return contents[0] === 0xff;
  }

  /** The contents octets of an INTEGER: two's complement, as few as possible. */
  integerBytes(expected: number = tag.integer): Bytes {
    const { contents } = this.element(expected);
    const [first = 0, second = 0] = contents;
    if (contents.length === 0) this.fail('an INTEGER of no octets');
    if (contents.length > 1 && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80)))
      this.fail('an INTEGER with more octets than needed');
    return contents;
  }

  /** An INTEGER from 0 to `maximum`, which is at most 2^31 - 1. */
  smallInteger(maximum: number, expected: number = tag.integer): number {
    const contents = this.integerBytes(expected);
    if ((contents[0] as number) >= 0x80) this.fail('a negative INTEGER');
    if (contents.length > 4) this.fail(`an INTEGER above ${maximum}`);
    let value = 0;
    for (const octet of contents) value = value * 256 + octet;
    if (value > maximum) this.fail(`an INTEGER above ${maximum}`);
    return value;
  }

  null(): void {
    if (this.element(tag.null).contents.length > 0) this.fail('a NULL with contents');
  }

  /** OBJECT IDENTIFIER in dotted form. */
  oid(expected: number = tag.oid): string {
    const { contents } = this.element(expected);
    return decodeObjectIdentifier(contents) ?? this.fail('a malformed OBJECT IDENTIFIER');
  }

  bitString(expected: number = tag.bitString): BitString {
    const { contents } = this.element(expected);
    const unusedBits = contents[0];
    if (unusedBits === undefined) return this.fail('a BIT STRING of no octets');
    const last = contents.length === 1 ? undefined : contents.at(-1);
    if (unusedBits > 7 || (last === undefined && unusedBits > 0))
      this.fail('a BIT STRING with more unused bits than it has');
    if (last !== undefined && (last & ((1 << unusedBits) - 1)) !== 0)
      this.fail('unused bits of a BIT STRING that are set');
    return { bytes: contents.subarray(1), unusedBits };
  }

  /** A BIT STRING of whole octets: a key or a signature. */
  bitStringOctets(): Bytes {
    const { bytes, unusedBits } = this.bitString();
    if (unusedBits !== 0) this.fail('a BIT STRING that is not whole octets');
    return bytes;
  }

  /**
   * A BIT STRING with named bits (`KeyUsage`, `ReasonFlags`): bit 0, the most significant, first.
   *
   * DER cuts off trailing zero bits (X.690 §11.2.2). This is the one place where that is not insisted on: two of the 144 roots
   * that Node ships (Trustwave Global ECC) write them out. The bits say the same either way.
   *
   * @param count of the bits that have names; later ones that are set are refused
   */
  namedBits(count: number, expected: number = tag.bitString): boolean[] {
    const { bytes } = this.bitString(expected);
    if (bytes.length > count) this.fail(`far more than the ${count} named bits that are known`);
    const bits = Array.from({ length: bytes.length * 8 }, (_, i) => ((bytes[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0);
    if (bits.lastIndexOf(true) >= count) this.fail(`a named bit beyond the ${count} that are known`);
    return Array.from({ length: count }, (_, i) => bits[i] ?? false);
  }

  octetString(expected: number = tag.octetString): Bytes {
    return this.element(expected).contents;
  }

  /** IA5String: ASCII. Control characters are for the caller to judge. */
  ia5String(expected: number = tag.ia5String): string {
    const { contents } = this.element(expected);
    if (contents.length > MAX_TEXT_BYTES) this.fail(`a text of more than ${MAX_TEXT_BYTES} bytes`);
    for (const octet of contents) if (octet >= 0x80) this.fail('an IA5String that is not ASCII');
    return String.fromCharCode(...contents);
  }

  /** UTCTime or GeneralizedTime as milliseconds since 1970; seconds and `Z` written out, no fraction (RFC 5280 §4.1.2.5). */
  time(): number {
    const element = this.any();
    return decodeTime(element) ?? this.fail('a time that is not UTCTime or GeneralizedTime in canonical form');
  }

  /** A GeneralizedTime alone, as in CRL extensions and OCSP. */
  generalizedTime(expected: number = tag.generalizedTime): number {
    const element = this.element(expected);
    return (
      decodeTime({ ...element, tag: tag.generalizedTime }) ??
      this.fail('a GeneralizedTime that is not in canonical form')
    );
  }

  /** Fails unless everything on this level was read. */
  expectEnd(): void {
    if (!this.atEnd) this.fail('elements after the last one');
  }

  #octet(): number {
    const octet = this.#bytes[this.#position];
    if (octet === undefined) return this.fail('the input ends inside an element');
    this.#position += 1;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0) this.fail('an indefinite length');
    if (count > 4) this.fail('a length of more than four octets');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#octet();
    if (length < 0x80 || length < 256 ** (count - 1)) this.fail('a length with more octets than needed');
    return length;
  }
}

/** Certificates nest about ten deep; what nests deeper is made to exhaust somebody's stack. */
const MAX_DEPTH = 32;

/** URIs of real certificates stay below 500 bytes. */
const MAX_TEXT_BYTES = 4096;

/** X.690 §11.6: as octet strings, the shorter one padded with zeros; real encodings of different lengths differ before that. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

function hex(identifier: number): string {
  return `0x${identifier.toString(16).padStart(2, '0')}`;
}
