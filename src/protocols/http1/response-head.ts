/**
 * Response heads (RFC 9112 §4). As strict as request heads, with one leniency: servers that leave out the reason also leave out
 * the space in front of it, and nothing hangs on either.
 */
import { CR, kindsOf, latin1, LF, SPACE, VALUE } from './characters.ts';
import type { Fields } from './fields.ts';
import { readFieldLines } from './field-lines.ts';
import type { MessageLimits } from './limits.ts';
import { MessageError } from './message-error.ts';
import { readVersion } from './request-head.ts';

export interface ResponseHead {
  /** 100 to 999. */
  readonly status: number;
  readonly reason: string;
  /** HTTP/1.x */
  readonly minorVersion: 0 | 1;
  readonly fields: Fields;
}

/**
 * @param bytes a complete head from `start` to `end`, which is just behind its empty line
 * @throws MessageError
 */
export function readResponseHead(bytes: Uint8Array, start: number, end: number, limits: MessageLimits): ResponseHead {
  const minorVersion = readVersion(bytes, start);
  let at = start + 8;
  if (bytes[at] !== SPACE) throw wrongStatusLine();
  let status = 0;
  for (let i = 1; i <= 3; i++) {
    const digit = (bytes[at + i] as number) - 0x30;
    if (!(digit >= 0 && digit <= 9)) throw wrongStatusLine();
    status = status * 10 + digit;
  }
  if (status < 100) throw wrongStatusLine();
  at += 4;
  if (bytes[at] === SPACE) at++;
  else if (bytes[at] !== CR) throw wrongStatusLine();
  const reasonStart = at;
  while (((kindsOf[bytes[at] as number] as number) & VALUE) !== 0) at++;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw wrongStatusLine();
  const reason = latin1(bytes, reasonStart, at);
  const fields = readFieldLines(bytes, at + 2, end, limits.maxFields);
  return { status, reason, minorVersion, fields };
}

function wrongStatusLine(): MessageError {
  return new MessageError(400, 'a malformed status line', 'RFC 9112 §4');
}
