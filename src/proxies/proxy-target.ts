/**
 * What a proxy is asked to connect to: checked before anything is opened, in the form in which it goes over the wire.
 *
 * Names are not resolved here, which is the point of a proxy as often as not; so they have to be fit for somebody else's
 * resolver. An international name becomes its ASCII form.
 */
import { checkPort, formatHostPort, parseHost } from '../core/host-port.ts';
import type { ConnectTarget } from '../core/connector.ts';
import { AddressError } from '../core/errors.ts';
import { tryParseIpAddress } from '../core/ip-address.ts';

/** @throws TypeError, RangeError it is not a host and a port that a proxy could connect to */
export function checkedTarget(target: ConnectTarget): ConnectTarget {
  const { host, port } = checkedEndpoint('target', target);
  if (tryParseIpAddress(host)?.scopeId !== undefined)
    throw new RangeError(`the zone of ${host} means nothing to a proxy`);
  return { host, port };
}

/** @param what for messages, such as `proxy` */
export function checkedEndpoint(what: string, endpoint: ConnectTarget): ConnectTarget {
  const { host, port } = (endpoint as Partial<ConnectTarget> | null | undefined) ?? {};
  if (typeof host !== 'string') throw new TypeError(`the ${what} is { host, port }`);
  if (checkPort(port as number) === 0) throw new RangeError(`port 0 of the ${what} cannot be connected to`);
  try {
    return { host: toAscii(parseHost(host)), port: port as number };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new RangeError(`the ${what}: ${error.message}`, { cause: error });
  }
}

/** For messages. */
export function showEndpoint(endpoint: ConnectTarget): string {
  return formatHostPort(endpoint);
}

/** UTS #46, by the URL standard's host parser. */
function toAscii(host: string): string {
  if (/^[\0-\x7f]*$/.test(host)) return host;
  try {
    return new URL(`http://${host}/`).hostname;
  } catch (cause) {
    throw new AddressError('an international name without an ASCII form', undefined, { cause });
  }
}
