/**
 * A stream whose end is somebody's business: it passes everything on and closes by means that it was given. A command's
 * pipes are one stream, but it ends with the process; the one connection of standard input and output ends its listener.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { AsyncResource } from '../core/resource.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { receiveInto } from '../streams/receive-into.ts';

export class ReleasedStream implements HalfCloseableStream {
  readonly #stream: HalfCloseableStream;
  readonly #owner: Pick<AsyncResource, 'close' | 'abort'>;

  /** @param owner closed and aborted in place of `stream`, which it has to close as well */
  constructor(stream: HalfCloseableStream, owner: Pick<AsyncResource, 'close' | 'abort'>) {
    this.#stream = stream;
    this.#owner = owner;
  }

  get [wrapped](): HalfCloseableStream {
    return this.#stream;
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#stream.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#stream.waitSendAllMightNotBlock();
  }

  sendEof(): Promise<void> {
    return this.#stream.sendEof();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#stream.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return receiveInto(this.#stream, buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  close(): Promise<void> {
    return this.#owner.close();
  }

  abort(): void {
    this.#owner.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
