/**
 * One side of a connection: a stream that knows what it is called in messages and where its bytes are counted.
 *
 * When bytes are copied between two streams and one of them breaks, the error has to say which; so each is wrapped in a
 * Side, and what it throws names its address. Cancellation passes through untouched, and so do errors of the program.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { receiveInto } from '../streams/receive-into.ts';
import { lengthOf } from '../streams/stream-arguments.ts';
import { SideBroken } from './failure.ts';

/** Called after every step with the bytes that it moved. */
export type OnMoved = (receivedBytes: number, sentBytes: number) => void;

export class Side implements HalfCloseableStream {
  readonly address: string;
  readonly #stream: HalfCloseableStream;
  readonly #onMoved: OnMoved;

  /**
   * @param address as it may be shown
   * @param onMoved told of every piece that was received from this side or sent to it
   */
  constructor(stream: HalfCloseableStream, address: string, onMoved: OnMoved) {
    this.#stream = stream;
    this.address = address;
    this.#onMoved = onMoved;
  }

  get [wrapped](): HalfCloseableStream {
    return this.#stream;
  }

  async receiveSome(maxBytes?: number): Promise<Bytes | null> {
    try {
      const chunk = await this.#stream.receiveSome(maxBytes);
      if (chunk !== null) this.#onMoved(chunk.length, 0);
      return chunk;
    } catch (error) {
      throw this.#named('receiving', error);
    }
  }

  async receiveInto(buffer: Uint8Array): Promise<number | null> {
    try {
      const length = await receiveInto(this.#stream, buffer);
      if (length !== null) this.#onMoved(length, 0);
      return length;
    } catch (error) {
      throw this.#named('receiving', error);
    }
  }

  async sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    try {
      await this.#stream.sendAll(data);
      this.#onMoved(0, lengthOf(data));
    } catch (error) {
      throw this.#named('sending', error);
    }
  }

  async sendEof(): Promise<void> {
    try {
      await this.#stream.sendEof();
    } catch (error) {
      throw this.#named('sending', error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#stream.close();
    } catch (error) {
      throw this.#named('closing', error);
    }
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#stream.waitSendAllMightNotBlock();
  }

  abort(): void {
    this.#stream.abort();
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #named(during: SideBroken['during'], error: unknown): unknown {
    return error instanceof BrokenResourceError ? new SideBroken(this.address, during, error) : error;
  }
}
