/**
 * Where the body of a message ends (RFC 9112 §6): the place where requests are smuggled.
 *
 * A proxy and a server that find different ends disagree about where the next request begins, and an attacker who knows how
 * writes a request that only one of them sees. So every message that could be read in two ways is refused:
 *
 *     Transfer-Encoding and Content-Length together  refused (§6.3 lets the coding win, and says it "ought to be an error")
 *     Content-Length twice, or as a list, even equal refused (§6.3 allows to take equal ones for one)
 *     Content-Length with a sign, spaces inside, hex refused; more than 2^53 - 1 too
 *     Transfer-Encoding in HTTP/1.0                  refused (§6.1: the framing is faulty)
 *     a coding besides chunked                       501 if chunked is last, else 400: nobody here undoes gzip as transfer coding
 *     chunked not last, or twice, or misspelt        refused; `xchunked`, `chunked;q=1` and ` chunked` with a control character too
 *
 * A request without either has no body (§6.3 rule 7); a response without either goes on until the connection ends.
 */
import type { Fields } from './fields.ts';
import { MessageError } from './message-error.ts';
import type { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** Responses only: to the end of the connection, so a cut-off body cannot be told from a whole one. */
  | { readonly kind: 'until-close' }
  /** What follows the head is another protocol: after CONNECT was accepted, or 101. */
  | { readonly kind: 'tunnel' };

const NONE: BodyFraming = { kind: 'none' };
const CHUNKED: BodyFraming = { kind: 'chunked' };

/** @throws MessageError */
export function requestFraming(head: RequestHead): BodyFraming {
  const framing = explicitFraming(head.fields, head.minorVersion);
  if (head.method === 'CONNECT' && framing !== undefined && framing.kind !== 'none')
    throw new MessageError(400, 'CONNECT with a body', 'RFC 9110 §9.3.6');
  return framing ?? NONE;
}

/**
 * @param requestMethod of the request that is answered, which decides as much as the response does (§6.3 rules 1 and 2)
 * @throws MessageError
 */
export function responseFraming(head: ResponseHead, requestMethod: string): BodyFraming {
  const { status } = head;
  if (status === 101) return { kind: 'tunnel' };
  if (requestMethod === 'CONNECT' && status >= 200 && status < 300) return { kind: 'tunnel' };
  if (status < 200 || status === 204 || status === 304 || requestMethod === 'HEAD') {
    // What a HEAD or 304 says of lengths is about another message; it still has to be well-formed.
    explicitFraming(head.fields, head.minorVersion);
    return NONE;
  }
  return explicitFraming(head.fields, head.minorVersion) ?? { kind: 'until-close' };
}

function explicitFraming(fields: Fields, minorVersion: 0 | 1): BodyFraming | undefined {
  const coding = fields.combined('transfer-encoding');
  const lengths = fields.countOf('content-length');
  if (coding === undefined) {
    if (lengths === 0) return undefined;
    if (lengths > 1) throw new MessageError(400, 'more than one Content-Length', 'RFC 9112 §6.3');
    const bytes = parseContentLength(fields.get('content-length') as string);
    return bytes === 0 ? NONE : { kind: 'length', bytes };
  }
  if (lengths > 0) throw new MessageError(400, 'Transfer-Encoding and Content-Length together', 'RFC 9112 §6.3');
  if (minorVersion === 0) throw new MessageError(400, 'Transfer-Encoding in HTTP/1.0', 'RFC 9112 §6.1');
  if (coding.toLowerCase() === 'chunked') return CHUNKED;
  const codings = coding.split(',').map((one) => one.trim().toLowerCase());
  const isOnlyUnknown = codings.at(-1) === 'chunked' && codings.indexOf('chunked') === codings.length - 1;
  throw isOnlyUnknown && codings.every((one) => /^[a-z][a-z0-9-]*$/.test(one))
    ? new MessageError(501, 'a transfer coding other than chunked', 'RFC 9112 §6.1')
    : new MessageError(400, 'a Transfer-Encoding that does not end in one chunked', 'RFC 9112 §6.3');
}

function parseContentLength(text: string): number {
  const bytes = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(bytes)) throw new MessageError(400, 'a malformed Content-Length', 'RFC 9112 §6.3');
  return bytes;
}
