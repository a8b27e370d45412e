/**
 * The chunked transfer coding (RFC 9112 §7.1), read however it is cut.
 *
 * A chunk head is short, so it is read byte by byte in a small state machine that holds numbers and no bytes; data is handed
 * on as views of what came in. Everything that readers are known to disagree on is refused: a size with a sign, `0x`, white
 * space or more than 13 hexadecimal digits; a line ending other than CR LF, after sizes and after data (readers that skip "two bytes" there have been
 * fooled). Extensions are read by their grammar and thrown away, and limited in
 * all, because a body may be cut into one-byte chunks with a kilobyte of extension each. Trailers that could change what the
 * message is (framing, routing, authentication; RFC 9110 §6.5.1) are refused.
 */
import type { Bytes } from '../../core/bytes.ts';
import { CR, LF } from './characters.ts';
import { ChunkExtensions } from './chunk-extensions.ts';
import type { Fields } from './fields.ts';
import { NO_FIELDS } from './fields.ts';
import { readFieldLines } from './field-lines.ts';
import type { MessageLimits } from './limits.ts';
import { MessageError } from './message-error.ts';
import { findSectionEnd } from './section-end.ts';

/** What a body reader found next: data, which is a view of the input; the end; or nothing before more has come. */
export type BodyPart =
  { readonly kind: 'data'; readonly data: Bytes } | { readonly kind: 'end'; readonly trailers: Fields };

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'done';

const MAX_SIZE_DIGITS = 13;
const SEMICOLON = 0x3b;
const RULE = 'RFC 9112 §7.1';

export class ChunkedBody {
  readonly #limits: MessageLimits;
  readonly #extensions: ChunkExtensions;
  #state: State = 'size';
  #digits = 0;
  /** Of the chunk: while its size is read the size, then what is left of its data. */
  #size = 0;
  #bodyBytes = 0;
  #trailers: Bytes = new Uint8Array(0);

  constructor(limits: MessageLimits) {
    this.#limits = limits;
    this.#extensions = new ChunkExtensions(limits.maxChunkExtensionBytes);
  }

  /**
   * Reads from `bytes` at `from.at`, and moves that past what it has used.
   * @returns the next part, or `undefined`: everything was used, and more is needed
   * @throws MessageError
   */
  read(bytes: Bytes, from: { at: number }): BodyPart | undefined {
    while (from.at < bytes.length) {
      if (this.#state === 'data') return this.#data(bytes, from);
      if (this.#state === 'trailers') return this.#readTrailers(bytes, from);
      this.#step(bytes[from.at++] as number);
    }
    return undefined;
  }

  #data(bytes: Bytes, from: { at: number }): BodyPart {
    const data = bytes.subarray(from.at, Math.min(bytes.length, from.at + this.#size));
    from.at += data.length;
    this.#size -= data.length;
    if (this.#size === 0) this.#state = 'data-cr';
    return { kind: 'data', data };
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'size': {
        const digit = hexDigit(byte);
        if (digit !== -1) {
          if (++this.#digits > MAX_SIZE_DIGITS) throw new MessageError(400, 'a chunk size too large to be one', RULE);
          this.#size = this.#size * 16 + digit;
        } else if (this.#digits === 0) {
          throw new MessageError(400, 'a chunk without a size', RULE);
        } else if (byte === SEMICOLON) {
          this.#state = 'extension';
          this.#extensions.begin();
        } else if (byte === CR) {
          this.#state = 'size-lf';
        } else {
          throw new MessageError(400, 'a malformed chunk size', RULE);
        }
        return;
      }
      case 'extension':
        this.#extensions.step(byte);
        if (this.#extensions.ended) this.#state = 'size-lf';
        return;
      case 'size-lf':
        if (byte !== LF) throw new MessageError(400, 'a chunk size that does not end in CR LF', RULE);
        this.#beginChunk();
        return;
      case 'data-cr':
        if (byte !== CR) throw new MessageError(400, 'a chunk longer than its size', RULE);
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        if (byte !== LF) throw new MessageError(400, 'chunk data that do not end in CR LF', RULE);
        this.#state = 'size';
        this.#digits = 0;
        this.#size = 0;
        return;
      case 'data':
      case 'trailers':
      case 'done':
        throw new Error('bowline: not a state of single bytes');
    }
  }

  #beginChunk(): void {
    this.#bodyBytes += this.#size;
    if (this.#bodyBytes > this.#limits.maxBodyBytes)
      throw new MessageError(413, `a body of more than ${this.#limits.maxBodyBytes} bytes`, 'RFC 9110 §15.5.14');
    this.#state = this.#size === 0 ? 'trailers' : 'data';
  }

  #readTrailers(bytes: Bytes, from: { at: number }): BodyPart | undefined {
    const { maxTrailerBytes, maxFields } = this.#limits;
    const seen = this.#trailers.length;
    // Nearly always the section is empty and there at once.
    const whole =
      seen === 0
        ? bytes.subarray(from.at)
        : joined(this.#trailers, bytes.subarray(from.at, from.at + maxTrailerBytes + 2));
    const end = findSectionEnd(whole, 0, seen);
    if ((end === -1 ? whole.length - 1 : end - 2) > maxTrailerBytes)
      throw new MessageError(431, `trailers of more than ${maxTrailerBytes} bytes`, 'RFC 6585 §5');
    if (end === -1) {
      this.#trailers = seen === 0 ? whole.slice() : whole;
      from.at = bytes.length;
      return undefined;
    }
    from.at += end - seen;
    this.#state = 'done';
    this.#trailers = new Uint8Array(0);
    const trailers = readFieldLines(whole, 0, end, maxFields);
    for (const [name] of trailers) {
      if (notInTrailers.has(name)) throw new MessageError(400, `${name} among the trailers`, 'RFC 9110 §6.5.1');
    }
    return { kind: 'end', trailers: trailers.count === 0 ? NO_FIELDS : trailers };
  }
}

function joined(a: Bytes, b: Bytes): Bytes {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

const notInTrailers: ReadonlySet<string> = new Set(
  (
    'transfer-encoding content-length host cache-control expect max-forwards pragma range te authorization proxy-authorization ' +
    'set-cookie cookie content-encoding content-type content-range trailer connection keep-alive upgrade age date expires location ' +
    'retry-after vary warning www-authenticate proxy-authenticate'
  ).split(' '),
);
