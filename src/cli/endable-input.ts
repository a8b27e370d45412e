/**
 * A stream whose input can be ended from here: after the signal, `receive…` says end of file, whatever the other side may
 * still send. Sending is not touched. A chunk that has arrived is not lost: it stays below, unread.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { receiveInto } from '../streams/receive-into.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';

export class EndableInput implements HalfCloseableStream {
  readonly #stream: HalfCloseableStream;
  readonly #end: AbortSignal;

  constructor(stream: HalfCloseableStream, end: AbortSignal) {
    this.#stream = stream;
    this.#end = end;
  }

  get [wrapped](): HalfCloseableStream {
    return this.#stream;
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#unlessEnded(() => this.#stream.receiveSome(maxBytes));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#unlessEnded(() => receiveInto(this.#stream, buffer));
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#stream.sendAll(data);
  }

  sendEof(): Promise<void> {
    return this.#stream.sendEof();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#stream.waitSendAllMightNotBlock();
  }

  close(): Promise<void> {
    return this.#stream.close();
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

  async #unlessEnded<T>(receive: () => Promise<T | null>): Promise<T | null> {
    if (this.#end.aborted) return null;
    const result = await new CancelScope({ signal: this.#end }).tryRun(receive);
    return result.cancelled ? null : result.value;
  }
}
