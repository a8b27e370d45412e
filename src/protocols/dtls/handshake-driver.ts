/**
 * Drives one side's steps through a handshake: fragments in, flights out, loss and repetition in between (RFC 6347 §4.2).
 *
 *     fragments -> inbox -> whole messages in order -> a step of the side -> flight -> datagrams
 *
 * The driver knows nothing of TLS messages; the side knows nothing of loss. While a question waits for its answer messages
 * stay in the inbox. A message that cannot be parsed is forgotten and comes again.
 *
 * A flight is sent again when its timer fires, or when the peer repeats the last message of the flight that ours answers;
 * nothing earlier of it counts, so a flight of five records does not cause five answers. After the last flight that message
 * is the peer's Finished, which is protected: nobody else can make this side repeat itself.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { CryptoProvider, SecretKey } from '../../core/crypto-provider.ts';
import { alertDescription, HandshakeFailure } from './alert.ts';
import { datagramsOf } from './flights/flight.ts';
import type { Flight, FlightPart } from './flights/flight.ts';
import { parseFragments } from './handshake/fragment.ts';
import type { HandshakeFragment, HandshakeMessage } from './handshake/fragment.ts';
import { HandshakeInbox } from './handshake/inbox.ts';
import { messageType } from './handshake/message-type.ts';
import { Transcript } from './handshake/transcript.ts';
import type { Randoms } from './key-schedule.ts';
import { MalformedMessage } from './malformed.ts';
import type { Answer, Question } from './questions.ts';
import type { RecordLayer } from './record/layer.ts';
import type { TrafficKeys } from './record/protection.ts';
import { RetransmissionTimer } from './retransmission.ts';
import type { CommonSettings } from './settings.ts';
import type { Established, Exchange, Side } from './states/exchange.ts';

/** How long the last flight is kept for a peer that lost it: twice the life of a segment (RFC 6347 §4.2.4). */
const LAST_FLIGHT_MS = 240_000;

/** What the driver has to say to its owner. */
export interface HandshakeOwner {
  transmit(datagram: Bytes): void;
  ask(question: Question): void;
  /** Records that came before their keys. */
  reopen(records: readonly Bytes[]): void;
  /** The peer wants to renegotiate. */
  refuseRenegotiation(): void;
}

export class HandshakeDriver implements Exchange {
  readonly crypto: CryptoProvider;
  readonly transcript = new Transcript();
  readonly #settings: CommonSettings;
  readonly #side: Side;
  readonly #records: RecordLayer;
  readonly #owner: HandshakeOwner;
  readonly #inbox: HandshakeInbox;
  readonly #timer: RetransmissionTimer;
  #nextSeq: number;
  #flight: Flight | null = null;
  /** Number of the last message of the peer's flight that ours answers. */
  #answers = -1;
  #now = 0;
  /** When the last flight was sent first. */
  #finalAt = 0;
  #malformed = 0;
  #retransmissions = 0;

  /** @param firstSeq number of this side's first message; of the peer's, `firstPeerSeq` */
  constructor(
    settings: CommonSettings,
    side: Side,
    records: RecordLayer,
    owner: HandshakeOwner,
    firstSeq: number,
    firstPeerSeq: number,
  ) {
    this.crypto = settings.crypto;
    this.#settings = settings;
    this.#side = side;
    this.#records = records;
    this.#owner = owner;
    this.#nextSeq = firstSeq;
    this.#inbox = new HandshakeInbox(firstPeerSeq);
    this.#timer = new RetransmissionTimer(settings.retransmission);
  }

  get deadline(): number | null {
    return this.#timer.deadline;
  }

  get isDeciding(): boolean {
    return this.#side.isDeciding;
  }

  get established(): Established | null {
    return this.#side.established;
  }

  /** Messages that could not be parsed. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Flights that were sent again. */
  get retransmissions(): number {
    return this.#retransmissions;
  }

  /** Bytes of fragments that are kept. */
  get heldBytes(): number {
    return this.#inbox.heldBytes;
  }

  /** @throws HandshakeFailure */
  start(now: number): void {
    this.#now = now;
    try {
      this.#side.start(this);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      // A server's first hello: there is no other to wait for.
      throw new HandshakeFailure(alertDescription.decodeError, error.message, 'RFC 5246 §7.4.1', { cause: error });
    }
  }

  /** A handshake record. Whether it brought something new. @throws HandshakeFailure */
  receive(content: Uint8Array, epoch: 0 | 1, now: number): boolean {
    this.#now = now;
    let isNew = false;
    let repeated = false;
    try {
      for (const fragment of parseFragments(content)) {
        if (epoch === 1 && this.established !== null && fragment.type <= messageType.clientHello)
          this.#owner.refuseRenegotiation();
        if (this.#takeCookie(fragment, epoch)) continue;
        const verdict = this.#inbox.receive(fragment, epoch);
        if (verdict === 'taken') isNew = true;
        const isLast = fragment.offset + fragment.bytes.length === fragment.length;
        if (verdict === 'repeated' && fragment.messageSeq === this.#answers && isLast) repeated = true;
      }
    } catch (error) {
      this.#forgive(error);
    }
    if (repeated) this.#peerRepeated();
    this.#pump();
    return isNew;
  }

  /** The answer to the question that is open. @throws HandshakeFailure */
  answer(answer: Answer, now: number): void {
    this.#now = now;
    this.#timer.resume(now);
    this.#side.answer(answer, this);
    this.#pump();
  }

  /** The deadline has passed. */
  timeout(now: number): void {
    this.#now = now;
    if (this.#timer.deadline === null || now < this.#timer.deadline) return;
    this.#timer.expired(now);
    this.#retransmissions += 1;
    this.#transmit();
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#timer.answered();
    this.#flight = null;
  }

  compose(type: number, body: Bytes): HandshakeMessage {
    const message = { type, messageSeq: this.#nextSeq++, body };
    this.transcript.add(message);
    return message;
  }

  send(parts: readonly FlightPart[], { awaitsAnswer }: { readonly awaitsAnswer: boolean }): void {
    // The step that sends has dealt with the awaited message but the inbox has not moved on yet, unless it was an answer.
    this.#answers = this.#inAnswer ? this.#inbox.awaited - 1 : this.#inbox.awaited;
    this.#flight = { parts, awaitsAnswer };
    if (!awaitsAnswer) this.#finalAt = this.#now;
    this.#timer.flightSent(this.#now, awaitsAnswer);
    this.#transmit();
  }

  ask(question: Question): void {
    this.#owner.ask(question);
  }

  expectMessage(messageSeq: number): void {
    this.#inbox.restartAt(messageSeq);
  }

  protectWriting(keys: TrafficKeys, connectionId: Uint8Array): void {
    this.#records.protectWriting(keys, connectionId);
  }

  protectReading(keys: TrafficKeys, connectionId: Uint8Array): void {
    const early = this.#records.protectReading(keys, connectionId);
    if (early.length > 0) this.#owner.reopen(early);
  }

  logSecret({ client }: Randoms, master: SecretKey): void {
    this.#settings.keyLog?.(`CLIENT_RANDOM ${hex(client)} ${hex(this.crypto.secretBytes(master))}`);
  }

  /** Whether no message is being dealt with: a step was called by `start` or `answer`. */
  #inAnswer = true;

  #pump(): void {
    while (!this.#side.isDeciding) {
      const message = this.#inbox.next();
      if (message === null) return;
      if (this.#step(message)) this.#inbox.advance();
      else this.#inbox.discard();
      if (this.established !== null) this.#finish();
    }
  }

  /**
   * HelloVerifyRequest goes around the inbox: it has the number 0 however often a server without memory sends it, and the
   * next number belongs to the hello that has the cookie.
   */
  #takeCookie(fragment: HandshakeFragment, epoch: 0 | 1): boolean {
    if (fragment.type !== messageType.helloVerifyRequest) return false;
    if (epoch === 0 && this.#side.takesCookies && fragment.bytes.length === fragment.length)
      this.#step({ type: fragment.type, messageSeq: fragment.messageSeq, body: new Uint8Array(fragment.bytes) });
    return true;
  }

  /** Only the last flight of all is kept. */
  #finish(): void {
    this.#timer.answered();
    if (this.#flight?.awaitsAnswer === true) this.#flight = null;
  }

  #step(message: HandshakeMessage): boolean {
    this.#inAnswer = false;
    try {
      this.#side.receive(message, this);
      return true;
    } catch (error) {
      this.#forgive(error);
      return false;
    } finally {
      this.#inAnswer = true;
    }
  }

  #forgive(error: unknown): void {
    if (!(error instanceof MalformedMessage)) throw error;
    this.#malformed += 1;
  }

  #peerRepeated(): void {
    if (this.#flight === null) return;
    if (!this.#flight.awaitsAnswer && this.#now - this.#finalAt > LAST_FLIGHT_MS) {
      this.#flight = null;
      return;
    }
    if (!this.#timer.peerRepeated(this.#now)) return;
    this.#retransmissions += 1;
    this.#transmit();
  }

  #transmit(): void {
    if (this.#flight === null) return;
    const { datagramBytes, smallDatagramBytes } = this.#settings;
    const limit = this.#timer.wantsSmallerDatagrams ? Math.min(datagramBytes, smallDatagramBytes) : datagramBytes;
    for (const datagram of datagramsOf(this.#flight, this.#records, limit)) this.#owner.transmit(datagram);
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
