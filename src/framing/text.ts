/** Text in frames is UTF-8, and strictly: bytes that are not would come out of a lenient decoder as something else. */
import { FramingError } from '../core/errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** @param what the subject of the error's message. @throws FramingError the bytes are not UTF-8 */
export function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new FramingError(`${what} is not UTF-8`, { cause });
  }
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}
