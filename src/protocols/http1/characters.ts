/**
 * Which bytes may stand where (RFC 9110 §5.5, §5.6.2; RFC 9112 §3.2), as one table: heads are read byte by byte, and one look-up is
 * all that a byte may cost.
 */

/** Bits of a table entry. */
export const TOKEN = 1;
/** Visible characters: what a request target is made of. Beyond ASCII only percent-encoded. */
export const TARGET = 2;
/** Field values: visible characters, obs-text (0x80 to 0xff), space and tab. */
export const VALUE = 4;

export const kindsOf: Uint8Array = table();

function table(): Uint8Array {
  const kinds = new Uint8Array(256);
  for (let byte = 0x21; byte <= 0x7e; byte++) kinds[byte] = TARGET | VALUE;
  for (let byte = 0x80; byte <= 0xff; byte++) kinds[byte] = VALUE;
  kinds[0x20] = VALUE;
  kinds[0x09] = VALUE;
  const token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const character of token) {
    const byte = character.charCodeAt(0);
    kinds[byte] = (kinds[byte] as number) | TOKEN;
  }
  return kinds;
}

/** Whether all characters of `text` are of this kind; one beyond U+00FF never is. The empty text is. */
export function isAll(text: string, kind: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || ((kindsOf[code] as number) & kind) === 0) return false;
  }
  return true;
}

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const COLON = 0x3a;

/** Bytes as characters U+0000 to U+00FF. Pieces, because a call takes only so many arguments. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= PIECE) return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
  let text = '';
  for (let at = start; at < end; at += PIECE) text += latin1(bytes, at, Math.min(end, at + PIECE));
  return text;
}

const PIECE = 4096;
