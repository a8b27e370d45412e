/**
 * Records on their way to the transport: one send at a time, in the order in which the engine made them.
 *
 * Many hands make records: a sender, an answer to a key update, an alert, the end of a handshake; and a record that was
 * begun has to be finished, or nothing behind it can be read. So no caller sends records in its own scope, where a cancel
 * would cut one in two. They go out here, in the background; a caller only waits until they are out. That is why a
 * cancelled send harms neither the other direction nor its own (Trio's SSLStream is broken afterwards, trio #198).
 *
 * Waiting until the transport might take more uses the transport's sending direction as well, so records wait for that in
 * turn; nobody ever gets a BusyResourceError for what another part of TLS is doing.
 */
import type { SendStream } from '../../core/stream.ts';
import { runDetached } from '../../tasks/environment.ts';
import { Waiter } from '../../tasks/waiter.ts';

export interface OutboundRecordsUser {
  /** Everything is with the transport. */
  onDrained(): void;
  onSendFailure(error: unknown): void;
}

export class OutboundRecords {
  readonly #transport: SendStream;
  readonly #user: OutboundRecordsUser;
  #queue: Uint8Array[] = [];
  #underWay: readonly Uint8Array[] = [];
  #state: 'idle' | 'sending' | 'waiting' | 'over' = 'idle';
  #isHeld = false;
  #idle: Waiter<void> | undefined;

  constructor(transport: SendStream, user: OutboundRecordsUser) {
    this.#transport = transport;
    this.#user = user;
  }

  get isDrained(): boolean {
    return this.#state === 'over' || (this.#state !== 'sending' && (this.#queue.length === 0 || this.#isHeld));
  }

  push(records: readonly Uint8Array[]): void {
    if (this.#state === 'over') return;
    for (const record of records) this.#queue.push(record);
    if (!this.#isHeld) this.#send();
  }

  /** Keeps what comes from now on until `letGo`: what nobody asked for goes out with what somebody did. */
  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#send();
  }

  /** Until the transport might take more. Cancelling it is all right. */
  async mightNotBlock(): Promise<void> {
    while (this.#state === 'sending') await (this.#idle ??= new Waiter<void>()).wait();
    if (this.#state !== 'idle') return;
    this.#state = 'waiting';
    try {
      await this.#transport.waitSendAllMightNotBlock();
    } finally {
      if (this.#isNow('waiting')) {
        this.#state = 'idle';
        this.#send();
      }
    }
  }

  /** Drops what has not been given to the transport. */
  release(): void {
    this.#state = 'over';
    this.#queue = [];
    this.#idle?.resolve();
  }

  #send(): void {
    if (this.#state !== 'idle' || this.#queue.length === 0) return;
    this.#state = 'sending';
    const queue = this.#queue;
    this.#queue = [];
    this.#underWay = queue;
    const records = queue.length === 1 ? (queue[0] as Uint8Array) : queue;
    runDetached(() => this.#transport.sendAll(records)).then(this.#onSent, this.#onFailed);
  }

  readonly #onSent = (): void => {
    if (this.#state !== 'sending') return;
    this.#state = 'idle';
    giveBack(this.#underWay);
    if (this.#queue.length > 0 && !this.#isHeld) {
      this.#send();
      return;
    }
    this.#idle?.resolve();
    this.#user.onDrained();
  };

  readonly #onFailed = (error: unknown): void => {
    if (this.#state !== 'sending') return;
    this.release();
    this.#user.onSendFailure(error);
  };

  /** TypeScript does not see that the state changes during a wait. */
  #isNow(state: 'waiting'): boolean {
    return this.#state === state;
  }
}

/** Less than this is not worth a call. */
const GIVE_BACK_BYTES = 4096;

type Transfer = (this: ArrayBufferLike, length: number) => ArrayBuffer;
const { transfer } = ArrayBuffer.prototype as { readonly transfer?: Transfer | undefined };

/**
 * Frees the memory of records that are sent, which is ours again by the contract of `sendAll`. Waiting for the garbage
 * collector means fresh pages for every record, and on bulk the page faults cost as much as the encryption does (Node 24).
 * Node 20 has no way to do this.
 */
function giveBack(records: readonly Uint8Array[]): void {
  if (transfer === undefined) return;
  for (const { buffer, byteLength } of records) {
    // Only what has a buffer of its own.
    if (byteLength >= GIVE_BACK_BYTES && byteLength === buffer.byteLength) transfer.call(buffer, 0);
  }
}
