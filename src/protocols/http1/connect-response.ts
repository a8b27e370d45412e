/**
 * The answer to CONNECT: any 2xx makes the connection a tunnel right behind the empty line, and anything else is a refusal
 * (RFC 9110 §9.3.6). Content-Length and Transfer-Encoding of a 2xx are ignored, as demanded there. An interim answer (1xx)
 * may come first; the caller goes on to the next.
 */
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { encodeConnectHead, FIELD_VALUE, measureConnectHead, parseConnectHead } from './connect-head.ts';
import type { HttpField } from './connect-head.ts';

export interface ConnectResponse {
  /** 100 to 599. */
  readonly status: number;
  /** What the proxy wrote behind it; means nothing. */
  readonly reason: string;
  readonly fields: readonly HttpField[];
}

/** @throws RangeError the status, the reason or a field is none */
export function encodeConnectResponse({ status, reason, fields }: ConnectResponse): Bytes {
  if (!Number.isInteger(status) || status < 100 || status > 599)
    throw new RangeError(`a status is 100 to 599, not ${status}`);
  if (!FIELD_VALUE.test(reason)) throw new RangeError('a reason has no control characters');
  return encodeConnectHead({ startLine: `HTTP/1.1 ${status} ${reason}`, fields });
}

/** @param maxBytes longest head that is taken */
export function connectResponseFormat(maxBytes: number): MessageFormat<ConnectResponse> {
  return {
    name: 'an answer to CONNECT',
    measure(bytes, seenBytes) {
      checkStart(bytes);
      return measureConnectHead(bytes, seenBytes, maxBytes);
    },
    parse: parseConnectResponse,
  };
}

const START = 'HTTP/1.';

/** What speaks another protocol is found out by its first bytes. */
function checkStart(bytes: Uint8Array): void {
  for (let i = 0; i < START.length && i < bytes.length; i++) {
    if (bytes[i] !== START.charCodeAt(i)) throw new ProtocolError('the answer is not HTTP/1', 'RFC 9112 §2.3');
  }
}

function parseConnectResponse(message: Bytes): ConnectResponse {
  const { startLine, fields } = parseConnectHead(message);
  // A server MUST send the space in front of an empty reason (RFC 9112 §4); some do not, and nothing hangs on it.
  const match = /^HTTP\/1\.[01] ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(startLine);
  if (match === null) throw new ProtocolError('not a status line', 'RFC 9112 §4');
  return { status: Number(match[1]), reason: match[2] ?? '', fields };
}
