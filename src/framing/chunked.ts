/**
 * The chunks of HTTP's chunked transfer coding (RFC 9112 §7.1), as frames.
 *
 *     chunk       = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
 *     last-chunk  = 1*"0" [ chunk-ext ] CRLF *( field-line CRLF ) CRLF
 *
 * The last chunk is a frame of no bytes, after which the next body may begin, or the codec be changed. Extensions and trailer fields are
 * skipped, within limits. Reading is strict, because two readers that disagree on where a body ends are how requests are smuggled: CR LF
 * and nothing else ends a line, a size is hexadecimal digits and nothing else.
 */
import type { Bytes } from '../core/bytes.ts';
import { FramingError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { findDelimiter } from './delimiter.ts';
import { checkBytes, checkFrame, DEFAULT_FRAME_BYTES, tooLarge } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import type { Scanner } from './scanner.ts';
import { encodeText } from './text.ts';

const CRLF = new Uint8Array([0x0d, 0x0a]);
const END_OF_TRAILERS = new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a]);
const LAST_CHUNK = encodeText('0\r\n\r\n');
/** Longest first line of a chunk: its size and extensions. */
const MAX_HEAD_BYTES = 1024;
const MAX_TRAILER_BYTES = 16_384;

export interface ChunkedOptions {
  /** Longest chunk in bytes; an integer, 0 or more. Default 1,048,576. */
  readonly maxBytes?: number | undefined;
}

/**
 * Chunks of a chunked body. The last one is empty, and sending an empty one sends that.
 *
 * Decoding throws FrameTooLarge for a chunk over the limit, DelimiterNotFound for endless extensions or trailers, FramingError for what
 * is not the chunked coding.
 */
export function chunked(options: ChunkedOptions = {}): Codec<Uint8Array, Bytes> {
  const { maxBytes = DEFAULT_FRAME_BYTES } = options;
  checkBytes('maxBytes', maxBytes, 0);
  return scanningCodec<Uint8Array, Bytes>(
    (chunk) => {
      checkFrame(chunk, maxBytes);
      return chunk.length === 0 ? LAST_CHUNK : [encodeText(`${chunk.length.toString(16)}\r\n`), chunk, CRLF];
    },
    () => new ChunkScanner(maxBytes),
  );
}

class ChunkScanner implements Scanner<Bytes> {
  readonly #maxBytes: number;
  /** Of the chunk that is arriving: bytes before its data, 0 while that is not known; and bytes of its data. */
  #headBytes = 0;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  scan(buffer: ReadBuffer): Bytes | undefined {
    if (this.#headBytes === 0 && !this.#readHead(buffer)) return undefined;
    const chunk = this.#length === 0 ? this.#takeLast(buffer) : this.#takeData(buffer);
    if (chunk !== undefined) this.#headBytes = 0;
    return chunk;
  }

  #readHead(buffer: ReadBuffer): boolean {
    const at = findDelimiter(buffer, CRLF, MAX_HEAD_BYTES);
    if (at < 0) return false;
    let digits = 0;
    let length = 0;
    for (; digits < at; digits++) {
      const digit = hexDigit(buffer.at(digits));
      if (digit < 0) break;
      length = length * 16 + digit;
    }
    if (digits === 0 || !isExtension(buffer, digits, at))
      throw new FramingError('not the size of a chunk (RFC 9112 §7.1)');
    if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
    this.#headBytes = at + CRLF.length;
    this.#length = length;
    return true;
  }

  #takeData(buffer: ReadBuffer): Bytes | undefined {
    const end = this.#headBytes + this.#length;
    if (buffer.size < end + CRLF.length) return undefined;
    if (buffer.at(end) !== CRLF[0] || buffer.at(end + 1) !== CRLF[1]) {
      throw new FramingError('a chunk does not end where its size says (RFC 9112 §7.1)');
    }
    buffer.drop(this.#headBytes);
    const data = buffer.take(this.#length);
    buffer.drop(CRLF.length);
    return data;
  }

  /** The trailer section ends with an empty line; its first may begin right after the head. */
  #takeLast(buffer: ReadBuffer): Bytes | undefined {
    const head = this.#headBytes;
    if (buffer.size < head + CRLF.length) return undefined;
    let end = head + CRLF.length;
    if (buffer.at(head) !== CRLF[0] || buffer.at(head + 1) !== CRLF[1]) {
      const at = findDelimiter(buffer, END_OF_TRAILERS, head + MAX_TRAILER_BYTES);
      if (at < 0) return undefined;
      end = at + END_OF_TRAILERS.length;
    }
    const nothing = buffer.take(0);
    buffer.drop(end);
    return nothing;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

/** Whether a chunk extension, or nothing, lies between two places: a semicolon, then anything visible. */
function isExtension(buffer: ReadBuffer, from: number, to: number): boolean {
  if (from === to) return true;
  if (buffer.at(from) !== 0x3b) return false;
  for (let i = from; i < to; i++) {
    const byte = buffer.at(i);
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return false;
  }
  return true;
}
