/**
 * JSON texts, one a line (NDJSON, JSON Lines). JSON has no raw line feed, so the line feed is free to be the delimiter; a CR before
 * it is white space.
 */
import { FramingError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { findDelimiter } from './delimiter.ts';
import { checkBytes, DEFAULT_SEARCH_BYTES } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import { decodeText, encodeText } from './text.ts';

const LINE_FEED = new Uint8Array([0x0a]);

export interface JsonLinesOptions<T> {
  /** Longest line in bytes, its ending not counted; an integer, 1 or more. Default 65,536. */
  readonly maxBytes?: number | undefined;
  /** Turns what was parsed into what you expect, or throws. Default: it is handed out as it is, as `unknown`. */
  readonly check?: ((value: unknown) => T) | undefined;
}

/**
 * One JSON value a line.
 *
 * Decoding throws DelimiterNotFound for a line that is too long, and FramingError for one that is not JSON (an empty one is not)
 * or that `check` refuses.
 */
export function jsonLines<T = unknown>(options: JsonLinesOptions<T> = {}): Codec<T> {
  const { maxBytes = DEFAULT_SEARCH_BYTES, check = (value) => value as T } = options;
  checkBytes('maxBytes', maxBytes, 1);
  if (typeof check !== 'function') throw new TypeError('check is a function');
  return scanningCodec<T>(
    (value) => encodeJson(value, maxBytes),
    () => ({ scan: (buffer) => scanJson(buffer, maxBytes, check) }),
  );
}

function encodeJson(value: unknown, maxBytes: number): Uint8Array {
  // `undefined`, functions and symbols have no JSON text.
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a value of type ${typeof value} has no JSON text`);
  const bytes = encodeText(`${text}\n`);
  if (bytes.length - 1 > maxBytes) {
    throw new RangeError(`a JSON text of ${bytes.length - 1} bytes is over maxBytes = ${maxBytes}`);
  }
  return bytes;
}

function scanJson<T>(buffer: ReadBuffer, maxBytes: number, check: (value: unknown) => T): T | undefined {
  const at = findDelimiter(buffer, LINE_FEED, maxBytes);
  if (at < 0) return undefined;
  const text = decodeText(buffer.view(at), 'the line');
  let value: T;
  try {
    value = check(JSON.parse(text));
  } catch (cause) {
    throw new FramingError('the line is not the JSON that was expected', { cause });
  }
  buffer.drop(at + 1);
  return value;
}
