/**
 * Reading field lines (RFC 9112 §5), for heads and trailers alike.
 *
 * Read strictly, because two readers that disagree about what a field is called, or where it ends, are how requests are
 * smuggled past a proxy. Lines end in CR LF; a name is a token with the colon straight behind it; a line that begins with white
 * space (obs-fold) is refused rather than joined, which §5.2 allows a server and which llhttp does as well; values have no control
 * characters. All of that is 400.
 *
 * The section must be complete: whoever calls has found its end (`findSectionEnd`), so nothing here waits.
 */
import { CR, COLON, kindsOf, latin1, LF, SPACE, TAB, TOKEN, VALUE } from './characters.ts';
import { Fields, NO_FIELDS } from './fields.ts';
import { MessageError } from './message-error.ts';

/**
 * Reads lines from `start` up to the empty line that ends the section.
 *
 * @param end just behind the empty line
 */
export function readFieldLines(bytes: Uint8Array, start: number, end: number, maxFields: number): Fields {
  if (end - start === 2) return NO_FIELDS;
  const names: string[] = [];
  const values: string[] = [];
  for (let at = start; at < end - 2;) {
    if (names.length === maxFields) throw new MessageError(431, `more than ${maxFields} fields`, 'RFC 6585 §5');
    const nameStart = at;
    while (((kindsOf[bytes[at] as number] as number) & TOKEN) !== 0) at++;
    if (bytes[at] !== COLON || at === nameStart) throw wrongName(bytes, nameStart, at);
    const name = fieldName(latin1(bytes, nameStart, at));
    at++;
    while (bytes[at] === SPACE || bytes[at] === TAB) at++;
    const valueStart = at;
    while (((kindsOf[bytes[at] as number] as number) & VALUE) !== 0) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== LF)
      throw new MessageError(400, 'a field value with a control character', 'RFC 9110 §5.5');
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--;
    if (isFraming(name) && hasTab(bytes, valueEnd, at))
      throw new MessageError(400, `a tab behind the value of ${name}`, 'RFC 9112 §6.3');
    names.push(name);
    values.push(latin1(bytes, valueStart, valueEnd));
    at += 2;
  }
  return new Fields(names, values);
}

/** White space behind a value may be tabs; where it decides the framing, readers (llhttp) are known to take them for part of it. */
function isFraming(name: string): boolean {
  return name === 'content-length' || name === 'transfer-encoding';
}

function hasTab(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes.subarray(start, end).includes(TAB);
}

function wrongName(bytes: Uint8Array, start: number, at: number): MessageError {
  const isBlank = bytes[at] === SPACE || bytes[at] === TAB;
  if (at === start && isBlank) return new MessageError(400, 'a folded field line', 'RFC 9112 §5.2');
  if (isBlank) return new MessageError(400, 'white space between a field name and its colon', 'RFC 9112 §5.1');
  return new MessageError(400, 'a field line without a proper name', 'RFC 9112 §5');
}

/**
 * Names in lower case. Those that nearly every message has are looked up as they usually stand on the wire: a Map hit costs less than
 * making a new string each time.
 */
function fieldName(written: string): string {
  return usual.get(written) ?? written.toLowerCase();
}

const usual: ReadonlyMap<string, string> = new Map(
  (
    'Accept Accept-Encoding Accept-Language Authorization Cache-Control Connection Content-Length Content-Type Cookie Date ETag ' +
    'Expect Host If-Modified-Since If-None-Match Last-Modified Location Origin Range Referer Server Set-Cookie Transfer-Encoding ' +
    'Upgrade User-Agent X-Forwarded-For X-Forwarded-Proto'
  )
    .split(' ')
    .map((name) => [name, name.toLowerCase()]),
);
