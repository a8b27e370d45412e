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
import { encodeConnectHead, fieldValues, measureConnectHead, parseConnectHead } from './connect-head.ts';
import type { HttpField } from './connect-head.ts';

export interface ConnectRequest {
  readonly target: ConnectTarget;
  /** Without Host, which follows from the target. */
  readonly fields: readonly HttpField[];
}

/** @throws RangeError a field is none, or is not for such a request */
export function encodeConnectRequest({ target, fields }: ConnectRequest): Bytes {
  for (const { name } of fields) {
    if (OUT_OF_PLACE.has(name.toLowerCase()))
      throw new RangeError(`the field ${name} has no place in a CONNECT request`);
  }
  const authority = formatHostPort(target);
  return encodeConnectHead({
    startLine: `CONNECT ${authority} HTTP/1.1`,
    fields: [{ name: 'Host', value: authority }, ...fields],
  });
}

/** @param maxBytes longest head that is taken */
export function connectRequestFormat(maxBytes: number): MessageFormat<ConnectRequest> {
  return {
    name: 'a CONNECT request',
    measure: (bytes, seenBytes) => measureConnectHead(bytes, seenBytes, maxBytes),
    parse: parseConnectRequest,
  };
}

const OUT_OF_PLACE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'upgrade',
]);

function parseConnectRequest(message: Bytes): ConnectRequest {
  const { startLine, fields } = parseConnectHead(message);
  const match = /^CONNECT ([!-~]+) HTTP\/1\.[01]$/.exec(startLine);
  if (match === null) throw new ProtocolError('not the request line of a CONNECT', 'RFC 9112 §3');
  const target = authorityOf(match[1] as string);
  const hosts = fieldValues(fields, 'host');
  if (hosts.length > 1) throw new ProtocolError('more than one Host', 'RFC 9112 §3.2');
  if (hosts[0] !== undefined && hosts[0].toLowerCase() !== formatHostPort(target).toLowerCase())
    throw new ProtocolError('a Host that is not the target', 'RFC 9112 §3.2');
  const rest = fields.filter(({ name }) => name.toLowerCase() !== 'host');
  if (rest.some(({ name }) => OUT_OF_PLACE.has(name.toLowerCase())))
    throw new ProtocolError('a field that has no place in a CONNECT request', 'RFC 9110 §9.3.6');
  return { target, fields: rest };
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
