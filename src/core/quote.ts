/**
 * Foreign text inside a message for people.
 *
 * An address, a header or a path in an error message may come from a peer or from a file. Printed as it is, it can move a
 * terminal's cursor, start a new line in a log, turn the reading direction around, or be a megabyte long. So every
 * message of bowline that repeats text repeats it through `quoteText`: one line, a bounded length, and only letters,
 * digits and printable ASCII as they are; everything else is written as an escape.
 */

/** Code points of `text` that a message shows before it cuts the rest off. */
const DEFAULT_MAX_CHARACTERS = 80;

/**
 * `text` in double quotes, safe to print.
 *
 * @param maxCharacters code points shown before the text is cut off with `…`; an integer >= 1; default 80
 */
export function quoteText(text: string, maxCharacters: number = DEFAULT_MAX_CHARACTERS): string {
  return `"${shown(text, maxCharacters, '"\\')}"`;
}

/** Like `quoteText` for text that stands alone: no quotes around it, and quotes and backslashes in it stay as they are. */
export function escapeText(text: string, maxCharacters: number = DEFAULT_MAX_CHARACTERS): string {
  return shown(text, maxCharacters, '');
}

function shown(text: string, maxCharacters: number, special: string): string {
  let result = '';
  let count = 0;
  for (const character of text) {
    if (count === maxCharacters) return `${result}…`;
    if (special.includes(character)) result += `\\${character}`;
    else if (/^[ -~…\p{L}\p{N}]$/u.test(character)) result += character;
    else result += `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
    count += 1;
  }
  return result;
}
