/**
 * Request heads (RFC 9112 §3): request line and fields, and what they must have in common.
 *
 * Read byte by byte against tables; nothing is repaired. The method is a token, one space, a target of visible ASCII, one space,
 * `HTTP/1.0` or `HTTP/1.1`. Where implementations are known to differ, the stricter reading is taken:
 *
 *     several spaces, or tabs, between the parts     400 (§3 lets a lenient parser split on any white space)
 *     HTTP/1.2 and the like, HTTP/2's preface        505
 *     no Host in HTTP/1.1, two of them, or a bad one 400 (§3.2 demands it)
 *     absolute form with another Host than its own   400 (§3.2.2 lets the target win; two views of one request are one too many)
 *     asterisk form with any method but OPTIONS      400, likewise CONNECT with anything but host:port
 */
import { parseHost } from '../../core/host-port.ts';
import { CR, isAll, kindsOf, latin1, LF, SPACE, TARGET, TOKEN } from './characters.ts';
import type { Fields } from './fields.ts';
import { readFieldLines } from './field-lines.ts';
import type { MessageLimits } from './limits.ts';
import { MessageError } from './message-error.ts';

export type TargetForm = 'origin' | 'absolute' | 'authority' | 'asterisk';

export interface RequestHead {
  readonly method: string;
  /** As on the wire. */
  readonly target: string;
  readonly form: TargetForm;
  /** HTTP/1.x */
  readonly minorVersion: 0 | 1;
  readonly fields: Fields;
  /** Whom the request is for, `host` or `host:port`: from the target where it says so, else Host; `undefined` only in HTTP/1.0. */
  readonly authority: string | undefined;
}

/** The longest method of the IANA registry is UPDATEREDIRECTREF, 17. */
const MAX_METHOD_BYTES = 32;

/**
 * @param bytes a complete head from `start` to `end`, which is just behind its empty line
 * @throws MessageError
 */
export function readRequestHead(bytes: Uint8Array, start: number, end: number, limits: MessageLimits): RequestHead {
  let at = start;
  while (((kindsOf[bytes[at] as number] as number) & TOKEN) !== 0) at++;
  const methodEnd = at;
  if (methodEnd === start || methodEnd - start > MAX_METHOD_BYTES || bytes[at] !== SPACE)
    throw new MessageError(400, 'a request line without a proper method', 'RFC 9112 §3.1');
  const targetStart = ++at;
  while (((kindsOf[bytes[at] as number] as number) & TARGET) !== 0) at++;
  const targetEnd = at;
  if (targetEnd - targetStart > limits.maxTargetBytes)
    throw new MessageError(414, `a target of more than ${limits.maxTargetBytes} bytes`, 'RFC 9112 §3');
  if (targetEnd === targetStart || bytes[at] !== SPACE)
    throw new MessageError(400, 'a request line without a proper target', 'RFC 9112 §3.2');
  const minorVersion = readVersion(bytes, at + 1);
  at += 9;
  if (bytes[at] !== CR || bytes[at + 1] !== LF)
    throw new MessageError(400, 'a request line with something behind the version', 'RFC 9112 §3');

  const method = methodName(bytes, start, methodEnd);
  const target = latin1(bytes, targetStart, targetEnd);
  const fields = readFieldLines(bytes, at + 2, end, limits.maxFields);
  const host = checkHost(fields, minorVersion);
  const { form, authority } = readTarget(method, target);
  if (authority !== undefined && host !== undefined && host.toLowerCase() !== authority.toLowerCase())
    throw new MessageError(400, 'a Host that is not the authority of the target', 'RFC 9112 §3.2.2');
  return { method, target, form, minorVersion, fields, authority: authority ?? host };
}

/** The digit behind `HTTP/1.` at `at`. */
export function readVersion(bytes: Uint8Array, at: number): 0 | 1 {
  for (let i = 0; i < VERSION.length; i++) {
    if (bytes[at + i] === VERSION.charCodeAt(i)) continue;
    // Well-formed, and of another major version.
    if (/^HTTP\/[0-9]\.[0-9]\r/.test(latin1(bytes, at, Math.min(bytes.length, at + 9)))) throw unsupportedVersion();
    throw new MessageError(400, 'no HTTP version where one belongs', 'RFC 9112 §2.3');
  }
  const digit = bytes[at + VERSION.length];
  if (digit === 0x31) return 1;
  if (digit === 0x30) return 0;
  if (digit !== undefined && digit >= 0x32 && digit <= 0x39) throw unsupportedVersion();
  throw new MessageError(400, 'no HTTP version where one belongs', 'RFC 9112 §2.3');
}

const VERSION = 'HTTP/1.';

function unsupportedVersion(): MessageError {
  return new MessageError(505, 'a version of HTTP other than 1.0 and 1.1', 'RFC 9110 §15.6.6');
}

/** A constant for the two methods of nearly every request. */
function methodName(bytes: Uint8Array, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54)
    return 'GET';
  return latin1(bytes, start, end);
}

function checkHost(fields: Fields, minorVersion: 0 | 1): string | undefined {
  const host = fields.get('host');
  if (host === undefined) {
    if (minorVersion === 0) return undefined;
    throw new MessageError(400, 'no Host', 'RFC 9112 §3.2');
  }
  if (fields.countOf('host') > 1) throw new MessageError(400, 'more than one Host', 'RFC 9112 §3.2');
  if (!isAuthority(host)) throw new MessageError(400, 'a Host that is no host and port', 'RFC 9112 §3.2');
  return host;
}

/**
 * `uri-host [ ":" port ]` (RFC 3986 §3.2.2). No user information: RFC 9110 §4.2.4 wants it treated as an error. The empty host is
 * what a client sends whose target has none.
 */
function isAuthority(text: string): boolean {
  const parts = AUTHORITY.exec(text);
  if (parts === null) return false;
  const [, bracketed, , port = ''] = parts;
  if (port !== '' && Number(port) > 65_535) return false;
  if (bracketed === undefined) return true;
  try {
    parseHost(bracketed);
    return true;
  } catch {
    return false;
  }
}

/** An IP literal in brackets, or a name of unreserved characters, sub-delims and percent-encoding. */
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|((?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*))(?::([0-9]{0,5}))?$/;

function readTarget(method: string, target: string): { form: TargetForm; authority: string | undefined } {
  if (method === 'CONNECT') {
    if (!isAuthority(target) || !/[^:]:[0-9]+$/.test(target))
      throw new MessageError(400, 'CONNECT with a target that is not host:port', 'RFC 9112 §3.2.3');
    return { form: 'authority', authority: target };
  }
  if (target.startsWith('/')) {
    if (target.includes('#')) throw new MessageError(400, 'a target with a fragment', 'RFC 9112 §3.2.1');
    return { form: 'origin', authority: undefined };
  }
  if (target === '*') {
    if (method !== 'OPTIONS') throw new MessageError(400, `${method} *`, 'RFC 9112 §3.2.4');
    return { form: 'asterisk', authority: undefined };
  }
  const absolute = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(target);
  const authority = absolute?.[1];
  if (authority === undefined || authority === '' || !isAuthority(authority))
    throw new MessageError(400, 'a target of no known form', 'RFC 9112 §3.2');
  return { form: 'absolute', authority };
}

/** Whether a target may be sent (RFC 9112 §3.2): visible ASCII, not empty. */
export function isSendableTarget(target: string): boolean {
  return target !== '' && isAll(target, TARGET);
}
