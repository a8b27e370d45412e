/**
 * Records on their way from the transport to the engine, as long as somebody wants plaintext.
 *
 * Nothing is received ahead: a transport that is handed back by `unwrap()` must not have lost a byte to a read that nobody
 * asked for. The receive is not made in the scope of whoever wants the plaintext, so a cancel leaves it under way, and what
 * it brings is there for the next one.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { ReceiveStream } from '../../core/stream.ts';
import { runDetached } from '../../tasks/environment.ts';
import { RecordFeeder } from './record-feeder.ts';

export interface InboundRecordsUser {
  feed(records: Bytes): void;
  onEndOfFile(): void;
  onReceiveFailure(error: unknown): void;
}

export class InboundRecords {
  readonly #transport: ReceiveStream;
  readonly #user: InboundRecordsUser;
  readonly #feeder = new RecordFeeder();
  #isWanted = false;
  #isReceiving = false;
  #isFeeding = false;
  #isOver = false;

  constructor(transport: ReceiveStream, user: InboundRecordsUser) {
    this.#transport = transport;
    this.#user = user;
  }

  resume(): void {
    this.#isWanted = true;
    this.#run();
  }

  pause(): void {
    this.#isWanted = false;
  }

  /** From now on (TLS 1.2, after the handshake) an alert can be told from data by its header. */
  alertsAreVisible(): void {
    this.#feeder.alertsAreVisible = true;
  }

  /** Feeds and receives nothing any more. */
  stop(): void {
    this.#isOver = true;
  }

  /** What was received and not fed. */
  rest(): Bytes {
    return this.#feeder.rest();
  }

  #run(): void {
    // Feeding reports events, and who hears of one may call `resume`.
    if (this.#isFeeding || this.#isReceiving) return;
    this.#isFeeding = true;
    while (this.#isWanted && !this.#isOver) {
      const records = this.#feeder.next();
      if (records === undefined) {
        this.#isReceiving = true;
        runDetached(() => this.#transport.receiveSome()).then(this.#onReceived, this.#onFailed);
        break;
      }
      this.#user.feed(records);
    }
    this.#isFeeding = false;
  }

  readonly #onReceived = (chunk: Bytes | null): void => {
    this.#isReceiving = false;
    if (chunk !== null) {
      this.#feeder.add(chunk);
      this.#run();
    } else if (!this.#isOver) {
      this.#isOver = true;
      this.#user.onEndOfFile();
    }
  };

  readonly #onFailed = (error: unknown): void => {
    this.#isReceiving = false;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#user.onReceiveFailure(error);
  };
}
