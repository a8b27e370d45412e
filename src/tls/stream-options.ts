/** What a TlsStream is made with: checked once, with the defaults filled in. */
import { attributeOf } from '../core/attributes.ts';
import { tunnelTarget } from '../core/connector.ts';
import { remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { checkServerName } from '../trust/authenticate.ts';
import { clientSettingsOf, serverSettingsOf } from '../trust/context.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import type { ClientSettings, ServerSettings } from '../trust/settings.ts';
import type { PeerPlace } from './roles.ts';
import { checkSession } from './session.ts';
import type { TlsSession } from './session.ts';

export interface TlsStreamOptions {
  /**
   * For peers that end connections without saying so: an end without close_notify is an end of file then, and `close()`
   * sends none. Only for protocols that mark the ends of their messages themselves, such as HTTP. Default false.
   */
  readonly httpsCompatible?: boolean | undefined;
  /** Longest time for the handshake, the verifier included, in milliseconds. Default 30,000; Infinity: no limit. */
  readonly handshakeTimeoutMs?: number | undefined;
}

export interface TlsClientOptions extends TlsStreamOptions {
  /** The name (also an international one) or IP address that the server is checked by. `null` only where the verifier needs none. */
  readonly serverName: string | null;
  /** Where the program connected to, for verifiers that remember it. Default: what the transport knows. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** A session of an earlier connection to the same name under the same context, to resume if the server agrees. */
  readonly session?: TlsSession | null | undefined;
}

export type TlsServerOptions = TlsStreamOptions;

export interface StreamSetup {
  readonly httpsCompatible: boolean;
  readonly handshakeTimeoutMs: number;
  /** Where the peer is; asked late, when a wrapper such as the PROXY protocol's knows. */
  readonly place: () => PeerPlace;
}

export interface ClientSetup extends StreamSetup {
  readonly settings: ClientSettings;
  readonly serverName: string | null;
  readonly session: TlsSession | undefined;
}

export interface ServerSetup extends StreamSetup {
  readonly settings: ServerSettings;
}

export function clientSetup(transport: Stream, context: ClientContext, options: TlsClientOptions): ClientSetup {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new TypeError('a client needs options: at least { serverName }');
  const { serverName, session, host, port } = options;
  const settings = clientSettingsOf(context);
  if (serverName !== null && (typeof serverName !== 'string' || serverName === ''))
    throw new TypeError('serverName is the name to check the server by, or null');
  checkServerName(settings, serverName);
  if (session !== undefined && session !== null) checkSession(session, settings, serverName);
  const place = placeOf(transport);
  return {
    ...commonSetup(transport, options),
    settings,
    serverName,
    session: session ?? undefined,
    place: () => ({ host: host ?? place().host, port: port ?? place().port }),
  };
}

export function serverSetup(transport: Stream, context: ServerContext, options: TlsServerOptions): ServerSetup {
  return { ...commonSetup(transport, options), settings: serverSettingsOf(context), place: placeOf(transport) };
}

function commonSetup(transport: Stream, options: TlsStreamOptions): Omit<StreamSetup, 'place'> {
  if (
    typeof (transport as Partial<Stream> | null)?.receiveSome !== 'function' ||
    typeof transport.sendAll !== 'function'
  )
    throw new TypeError('the transport is not a stream');
  return checkStreamOptions(options);
}

/** @throws TypeError, RangeError one of them is wrong */
export function checkStreamOptions(options: TlsStreamOptions): Omit<StreamSetup, 'place'> {
  const { httpsCompatible = false, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  if (typeof httpsCompatible !== 'boolean') throw new TypeError('httpsCompatible is true or false');
  checkDuration(handshakeTimeoutMs);
  return { httpsCompatible, handshakeTimeoutMs };
}

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 30_000;

function placeOf(transport: Stream): () => PeerPlace {
  return () => {
    // Behind a proxy the address is the proxy's, and whoever remembers peers by it would take one server for another.
    const target = attributeOf(transport, tunnelTarget);
    if (target !== undefined) return target;
    const address = attributeOf(transport, remoteAddress);
    if (address === undefined || address.family === 'unix') return { host: undefined, port: undefined };
    return { host: address.host, port: address.port };
  };
}
