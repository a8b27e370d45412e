/** The system's errors about datagrams, as bowline's: what the program can do about it, and the system's own words. */
import { DatagramError, DatagramTooLargeError } from '../core/errors.ts';
import type { DatagramFailure } from '../core/errors.ts';

/** Most that IPv4 can carry: 65,535 less the headers of IP (20) and UDP (8). */
export const MAX_IPV4_BYTES = 65_507;
/** The same for IPv6, whose own header is not counted in its length. */
export const MAX_IPV6_BYTES = 65_527;

const REASONS: Readonly<Record<string, readonly [DatagramFailure, string]>> = {
  ECONNREFUSED: ['refused', 'nobody listens there'],
  // What Windows tells of the same.
  ECONNRESET: ['refused', 'nobody listens there'],
  EHOSTUNREACH: ['unreachable', 'the host cannot be reached'],
  EHOSTDOWN: ['unreachable', 'the host does not answer'],
  ENETUNREACH: ['unreachable', 'there is no way to this network'],
  ENETDOWN: ['unreachable', 'the network is down'],
  EADDRNOTAVAIL: ['unreachable', 'this address cannot be used from here'],
  EAFNOSUPPORT: ['unreachable', 'the socket is of another address family'],
  EACCES: ['not permitted', 'sending there is not permitted; a broadcast address needs broadcast: true'],
  EPERM: ['not permitted', 'sending there is not permitted'],
  EMSGSIZE: ['too large', 'too large for one datagram'],
  ENOBUFS: ['no buffers', 'the system has no memory for it'],
  ENOMEM: ['no buffers', 'the system has no memory for it'],
};

/**
 * @param where the datagram went, for people
 * @param dataBytes its length, if this is about one that was to be sent
 */
export function datagramFailure(cause: Error, where: string, dataBytes?: number): DatagramError {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'EMSGSIZE' && dataBytes !== undefined) return new DatagramTooLargeError(dataBytes, undefined, { cause });
  const [reason, meaning] = (code === undefined ? undefined : REASONS[code]) ?? (['failed', cause.message] as const);
  return new DatagramError(`${where}: ${meaning}${code === undefined ? '' : ` (${code})`}`, reason, { cause });
}
