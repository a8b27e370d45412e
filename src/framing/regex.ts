/**
 * Frames that end where a regular expression matches, or that are a match.
 *
 * The expression sees the bytes as latin1, one character each, and at most the first 4,096 of what has arrived. Two things make it the
 * dearest and the least exact of the codecs:
 *
 * - An expression cannot go on where it left off, so while a frame is incomplete it is looked at again for every chunk that comes: at
 *   most 4,096 characters each time. (Looking again only when the bytes have doubled would be linear, and would leave a complete frame
 *   lying about until the peer sends more, which it may be waiting to do.) Within one such look the engine backtracks: an expression
 *   like `(a+)+$` takes exponential time on bytes that the peer chooses.
 * - It matches what is there. One that would match more, had more arrived (`\d+`, `\r?`), gives frames that depend on how the bytes were
 *   cut. An expression that ends in something definite (`\r?\n`) does not have this problem.
 *
 * A match of no bytes would go on for ever and is refused: as far as possible when the codec is made, else when it happens.
 *
 * Source: Pants' regular expression delimiters, where an empty match loops and every byte scans everything again.
 */
import type { Bytes } from '../core/bytes.ts';
import { DelimiterNotFound, FramingError, MisuseError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { toDelimiter } from './delimited.ts';
import { checkBytes, checkFrame } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import type { Scanner } from './scanner.ts';

const MAX_WINDOW_BYTES = 4096;
/** Bytes turned into text at a time; more arguments than that are not safe to pass. */
const PIECE_BYTES = 1024;

export interface RegexOptions {
  /** Most bytes of a frame and its match together; an integer, 1 to 4,096. Default 4,096. */
  readonly maxBytes?: number | undefined;
  /** What to write after a frame that is sent; the expression should match it. Default: frames cannot be sent. */
  readonly terminator?: Uint8Array | string | undefined;
}

/**
 * Everything up to a match; what matched is consumed and not given out.
 *
 * Decoding throws DelimiterNotFound where nothing in the first `maxBytes` bytes matches, FramingError for a match of no bytes.
 *
 * @param pattern without the flags u, v, g and y, and without an empty match
 * @throws TypeError, RangeError it has them
 */
export function regex(pattern: RegExp, options: RegexOptions = {}): Codec<Uint8Array, Bytes> {
  const expression = compile(pattern, 'g');
  const { maxBytes = MAX_WINDOW_BYTES, terminator } = options;
  checkBytes('maxBytes', maxBytes, 1, MAX_WINDOW_BYTES);
  const end = terminator === undefined ? undefined : toDelimiter(terminator);
  return scanningCodec<Uint8Array, Bytes>(
    (frame) => {
      if (end === undefined)
        throw new MisuseError('this regex codec has no terminator, so frames cannot be sent with it');
      checkFrame(frame, maxBytes);
      return [frame, end];
    },
    () =>
      new RegexScanner(expression, maxBytes, (match, buffer) => {
        const frame = buffer.take(match.index);
        buffer.drop(match[0].length);
        return frame;
      }),
  );
}

/**
 * Matches at the start of what has arrived, as `RegExp.exec` gives them: `frame[0]`, groups and all, in latin1. Nothing can be sent
 * with it.
 *
 * Decoding throws FrameTooLarge where the first `maxBytes` bytes have no match at their start, FramingError for a match of no bytes.
 *
 * @param pattern without the flags u, v, g and y, and without an empty match
 * @throws TypeError, RangeError it has them
 */
export function regexMatch(
  pattern: RegExp,
  options: Pick<RegexOptions, 'maxBytes'> = {},
): Codec<never, RegExpExecArray> {
  const expression = compile(pattern, 'y');
  const { maxBytes = MAX_WINDOW_BYTES } = options;
  checkBytes('maxBytes', maxBytes, 1, MAX_WINDOW_BYTES);
  return scanningCodec<never, RegExpExecArray>(
    () => {
      throw new MisuseError('nothing can be sent with a codec of matches');
    },
    () =>
      new RegexScanner(expression, maxBytes, (match, buffer) => {
        buffer.drop(match[0].length);
        // What else had arrived by then is not part of the frame.
        match.input = match[0];
        return match;
      }),
  );
}

/** A copy of the expression that belongs to the codec, searching (`g`) or at one place (`y`). */
function compile(pattern: RegExp, mode: 'g' | 'y'): RegExp {
  if (!(pattern instanceof RegExp)) throw new TypeError('the pattern is a regular expression');
  if (/[uvgy]/.test(pattern.flags))
    throw new TypeError(`a pattern for bytes has none of the flags u, v, g and y: ${String(pattern)}`);
  if (pattern.test(''))
    throw new RangeError(`a pattern that matches nothing at all would match for ever: ${String(pattern)}`);
  return new RegExp(pattern.source, pattern.flags + mode);
}

class RegexScanner<R> implements Scanner<R> {
  readonly #expression: RegExp;
  readonly #maxBytes: number;
  readonly #take: (match: RegExpExecArray, buffer: ReadBuffer) => R;
  /** The first bytes of the buffer as text: as many as were looked at. */
  #window = '';
  /** Nothing in the window matches. */
  #isFruitless = false;

  constructor(expression: RegExp, maxBytes: number, take: (match: RegExpExecArray, buffer: ReadBuffer) => R) {
    this.#expression = expression;
    this.#maxBytes = maxBytes;
    this.#take = take;
  }

  scan(buffer: ReadBuffer): R | undefined {
    const size = Math.min(buffer.size, this.#maxBytes);
    if (size > this.#window.length) {
      this.#window += latin1(buffer.view(size).subarray(this.#window.length));
      this.#isFruitless = false;
    }
    if (!this.#isFruitless && size > 0) {
      this.#expression.lastIndex = 0;
      const match = this.#expression.exec(this.#window);
      if (match !== null) return this.#found(match, buffer);
      this.#isFruitless = true;
    }
    if (size === this.#maxBytes) throw new DelimiterNotFound(this.#maxBytes);
    return undefined;
  }

  #found(match: RegExpExecArray, buffer: ReadBuffer): R {
    if (match[0] === '') throw new FramingError(`${String(this.#expression)} matches nothing at all`);
    const frame = this.#take(match, buffer);
    this.#window = this.#window.slice(match.index + match[0].length);
    return frame;
  }
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  }
  return text;
}
