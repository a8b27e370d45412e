/**
 * What a connection's `readDelimiter` may be, and the codec that it stands for. The forms are those of Pants:
 *
 *     null          whatever has arrived               a RegExp      the bytes before a match
 *     a number      so many bytes                      a codec       anything else: lines(), lengthPrefixed('u16be'), struct('>HI') …
 *     text, bytes   the bytes before this delimiter
 *
 * Pants takes a length of 0, which then delivers nothing for ever, and notices other nonsense when the next bytes come; here it is
 * refused when it is assigned.
 */
import { checkCodec } from '../framing/codec.ts';
import type { Codec } from '../framing/codec.ts';
import { delimited } from '../framing/delimited.ts';
import { fixed } from '../framing/fixed.ts';
import { regex } from '../framing/regex.ts';

export type ReadDelimiter = null | number | string | Uint8Array | RegExp | Codec<never, unknown>;

/**
 * @param bufferBytes the limit where the form has none of its own
 * @throws TypeError, RangeError it is none of the forms
 */
export function codecOf(delimiter: ReadDelimiter, bufferBytes: number): Codec<never, unknown> | null {
  if (delimiter === null) return null;
  if (typeof delimiter === 'number') return fixed(delimiter);
  if (typeof delimiter === 'string' || delimiter instanceof Uint8Array) {
    return delimited(delimiter, { maxBytes: bufferBytes });
  }
  if (delimiter instanceof RegExp) return regex(delimiter);
  if (typeof delimiter === 'object') return checkCodec(delimiter);
  throw new TypeError(
    `a read delimiter is null, a number, text, bytes, a RegExp or a codec, not a ${typeof delimiter}`,
  );
}
