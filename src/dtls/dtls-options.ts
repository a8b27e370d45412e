/** What programs may set of DTLS, with limits and defaults; checked here, before anything is done. */
import { quoteText } from '../core/quote.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { MIN_DATAGRAM_BYTES } from '../protocols/dtls/settings.ts';
import { srtpProfileIds } from '../protocols/dtls/extensions/use-srtp.ts';
import type { SrtpProfile } from '../protocols/dtls/extensions/use-srtp.ts';
import type { DtlsSession } from './session.ts';

export type { SrtpProfile } from '../protocols/dtls/extensions/use-srtp.ts';

/** Of both sides. */
export interface DtlsOptions {
  /**
   * Longest datagram to send, without the headers of IP and UDP; at least 128. Default 1,472 (1,452 over IPv6), which is
   * Ethernet. Where such datagrams get lost, handshakes fall back to 548 (1,232) by themselves; application messages do not.
   */
  readonly ciphertextMtu?: number | undefined;
  /** Until a flight of the handshake is sent again, in milliseconds; doubled each time up to 60,000. Default 1,000. */
  readonly initialRetransmitTimeoutMs?: number | undefined;
  /** After which an unfinished handshake fails, in milliseconds. Default: on a server 60,000, on a client never (`null`). */
  readonly handshakeTimeoutMs?: number | null | undefined;
  /** Profiles of DTLS-SRTP (RFC 5764) in order of preference. Default: none. */
  readonly srtpProfiles?: readonly SrtpProfile[] | undefined;
  /**
   * Ask the peer to put a connection ID into what it sends (RFC 9146), so that the association outlives a change of its address.
   * Default true; it takes effect where both sides know the extension.
   */
  readonly connectionId?: boolean | undefined;
  /** Longest message to receive (RFC 8449), 64 to 16,384; the peer is told. Default: as long as can be, and nothing is said. */
  readonly recordSizeLimit?: number | undefined;
}

export interface DtlsClientOptions extends DtlsOptions {
  /** Name or IP address to check the server by. `null` only with a verifier that needs no name. */
  readonly serverName: string | null;
  /** A session of an earlier channel to the same name under the same context; see `DtlsChannel.session`. */
  readonly session?: DtlsSession | undefined;
  /** Closing the channel closes the endpoint and its socket, too. Default false. */
  readonly ownsEndpoint?: boolean | undefined;
}

export interface DtlsListenOptions extends DtlsOptions {
  /** Most associations whose handshake is done that wait for `accept`; hellos beyond are dropped. Default 128. */
  readonly acceptQueue?: number | undefined;
  /** Most handshakes under way; hellos beyond are dropped. Default 1,000. */
  readonly maxHandshakes?: number | undefined;
  /** Most associations of one host, whatever its ports; hellos beyond are dropped. Default 1,000. */
  readonly maxAssociationsPerHost?: number | undefined;
}

export interface DtlsEndpointOptions {
  /** Messages that wait to be received on a channel; what arrives beyond is dropped and counted. Default 64. */
  readonly incomingPacketsBuffer?: number | undefined;
  /** Most associations, in both roles; hellos beyond are dropped. Default 10,000. */
  readonly maxAssociations?: number | undefined;
}

export const defaults = {
  incomingPacketsBuffer: 64,
  maxAssociations: 10_000,
  acceptQueue: 128,
  maxHandshakes: 1000,
  maxAssociationsPerHost: 1000,
  initialRetransmitTimeoutMs: 1000,
  handshakeTimeoutMs: 60_000,
} as const;

/** @throws TypeError, RangeError */
export function checkDtlsOptions(options: DtlsOptions): void {
  const { initialRetransmitTimeoutMs, handshakeTimeoutMs, srtpProfiles, connectionId, recordSizeLimit } = options;
  checkMtu(options.ciphertextMtu);
  checkRetransmit(initialRetransmitTimeoutMs);
  if (handshakeTimeoutMs !== undefined && handshakeTimeoutMs !== null) checkDuration(handshakeTimeoutMs);
  if (srtpProfiles !== undefined) {
    if (!Array.isArray(srtpProfiles)) throw new TypeError('srtpProfiles is an array of names');
    const wrong: unknown = (srtpProfiles as readonly unknown[]).find((profile) => !isProfile(profile));
    if (wrong !== undefined)
      throw new RangeError(`srtpProfiles: ${typeof wrong === 'string' ? quoteText(wrong) : typeof wrong} is not known`);
  }
  if (connectionId !== undefined && typeof connectionId !== 'boolean')
    throw new TypeError('connectionId is true or false');
  if (recordSizeLimit !== undefined) checkBetween('recordSizeLimit', recordSizeLimit, 64, 16_384);
}

function isProfile(name: unknown): boolean {
  return typeof name === 'string' && Object.hasOwn(srtpProfileIds, name);
}

export function checkMtu(bytes: number | undefined): void {
  if (bytes !== undefined) checkBetween('ciphertextMtu', bytes, MIN_DATAGRAM_BYTES, 65_507);
}

export function checkRetransmit(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 1 && timeoutMs <= 60_000))
    throw new RangeError(`initialRetransmitTimeoutMs must be 1 to 60,000, not ${String(timeoutMs)}`);
}

export function checkLimit(name: string, value: number | undefined): void {
  if (value !== undefined) checkBetween(name, value, 1, Number.MAX_SAFE_INTEGER);
}

function checkBetween(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${name} must be an integer of ${least} to ${most}, not ${String(value)}`);
}
