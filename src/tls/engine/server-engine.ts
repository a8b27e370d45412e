/**
 * The server's TLSSocket of `node:tls` over an engine's transport.
 *
 * Through a `tls.Server`, and not by the constructor of TLSSocket: that one never looks at the client's certificate, while
 * a server at least says what OpenSSL made of it (`authorized`). A tls.Server holds an OpenSSL context, so there is one for
 * each context and identity, and it never listens. What it emits for a connection must find its engine, so each
 * connection is given a face of its own: an object that inherits everything from the shared server, emits to itself, and
 * knows the engine. Node calls the server's listeners with the face as `this`.
 */
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';

import type { Identity } from '../../trust/identity.ts';
import { TICKET_LIFETIME_SECONDS, useTicketKeys } from '../../trust/openssl-tickets.ts';
import type { ServerSettings } from '../../trust/settings.ts';
import { secretOf, tooLate } from './client-engine.ts';
import type { EngineTransport } from './engine-transport.ts';
import { secureContextOptions } from './secure-context.ts';
import type { TlsEngine } from './tls-engine.ts';

/** Longer than any handshake may take here: the deadline is the stream's. The longest that Node can count. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

const engineOf: unique symbol = Symbol('bowline.tlsEngine');
const observationsOf: unique symbol = Symbol('bowline.tlsObservations');

/** A shared server as one connection sees it. */
interface Face extends Server {
  [engineOf]: TlsEngine;
  [observationsOf]: ServerObservations;
}

/** What a server hears besides the events of the engine. */
export interface ServerObservations {
  /** The identity that the client named, of a pre-shared key that there is. */
  pskIdentity: string | undefined;
}

/** Begins; the engine gets its socket when the handshake is complete. @param transport a Duplex, or a socket of Node */
export function openServerSocket(
  transport: EngineTransport,
  engine: TlsEngine,
  settings: ServerSettings,
  identity: Identity | undefined,
  observations: ServerObservations,
): void {
  const face = Object.create(sharedServer(settings, identity)) as Face;
  face[engineOf] = engine;
  face[observationsOf] = observations;
  face.emit('connection', transport.asDuplex() as Socket);
}

const MAX_IDENTITIES = 1024;
const made = new WeakMap<ServerSettings, Map<Identity | undefined, Server>>();

function sharedServer(settings: ServerSettings, identity: Identity | undefined): Server {
  let known = made.get(settings);
  if (known === undefined) made.set(settings, (known = new Map<Identity | undefined, Server>()));
  let server = known.get(identity);
  if (server === undefined) {
    server = makeServer(settings, identity);
    if (known.size >= MAX_IDENTITIES) known.clear();
    known.set(identity, server);
  }
  return server;
}

function makeServer(settings: ServerSettings, identity: Identity | undefined): Server {
  const { alpnProtocols, clientAuth, keyLog, psk } = settings;
  const server = createServer({
    ...secureContextOptions(settings, identity, canResume(settings)),
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: false,
    handshakeTimeout: NO_TIMEOUT_MS,
    sessionTimeout: TICKET_LIFETIME_SECONDS,
    ...(alpnProtocols.length === 0 ? undefined : { ALPNProtocols: [...alpnProtocols] }),
    ...(psk === undefined
      ? undefined
      : {
          pskCallback: findPsk(settings),
          ...(psk.hint === undefined ? undefined : { pskIdentityHint: psk.hint }),
        }),
  });
  if (canResume(settings))
    useTicketKeys(server, settings.ticketKeys, { certificate: identity?.chain[0], alpnProtocols, clientAuth });
  server.on('secureConnection', function (this: Face, socket: TLSSocket) {
    const engine = this[engineOf];
    engine.useSocket(socket);
    engine.onSecure();
  });
  server.on('tlsClientError', function (this: Face, error: Error, socket: TLSSocket) {
    this[engineOf].onFailure(error);
    socket.destroy();
  });
  if (keyLog !== undefined) server.on('keylog', (line: Buffer) => keyLog(line.toString('latin1').trimEnd()));
  return server;
}

/**
 * Whether tickets are given out. A ticket keeps of a client's chain only its own certificate, so it could not be judged
 * again; and where pre-shared keys are used, a ticket offered beside one would make it unclear which of the two was proved.
 */
function canResume({ clientAuth, psk, tls }: ServerSettings): boolean {
  return tls.resumption !== false && clientAuth === 'none' && psk === undefined;
}

function findPsk({ psk }: ServerSettings): (socket: TLSSocket, identity: string) => Buffer | null {
  return (socket, identity) => {
    const found = psk?.find(identity);
    if (found instanceof Promise) throw tooLate(found, 'found');
    if (found === null || found === undefined) return null;
    const { server } = socket as unknown as { readonly server: Face };
    server[observationsOf].pskIdentity = found.identity;
    return secretOf(found.key);
  };
}
