/**
 * Frames with their length in front.
 *
 * The length is the peer's word. Nothing is allocated for it: one over the limit is refused before the frame has arrived, and the
 * buffer grows with the bytes that really come.
 */
import type { Bytes } from '../core/bytes.ts';
import { FramingError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { lengthPrefix } from './length-prefix.ts';
import type { LengthFormat, LengthPrefix } from './length-prefix.ts';
import { checkBytes, checkFrame, DEFAULT_FRAME_BYTES, tooLarge } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import type { Scanner } from './scanner.ts';

export interface LengthPrefixedOptions {
  /** Longest frame in bytes, its length not counted; an integer, 0 or more. Default 1,048,576, or what the format can say. */
  readonly maxBytes?: number | undefined;
  /** Whether the length counts its own bytes too. Default `false`. */
  readonly inclusive?: boolean | undefined;
}

/**
 * Frames with their length in front.
 *
 * Decoding throws FrameTooLarge for a length over the limit, and FramingError for one that cannot be: an inclusive length smaller
 * than itself, an endless varint.
 *
 * @param format of the length; see `LengthFormat`
 */
export function lengthPrefixed(format: LengthFormat, options: LengthPrefixedOptions = {}): Codec<Uint8Array, Bytes> {
  const prefix = lengthPrefix(format);
  const { inclusive = false } = options;
  if (typeof inclusive !== 'boolean') throw new TypeError('inclusive is true or false');
  const largest = inclusive ? prefix.largest - prefix.sizeFor(prefix.largest) : prefix.largest;
  const maxBytes = checkBytes('maxBytes', options.maxBytes ?? Math.min(DEFAULT_FRAME_BYTES, largest), 0, largest);
  return scanningCodec<Uint8Array, Bytes>(
    (frame) => {
      checkFrame(frame, maxBytes);
      return [prefix.write(inclusive ? inclusiveLength(prefix, frame.length) : frame.length), frame];
    },
    () => new PrefixScanner(prefix, maxBytes, inclusive),
  );
}

/** The length of a frame together with the prefix that says it, which for a varint depends on the length. */
function inclusiveLength(prefix: LengthPrefix, length: number): number {
  let size = prefix.sizeFor(length);
  while (prefix.sizeFor(length + size) > size) size = prefix.sizeFor(length + size);
  return length + size;
}

class PrefixScanner implements Scanner<Bytes> {
  readonly #prefix: LengthPrefix;
  readonly #maxBytes: number;
  readonly #inclusive: boolean;
  /** Of the frame that is arriving; -1 while its prefix is not complete. */
  #length = -1;
  #prefixSize = 0;

  constructor(prefix: LengthPrefix, maxBytes: number, inclusive: boolean) {
    this.#prefix = prefix;
    this.#maxBytes = maxBytes;
    this.#inclusive = inclusive;
  }

  scan(buffer: ReadBuffer): Bytes | undefined {
    if (this.#length < 0 && !this.#readLength(buffer)) return undefined;
    if (buffer.size < this.#prefixSize + this.#length) return undefined;
    buffer.drop(this.#prefixSize);
    const frame = buffer.take(this.#length);
    this.#length = -1;
    return frame;
  }

  #readLength(buffer: ReadBuffer): boolean {
    const size = this.#prefix.size(buffer);
    if (size === 0) return false;
    const said = this.#prefix.read(buffer, size);
    const length = this.#inclusive ? said - size : said;
    if (length < 0) throw new FramingError(`a frame of ${said} bytes that includes a length of ${size} bytes`);
    if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
    this.#prefixSize = size;
    this.#length = length;
    return true;
  }
}
