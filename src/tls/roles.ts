/**
 * The two ends of a handshake: what each has to do before TLS can begin, and how its peer is judged afterwards.
 *
 * TLS alone says only that the peer holds some key. `judge` makes of that a `VerifiedPeer` (src/trust), which is the proof
 * that the stream's open state is built from. A resumed session shows no certificates: those of the connection that made
 * it are judged again, as if they had been shown now.
 */
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { domainToASCII } from 'node:url';

import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, CertificateError } from '../core/errors.ts';
import { authenticate } from '../trust/authenticate.ts';
import type { Expectation, VerifiedPeer } from '../trust/authenticate.ts';
import { chooseIdentity } from '../trust/context.ts';
import type { Identity } from '../trust/identity.ts';
import type { ClientSettings, ServerSettings } from '../trust/settings.ts';
import { peerIdentity } from '../trust/verifier.ts';
import type { ClientObservations } from './engine/client-engine.ts';
import type { ServerObservations } from './engine/server-engine.ts';
import { nodeMustAgree } from './engine/secure-context.ts';
import { handshakeFacts } from './handshake-facts.ts';
import type { HandshakeFacts } from './handshake-facts.ts';
import { requestedName } from './link/client-hello.ts';
import type { Link } from './link/link.ts';
import type { TlsSession } from './session.ts';
import { makeSession, sessionData } from './session.ts';

/** Where the peer is, as far as that is known. */
export interface PeerPlace {
  readonly host: string | undefined;
  readonly port: number | undefined;
}

export interface Role {
  readonly isServer: boolean;
  /** Begins TLS. May ask the program for an identity, which may take its time. */
  start(link: Link): Promise<void>;
  /** The server has read the name that the client asks for; only where it waits for that. */
  onServerName(link: Link, name: string | null): Promise<void>;
  /** @throws CertificateError the peer is refused */
  judge(link: Link): Promise<HandshakeFacts>;
}

export class ClientRole implements Role {
  readonly isServer = false;
  /** The latest session that the server gave; it may come long after the handshake. */
  session: TlsSession | null = null;
  readonly #settings: ClientSettings;
  readonly #serverName: string | null;
  readonly #place: () => PeerPlace;
  readonly #resume: TlsSession | undefined;
  readonly #observations: ClientObservations;
  /** What a session was made from; there once the peer has been accepted. */
  #accepted: VerifiedPeer | undefined;
  #pending: Buffer | undefined;

  constructor(
    settings: ClientSettings,
    serverName: string | null,
    place: () => PeerPlace,
    resume: TlsSession | undefined,
  ) {
    this.#settings = settings;
    this.#serverName = serverName;
    this.#place = place;
    this.#resume = resume;
    this.#observations = {
      stapledOcsp: undefined,
      pskIdentity: undefined,
      onSession: (session) => this.#onSession(session),
    };
  }

  async start(link: Link): Promise<void> {
    const settings = this.#settings;
    const identity =
      settings.identity === undefined ? undefined : await chooseIdentity(settings.identity, this.#serverName);
    const session = this.#resume === undefined ? undefined : sessionData(this.#resume).node;
    link.startClient({ settings, sni: sniOf(this.#serverName), identity, session }, this.#observations);
  }

  onServerName(): Promise<void> {
    return Promise.resolve();
  }

  async judge(link: Link): Promise<HandshakeFacts> {
    const { socket } = link;
    const settings = this.#settings;
    if (settings.alpnProtocols.length > 0 && typeof socket.alpnProtocol !== 'string' && !settings.allowNoAlpn)
      throw new BrokenResourceError('the server chose none of the application protocols that were offered (RFC 7301)');
    const shown = chainShown(socket);
    const before = socket.isSessionReused() && this.#resume !== undefined ? sessionData(this.#resume) : undefined;
    const pskIdentity = shown.length > 0 ? undefined : (this.#observations.pskIdentity ?? before?.pskIdentity);
    const peer = peerIdentity({
      transport: 'tls',
      chain: before === undefined ? shown : before.chain,
      stapledOcsp: before === undefined ? this.#observations.stapledOcsp : before.stapledOcsp,
      resumed: before !== undefined,
    });
    const expectation: Expectation = { serverName: this.#serverName, ...this.#place() };
    const verified = await authenticate(settings, peer, expectation, { pskIdentity });
    checkAgreement(settings, verified, socket);
    this.#accepted = verified;
    // A server that gives no new session lets the old one go on.
    if (before !== undefined) this.session = this.#resume ?? null;
    if (this.#pending !== undefined) this.#onSession(this.#pending);
    return handshakeFacts(socket, verified, {
      serverName: this.#serverName,
      endPointCertificate: peer.chain[0],
    });
  }

  /** A session is worth nothing before its peer is accepted: the chain to judge again belongs to it. */
  #onSession(node: Buffer): void {
    const accepted = this.#accepted;
    this.#pending = node;
    if (accepted === undefined) return;
    this.session = makeSession({
      node,
      settings: this.#settings,
      serverName: this.#serverName,
      chain: accepted.peer.chain,
      stapledOcsp: accepted.peer.stapledOcsp,
      pskIdentity: accepted.pskIdentity,
    });
  }
}

export class ServerRole implements Role {
  readonly isServer = true;
  readonly #settings: ServerSettings;
  readonly #place: () => PeerPlace;
  readonly #observations: ServerObservations = { pskIdentity: undefined };
  #identity: Identity | undefined;
  /** What the identity was chosen by, where it was: a client may ask for another name when it is asked to begin again. */
  #chosenBy: string | null | undefined;

  constructor(settings: ServerSettings, place: () => PeerPlace) {
    this.#settings = settings;
    this.#place = place;
  }

  start(link: Link): Promise<void> {
    const { identity, onlyIdentity } = this.#settings;
    if (identity === undefined || onlyIdentity !== undefined) this.#begin(link, onlyIdentity);
    else link.readServerName();
    return Promise.resolve();
  }

  async onServerName(link: Link, name: string | null): Promise<void> {
    const { identity } = this.#settings;
    this.#chosenBy = name;
    if (identity !== undefined) this.#begin(link, await chooseIdentity(identity, name));
  }

  async judge(link: Link): Promise<HandshakeFacts> {
    const { socket } = link;
    // Who was not asked has shown nothing.
    const shown = this.#settings.clientAuth === 'none' ? [] : chainShown(socket);
    const provedPsk = shown.length === 0 && this.#observations.pskIdentity !== undefined && usedPsk(socket);
    const verified = await authenticate(
      this.#settings,
      peerIdentity({ transport: 'tls', chain: shown }),
      { serverName: null, ...this.#place() },
      { pskIdentity: provedPsk ? this.#observations.pskIdentity : undefined },
    );
    checkAgreement(this.#settings, verified, socket);
    return handshakeFacts(socket, verified, {
      serverName:
        this.#chosenBy === undefined
          ? requestedName((socket as { readonly servername?: string | false | null }).servername || '')
          : this.#chosenBy,
      endPointCertificate: this.#identity?.chain[0],
    });
  }

  #begin(link: Link, identity: Identity | undefined): void {
    this.#identity = identity;
    link.startServer(this.#settings, identity, this.#observations);
  }
}

/** What goes into server_name: no IP addresses, no trailing dot, the ASCII form (RFC 6066 §3). */
function sniOf(serverName: string | null): string | undefined {
  if (serverName === null) return undefined;
  const bare = serverName.replace(/^\[|\]$/g, '');
  if (isIP(bare.replace(/%.*$/, '')) !== 0) return undefined;
  const name = /[^\0-\x7f]/.test(serverName) ? domainToASCII(serverName) : serverName;
  return name.replace(/\.$/, '') || undefined;
}

/** What the peer sent, its own first. A chain of any length: how long is too long is for the verifier to say. */
function chainShown(socket: TLSSocket): Bytes[] {
  const chain: Bytes[] = [];
  for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate)
    chain.push(new Uint8Array(next.raw));
  return chain;
}

/**
 * Where the verifier is `pki` with some roots, Node has verified the chain with the same ones. A chain that one of the two
 * finds fault with is refused: an error in either path validation alone lets nobody in.
 *
 * @throws CertificateError OpenSSL refuses the chain
 */
function checkAgreement(
  settings: ClientSettings | ServerSettings,
  { method, peer }: VerifiedPeer,
  socket: TLSSocket,
): void {
  if (method !== 'certificate' || peer.resumed || socket.authorized || !nodeMustAgree(settings)) return;
  throw new CertificateError(`OpenSSL refuses the chain of the peer (${String(socket.authorizationError)})`, {
    reason: 'refused-by-openssl',
  });
}

/** Whether the key that the client named was really used: it may have named one and gone on without it. */
function usedPsk(socket: TLSSocket): boolean {
  return socket.getProtocol() === 'TLSv1.3' ? socket.isSessionReused() : /PSK-/.test(socket.getCipher().name);
}
