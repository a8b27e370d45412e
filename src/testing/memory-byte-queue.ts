/**
 * A queue of bytes that one task may wait for: between a MemorySendStream and the test that looks at what was sent, and
 * between the test and a MemoryReceiveStream.
 *
 * Source: Trio's `_UnboundedByteQueue`.
 */
import type { Bytes } from '../core/bytes.ts';
import { BusyResourceError, ClosedResourceError, WouldBlock } from '../core/errors.ts';
import { piecesOf, wrongData, wrongMaxBytes } from '../streams/stream-arguments.ts';
import { completed, refusal, Waiter } from '../tasks/waiter.ts';
import { ByteQueue } from './byte-queue.ts';

export class MemoryByteQueue {
  readonly #bytes = new ByteQueue();
  readonly #getter = new Waiter<Bytes | null>('virtual');
  /** Most that the waiting `get` wants. */
  #maxBytes = Infinity;
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get size(): number {
    return this.#bytes.size;
  }

  /** @throws ClosedResourceError the queue was closed; TypeError `data` is not bytes */
  put(data: Uint8Array | readonly Uint8Array[]): void {
    const wrong = wrongData(data);
    if (wrong !== undefined) throw wrong;
    if (this.#isClosed) throw new ClosedResourceError();
    this.#bytes.push(piecesOf(data));
    if (this.#bytes.size > 0) this.#wakeGetter();
  }

  /** Nothing more comes: what is there can be taken, then comes `null`. */
  close(): void {
    this.#isClosed = true;
    this.#wakeGetter();
  }

  closeAndWipe(): void {
    this.#bytes.clear();
    this.close();
  }

  /** All bytes there are, up to `maxBytes`; `null` after the end. @throws WouldBlock there are none yet */
  getNowait(maxBytes?: number): Bytes | null {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) throw wrong;
    if (this.#getter.pending) throw new BusyResourceError();
    if (this.#bytes.size === 0 && !this.#isClosed) throw new WouldBlock('nothing has been sent');
    return this.#take(maxBytes ?? Infinity);
  }

  /** Like `getNowait`, but waits for the first byte. */
  get(maxBytes?: number): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    if (this.#getter.pending) return Promise.reject(new BusyResourceError());
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#bytes.size > 0 || this.#isClosed) return completed(this.#take(maxBytes ?? Infinity));
    this.#maxBytes = maxBytes ?? Infinity;
    return this.#getter.wait();
  }

  #take(maxBytes: number): Bytes | null {
    return this.#bytes.size === 0 ? null : this.#bytes.take(maxBytes);
  }

  #wakeGetter(): void {
    if (this.#getter.pending) this.#getter.resolve(this.#take(this.#maxBytes));
  }
}
