/** The client's TLSSocket of `node:tls` over an engine's transport. */
import type { KeyObject } from 'node:crypto';
import { connect } from 'node:tls';
import type { ConnectionOptions, PSKCallbackNegotation, TLSSocket } from 'node:tls';

import type { Identity } from '../../trust/identity.ts';
import type { ClientSettings } from '../../trust/settings.ts';
import type { EngineTransport } from './engine-transport.ts';
import { clientSecureContext } from './secure-context.ts';
import type { TlsEngine } from './tls-engine.ts';

export interface ClientHandshake {
  readonly settings: ClientSettings;
  /** For the extension server_name (RFC 6066 §3): a DNS name in ASCII, or `undefined` for none. */
  readonly sni: string | undefined;
  readonly identity: Identity | undefined;
  /** Node's session to resume. */
  readonly session: Buffer | undefined;
}

/** What a client hears besides the events of the engine. */
export interface ClientObservations {
  /** `null`: it was asked for and has not come; `undefined`: it was not asked for. */
  stapledOcsp: Uint8Array | null | undefined;
  /** The identity of the pre-shared key that was offered. */
  pskIdentity: string | undefined;
  onSession: (session: Buffer) => void;
}

export function openClientSocket(
  transport: EngineTransport,
  engine: TlsEngine,
  { settings, sni, identity, session }: ClientHandshake,
  observations: ClientObservations,
): TLSSocket {
  const asksForOcsp = settings.verify.wantsStapledOcsp === true;
  if (asksForOcsp) observations.stapledOcsp = null;
  // Documented for TLSSocket and taken by connect as well, which the type declarations leave out.
  const options: ConnectionOptions & { readonly requestOCSP: boolean } = {
    socket: transport.asDuplex(),
    secureContext: clientSecureContext(settings, identity),
    // Node gives up on nothing here: src/trust decides, before any data passes.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ALPNProtocols: settings.alpnProtocols.length === 0 ? undefined : [...settings.alpnProtocols],
    requestOCSP: asksForOcsp,
    ...(sni === undefined ? undefined : { servername: sni }),
    ...(session === undefined ? undefined : { session }),
    ...(settings.psk === undefined ? undefined : { pskCallback: pskCallback(settings, observations) }),
  };
  const socket = connect(options);
  // The end of the handshake comes while records are being fed, and so do these.
  socket.once('secureConnect', () => engine.onSecure());
  if (asksForOcsp)
    socket.on('OCSPResponse', (response: Buffer | null) => {
      if (response !== null && response.length > 0) observations.stapledOcsp = response;
    });
  if (settings.tls.resumption !== false) socket.on('session', (ticket: Buffer) => observations.onSession(ticket));
  const { keyLog } = settings;
  if (keyLog !== undefined) socket.on('keylog', (line: Buffer) => keyLog(line.toString('latin1').trimEnd()));
  return socket;
}

function pskCallback(
  { psk }: ClientSettings,
  observations: ClientObservations,
): (hint: string | null) => PSKCallbackNegotation | null {
  return (hint) => {
    const chosen = psk?.(hint);
    if (chosen instanceof Promise) throw tooLate(chosen, 'chosen');
    if (chosen === null || chosen === undefined) return null;
    observations.pskIdentity = chosen.identity;
    return { identity: chosen.identity, psk: secretOf(chosen.key) };
  };
}

/** The answer of a source that has to be waited for. What becomes of it nobody hears, so its failure must not end the process. */
export function tooLate(answer: Promise<unknown>, done: 'chosen' | 'found'): TypeError {
  answer.catch(() => undefined);
  return new TypeError(`for TLS a pre-shared key must be ${done} synchronously`);
}

/** The bytes of a pre-shared key, as node:tls takes them. */
export function secretOf(key: KeyObject): Buffer {
  return key.export();
}
