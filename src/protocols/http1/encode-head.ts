/**
 * Heads to be sent. Names, values and targets come from programs, which often take them from users; a line ending in one of
 * them would start a field, or a message, that nobody wrote. So everything is checked against the same tables that heads are
 * read with, and what does not pass is a `RangeError` that does not repeat the value.
 *
 * Framing is not the caller's business: Content-Length and Transfer-Encoding are refused among the fields and written from `framing`.
 */
import { isAll, TOKEN, VALUE } from './characters.ts';
import { isSendableTarget } from './request-head.ts';

export type FieldInput = Iterable<readonly [name: string, value: string]>;

/** How the body of a message that is sent will be framed. */
export type SentFraming =
  { readonly kind: 'none' } | { readonly kind: 'length'; readonly bytes: number } | { readonly kind: 'chunked' };

/** @throws RangeError method, target, a name or a value that cannot be sent */
export function encodeRequestHead(method: string, target: string, fields: FieldInput, framing: SentFraming): string {
  if (method === '' || !isAll(method, TOKEN)) throw new RangeError('a method is a token');
  if (!isSendableTarget(target)) throw new RangeError('a request target is visible ASCII');
  return `${method} ${target} HTTP/1.1\r\n${encodeFields(fields, framing)}\r\n`;
}

/** @throws RangeError status, reason, a name or a value that cannot be sent */
export function encodeResponseHead(status: number, reason: string, fields: FieldInput, framing: SentFraming): string {
  if (!Number.isInteger(status) || status < 100 || status > 999) throw new RangeError('a status is 100 to 999');
  if (!isAll(reason, VALUE)) throw new RangeError('a reason is one line of text');
  return `HTTP/1.1 ${status} ${reason}\r\n${encodeFields(fields, framing)}\r\n`;
}

/** Trailers, or any fields, as lines. @throws RangeError a name or a value that cannot be sent */
export function encodeFieldLines(fields: FieldInput): string {
  let text = '';
  for (const [name, value] of fields) text += fieldLine(name, value);
  return text;
}

function encodeFields(fields: FieldInput, framing: SentFraming): string {
  let text = '';
  for (const [name, value] of fields) {
    if (/^(?:content-length|transfer-encoding)$/i.test(name))
      throw new RangeError(`${name} is written by the framing, not among the fields`);
    text += fieldLine(name, value);
  }
  switch (framing.kind) {
    case 'none':
      return text;
    case 'chunked':
      return `${text}Transfer-Encoding: chunked\r\n`;
    case 'length':
      if (!Number.isSafeInteger(framing.bytes) || framing.bytes < 0)
        throw new RangeError('a Content-Length is a whole number of bytes');
      return `${text}Content-Length: ${framing.bytes}\r\n`;
  }
}

function fieldLine(name: string, value: string): string {
  if (name === '' || !isAll(name, TOKEN)) throw new RangeError('a field name is a token');
  if (!isAll(value, VALUE)) throw new RangeError(`the value of ${name} has characters that no field can carry`);
  return `${name}: ${value}\r\n`;
}
