/**
 * DTLS on one UDP socket: any number of associations, in both roles.
 *
 *     datagram ─▶ connection ID? ─▶ its association
 *              ─▶ ClientHello?   ─▶ no valid cookie: answered and forgotten
 *                                   valid: a candidate beside whatever is at that address
 *              ─▶ address known? ─▶ the association there, and the candidate
 *              ─▶ dropped, counted
 *
 * Until a cookie proves an address nothing is kept of it and what is sent is shorter than what came. Everything that a
 * stranger can make grow has a limit with a name (`DtlsListenOptions`, `DtlsEndpointOptions`), and what a limit refuses
 * is counted in `statistics()`.
 *
 * When the socket dies, everything on it fails at once (Trio's receivers hang there).
 */
import { inetAddress, socketAddressKey, unmapInetAddress } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { Datagram, DatagramSocketLike, UdpSocket } from '../core/network.ts';
import type { AsyncResource } from '../core/resource.ts';
import { report } from '../observe/report.ts';
import { nodeCrypto } from '../platform/crypto.ts';
import { DtlsConnection } from '../protocols/dtls/connection.ts';
import { examineHello, looksLikeHello } from '../protocols/dtls/cookie.ts';
import type { AcceptedHello } from '../protocols/dtls/cookie.ts';
import { contentType } from '../protocols/dtls/record/content-type.ts';
import { serveListeners } from '../sockets/serve.ts';
import type { ConnectionHandler, ServeOptions } from '../sockets/serve.ts';
import { currentEnvironment, runDetached } from '../tasks/environment.ts';
import { checkServerName } from '../trust/authenticate.ts';
import { clientSettingsOf, serverSettingsOf } from '../trust/context.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import type { ServerSettings } from '../trust/settings.ts';
import { Association } from './association.ts';
import { AssociationTable } from './association-table.ts';
import { ClientSeat, ServerSeat } from './channel-seats.ts';
import type { Carrier } from './channel-seats.ts';
import { CookieKeys, MIN_COOKIE_SECRET_BYTES } from './cookie-keys.ts';
import { DtlsChannel } from './dtls-channel.ts';
import { DtlsListener } from './dtls-listener.ts';
import { checkDtlsOptions, checkLimit, defaults } from './dtls-options.ts';
import type { DtlsClientOptions, DtlsEndpointOptions, DtlsListenOptions } from './dtls-options.ts';
import { clientEngineSettings, CONNECTION_ID_BYTES, serverEngineSettings } from './engine-settings.ts';

export interface DtlsEndpointStatistics {
  /** In use, in both roles, with those whose handshake is under way. */
  readonly associations: number;
  /** Handshakes of clients that are under way. */
  readonly handshakes: number;
  /** Hellos that were answered with a cookie. */
  readonly cookiesSent: number;
  /** Handshakes of clients that came to their end. */
  readonly accepted: number;
  /** Datagrams that were dropped, by reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Datagrams that the socket refused to send. */
  readonly sendErrors: number;
}

export type DropReason =
  /** Empty, or a hello that is not whole or cannot be read. */
  | 'malformed'
  /** A hello, and nobody listens. */
  | 'notListening'
  /** From an address, or with a connection ID, that no association has. */
  | 'unknownPeer'
  | 'maxAssociations'
  | 'maxAssociationsPerHost'
  | 'maxHandshakes'
  | 'acceptQueue';

export interface DtlsServeOptions
  extends DtlsListenOptions, ServeOptions<DtlsChannel<DtlsEndpoint>, DtlsListener<DtlsChannel<DtlsEndpoint>>> {}

interface Listening {
  readonly listener: DtlsListener<DtlsChannel<DtlsEndpoint>>;
  readonly settings: ServerSettings;
  readonly options: DtlsListenOptions;
}

export class DtlsEndpoint implements AsyncResource {
  readonly socket: UdpSocket | DatagramSocketLike;
  readonly #table = new AssociationTable();
  /** Channels that `connect` made, by address, from before they have an association. */
  readonly #clients = new Map<string, ClientSeat<DtlsEndpoint>>();
  /** The hellos that candidates and associations began with: the same one again is a repetition. */
  readonly #hellos = new WeakMap<Association, AcceptedHello>();
  readonly #queueLimit: number;
  readonly #maxAssociations: number;
  readonly #cookies: CookieKeys;
  #listening: Listening | null = null;
  #isRunning = false;
  #end: (() => Error) | undefined;
  #cookiesSent = 0;
  #accepted = 0;
  #sendErrors = 0;
  readonly #dropped: Record<DropReason, number> = {
    malformed: 0,
    notListening: 0,
    unknownPeer: 0,
    maxAssociations: 0,
    maxAssociationsPerHost: 0,
    maxHandshakes: 0,
    acceptQueue: 0,
  };
  readonly #carrier: Carrier<DtlsEndpoint>;

  /**
   * Owns `socket` from now on.
   *
   * @param options.cookieSecret at least 32 random bytes, for servers that share an address; default: random, one's own
   * @throws TypeError it is no socket for datagrams, or an option is wrong
   */
  constructor(
    socket: UdpSocket | DatagramSocketLike,
    options: DtlsEndpointOptions & { readonly cookieSecret?: Uint8Array | undefined } = {},
  ) {
    const shape = socket as Partial<UdpSocket> | null | undefined;
    if (typeof shape?.send !== 'function' || typeof shape.receive !== 'function' || shape.address === undefined)
      throw new TypeError('an endpoint stands on a UdpSocket, or something that sends and receives datagrams like one');
    const { incomingPacketsBuffer, maxAssociations, cookieSecret } = options;
    checkLimit('incomingPacketsBuffer', incomingPacketsBuffer);
    checkLimit('maxAssociations', maxAssociations);
    if (
      cookieSecret !== undefined &&
      !(cookieSecret instanceof Uint8Array && cookieSecret.length >= MIN_COOKIE_SECRET_BYTES)
    )
      throw new TypeError(`a cookie secret is at least ${MIN_COOKIE_SECRET_BYTES} bytes`);
    this.socket = socket;
    this.#queueLimit = incomingPacketsBuffer ?? defaults.incomingPacketsBuffer;
    this.#maxAssociations = maxAssociations ?? defaults.maxAssociations;
    const { clock } = currentEnvironment();
    this.#cookies =
      cookieSecret === undefined
        ? new CookieKeys(nodeCrypto.randomBytes(MIN_COOKIE_SECRET_BYTES), () => clock.now())
        : new CookieKeys(cookieSecret, () => Date.now());
    this.#carrier = {
      endpoint: this,
      localAddress: socket.address,
      send: (data, address) => (this.#end === undefined ? socket.send({ data, address }) : Promise.reject(this.#end())),
      enlist: (association) => this.#enlist(association),
      transmit: (datagram, to) => this.#transmit(datagram, to),
      onEstablished: (association) => this.#onEstablished(association),
      onMoved: (association, from) => replace(this.#table.move(association, from)),
      onEnded: (association) => this.#table.remove(association),
    };
  }

  /**
   * A channel to a server. Nothing is sent before it is used. What was at that address on this endpoint is replaced.
   *
   * @param to where the server is; an IP address, not a name
   * @throws MisuseError there is no name, and the context's verifier decides by it; or nothing is left for DTLS 1.2
   * @throws ClosedResourceError the endpoint is closed
   */
  connect(to: InetAddress, context: ClientContext, options: DtlsClientOptions): DtlsChannel<DtlsEndpoint> {
    const settings = clientSettingsOf(context);
    checkDtlsOptions(options);
    const { serverName } = options;
    if (serverName !== null && typeof serverName !== 'string') throw new TypeError('serverName is a string or null');
    checkServerName(settings, serverName);
    const address = normalised(to);
    const engineSettings = clientEngineSettings(settings, options, address);
    if (this.#end !== undefined) throw this.#end();
    const key = socketAddressKey(address);
    this.#clients.get(key)?.replace(replaced());
    replace(this.#table.inUse(address));
    const seat = new ClientSeat(this.#carrier, {
      settings,
      engineSettings,
      serverName,
      peerAddress: address,
      queueLimit: this.#queueLimit,
      ownsEndpoint: options.ownsEndpoint ?? false,
      onClosed: () => {
        if (this.#clients.get(key) === seat) this.#clients.delete(key);
      },
    });
    this.#clients.set(key, seat);
    return new DtlsChannel(seat);
  }

  /**
   * Takes associations that clients begin. One listener at a time.
   *
   * @throws BusyResourceError there is one
   * @throws MisuseError nothing of the context is left for DTLS 1.2
   * @throws ClosedResourceError the endpoint is closed
   */
  listen(context: ServerContext, options: DtlsListenOptions = {}): DtlsListener<DtlsChannel<DtlsEndpoint>> {
    const settings = serverSettingsOf(context);
    checkDtlsOptions(options);
    for (const name of ['acceptQueue', 'maxHandshakes', 'maxAssociationsPerHost'] as const)
      checkLimit(name, options[name]);
    serverEngineSettings(settings, options, this.socket.address);
    if (this.#end !== undefined) throw this.#end();
    if (this.#listening !== null) throw new BusyResourceError('this endpoint has a listener already');
    const listener = new DtlsListener<DtlsChannel<DtlsEndpoint>>(this.socket.address, () => this.#stopListening());
    this.#listening = { listener, settings, options };
    this.#run();
    return listener;
  }

  /**
   * Serves clients until it is stopped or cancelled, or the endpoint is closed; see `serveListeners`. It can be called again
   * afterwards.
   */
  async serve(
    handler: ConnectionHandler<DtlsChannel<DtlsEndpoint>>,
    context: ServerContext,
    options: DtlsServeOptions = {},
  ): Promise<void> {
    const { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs, ...listenOptions } = options;
    const listener = this.listen(context, listenOptions);
    const serveOptions = { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs };
    await serveListeners(handler, [listener], serveOptions);
  }

  statistics(): DtlsEndpointStatistics {
    return {
      associations: this.#table.size,
      handshakes: this.#table.candidates,
      cookiesSent: this.#cookiesSent,
      accepted: this.#accepted,
      dropped: { ...this.#dropped },
      sendErrors: this.#sendErrors,
    };
  }

  /** Says goodbye to every peer and closes the socket. */
  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    for (const association of this.#table.all()) association.close();
    this.#finish(() => new ClosedResourceError());
    await this.socket.close();
  }

  abort(): void {
    if (this.#end !== undefined) return;
    this.#finish(() => new ClosedResourceError());
    this.socket.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enlist(association: Association): void {
    if (this.#end !== undefined) throw this.#end();
    replace(this.#table.use(association));
    this.#run();
  }

  /** Receives for as long as there is a socket, outside of everybody's scope. */
  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void runDetached(async () => {
      try {
        for (;;) this.#receiveGuarded(await this.socket.receive());
      } catch (error) {
        this.#finish(() => new BrokenResourceError('the socket below the endpoint has failed', { cause: error }));
      }
    });
  }

  /** A mistake of this library that one peer can reach must not take the others down. */
  #receiveGuarded(datagram: Datagram): void {
    try {
      this.#receive(datagram);
    } catch (error) {
      report({ kind: 'handler-error', error, remoteAddress: datagram.address });
    }
  }

  #receive({ data, address }: Datagram): void {
    if (data.length === 0) return this.#drop('malformed');
    if (data[0] === contentType.connectionId) {
      const association = this.#table.byId(data.subarray(11, 11 + CONNECTION_ID_BYTES));
      if (association === undefined) return this.#drop('unknownPeer');
      return association.receive(data, address);
    }
    if (looksLikeHello(data)) return this.#receiveHello(data, address);
    const candidate = this.#table.candidate(address);
    const association = this.#table.inUse(address);
    if (candidate === undefined && association === undefined) return this.#drop('unknownPeer');
    // Each takes what is authentic under its own keys.
    candidate?.receive(data, address);
    if (association !== candidate) association?.receive(data, address);
  }

  #receiveHello(data: Bytes, address: InetAddress): void {
    if (this.#listening === null) return this.#drop('notListening');
    const key = new TextEncoder().encode(socketAddressKey(address));
    const verdict = examineHello(nodeCrypto, this.#cookies.current, key, data);
    if (verdict.kind === 'dropped') return this.#drop('malformed');
    if (verdict.kind === 'verify') {
      this.#cookiesSent += 1;
      return this.#transmit(verdict.reply, address);
    }
    for (const known of [this.#table.candidate(address), this.#table.inUse(address)]) {
      const began = known === undefined ? undefined : this.#hellos.get(known);
      if (began !== undefined && nodeCrypto.equal(began.message.body, verdict.hello.message.body))
        return known?.receive(data, address);
    }
    this.#begin(verdict.hello, address, this.#listening);
  }

  /** A client with a valid cookie: a handshake beside whatever is at its address. */
  #begin(hello: AcceptedHello, address: InetAddress, { settings, options, listener }: Listening): void {
    const before = this.#table.candidate(address);
    const { maxHandshakes, maxAssociationsPerHost, acceptQueue } = { ...defaults, ...definedOf(options) };
    if (before === undefined) {
      if (this.#table.size >= this.#maxAssociations) return this.#drop('maxAssociations');
      if (this.#table.countOf(address.host) >= maxAssociationsPerHost) return this.#drop('maxAssociationsPerHost');
      if (this.#table.candidates >= maxHandshakes) return this.#drop('maxHandshakes');
    }
    if (listener.waiting >= acceptQueue) return this.#drop('acceptQueue');
    // The cookie proves that the newer hello comes from the same address: the older handshake has no future.
    replace(before);
    const engineSettings = serverEngineSettings(settings, options, address);
    const association = new Association({
      owner: this.#carrier,
      connection: DtlsConnection.server(engineSettings, hello),
      settings,
      serverName: null,
      peer: address,
      connectionId: engineSettings.connectionId ?? new Uint8Array(0),
      queueLimit: this.#queueLimit,
    });
    this.#hellos.set(association, hello);
    this.#table.addCandidate(association);
    association.start();
  }

  #onEstablished(association: Association): void {
    if (association.settings.side === 'client') return;
    if (this.#table.candidate(association.peer) !== association || this.#listening === null) return;
    replace(this.#table.promote(association));
    this.#accepted += 1;
    this.#listening.listener.offer(new DtlsChannel(new ServerSeat(this.#carrier, association)));
  }

  /** Best effort: what the system refuses is lost like what the network loses. */
  #transmit(data: Bytes, address: InetAddress): void {
    const failed = (): void => {
      this.#sendErrors += 1;
    };
    if ('sendNowait' in this.socket) {
      try {
        this.socket.sendNowait({ data, address });
      } catch {
        failed();
      }
      return;
    }
    runDetached(() => void this.socket.send({ data, address }).catch(failed));
  }

  #stopListening(): void {
    this.#listening = null;
    for (const association of this.#table.all())
      if (this.#table.candidate(association.peer) === association) association.close();
  }

  #finish(makeError: () => Error): void {
    if (this.#end !== undefined) return;
    this.#end = makeError;
    this.#listening?.listener.fail(makeError);
    for (const seat of this.#clients.values()) seat.replace(makeError);
    this.#clients.clear();
    for (const association of this.#table.all()) association.fail(makeError);
  }

  #drop(reason: DropReason): void {
    this.#dropped[reason] += 1;
  }
}

function replaced(): () => Error {
  return () => new BrokenResourceError('another association with the same peer has taken the place of this one');
}

function replace(association: Association | undefined): void {
  association?.fail(replaced());
}

/** Of one peer there is one form of address: what the socket will say when the peer answers. */
function normalised({ host, port, scopeId }: InetAddress): InetAddress {
  const address = unmapInetAddress(inetAddress(scopeId === undefined ? host : `${host}%${scopeId}`, port));
  if (port === 0) throw new RangeError('port 0 is no port to connect to');
  return address;
}

function definedOf(options: DtlsListenOptions): { [K in keyof DtlsListenOptions]?: NonNullable<DtlsListenOptions[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
