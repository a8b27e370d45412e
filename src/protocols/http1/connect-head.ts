/**
 * The head of an HTTP/1 message, as far as CONNECT needs it: a start line, fields, an empty line (RFC 9112 §2.1).
 *
 * After the head of a CONNECT exchange comes a tunnel, whose first bytes may already be there, so the head has to be cut off
 * exactly. It is read strictly, because two readers that disagree about where a head ends or what a field is called are
 * how requests are smuggled: lines end in CR LF and never in a bare one of them, there is no space before a colon, names are
 * tokens, values have no control characters. The one leniency is a duty: a folded field line of a response becomes one
 * (§5.2).
 *
 * Both the bytes and the number of fields are limited.
 */
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';

export interface HttpField {
  /** As written; names are compared without regard to case. */
  readonly name: string;
  /** Without the white space around it; bytes beyond ASCII are characters U+0080 to U+00FF. */
  readonly value: string;
}

export interface ConnectHead {
  readonly startLine: string;
  readonly fields: readonly HttpField[];
}

const CR = 0x0d;
const LF = 0x0a;
const MAX_FIELDS = 100;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Any bytes but control characters; a tab is allowed. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** See `MessageFormat.measure`. @param maxBytes longest head that is taken */
export function measureConnectHead(bytes: Uint8Array, seenBytes: number, maxBytes: number): number {
  // The last byte that was seen may be the CR of a line ending.
  for (let at = Math.max(0, seenBytes - 1); at < bytes.length; at++) {
    if (bytes[at] === CR && at + 1 < bytes.length && bytes[at + 1] !== LF)
      throw new ProtocolError('a carriage return without a line feed', 'RFC 9112 §2.2');
    if (bytes[at] !== LF) continue;
    if (bytes[at - 1] !== CR) throw new ProtocolError('a line feed without a carriage return', 'RFC 9112 §2.2');
    if (bytes[at - 2] === LF || at === 1) return limited(at + 1, maxBytes);
  }
  return limited(bytes.length + missingAtLeast(bytes), maxBytes);
}

/** @throws ProtocolError */
export function parseConnectHead(message: Bytes): ConnectHead {
  const lines = latin1(message.subarray(0, -4)).split('\r\n');
  const [startLine = '', ...fieldLines] = lines;
  const fields: { name: string; value: string }[] = [];
  for (const line of fieldLines) {
    const last = fields.at(-1);
    if (/^[ \t]/.test(line)) {
      if (last === undefined) throw new ProtocolError('white space in front of the first field', 'RFC 9112 §2.2');
      last.value = checkedValue(trimmed(`${last.value} ${trimmed(line)}`));
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) throw new ProtocolError('a field line without a proper name', 'RFC 9112 §5');
    if (fields.length === MAX_FIELDS) throw new ProtocolError(`more than ${MAX_FIELDS} fields`, 'RFC 9110 §5.4');
    fields.push({ name, value: checkedValue(trimmed(line.slice(colon + 1))) });
  }
  return { startLine, fields };
}

/** The values of a field, in their order. @param name in lower case */
export function fieldValues(fields: readonly HttpField[], name: string): string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}

/** @throws RangeError a field is none; the message does not show its value */
export function encodeConnectHead({ startLine, fields }: ConnectHead): Bytes {
  let text = `${startLine}\r\n`;
  for (const { name, value } of fields) {
    if (!TOKEN.test(name)) throw new RangeError(`a field name is a token, which ${JSON.stringify(name)} is not`);
    if (!FIELD_VALUE.test(value) || trimmed(value) !== value)
      throw new RangeError(`the value of the field ${name} has control characters, white space around it, or Unicode`);
    text += `${name}: ${value}\r\n`;
  }
  return Uint8Array.from(`${text}\r\n`, (character) => character.charCodeAt(0));
}

function limited(length: number, maxBytes: number): number {
  if (length > maxBytes) throw new ProtocolError(`a head of more than ${maxBytes} bytes`, 'RFC 9110 §5.4');
  return length;
}

/** How many bytes there are to come before the head can be at its end. */
function missingAtLeast(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length === 0) return 2;
  if (bytes[length - 1] === CR) return length === 1 || bytes[length - 2] === LF ? 1 : 3;
  return bytes[length - 1] === LF ? 2 : 4;
}

function checkedValue(value: string): string {
  if (!FIELD_VALUE.test(value)) throw new ProtocolError('a control character in a field', 'RFC 9110 §5.5');
  return value;
}

function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
