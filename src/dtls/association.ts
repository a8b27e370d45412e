/**
 * One engine with what it needs of the world: a timer on the clock, answers to its questions, a bounded queue of messages,
 * and callers that wait for the end of the handshake or for a message.
 *
 *     datagram ─▶ engine ─▶ transmit: to the socket, best effort     question: decided outside, answered when it can be
 *                          deliver: queue ─▶ receivers               timer: one, on the ambient clock
 *
 * It outlives the calls that use it, so nothing of it runs in a caller's scope. Datagrams of the handshake are sent without
 * waiting: one that the system refuses is lost like any other, and comes again.
 *
 * How it ends: `EndOfChannel` for close_notify, once what was received is taken; `CertificateError` where this side refused
 * the peer; `BrokenResourceError` with the cause for everything else.
 */
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { BrokenResourceError, CertificateError, ClosedResourceError, EndOfChannel } from '../core/errors.ts';
import type { DtlsConnection } from '../protocols/dtls/connection.ts';
import type { Output } from '../protocols/dtls/outputs.ts';
import type { Question } from '../protocols/dtls/questions.ts';
import type { Established } from '../protocols/dtls/states/exchange.ts';
import { currentEnvironment, runDetached } from '../tasks/environment.ts';
import { WaitQueue } from '../tasks/wait-queue.ts';
import { completed, refusal, Waiter } from '../tasks/waiter.ts';
import type { ClientSettings, ServerSettings } from '../trust/settings.ts';
import { decide } from './decisions.ts';

/** What an association asks of its endpoint. */
export interface AssociationOwner {
  /** Best effort, without waiting. */
  transmit(datagram: Bytes, to: InetAddress): void;
  onEstablished(association: Association): void;
  onMoved(association: Association, from: InetAddress): void;
  onEnded(association: Association): void;
}

export interface AssociationSetup {
  readonly owner: AssociationOwner;
  readonly connection: DtlsConnection;
  readonly settings: ClientSettings | ServerSettings;
  /** The name that the server is checked by; `null` on a server. */
  readonly serverName: string | null;
  readonly peer: InetAddress;
  /** The connection ID that this side gave out; empty for none. */
  readonly connectionId: Bytes;
  readonly queueLimit: number;
}

export class Association {
  readonly connection: DtlsConnection;
  readonly settings: ClientSettings | ServerSettings;
  readonly connectionId: Bytes;
  readonly serverName: string | null;
  readonly #owner: AssociationOwner;
  readonly #clock: Clock;
  readonly #queueLimit: number;
  #peer: InetAddress;
  #cancelTimer: (() => void) | undefined;
  #queue: Bytes[] = [];
  readonly #receivers = new WaitQueue<Bytes>();
  readonly #handshakers = new Set<Waiter<void>>();
  #state: 'new' | 'handshaking' | 'established' | 'ended' = 'new';
  /** How every call ends from now on. */
  #end: (() => Error) | undefined;
  #dropped = 0;

  constructor(setup: AssociationSetup) {
    this.connection = setup.connection;
    this.settings = setup.settings;
    this.connectionId = setup.connectionId;
    this.serverName = setup.serverName;
    this.#owner = setup.owner;
    this.#peer = setup.peer;
    this.#queueLimit = setup.queueLimit;
    this.#clock = currentEnvironment().clock;
  }

  /** Where the peer is; with connection IDs it may move. */
  get peer(): InetAddress {
    return this.#peer;
  }

  get isEstablished(): boolean {
    return this.#state === 'established';
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Messages that were dropped because nobody took them. */
  get dropped(): number {
    return this.#dropped;
  }

  get established(): Established | null {
    return this.connection.established;
  }

  /** Starts the handshake, if it has not been started. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'handshaking';
    this.#apply(this.connection.start(this.#clock.now()), this.#peer);
  }

  /** A datagram for this association. */
  receive(datagram: Uint8Array, from: InetAddress): void {
    if (this.#state === 'new' || this.#state === 'ended') return;
    this.#apply(this.connection.receive(datagram, this.#clock.now()), from);
  }

  /** Resolves when the handshake is done. */
  whenEstablished(): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(this.#end());
    if (this.#state === 'established') return refusal() ?? completed(undefined);
    const waiter: Waiter<void> = new Waiter('virtual', () => void this.#handshakers.delete(waiter));
    const promise = waiter.wait();
    if (waiter.pending) {
      this.#handshakers.add(waiter);
      this.start();
    }
    return promise;
  }

  /** The next message. Any number of calls may wait; they are served in order. */
  nextMessage(): Promise<Bytes> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    const message = this.#queue.shift();
    if (message !== undefined) return completed(message);
    if (this.#end !== undefined) return Promise.reject(this.#end());
    return this.#receivers.wait(undefined);
  }

  /** The datagram that carries this message. @throws what the engine throws, and how the association ended */
  seal(data: Uint8Array): Bytes {
    if (this.#end !== undefined) throw this.#end();
    const [output] = this.connection.send(data);
    if (output?.type !== 'transmit') throw new TypeError('the engine sends one datagram for one message');
    return output.datagram;
  }

  /** Says close_notify and ends. Messages that were not taken are lost. */
  close(): void {
    if (this.#state === 'ended') return;
    if (this.#state !== 'new') this.#apply(this.connection.close(), this.#peer);
    this.#queue = [];
    this.#finish(() => new ClosedResourceError());
  }

  /** Ends without a word, as if it had been closed. */
  abandon(): void {
    this.#queue = [];
    this.fail(() => new ClosedResourceError());
  }

  /** Ends without a word. Messages that were received can be taken still. */
  fail(makeError: () => Error): void {
    if (this.#state === 'ended') return;
    this.connection.close();
    this.#finish(makeError);
  }

  #apply(outputs: readonly Output[], from: InetAddress): void {
    for (const output of outputs) {
      switch (output.type) {
        case 'transmit':
          this.#owner.transmit(output.datagram, this.#peer);
          break;
        case 'deliver':
          this.#deliver(output.data);
          break;
        case 'timer':
          this.#setTimer(output.at);
          break;
        case 'question':
          this.#decide(output.id, output.question);
          break;
        case 'established':
          this.#onEstablished();
          break;
        case 'peer-moved':
          this.#onMoved(from);
          break;
        case 'closed':
          this.#onClosed(output.error);
          break;
      }
    }
  }

  #deliver(data: Bytes): void {
    const place = this.#receivers.take();
    if (place !== undefined) place.waiter.resolve(data);
    else if (this.#queue.length < this.#queueLimit) this.#queue.push(data);
    else this.#dropped += 1;
  }

  #setTimer(at: number | null): void {
    this.#cancelTimer?.();
    this.#cancelTimer = at === null ? undefined : this.#clock.setTimer(at, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    if (this.#state !== 'ended') this.#apply(this.connection.timeout(this.#clock.now()), this.#peer);
  }

  #decide(id: number, question: Question): void {
    void runDetached(async () => {
      const answer = await decide(this.settings, this.serverName, this.#peer, question);
      if (this.#state !== 'ended') this.#apply(this.connection.answer(id, answer, this.#clock.now()), this.#peer);
    });
  }

  #onEstablished(): void {
    this.#state = 'established';
    this.#owner.onEstablished(this);
    const waiting = [...this.#handshakers];
    this.#handshakers.clear();
    for (const waiter of waiting) waiter.resolve();
  }

  #onMoved(from: InetAddress): void {
    if (from.host === this.#peer.host && from.port === this.#peer.port && from.scopeId === this.#peer.scopeId) return;
    const before = this.#peer;
    this.#peer = from;
    this.#owner.onMoved(this, before);
  }

  #onClosed(error: Error | null): void {
    if (error === null) this.#finish(() => new EndOfChannel());
    else if (error.cause instanceof CertificateError) {
      const { cause } = error;
      this.#finish(() => cause);
    } else this.#finish(() => new BrokenResourceError(error.message, { cause: error }));
  }

  #finish(makeError: () => Error): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#end = makeError;
    this.#setTimer(null);
    const waiting = [...this.#handshakers];
    this.#handshakers.clear();
    for (const waiter of waiting) waiter.rejectRepeatable(makeError());
    for (let place = this.#receivers.take(); place !== undefined; place = this.#receivers.take())
      place.waiter.rejectRepeatable(makeError());
    this.#owner.onEnded(this);
  }
}
