/**
 * Frames of bytes that end with a delimiter: a NUL, a blank line, the `]]>]]>` of NETCONF.
 *
 * A frame that is sent must not hold the delimiter, not even together with the beginning of its own.
 */
import type { Bytes } from '../core/bytes.ts';
import type { Codec } from './codec.ts';
import { findDelimiter } from './delimiter.ts';
import { checkBytes, checkFrame, DEFAULT_SEARCH_BYTES } from './limits.ts';
import { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import { encodeText } from './text.ts';

export interface DelimitedOptions {
  /** Longest frame in bytes, its delimiter not counted; an integer, 0 or more. Default 65,536. */
  readonly maxBytes?: number | undefined;
  /** Whether a received frame ends with its delimiter. Default `false`. What is sent has none of its own in either case. */
  readonly keepDelimiter?: boolean | undefined;
}

/**
 * Everything up to a delimiter.
 *
 * Decoding throws DelimiterNotFound for a frame that is too long.
 *
 * @param delimiter bytes, or text as UTF-8; not empty
 */
export function delimited(delimiter: Uint8Array | string, options: DelimitedOptions = {}): Codec<Uint8Array, Bytes> {
  const { maxBytes = DEFAULT_SEARCH_BYTES, keepDelimiter = false } = options;
  const pattern = toDelimiter(delimiter);
  checkBytes('maxBytes', maxBytes, 0);
  if (typeof keepDelimiter !== 'boolean') throw new TypeError('keepDelimiter is true or false');
  return scanningCodec<Uint8Array, Bytes>(
    (frame) => {
      checkFrame(frame, maxBytes);
      const probe = new ReadBuffer();
      probe.push(frame);
      probe.push(pattern);
      if (probe.indexOf(pattern) !== frame.length)
        throw new RangeError('a frame that is sent must not hold the delimiter');
      return [frame, pattern];
    },
    () => ({
      scan: (buffer) => {
        const at = findDelimiter(buffer, pattern, maxBytes);
        if (at < 0) return undefined;
        if (keepDelimiter) return buffer.take(at + pattern.length);
        const frame = buffer.take(at);
        buffer.drop(pattern.length);
        return frame;
      },
    }),
  );
}

/** A copy of a delimiter as bytes. @throws TypeError, RangeError it is neither bytes nor text, or empty */
export function toDelimiter(delimiter: Uint8Array | string): Uint8Array {
  const bytes = typeof delimiter === 'string' ? encodeText(delimiter) : delimiter;
  if (!(bytes instanceof Uint8Array)) throw new TypeError('a delimiter is bytes or text');
  if (bytes.length === 0) throw new RangeError('a delimiter cannot be empty');
  return Uint8Array.prototype.slice.call(bytes);
}
