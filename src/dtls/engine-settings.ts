/**
 * From a context and options to the settings of the engine: names become tables, keys become handles, and what this
 * version of the protocol does not have is left out.
 */
import type { InetAddress } from '../core/address.ts';
import { MisuseError } from '../core/errors.ts';
import type { GroupName } from '../core/crypto-provider.ts';
import { nodeCrypto } from '../platform/crypto.ts';
import { cipherSuiteOf } from '../protocols/dtls/cipher-suites.ts';
import type { CipherSuite } from '../protocols/dtls/cipher-suites.ts';
import { groupOf } from '../protocols/dtls/named-groups.ts';
import type { ClientSettings, CommonSettings, ServerSettings } from '../protocols/dtls/settings.ts';
import { signatureSchemes } from '../protocols/dtls/signature-schemes.ts';
import type * as Trust from '../trust/settings.ts';
import { defaults } from './dtls-options.ts';
import type { DtlsClientOptions, DtlsOptions } from './dtls-options.ts';
import { sessionFor } from './session.ts';
import { sessionTickets } from './session-tickets.ts';

/** Length of the connection IDs that an endpoint gives out; random, so nobody can guess another's. */
export const CONNECTION_ID_BYTES = 8;

const MAX_TIMEOUT_MS = 60_000;
const DEFAULT_GROUPS: readonly GroupName[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];

/** Without the headers of IP and UDP: what Ethernet carries, and what every path should (RFC 791, RFC 8200 §5). */
const ETHERNET = { 4: 1472, 6: 1452 } as const;
const EVERYWHERE = { 4: 548, 6: 1232 } as const;

/** Longest datagram by default to this address. */
function defaultMtu({ family }: InetAddress): number {
  return ETHERNET[family];
}

/** @throws MisuseError the context's versions, suites or groups leave nothing for DTLS 1.2; the session is another's */
export function clientEngineSettings(
  settings: Trust.ClientSettings,
  options: DtlsClientOptions,
  address: InetAddress,
): ClientSettings {
  const { session, serverName, handshakeTimeoutMs = null } = options;
  const suites = suitesOf(settings).filter(({ keyExchange }) => keyExchange === 'ecdhe' || settings.psk !== undefined);
  return {
    ...commonSettings(settings, options, address, demandSome(suites)),
    side: 'client',
    handshakeTimeoutMs,
    serverName,
    requiresAlpn: !settings.allowNoAlpn,
    hasIdentity: settings.identity !== undefined,
    maxFragmentLength: null,
    session: session === undefined ? null : sessionFor(session, settings, serverName),
    wantsSession: settings.dtls.resumption ?? true,
  };
}

/** @throws MisuseError the context's versions, suites or groups leave nothing for DTLS 1.2 */
export function serverEngineSettings(
  settings: Trust.ServerSettings,
  options: DtlsOptions,
  address: InetAddress,
): ServerSettings {
  const { identity, psk, ticketKeys, dtls } = settings;
  const { handshakeTimeoutMs = defaults.handshakeTimeoutMs } = options;
  const suites = suitesOf(settings).filter(({ keyExchange }) =>
    keyExchange === 'ecdhe' ? identity !== undefined : psk !== undefined,
  );
  return {
    ...commonSettings(settings, options, address, demandSome(suites)),
    side: 'server',
    handshakeTimeoutMs,
    clientAuth: settings.clientAuth,
    hasIdentity: identity !== undefined,
    hasPsk: psk !== undefined,
    pskHint: psk?.hint === undefined ? null : new TextEncoder().encode(psk.hint),
    sessions: (dtls.resumption ?? true) ? sessionTickets(ticketKeys) : null,
  };
}

function commonSettings(
  settings: Trust.ClientSettings | Trust.ServerSettings,
  options: DtlsOptions,
  address: InetAddress,
  cipherSuites: readonly CipherSuite[],
): Omit<CommonSettings, 'handshakeTimeoutMs'> {
  const { connectionId = true, recordSizeLimit = null, srtpProfiles = [] } = options;
  const { initialRetransmitTimeoutMs = defaults.initialRetransmitTimeoutMs } = options;
  const text = new TextEncoder();
  return {
    crypto: nodeCrypto,
    cipherSuites,
    groups: groupsOf(settings),
    signatureSchemes,
    alpnProtocols: settings.alpnProtocols.map((name) => text.encode(name)),
    srtpProfiles,
    connectionId: connectionId ? nodeCrypto.randomBytes(CONNECTION_ID_BYTES) : null,
    recordSizeLimit,
    ownCertificateTypes: ['x509'],
    peerCertificateTypes: ['x509'],
    datagramBytes: options.ciphertextMtu ?? defaultMtu(address),
    smallDatagramBytes: EVERYWHERE[address.family],
    retransmission: { initialTimeoutMs: initialRetransmitTimeoutMs, maxTimeoutMs: MAX_TIMEOUT_MS },
    keyLog: settings.keyLog ?? null,
  };
}

function suitesOf(settings: Trust.ClientSettings | Trust.ServerSettings): CipherSuite[] {
  if (settings.minVersion !== '1.2')
    throw new MisuseError('this context wants version 1.3 at least, and DTLS is spoken in version 1.2 here');
  return settings.cipherSuites.map(({ id }) => cipherSuiteOf(id)).filter((suite) => suite !== undefined);
}

function demandSome(suites: readonly CipherSuite[]): readonly CipherSuite[] {
  if (suites.length === 0) throw new MisuseError('this context has no cipher suite that DTLS 1.2 could use');
  return suites;
}

function groupsOf({ groups }: Trust.ClientSettings | Trust.ServerSettings): readonly GroupName[] {
  if (groups === undefined) return DEFAULT_GROUPS;
  const known = groups.map(({ id }) => groupOf(id)).filter((group) => group !== undefined);
  if (known.length === 0) throw new MisuseError('this context has no key exchange group that DTLS 1.2 could use');
  return known;
}
