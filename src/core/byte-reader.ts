/**
 * Reading numbers and vectors out of received bytes.
 *
 * Every parser of peer bytes in bowline goes through a `ByteReader`, so that there is one place where "past the end" can
 * happen, and one way for it to end: the reader throws the failure it was made with. That is a `ProtocolError` citing the
 * rule the parser stands on, or whatever a parser's own factory makes; the parser reports what it finds wrong itself the
 * same way, with `fail`. A length that came out of arithmetic on peer bytes and went negative or fractional fails so, too.
 * Nothing else is ever thrown.
 *
 * `bytes`, `vector` and `rest` give views of the input, not copies: whoever keeps one longer than the input copies it.
 * Numbers are big-endian (network order). Positions in messages count from the start of the outermost input.
 */
import { ProtocolError } from './errors.ts';

/** Makes the error for a problem such as `4 bytes wanted at offset 12, but only 3 are left`. */
export type ReadFailure = (problem: string) => Error;

/** Bytes of the length in front of a vector. */
export type LengthBytes = 1 | 2 | 3 | 4;

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #failure: ReadFailure;
  /** Offset of `#bytes` in the outermost input, for messages. */
  readonly #base: number;
  #position = 0;

  /**
   * @param bytes the whole input; not copied
   * @param failure the rule that a truncated input breaks, such as `RFC 8446 §4` (the error is a `ProtocolError`), or a
   *   function that makes the error
   */
  constructor(bytes: Uint8Array, failure: string | ReadFailure, base = 0) {
    this.#bytes = bytes;
    this.#failure = typeof failure === 'string' ? (problem) => new ProtocolError(problem, failure) : failure;
    this.#base = base;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  /** Throws the reader's failure: for what a parser finds wrong beyond lengths. */
  fail(problem: string): never {
    throw this.#failure(problem);
  }

  u8(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  u16(): number {
    return this.#number(2);
  }

  u24(): number {
    return this.#number(3);
  }

  u32(): number {
    return this.#number(4);
  }

  /** Fits a number exactly: a DTLS sequence number, for one. */
  u48(): number {
    return this.#number(6);
  }

  u64(): bigint {
    return (BigInt(this.#number(4)) << 32n) | BigInt(this.#number(4));
  }

  /** The next byte without reading it, or `undefined` at the end. */
  peekU8(): number | undefined {
    return this.#bytes[this.#position];
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** All that is left, as a view; the reader is at its end afterwards. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** A reader for the next `length` bytes alone. */
  reader(length: number): ByteReader {
    const start = this.#advance(length);
    return new ByteReader(this.#bytes.subarray(start, start + length), this.#failure, this.#base + start);
  }

  /**
   * A vector with its length in front, as a view: `opaque name<minBytes..maxBytes>` of RFC 8446 §3.4.
   *
   * @param lengthBytes bytes of the length itself
   */
  vector(lengthBytes: LengthBytes, minBytes = 0, maxBytes = Infinity): Uint8Array {
    return this.bytes(this.#vectorLength(lengthBytes, minBytes, maxBytes));
  }

  /** A reader for the contents of a vector alone; see `vector`. */
  vectorReader(lengthBytes: LengthBytes, minBytes = 0, maxBytes = Infinity): ByteReader {
    return this.reader(this.#vectorLength(lengthBytes, minBytes, maxBytes));
  }

  /** Reads items out of a vector until it is used up exactly. An item that reads nothing is a failure, not a hang. */
  items<T>(lengthBytes: LengthBytes, readItem: (reader: ByteReader) => T): T[] {
    const contents = this.vectorReader(lengthBytes);
    const items: T[] = [];
    while (contents.remaining > 0) {
      const before = contents.position;
      items.push(readItem(contents));
      if (contents.position === before) this.fail(`an item of no bytes at offset ${this.#base + this.#position}`);
    }
    return items;
  }

  /** Fails unless everything was read. */
  expectEnd(): void {
    if (this.remaining > 0) this.fail(`${this.remaining} bytes too many at offset ${this.#base + this.#position}`);
  }

  #vectorLength(lengthBytes: LengthBytes, minBytes: number, maxBytes: number): number {
    const length = this.#number(lengthBytes);
    if (length < minBytes || length > maxBytes) {
      this.fail(
        `a vector of ${length} bytes at offset ${this.#base + this.#position}, where ${minBytes} to ${maxBytes} are allowed`,
      );
    }
    return length;
  }

  #number(width: number): number {
    const start = this.#advance(width);
    let value = 0;
    for (let i = start; i < start + width; i++) value = value * 256 + (this.#bytes[i] as number);
    return value;
  }

  /** Takes `length` bytes off the input; gives where they start. */
  #advance(length: number): number {
    const start = this.#position;
    if (!(length >= 0 && length <= this.#bytes.length - start && Number.isInteger(length))) {
      this.fail(`${length} bytes wanted at offset ${this.#base + start}, but ${this.remaining} are left`);
    }
    this.#position = start + length;
    return start;
  }
}
