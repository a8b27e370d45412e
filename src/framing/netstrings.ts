/** Netstrings: `5:hello,` (D. J. Bernstein, 1997). The length is decimal without leading zeros; the comma must be there. */
import type { Bytes } from '../core/bytes.ts';
import { FramingError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { checkBytes, checkFrame, DEFAULT_FRAME_BYTES, tooLarge } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import type { Scanner } from './scanner.ts';
import { encodeText } from './text.ts';

const ZERO = 0x30;
const COLON = 0x3a;
const COMMA = new Uint8Array([0x2c]);

export interface NetstringsOptions {
  /** Longest frame in bytes; an integer, 0 or more. Default 1,048,576. */
  readonly maxBytes?: number | undefined;
}

/** Netstrings. Decoding throws FrameTooLarge for a length over the limit, FramingError for what is no netstring. */
export function netstrings(options: NetstringsOptions = {}): Codec<Uint8Array, Bytes> {
  const { maxBytes = DEFAULT_FRAME_BYTES } = options;
  checkBytes('maxBytes', maxBytes, 0);
  return scanningCodec<Uint8Array, Bytes>(
    (frame) => {
      checkFrame(frame, maxBytes);
      return [encodeText(`${frame.length}:`), frame, COMMA];
    },
    () => new NetstringScanner(maxBytes),
  );
}

class NetstringScanner implements Scanner<Bytes> {
  readonly #maxBytes: number;
  /** What has been read of the length. */
  #digits = 0;
  #length = 0;
  #isLengthComplete = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  scan(buffer: ReadBuffer): Bytes | undefined {
    if (!this.#readLength(buffer)) return undefined;
    const end = this.#digits + 1 + this.#length;
    if (buffer.size <= end) return undefined;
    if (buffer.at(end) !== COMMA[0]) throw new FramingError('a netstring does not end with a comma');
    buffer.drop(this.#digits + 1);
    const frame = buffer.take(this.#length);
    buffer.drop(1);
    this.#digits = 0;
    this.#length = 0;
    this.#isLengthComplete = false;
    return frame;
  }

  #readLength(buffer: ReadBuffer): boolean {
    while (!this.#isLengthComplete) {
      if (buffer.size === this.#digits) return false;
      const byte = buffer.at(this.#digits);
      if (byte === COLON && this.#digits > 0) {
        this.#isLengthComplete = true;
        break;
      }
      const digit = byte - ZERO;
      const isLeadingZero = this.#digits > 0 && this.#length === 0;
      if (digit < 0 || digit > 9 || isLeadingZero)
        throw new FramingError('the length of a netstring is not a decimal number');
      const length = this.#length * 10 + digit;
      if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
      this.#length = length;
      this.#digits++;
    }
    return true;
  }
}
