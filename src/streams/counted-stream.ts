/**
 * CountedStream: how many bytes went through, each way, and how fast. Counting costs an addition per operation; rates are
 * taken between two questions, so nothing runs in between.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Stream } from '../core/stream.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { iterateChunks } from './chunk-iterator.ts';
import { sendEofThrough } from './half-close.ts';
import type { SendEofOf } from './half-close.ts';
import { receiveInto } from './receive-into.ts';
import { lengthOf } from './stream-arguments.ts';

export interface StreamRates {
  /** Bytes per second, on the clock that was ambient where the wrapper was made. */
  readonly received: number;
  readonly sent: number;
  /** The time these are averages over, in milliseconds. */
  readonly overMs: number;
}

export class CountedStream<S extends Stream = Stream> implements Stream {
  readonly stream: S;
  /** Half-closes the stream below; there if it can do that. */
  readonly sendEof: SendEofOf<S>;
  readonly #clock: Clock;
  #bytesReceived = 0;
  #bytesSent = 0;
  #last: { readonly at: number; readonly received: number; readonly sent: number };

  /** Owns `stream` from now on. */
  constructor(stream: S) {
    this.stream = stream;
    this.sendEof = sendEofThrough(stream, (below) => below.sendEof());
    this.#clock = currentEnvironment().clock;
    this.#last = { at: this.#clock.now(), received: 0, sent: 0 };
  }

  get [wrapped](): S {
    return this.stream;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Bytes of sends that were completed. What a send that failed or was cancelled had sent is not known. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Average rates since the last call, or since the wrapper was made. Rates over no time at all are 0. */
  takeRates(): StreamRates {
    const { at, received, sent } = this.#last;
    const now = this.#clock.now();
    this.#last = { at: now, received: this.#bytesReceived, sent: this.#bytesSent };
    const overMs = now - at;
    const perSecond = (bytes: number): number => (overMs > 0 ? (bytes * 1000) / overMs : 0);
    return { received: perSecond(this.#bytesReceived - received), sent: perSecond(this.#bytesSent - sent), overMs };
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return quietIfCancelled(this.#sendCounted(data));
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.stream.waitSendAllMightNotBlock();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return quietIfCancelled(this.#receiveCounted(maxBytes));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return quietIfCancelled(this.#receiveIntoCounted(buffer));
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  close(): Promise<void> {
    return this.stream.close();
  }

  abort(): void {
    this.stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sendCounted(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    await this.stream.sendAll(data);
    this.#bytesSent += lengthOf(data);
  }

  async #receiveCounted(maxBytes: number | undefined): Promise<Bytes | null> {
    const chunk = await this.stream.receiveSome(maxBytes);
    if (chunk !== null) this.#bytesReceived += chunk.length;
    return chunk;
  }

  async #receiveIntoCounted(buffer: Uint8Array): Promise<number | null> {
    const length = await receiveInto(this.stream, buffer);
    if (length !== null) this.#bytesReceived += length;
    return length;
  }
}
