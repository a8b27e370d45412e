/**
 * StapledStream: a stream to send into and a stream to receive from, used as one. A subprocess is the standard case (its
 * stdin and stdout); a pair of one-way pipes, a file and a socket are others.
 *
 * It delegates and does nothing else. Each half keeps its own guards, so both directions work at the same time. Closing
 * always closes both halves, whatever the first one says, and no error of theirs is lost.
 *
 * Source: Trio `StapledStream`; closing reports both errors as a group (Trio chains them, anyio stops at the first).
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { ClosedResourceError } from '../core/errors.ts';
import type { HalfCloseableStream, ReceiveStream, SendStream } from '../core/stream.ts';
import { quietIfCancelled, refusal } from '../tasks/waiter.ts';
import { iterateChunks } from './chunk-iterator.ts';
import { isHalfCloseable } from './half-close.ts';
import { receiveInto } from './receive-into.ts';

export class StapledStream<
  S extends SendStream = SendStream,
  R extends ReceiveStream = ReceiveStream,
> implements HalfCloseableStream {
  readonly sendStream: S;
  readonly receiveStream: R;
  #isOpen = true;
  #isEofSent = false;

  /** Owns both streams from now on. */
  constructor(sendStream: S, receiveStream: R) {
    this.sendStream = sendStream;
    this.receiveStream = receiveStream;
  }

  get [wrapped](): readonly [S, R] {
    return [this.sendStream, this.receiveStream];
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.sendStream.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.sendStream.waitSendAllMightNotBlock();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.receiveStream.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return receiveInto(this.receiveStream, buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  /** Half-closes the sending stream where it can do that, else closes it. */
  sendEof(): Promise<void> {
    return quietIfCancelled(this.#endSending());
  }

  async #endSending(): Promise<void> {
    if (this.#isEofSent) return;
    if (!this.#isOpen) throw new ClosedResourceError();
    const { sendStream } = this;
    if (isHalfCloseable(sendStream)) {
      await sendStream.sendEof();
    } else {
      // Closing cannot be cancelled, but this must be, before it has an effect.
      await refusal();
      await sendStream.close();
    }
    this.#isEofSent = true;
  }

  /**
   * Closes the sending stream, then the receiving stream; always both.
   *
   * @throws what closing one of them throws; AggregateError if both failed
   */
  async close(): Promise<void> {
    this.#isOpen = false;
    const failures: unknown[] = [];
    for (const half of [this.sendStream, this.receiveStream]) {
      try {
        await half.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, 'both halves of a stream failed to close');
  }

  abort(): void {
    this.#isOpen = false;
    this.sendStream.abort();
    this.receiveStream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
