/**
 * Looking for a delimiter within a limit, so that the answer depends on the bytes alone: a delimiter that begins after at most
 * `maxBytes` bytes is found, one that begins later is an error, and the error comes as soon as it is certain.
 */
import { DelimiterNotFound } from '../core/errors.ts';
import type { ReadBuffer } from './read-buffer.ts';

/**
 * Where the delimiter is, counted from the oldest byte; -1 if it is not there yet, and may still come within the limit.
 *
 * @throws DelimiterNotFound it does not begin within the first `maxBytes + 1` bytes
 */
export function findDelimiter(buffer: ReadBuffer, delimiter: Uint8Array, maxBytes: number): number {
  const at = buffer.indexOf(delimiter);
  // Not found yet: would it, at the earliest, begin beyond the limit?
  if (at < 0 && buffer.size <= maxBytes) return -1;
  const earliest = at < 0 ? buffer.partialIndexOf(delimiter) : at;
  if (earliest > maxBytes) throw new DelimiterNotFound(maxBytes);
  return at;
}
