/**
 * One direction of bytes between two tasks, with as much room as is said: the pipe under the lockstep streams (no room at
 * all) and under memory streams with a capacity.
 *
 * A send puts all its bytes into one queue at once; it is done when no more than `capacityBytes` are left in the queue.
 * The bytes beyond that belong to the one send that is waiting. So a send that is cancelled, or cut off because its
 * stream is closed, withdraws what was not yet accepted by cutting the queue back to the capacity: the receiver gets an
 * exact prefix, and the next send starts clean. (Trio's lockstep streams leave the rest in the pipe.)
 *
 * The receiver's and the sender's promises are settled, never called back: no code of the other side runs inside an
 * operation of this side.
 */
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import {
  lengthOf,
  piecesOf,
  wrongBuffer,
  wrongData,
  wrongMaxBytes,
  DEFAULT_MAX_BYTES,
} from '../streams/stream-arguments.ts';
import { completed, refusal, Waiter } from '../tasks/waiter.ts';
import { ByteQueue } from './byte-queue.ts';

export class BytePipe {
  readonly #capacity: number;
  readonly #bytes = new ByteQueue();
  readonly #sender: Waiter<void>;
  readonly #writable = new Waiter<void>('virtual');
  readonly #receiver = new Waiter<Bytes | number | null>('virtual');
  /** What the waiting receiver wants: at most so many bytes, or these bytes filled. */
  #wanted: number | Uint8Array = 0;
  #isSendClosed = false;
  #isReceiveClosed = false;

  constructor(capacityBytes: number) {
    this.#capacity = capacityBytes;
    this.#sender = new Waiter<void>('virtual', () => {
      this.#bytes.truncate(this.#capacity);
    });
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    const refused = this.#refuseSend() ?? refusal();
    if (refused !== undefined) return refused;
    if (lengthOf(data) === 0) return completed(undefined);
    if (this.#isReceiveClosed) return Promise.reject(new BrokenResourceError('the receiver was closed'));
    this.#bytes.push(piecesOf(data));
    this.#deliver();
    if (this.#bytes.size <= this.#capacity) return completed(undefined);
    return this.#sender.wait();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    const refused = this.#refuseSend() ?? refusal();
    if (refused !== undefined) return refused;
    if (this.#mightNotBlock()) return completed(undefined);
    return this.#writable.wait();
  }

  /** Like `closeSend`, but does not cut off a send that is under way. */
  sendEof(): Promise<void> {
    const refused = this.#refuseSend() ?? refusal();
    if (refused !== undefined) return refused;
    this.closeSend();
    return completed(undefined);
  }

  /** Graceful: what was accepted can still be received, then comes the end of file. */
  closeSend(): void {
    if (this.#isSendClosed) return;
    this.#isSendClosed = true;
    if (this.#sender.pending) this.#bytes.truncate(this.#capacity);
    this.#sender.reject(closedWhileWaiting());
    this.#writable.reject(closedWhileWaiting());
    this.#deliver();
  }

  receiveSome(maxBytes: number | undefined): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive(maxBytes ?? DEFAULT_MAX_BYTES) as Promise<Bytes | null>;
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const wrong = wrongBuffer(buffer);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive(buffer) as Promise<number | null>;
  }

  closeReceive(): void {
    if (this.#isReceiveClosed) return;
    this.#isReceiveClosed = true;
    this.#bytes.clear();
    this.#receiver.reject(closedWhileWaiting());
    this.#sender.reject(new BrokenResourceError('the receiver was closed'));
    this.#writable.resolve();
  }

  #refuseSend(): Promise<never> | undefined {
    if (this.#isSendClosed) return Promise.reject(new ClosedResourceError());
    if (this.#sender.pending || this.#writable.pending) return Promise.reject(new BusyResourceError());
    return undefined;
  }

  #mightNotBlock(): boolean {
    return this.#bytes.size < this.#capacity || this.#receiver.pending || this.#isReceiveClosed;
  }

  #receive(wanted: number | Uint8Array): Promise<Bytes | number | null> {
    if (this.#isReceiveClosed) return Promise.reject(new ClosedResourceError());
    if (this.#receiver.pending) return Promise.reject(new BusyResourceError());
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#bytes.size > 0) {
      const taken = this.#take(wanted);
      this.#accept();
      return completed(taken);
    }
    if (this.#isSendClosed) return completed(null);
    this.#wanted = wanted;
    const received = this.#receiver.wait();
    this.#writable.resolve();
    return received;
  }

  #take(wanted: number | Uint8Array): Bytes | number {
    return typeof wanted === 'number' ? this.#bytes.take(wanted) : this.#bytes.takeInto(wanted);
  }

  /** Gives the waiting receiver what there is. */
  #deliver(): void {
    if (!this.#receiver.pending) return;
    if (this.#bytes.size > 0) this.#receiver.resolve(this.#take(this.#wanted));
    else if (this.#isSendClosed) this.#receiver.resolve(null);
  }

  /** Room was made: the waiting send may be done, or another may begin. */
  #accept(): void {
    if (this.#bytes.size <= this.#capacity) this.#sender.resolve();
    if (this.#bytes.size < this.#capacity) this.#writable.resolve();
  }
}

function closedWhileWaiting(): ClosedResourceError {
  return new ClosedResourceError('this stream was closed while the call was waiting');
}
