/**
 * Where a proxy is, and who one is there: `user:password@host:port`, as in the URLs of HTTP_PROXY and curl. User and password
 * are percent-encoded; what is in front of the last `@` is theirs, so that a password with an unencoded `@` does not end up as
 * the name of a host. The port is always written: programs do not agree on a default.
 */
import { AddressError } from '../../core/errors.ts';
import type { HostPort } from '../../core/host-port.ts';
import { formatHostPort, parseHostPort } from '../../core/host-port.ts';
import { decodePercent, encodePercent } from './percent.ts';

export interface ProxyTarget extends HostPort {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/**
 * @param scheme for messages
 * @throws AddressError it is none; the reason shows no part of it
 */
export function parseProxyTarget(text: string, scheme: string): ProxyTarget {
  const refusal = (reason: string): AddressError => new AddressError(`bad ${scheme} address: ${reason}`, reason);
  const at = text.lastIndexOf('@');
  // As in a URL that was copied whole.
  const place = text.slice(at + 1).replace(/\/$/, '');
  const { host, port } = parsePlace(place, scheme, refusal);
  if (at === -1) return { host, port, username: undefined, password: undefined };
  const [username = '', password] = splitOnce(text.slice(0, at)).map((part) => {
    const decoded = decodePercent(part);
    if (decoded === undefined) throw refusal('user and password are percent-encoded: a percent sign is %25');
    return decoded;
  });
  if (username === '') throw refusal('the user in front of the @ is missing');
  return { host, port, username, password };
}

export function formatProxyTarget(target: ProxyTarget): string {
  const { username, password } = target;
  if (username === undefined) return formatHostPort(target);
  const encoded = [username, ...(password === undefined ? [] : [password])].map((part) =>
    encodePercent(part, /[^0-9A-Za-z._~!$'()*+,;=-]/gu),
  );
  return `${encoded.join(':')}@${formatHostPort(target)}`;
}

export function redactProxyTarget(target: ProxyTarget): string {
  return `${target.username === undefined ? '' : '***@'}${formatHostPort(target)}`;
}

/** What is wrong with a host may repeat it, and it may be a piece of a password: so it is said in other words. */
function parsePlace(text: string, scheme: string, refusal: (reason: string) => AddressError): HostPort {
  let place: HostPort;
  try {
    place = parseHostPort(text, { allowEmptyHost: false });
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw refusal(`a proxy is written ${scheme}://host:port or ${scheme}://user:password@host:port`);
  }
  if (place.port === 0) throw refusal('port 0 cannot be connected to');
  return place;
}

function splitOnce(text: string): string[] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}
