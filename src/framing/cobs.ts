/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): a frame is rewritten without zeros, and a zero ends it. For serial
 * lines and everything else where a receiver must find its place again after a loss.
 *
 * A block begins with a code byte n: n - 1 bytes that are not zero follow, then stands for a zero, unless n is 255 or the frame ends.
 * A zero right after another ends no frame and is skipped: senders write one to wake a line up.
 */
import type { Bytes } from '../core/bytes.ts';
import { DelimiterNotFound, FramingError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { checkBytes, checkFrame, DEFAULT_SEARCH_BYTES, tooLarge } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';

const ZERO = new Uint8Array([0]);
/** Code of a block that is full and stands for no zero. */
const FULL = 0xff;

export interface CobsOptions {
  /** Longest frame in bytes, before stuffing; an integer, 0 or more. Default 65,536. */
  readonly maxBytes?: number | undefined;
}

/**
 * Frames under COBS.
 *
 * Decoding throws FrameTooLarge or DelimiterNotFound for a frame over the limit, FramingError for a block that goes beyond its frame.
 */
export function cobs(options: CobsOptions = {}): Codec<Uint8Array, Bytes> {
  const { maxBytes = DEFAULT_SEARCH_BYTES } = options;
  checkBytes('maxBytes', maxBytes, 0);
  return scanningCodec<Uint8Array, Bytes>(
    (frame) => {
      checkFrame(frame, maxBytes);
      return stuff(frame);
    },
    () => ({ scan: (buffer) => scanFrame(buffer, maxBytes) }),
  );
}

/** Bytes that stuffing takes at most, the zero at the end not counted. */
function stuffedBytes(length: number): number {
  return length + Math.floor(length / (FULL - 1)) + 1;
}

function stuff(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(stuffedBytes(frame.length) + 1);
  let codeAt = 0;
  let at = 1;
  for (let index = 0; index < frame.length; index++) {
    const byte = frame[index] as number;
    if (byte !== 0) out[at++] = byte;
    const code = at - codeAt;
    if (byte !== 0 && code < FULL) continue;
    out[codeAt] = code;
    // A full block at the very end needs no block after it.
    if (byte !== 0 && index === frame.length - 1) return out.subarray(0, at + 1);
    codeAt = at++;
  }
  out[codeAt] = at - codeAt;
  return out.subarray(0, at + 1);
}

function scanFrame(buffer: ReadBuffer, maxBytes: number): Bytes | undefined {
  for (;;) {
    const most = stuffedBytes(maxBytes);
    const at = buffer.indexOf(ZERO);
    if ((at < 0 ? buffer.size : at) > most) throw new DelimiterNotFound(most);
    if (at < 0) return undefined;
    if (at > 0) return takeFrame(buffer, at, maxBytes);
    buffer.drop(1);
  }
}

function takeFrame(buffer: ReadBuffer, stuffed: number, maxBytes: number): Bytes {
  const bytes = buffer.view(stuffed);
  const frame = new Uint8Array(stuffed);
  let length = 0;
  for (let at = 0; at < stuffed;) {
    const code = bytes[at++] as number;
    const end = at + code - 1;
    if (end > stuffed) throw new FramingError('a COBS block goes beyond the end of its frame');
    while (at < end) frame[length++] = bytes[at++] as number;
    if (code !== FULL && at < stuffed) frame[length++] = 0;
  }
  if (length > maxBytes) throw tooLarge(length, maxBytes);
  buffer.drop(stuffed + 1);
  return frame.slice(0, length);
}
