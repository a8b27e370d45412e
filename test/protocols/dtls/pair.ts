/**
 * Two associations and the network between them, in virtual time: nothing sleeps, and a run is the same each time.
 *
 * The server's side has what a shell has to have: the cookie exchange, and one association for the one address there is.
 * Questions are answered at once, or as late as a test wants. A `Fault` decides for each datagram what becomes of it.
 */
import { generateKeyPairSync } from 'node:crypto';

import { testCertificates } from 'bowline/testing';

import { nodeCrypto, privateKeyHandle } from '#src/platform/crypto.js';
import { cipherSuites } from '#src/protocols/dtls/cipher-suites.js';
import { DtlsConnection } from '#src/protocols/dtls/connection.js';
import { examineHello, looksLikeHello } from '#src/protocols/dtls/cookie.js';
import type { AcceptedHello } from '#src/protocols/dtls/cookie.js';
import type { Output } from '#src/protocols/dtls/outputs.js';
import type { Answer, Question } from '#src/protocols/dtls/questions.js';
import type { SessionTickets } from '#src/protocols/dtls/session.js';
import type { ClientSettings, CommonSettings, LocalIdentity, ServerSettings } from '#src/protocols/dtls/settings.js';
import { signatureSchemes } from '#src/protocols/dtls/signature-schemes.js';
import type { Established } from '#src/protocols/dtls/states/exchange.js';

export type SideName = 'client' | 'server';

/** What becomes of a datagram: copies of it, each after a time. */
export type Fault = (
  datagram: Uint8Array<ArrayBuffer>,
  from: SideName,
  index: number,
) => readonly { readonly datagram: Uint8Array<ArrayBuffer>; readonly delayMs: number }[];

export const LATENCY_MS = 10;

export const perfect: Fault = (datagram) => [{ datagram, delayMs: LATENCY_MS }];

const certificates = testCertificates();

const serverIdentity: LocalIdentity = {
  certificate: { kind: 'x509', chain: certificates.good.chain },
  key: privateKeyHandle(certificates.good.privateKey),
};

const clientIdentity: LocalIdentity = {
  certificate: { kind: 'x509', chain: certificates.clientCertificate.chain },
  key: privateKeyHandle(certificates.clientCertificate.privateKey),
};

export function rawKeyIdentity(type: 'ed25519' | 'ec' = 'ed25519'): LocalIdentity {
  const pair =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const keyInfo = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }));
  return { certificate: { kind: 'raw-public-key', keyInfo }, key: privateKeyHandle(pair.privateKey) };
}

const psk = {
  identity: new TextEncoder().encode('device-7'),
  key: nodeCrypto.secretKey(new Uint8Array(16).fill(7)),
};

/** Suites by a part of their names. */
export function suites(part: string): CommonSettings['cipherSuites'] {
  return cipherSuites.filter(({ name }) => name.includes(part));
}

const commonSettings: CommonSettings = {
  crypto: nodeCrypto,
  cipherSuites: suites('TLS_ECDHE_ECDSA_WITH_AES_128_GCM'),
  groups: ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'],
  signatureSchemes,
  alpnProtocols: [],
  srtpProfiles: [],
  connectionId: null,
  recordSizeLimit: null,
  ownCertificateTypes: ['x509'],
  peerCertificateTypes: ['x509'],
  datagramBytes: 1200,
  smallDatagramBytes: 548,
  retransmission: { initialTimeoutMs: 1000, maxTimeoutMs: 60_000 },
  handshakeTimeoutMs: null,
  keyLog: null,
};

export const clientSettings: ClientSettings = {
  ...commonSettings,
  side: 'client',
  serverName: 'localhost',
  requiresAlpn: true,
  hasIdentity: false,
  maxFragmentLength: null,
  session: null,
  wantsSession: false,
};

export const serverSettings: ServerSettings = {
  ...commonSettings,
  side: 'server',
  clientAuth: 'none',
  hasIdentity: true,
  hasPsk: false,
  pskHint: null,
  sessions: null,
};

/** Settings of both sides for a pre-shared key. */
export function pskSettings(suitePart = 'TLS_PSK_WITH_AES_128_GCM'): PairOptions {
  const common = { cipherSuites: suites(suitePart) };
  return { client: common, server: { ...common, hasIdentity: false, hasPsk: true } };
}

/** Tickets that are sealed by a coat of paint; sealing is not what these tests are about. */
export const plainTickets: SessionTickets = {
  lifetimeSeconds: 3600,
  seal: (state) => new Uint8Array(state).map((byte) => byte ^ 0x5a),
  open: (ticket) => new Uint8Array(ticket).map((byte) => byte ^ 0x5a),
};

export interface PairOptions {
  readonly client?: Partial<ClientSettings>;
  readonly server?: Partial<ServerSettings>;
  readonly fault?: Fault;
  /** `undefined`: the usual answer. */
  readonly answer?: (question: Question, side: SideName) => Answer | undefined;
  /** How long answers take; 0: they are given from inside the list of outputs. */
  readonly thinkMs?: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** One side as a test sees it. */
class Seat {
  connection: DtlsConnection | null = null;
  established: Established | null = null;
  establishedAt = Infinity;
  readonly received: string[] = [];
  readonly questions: Question[] = [];
  /** `undefined`: open; `null`: ended by the peer's close_notify. */
  closed: Error | null | undefined = undefined;
  closedAt = Infinity;
  moves = 0;
  timerAt: number | null = null;
}

export class Pair {
  readonly client = new Seat();
  readonly server = new Seat();
  /** Every datagram that was sent, whatever became of it. */
  readonly sent: { from: SideName; at: number; datagram: Uint8Array<ArrayBuffer> }[] = [];
  now = 0;
  readonly #options: PairOptions;
  readonly #secrets = { current: nodeCrypto.secretKey(nodeCrypto.randomBytes(32)), previous: null };
  #events: Event[] = [];
  #order = 0;
  #accepted: AcceptedHello | null = null;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.client.connection = DtlsConnection.client({ ...clientSettings, ...options.client });
  }

  get bothEstablished(): boolean {
    return this.client.established !== null && this.server.established !== null;
  }

  /** Starts the client and runs until both sides are through, or nothing happens any more. */
  handshake(limitMs = 300_000): this {
    this.apply('client', this.client.connection?.start(this.now) ?? []);
    this.run(limitMs, () => this.bothEstablished);
    return this;
  }

  /** Runs events until the condition holds, the time is over, or there are none. */
  run(forMs: number, until: () => boolean = () => false): void {
    const end = this.now + forMs;
    while (!until()) {
      const next = this.#events.reduce<Event | undefined>(earlier, undefined);
      if (next === undefined || next.at > end) {
        this.now = end;
        return;
      }
      this.#events = this.#events.filter((event) => event !== next);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
  }

  /** Sends application data. */
  send(side: SideName, text: string): void {
    const { connection } = this[side];
    if (connection === null) throw new Error(`the ${side} is not there yet`);
    this.apply(side, connection.send(new TextEncoder().encode(text)));
  }

  close(side: SideName): void {
    this.apply(side, this[side].connection?.close() ?? []);
  }

  /** Puts a datagram into the hands of a side, now. */
  inject(to: SideName, datagram: Uint8Array): void {
    if (to === 'server') this.#serverReceives(datagram);
    else this.apply('client', this.client.connection?.receive(datagram, this.now) ?? []);
  }

  /** Both sides exchange a message, repeated until it comes through. */
  converse(limitMs = 60_000): boolean {
    const end = this.now + limitMs;
    const { client, server } = this;
    const [before, answered] = [server.received.length, client.received.length];
    while (this.now < end && !(server.received.length > before && client.received.length > answered)) {
      if (client.closed !== undefined || server.closed !== undefined) return false;
      if (server.received.length === before) this.send('client', 'ping');
      else this.send('server', 'pong');
      this.run(100);
    }
    return server.received.length > before && client.received.length > answered;
  }

  apply(side: SideName, outputs: readonly Output[]): void {
    const seat = this[side];
    for (const output of outputs) {
      switch (output.type) {
        case 'transmit':
          this.#transmit(side, output.datagram);
          break;
        case 'deliver':
          seat.received.push(new TextDecoder().decode(output.data));
          break;
        case 'timer':
          this.#setTimer(side, output.at);
          break;
        case 'question':
          seat.questions.push(output.question);
          this.#think(side, output.id, output.question);
          break;
        case 'established':
          seat.established = output.established;
          seat.establishedAt = this.now;
          break;
        case 'peer-moved':
          seat.moves += 1;
          break;
        case 'closed':
          seat.closed = output.error;
          seat.closedAt = this.now;
          break;
      }
    }
  }

  #transmit(from: SideName, datagram: Uint8Array<ArrayBuffer>): void {
    const index = this.sent.push({ from, at: this.now, datagram }) - 1;
    for (const copy of (this.#options.fault ?? perfect)(datagram, from, index)) {
      this.#at(this.now + copy.delayMs, () => this.inject(from === 'client' ? 'server' : 'client', copy.datagram));
    }
  }

  #serverReceives(datagram: Uint8Array): void {
    const { connection } = this.server;
    if (looksLikeHello(datagram)) {
      const verdict = examineHello(nodeCrypto, this.#secrets, Uint8Array.of(127, 0, 0, 1), datagram);
      if (verdict.kind === 'verify') return this.#transmit('server', verdict.reply);
      if (verdict.kind === 'dropped') return;
      if (connection === null) return this.#accept(verdict.hello);
      if (!nodeCrypto.equal(verdict.hello.message.body, this.#accepted?.message.body ?? new Uint8Array(0))) return;
    }
    if (connection !== null) this.apply('server', connection.receive(datagram, this.now));
  }

  #accept(hello: AcceptedHello): void {
    this.#accepted = hello;
    this.server.connection = DtlsConnection.server({ ...serverSettings, ...this.#options.server }, hello);
    this.apply('server', this.server.connection.start(this.now));
  }

  #setTimer(side: SideName, at: number | null): void {
    const seat = this[side];
    seat.timerAt = at;
    if (at === null) return;
    this.#at(at, () => {
      if (seat.timerAt === at) this.apply(side, seat.connection?.timeout(this.now) ?? []);
    });
  }

  #think(side: SideName, id: number, question: Question): void {
    const answer = this.#options.answer?.(question, side) ?? usualAnswer(question, side);
    const tell = (): void => this.apply(side, this[side].connection?.answer(id, answer, this.now) ?? []);
    const { thinkMs = 0 } = this.#options;
    if (thinkMs === 0) tell();
    else this.#at(this.now + thinkMs, tell);
  }

  #at(at: number, run: () => void): void {
    this.#events.push({ at, order: this.#order++, run });
  }
}

function earlier(first: Event | undefined, event: Event): Event {
  if (first === undefined || event.at < first.at) return event;
  return event.at === first.at && event.order < first.order ? event : first;
}

function usualAnswer(question: Question, side: SideName): Answer {
  switch (question.kind) {
    case 'verdict':
      return { kind: 'verdict', accepted: true, evidence: {} };
    case 'identity':
      return { kind: 'identity', identity: side === 'server' ? serverIdentity : clientIdentity };
    case 'psk':
      return { kind: 'psk', psk };
  }
}

/** The same keying material on both sides. */
export function sameKeys({ client, server }: Pair): boolean {
  const material = [client, server].map(({ connection }) =>
    connection?.exportKeyingMaterial('EXPERIMENTAL x', null, 32),
  );
  return material[0] !== undefined && material[1] !== undefined && nodeCrypto.equal(material[0], material[1]);
}
