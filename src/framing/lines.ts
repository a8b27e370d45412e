/**
 * Lines of UTF-8 text.
 *
 * `ending: 'either'`, the default, takes LF and CR LF, as nearly all text protocols are read, and writes LF. `'crlf'` and `'lf'`
 * are strict: there the other ending is content. A line that is sent must not hold an ending, or it would arrive as two.
 */
import { DelimiterNotFound } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { findDelimiter } from './delimiter.ts';
import { checkBytes, checkChoice, DEFAULT_SEARCH_BYTES } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { incomplete, scanningCodec } from './scanner.ts';
import type { Scanner } from './scanner.ts';
import { decodeText, encodeText } from './text.ts';

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = new Uint8Array([0x0a]);
const CRLF = new Uint8Array([0x0d, 0x0a]);

export interface LinesOptions {
  /** What ends a line. Default `'either'`: LF or CR LF when reading, LF when writing. */
  readonly ending?: 'either' | 'lf' | 'crlf' | undefined;
  /** Longest line in bytes, its ending not counted; an integer, 0 or more. Default 65,536. */
  readonly maxBytes?: number | undefined;
  /**
   * What to do with text after the last ending when the bytes end. `'refuse'` (default): IncompleteRead, because a connection that
   * broke looks like that. `'deliver'`: it is a line. `'drop'`: it is nothing.
   */
  readonly lastLine?: 'refuse' | 'deliver' | 'drop' | undefined;
}

/**
 * Lines of text, without their endings.
 *
 * Decoding throws DelimiterNotFound for a line that is too long and FramingError for one that is not UTF-8.
 */
export function lines(options: LinesOptions = {}): Codec<string> {
  const { ending = 'either', maxBytes = DEFAULT_SEARCH_BYTES, lastLine = 'refuse' } = options;
  checkChoice('ending', ending, ['either', 'lf', 'crlf']);
  checkBytes('maxBytes', maxBytes, 0);
  checkChoice('lastLine', lastLine, ['refuse', 'deliver', 'drop']);
  const settings = { ending, maxBytes, lastLine };
  return scanningCodec(
    (line) => encodeLine(line, settings),
    () => new LineScanner(settings),
  );
}

type Settings = { readonly [K in keyof LinesOptions]-?: Exclude<LinesOptions[K], undefined> };

function encodeLine(line: string, { ending, maxBytes }: Settings): Uint8Array {
  if (typeof line !== 'string') throw new TypeError('a line is a string');
  const hasEnding = ending === 'crlf' ? line.includes('\r\n') : line.includes('\n');
  if (hasEnding || (ending === 'either' && line.endsWith('\r'))) {
    throw new RangeError('a line that is sent must not hold a line ending');
  }
  const end = ending === 'crlf' ? '\r\n' : '\n';
  const bytes = encodeText(line + end);
  const length = bytes.length - end.length;
  if (length > maxBytes) throw new RangeError(`a line of ${length} bytes is over maxBytes = ${maxBytes}`);
  return bytes;
}

class LineScanner implements Scanner<string> {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  scan(buffer: ReadBuffer): string | undefined {
    const { ending, maxBytes } = this.#settings;
    if (ending === 'either') return scanLine(buffer, maxBytes);
    const delimiter = ending === 'crlf' ? CRLF : LINE_FEED;
    const at = findDelimiter(buffer, delimiter, maxBytes);
    return at < 0 ? undefined : takeLine(buffer, at, at + delimiter.length);
  }

  finish(buffer: ReadBuffer): string | undefined {
    switch (this.#settings.lastLine) {
      case 'refuse':
        throw incomplete(buffer);
      case 'deliver':
        return takeLine(buffer, buffer.size, buffer.size);
      case 'drop':
        buffer.drop(buffer.size);
        return undefined;
    }
  }
}

/** A line that ends with LF or CR LF; `undefined` if it is not complete. */
function scanLine(buffer: ReadBuffer, maxBytes: number): string | undefined {
  const at = buffer.indexOf(LINE_FEED);
  const end = at < 0 ? buffer.size : at;
  // The CR belongs to the ending, or may turn out to: then the limit does not count it.
  const length = end > 0 && buffer.at(end - 1) === CARRIAGE_RETURN ? end - 1 : end;
  if (length > maxBytes) throw new DelimiterNotFound(maxBytes);
  return at < 0 ? undefined : takeLine(buffer, length, at + 1);
}

function takeLine(buffer: ReadBuffer, length: number, consumed: number): string {
  const line = decodeText(buffer.view(length), 'the line');
  buffer.drop(consumed);
  return line;
}
