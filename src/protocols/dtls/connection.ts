/**
 * One DTLS 1.2 association (RFC 6347): the face of the engine. Datagrams, intents and the time go in; a list of outputs
 * comes out. It is synchronous and has no clock, timer, socket or promise.
 *
 *     receive(datagram, now)   timeout(now)   answer(id, answer, now)   send(data)   close()
 *         -> transmit · deliver · timer · question · established · peer-moved · closed
 *
 * What may end an association: a failure of the handshake found on this side, a protected fatal alert, close_notify, a
 * deadline, worn-out keys. What may not: anything in clear once the handshake is over, anything that cannot be parsed,
 * anything whose tag is wrong. During the handshake a fatal alert in clear is believed only if the peer then stays silent
 * until the next timeout: a peer that did send it has nothing more to say, and a forger cannot silence the peer.
 */
import type { Bytes } from '../../core/bytes.ts';
import { BrokenResourceError, BowlineError, MisuseError, TooSlowError } from '../../core/errors.ts';
import { alertDescription, alertLevel, encodeAlert, HandshakeFailure, parseAlert, PeerAlertError } from './alert.ts';
import type { AcceptedHello } from './cookie.ts';
import { HandshakeDriver } from './handshake-driver.ts';
import { exportKeyingMaterial } from './key-schedule.ts';
import type { Output } from './outputs.ts';
import type { Answer, Question } from './questions.ts';
import { contentType } from './record/content-type.ts';
import { RecordLayer } from './record/layer.ts';
import type { OpenedRecord, RecordDrops } from './record/layer.ts';
import type { ClientSettings, CommonSettings, ServerSettings } from './settings.ts';
import { ClientSide } from './states/client.ts';
import type { Established, Side } from './states/exchange.ts';
import { ServerSide } from './states/server.ts';

/** Application records that came before Finished was verified; they are delivered after it, and never without it. */
const MAX_EARLY_DATA = 16;
/** A refusal to renegotiate is said at most so often. */
const REFUSAL_INTERVAL_MS = 1000;

/** The message does not fit a datagram. */
export class MessageTooLongError extends BowlineError {
  readonly code = 'ERR_BOWLINE_MESSAGE_TOO_LONG';
  /** Longest message that fits now. */
  readonly usableBytes: number;
  constructor(bytes: number, usableBytes: number) {
    super(`a message of ${bytes} bytes, where ${usableBytes} fit into a datagram`);
    this.usableBytes = usableBytes;
  }
}

export interface ConnectionStatistics extends RecordDrops {
  /** Handshake messages that could not be parsed. */
  readonly malformedMessages: number;
  /** Flights that were sent again. */
  readonly retransmissions: number;
  /** Bytes of incomplete handshake messages that are kept. */
  readonly heldBytes: number;
}

type Phase = 'new' | 'handshaking' | 'established' | 'closed';

export class DtlsConnection {
  readonly #settings: CommonSettings;
  readonly #records: RecordLayer;
  readonly #handshake: HandshakeDriver;
  #phase: Phase = 'new';
  #datagramBytes: number;
  #outputs: Output[] = [];
  #timerAt: number | null = null;
  #handshakeDeadline: number | null = null;
  #questionId = 0;
  #asked: Output | null = null;
  #openQuestion: number | null = null;
  /** A fatal alert in clear that the peer has not contradicted. */
  #suspectedAlert: number | null = null;
  #earlyData: Bytes[] = [];
  #reopened: Bytes[] = [];
  #lastRefusal = -Infinity;
  #now = 0;

  private constructor(
    settings: CommonSettings,
    side: Side,
    firstSeq: number,
    firstPeerSeq: number,
    firstRecord: number,
  ) {
    this.#settings = settings;
    this.#datagramBytes = settings.datagramBytes;
    this.#records = new RecordLayer(settings.crypto, firstRecord, settings.connectionId?.length ?? 0);
    const owner = {
      transmit: (datagram: Bytes) => void this.#outputs.push({ type: 'transmit', datagram }),
      ask: (question: Question) => {
        this.#openQuestion = ++this.#questionId;
        this.#asked = { type: 'question', id: this.#openQuestion, question };
      },
      reopen: (records: readonly Bytes[]) => void this.#reopened.push(...records),
      refuseRenegotiation: () => {
        if (this.#now - this.#lastRefusal < REFUSAL_INTERVAL_MS) return;
        this.#lastRefusal = this.#now;
        this.#sendAlert(alertLevel.warning, alertDescription.noRenegotiation);
      },
    };
    this.#handshake = new HandshakeDriver(settings, side, this.#records, owner, firstSeq, firstPeerSeq);
  }

  static client(settings: ClientSettings): DtlsConnection {
    return new DtlsConnection(settings, new ClientSide(settings), 0, 0, 0);
  }

  /** A server takes its numbers from the hello that had the cookie (RFC 6347 §4.2.2). */
  static server(settings: ServerSettings, accepted: AcceptedHello): DtlsConnection {
    const { messageSeq } = accepted.message;
    const side = new ServerSide(settings, accepted);
    return new DtlsConnection(settings, side, messageSeq, messageSeq + 1, accepted.recordSequence);
  }

  get isEstablished(): boolean {
    return this.#phase === 'established';
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** What the handshake settled; `null` before its end. */
  get established(): Established | null {
    return this.#handshake.established;
  }

  /** Longest message that `send` takes now. @throws MisuseError the handshake is not over */
  get usableBytes(): number {
    const { negotiated } = this.#demandEstablished();
    return Math.max(Math.min(this.#datagramBytes - this.#records.overheadBytes(1), negotiated.sendLimitBytes), 0);
  }

  statistics(): ConnectionStatistics {
    const { malformed, retransmissions, heldBytes } = this.#handshake;
    return { ...this.#records.drops, malformedMessages: malformed, retransmissions, heldBytes };
  }

  /** Longest datagram for application messages from now on. */
  setDatagramBytes(bytes: number): void {
    this.#datagramBytes = bytes;
  }

  /** Starts the handshake. */
  start(now: number): Output[] {
    if (this.#phase !== 'new') throw new MisuseError('the handshake has been started');
    this.#phase = 'handshaking';
    const { handshakeTimeoutMs } = this.#settings;
    this.#handshakeDeadline = handshakeTimeoutMs === null ? null : now + handshakeTimeoutMs;
    return this.#turn(now, () => this.#handshake.start(now));
  }

  /** A datagram of the peer. */
  receive(datagram: Uint8Array, now: number): Output[] {
    if (this.#phase === 'new' || this.#phase === 'closed') return [];
    return this.#turn(now, () => this.#receive(datagram));
  }

  /** The time that the last `timer` named has come; earlier does nothing. */
  timeout(now: number): Output[] {
    if (this.#phase === 'closed' || this.#timerAt === null || now < this.#timerAt) return [];
    return this.#turn(now, () => {
      if (this.#handshakeDeadline !== null && now >= this.#handshakeDeadline) {
        const error = new TooSlowError('the handshake took too long');
        this.#sendAlert(alertLevel.fatal, alertDescription.userCanceled);
        this.#close(error);
      } else if (this.#suspectedAlert !== null) this.#close(new PeerAlertError(this.#suspectedAlert));
      else this.#handshake.timeout(now);
    });
  }

  /** Answers a question. One that is not open any more is passed over. */
  answer(id: number, answer: Answer, now: number): Output[] {
    if (this.#phase === 'closed' || id !== this.#openQuestion) return [];
    this.#openQuestion = null;
    return this.#turn(now, () => {
      this.#handshake.answer(answer, now);
    });
  }

  /**
   * One message of the application.
   *
   * @throws MessageTooLongError it does not fit a datagram
   * @throws RangeError it is empty
   * @throws MisuseError the association is not established
   * @throws BrokenResourceError the keys may not be used for another record; the association has to be closed
   */
  send(data: Uint8Array): Output[] {
    const usable = this.usableBytes;
    if (data.length === 0) throw new RangeError('DTLS carries no empty messages');
    if (data.length > usable) throw new MessageTooLongError(data.length, usable);
    if (!this.#records.mayWrite(1))
      throw new BrokenResourceError('the keys of this association have protected as many records as they may');
    return [{ type: 'transmit', datagram: this.#records.write(contentType.applicationData, 1, data) }];
  }

  /** Says close_notify, if there is anybody to say it to, and is closed. No `closed` comes out. */
  close(): Output[] {
    if (this.#phase === 'closed') return [];
    if (this.#phase !== 'new') this.#sendCloseNotify();
    this.#end();
    return this.#takeOutputs();
  }

  /** RFC 5705. @throws MisuseError the handshake is not over */
  exportKeyingMaterial(label: string, context: Uint8Array | null, lengthBytes: number): Bytes {
    const { negotiated, master } = this.#demandEstablished();
    const { suite, randoms } = negotiated;
    return exportKeyingMaterial(this.#settings.crypto, suite, master, randoms, label, context, lengthBytes);
  }

  #receive(datagram: Uint8Array): void {
    let hasMoved = false;
    for (const record of this.#records.open(datagram)) {
      this.#record(record);
      if (this.isClosed) return;
      hasMoved ||= record.isNewest;
    }
    this.#reopen();
    if (this.#records.isWornOut) {
      this.#sendAlert(alertLevel.fatal, alertDescription.badRecordMac);
      this.#close(new BrokenResourceError('too many forged records: the keys cannot be trusted any more'));
    } else if (hasMoved && this.#phase === 'established' && this.#usesConnectionId())
      this.#outputs.push({ type: 'peer-moved' });
  }

  /** Records that came before their keys; taken from the front, for handling one may end everything. */
  #reopen(): void {
    for (let early = this.#reopened.shift(); early !== undefined; early = this.#reopened.shift()) {
      for (const record of this.#records.open(early)) {
        this.#record(record);
        if (this.isClosed) return;
      }
    }
  }

  #usesConnectionId(): boolean {
    return (this.established?.negotiated.receiveConnectionId.length ?? 0) > 0;
  }

  #record({ type, epoch, content }: OpenedRecord): void {
    // Once it is established, nothing in clear has a meaning.
    if (this.#phase === 'established' && epoch === 0) return;
    switch (type) {
      case contentType.handshake:
        this.#handshakeRecord(content, epoch);
        break;
      case contentType.alert:
        this.#alert(content, epoch);
        break;
      case contentType.applicationData:
        if (this.#phase === 'established') this.#deliver(content);
        else if (this.#earlyData.length < MAX_EARLY_DATA) this.#earlyData.push(content);
        else this.#records.drops.early += 1;
        break;
      case contentType.changeCipherSpec:
      case contentType.connectionId:
        // The epoch of a record says which keys it has; see record/layer.ts.
        break;
    }
  }

  #handshakeRecord(content: Uint8Array, epoch: 0 | 1): void {
    const isNew = this.#handshake.receive(content, epoch, this.#now);
    if (isNew) this.#suspectedAlert = null;
    this.#noticeEstablished();
  }

  #noticeEstablished(): void {
    const { established } = this.#handshake;
    if (established === null || this.#phase !== 'handshaking') return;
    this.#phase = 'established';
    this.#handshakeDeadline = null;
    this.#suspectedAlert = null;
    this.#outputs.push({ type: 'established', established });
    const early = this.#earlyData;
    this.#earlyData = [];
    for (const data of early) this.#deliver(data);
  }

  #deliver(data: Bytes): void {
    // Empty records are allowed, against traffic analysis, and mean nothing (RFC 5246 §6.2.1).
    if (data.length > 0) this.#outputs.push({ type: 'deliver', data });
  }

  #alert(content: Uint8Array, epoch: 0 | 1): void {
    const alert = parseAlert(content);
    if (alert === null) return;
    const { level, description } = alert;
    if (epoch === 0) {
      if (level === alertLevel.fatal || description === alertDescription.closeNotify)
        this.#suspectedAlert ??= description;
      return;
    }
    if (description === alertDescription.closeNotify) {
      if (this.#phase === 'established') this.#sendCloseNotify();
      this.#close(this.#phase === 'established' ? null : new PeerAlertError(description));
    } else if (level === alertLevel.fatal) this.#close(new PeerAlertError(description));
  }

  /** Runs what may change everything, and sees to it that failures end in one place. */
  #turn(now: number, body: () => void): Output[] {
    this.#now = now;
    try {
      body();
      this.#noticeEstablished();
      this.#reopen();
    } catch (error) {
      if (!(error instanceof HandshakeFailure)) throw error;
      this.#sendAlert(alertLevel.fatal, error.description);
      this.#close(error);
    }
    this.#setTimer();
    // Last of all, so that whoever answers in the middle of the list is not overtaken by the rest of it.
    if (this.#asked !== null && !this.isClosed) this.#outputs.push(this.#asked);
    this.#asked = null;
    return this.#takeOutputs();
  }

  #setTimer(): void {
    const { deadline, isDeciding } = this.#handshake;
    const candidates = [this.#handshakeDeadline];
    if (!isDeciding && this.#phase === 'handshaking') candidates.push(deadline);
    const at = candidates.reduce((first, next) => (first === null ? next : Math.min(first, next ?? Infinity)), null);
    const wanted = this.#phase === 'closed' ? null : at;
    if (wanted === this.#timerAt) return;
    this.#timerAt = wanted;
    this.#outputs.push({ type: 'timer', at: wanted });
  }

  #sendCloseNotify(): void {
    this.#sendAlert(alertLevel.warning, alertDescription.closeNotify);
  }

  #sendAlert(level: number, description: number): void {
    const epoch = this.#records.writesProtected ? 1 : 0;
    if (!this.#records.mayWrite(epoch)) return;
    const record = this.#records.write(contentType.alert, epoch, encodeAlert({ level, description }));
    this.#outputs.push({ type: 'transmit', datagram: record });
  }

  #close(error: Error | null): void {
    if (this.#phase === 'closed') return;
    this.#end();
    this.#outputs.push({ type: 'closed', error });
  }

  #end(): void {
    this.#phase = 'closed';
    this.#handshake.stop();
    this.#handshakeDeadline = null;
    this.#openQuestion = null;
    this.#earlyData = [];
    this.#reopened = [];
  }

  #takeOutputs(): Output[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #demandEstablished(): Established {
    const { established } = this.#handshake;
    if (established === null || this.#phase !== 'established')
      throw new MisuseError('the handshake of this association is not over, or it is closed');
    return established;
  }
}
