/**
 * A command line cut into words, without a shell.
 *
 * `exec:` starts a program directly, so nothing in a command is ever expanded: `$HOME`, `*`, `|`, `>`, `;` and backquotes are
 * ordinary characters. What remains of shell syntax is what people need to write an argument with a space in it, with the
 * meaning it has in POSIX sh (§2.2):
 *
 *     blanks         separate words (space, tab, newline)
 *     'text'         text as it is
 *     "text"         text; \" and \\ stand for " and \, any other backslash for itself
 *     \c             the character c, outside of quotes
 *
 * Pieces that touch form one word: `a'b c'"d"` is `ab cd`, and `''` is an empty word. A quote that is not closed and a
 * backslash at the end are errors, where a shell would ask for more.
 */
import { AddressError } from '../../core/errors.ts';

/** @throws AddressError a quote is not closed, a backslash stands at the end, or there is a NUL */
export function splitCommand(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    // A program's argument ends at a NUL, so one cannot be passed (execve(2)).
    if (character === '\0') throw refusal('a command cannot hold a NUL character');
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else if (quote === '"' && character === '\\' && /["\\]/.test(text.charAt(i + 1))) word += text.charAt(++i);
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === '\\') {
      if (i + 1 === text.length) throw refusal('there is nothing after the backslash at the end');
      if (text.charAt(i + 1) !== '\0') word = (word ?? '') + text.charAt(++i);
    } else if (isBlank(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== undefined) throw refusal(`the ${quote === '"' ? 'double' : 'single'} quote is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** The inverse of `splitCommand`: every word that needs it in single quotes. */
export function joinCommand(words: readonly string[]): string {
  return words.map((word) => (isPlain(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

/** Where the first `mark` stands that is neither quoted nor behind a backslash; -1 where there is none. */
export function indexOutsideQuotes(text: string, mark: string): number {
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === '\\' && (quote === '' || (quote === '"' && /["\\]/.test(text.charAt(i + 1))))) i += 1;
    else if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === mark) return i;
  }
  return -1;
}

function isPlain(word: string): boolean {
  return /^[0-9A-Za-z@%+=:,./_-]+$/.test(word);
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\n';
}

function refusal(reason: string): AddressError {
  return new AddressError(`bad command: ${reason}`, reason);
}
