/**
 * The CONNECT request: "make a tunnel to there" (RFC 9110 §9.3.6, RFC 9112 §3.2.3).
 *
 *     CONNECT example.org:443 HTTP/1.1
 *     Host: example.org:443
 *
 * The target is host and port and nothing else, the port always written; Host says the same (RFC 9112 §3.2). Fields about a
 * body have no place in it.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { ConnectTarget } from '../../core/connector.ts';
import { AddressError, ProtocolError } from '../../core/errors.ts';
import { formatHostPort, parseHostPort } from '../../core/host-port.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { headLimits, measureHead } from './connect-head.ts';
import { encodeRequestHead } from './encode-head.ts';
import type { FieldInput } from './encode-head.ts';
import type { Fields } from './fields.ts';
import { readRequestHead } from './request-head.ts';

export interface ConnectRequest {
  readonly target: ConnectTarget;
  readonly fields: Fields;
}

/**
 * @param fields without Host, which follows from the target
 * @throws RangeError a field is none, or is not for such a request; the message does not show its value
 */
export function encodeConnectRequest(target: ConnectTarget, fields: FieldInput): Bytes {
  for (const [name] of fields) {
    if (OUT_OF_PLACE.has(name.toLowerCase()))
      throw new RangeError(`the field ${name} has no place in a CONNECT request`);
  }
  const authority = formatHostPort(target);
  const head = encodeRequestHead('CONNECT', authority, [['Host', authority], ...fields], { kind: 'none' });
  return Uint8Array.from(head, (character) => character.charCodeAt(0));
}

/** @param maxHeadBytes longest head that is taken */
export function connectRequestFormat(maxHeadBytes: number): MessageFormat<ConnectRequest> {
  return {
    name: 'a CONNECT request',
    measure: (bytes, seenBytes) => measureHead(bytes, seenBytes, maxHeadBytes),
    parse: (message) => parseConnectRequest(message, maxHeadBytes),
  };
}

const OUT_OF_PLACE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'upgrade',
]);

function parseConnectRequest(message: Bytes, maxHeadBytes: number): ConnectRequest {
  const { method, target, fields } = readRequestHead(message, 0, message.length, headLimits(maxHeadBytes));
  if (method !== 'CONNECT') throw new ProtocolError('a method other than CONNECT', 'RFC 9110 §9.3.6');
  for (const [name] of fields) {
    if (name !== 'host' && OUT_OF_PLACE.has(name))
      throw new ProtocolError(`the field ${name}, which has no place in a CONNECT request`, 'RFC 9110 §9.3.6');
  }
  return { target: authorityOf(target), fields };
}

function authorityOf(text: string): ConnectTarget {
  try {
    const target = parseHostPort(text, { allowEmptyHost: false });
    if (target.port !== 0) return target;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
  }
  throw new ProtocolError('a target that is not host and port', 'RFC 9112 §3.2.3');
}
