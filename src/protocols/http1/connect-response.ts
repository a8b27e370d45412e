/**
 * The answer to CONNECT: any 2xx makes the connection a tunnel right behind the empty line, and anything else is a refusal
 * (RFC 9110 §9.3.6). Content-Length and Transfer-Encoding of a 2xx are ignored, as demanded there. An interim answer (1xx)
 * may come first; the caller goes on to the next.
 */
import { ProtocolError } from '../../core/errors.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { headLimits, measureHead } from './connect-head.ts';
import { readResponseHead } from './response-head.ts';
import type { ResponseHead } from './response-head.ts';

/** @param maxHeadBytes longest head that is taken */
export function connectResponseFormat(maxHeadBytes: number): MessageFormat<ResponseHead> {
  return {
    name: 'an answer to CONNECT',
    measure(bytes, seenBytes) {
      checkStart(bytes);
      return measureHead(bytes, seenBytes, maxHeadBytes);
    },
    parse: (message) => readResponseHead(message, 0, message.length, headLimits(maxHeadBytes)),
  };
}

const START = 'HTTP/1.';

/** What speaks another protocol is found out by its first bytes. */
function checkStart(bytes: Uint8Array): void {
  for (let i = 0; i < START.length && i < bytes.length; i++) {
    if (bytes[i] !== START.charCodeAt(i)) throw new ProtocolError('the answer is not HTTP/1', 'RFC 9112 §2.3');
  }
}
