/** The two ends of a BytePipe as streams. */
import type { Bytes } from '../core/bytes.ts';
import type { HalfCloseableStream, ReceiveStream, SendStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { StapledStream } from '../streams/stapled-stream.ts';
import { completed } from '../tasks/waiter.ts';
import { BytePipe } from './byte-pipe.ts';

class PipeSendStream implements SendStream, Pick<HalfCloseableStream, 'sendEof'> {
  readonly #pipe: BytePipe;

  constructor(pipe: BytePipe) {
    this.#pipe = pipe;
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#pipe.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#pipe.waitSendAllMightNotBlock();
  }

  sendEof(): Promise<void> {
    return this.#pipe.sendEof();
  }

  close(): Promise<void> {
    this.#pipe.closeSend();
    return completed(undefined);
  }

  abort(): void {
    this.#pipe.closeSend();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class PipeReceiveStream implements ReceiveStream {
  readonly #pipe: BytePipe;

  constructor(pipe: BytePipe) {
    this.#pipe = pipe;
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#pipe.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#pipe.receiveInto(buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  close(): Promise<void> {
    this.#pipe.closeReceive();
    return completed(undefined);
  }

  abort(): void {
    this.#pipe.closeReceive();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A stream to send into and one that receives it, with so many bytes of room between them. */
export function pipe(capacityBytes: number): [SendStream, ReceiveStream] {
  const shared = new BytePipe(capacityBytes);
  return [new PipeSendStream(shared), new PipeReceiveStream(shared)];
}

/** Two streams connected to each other; in each direction so many bytes of room. */
export function pipePair(capacityBytes: number): [StapledStream, StapledStream] {
  const [sendA, receiveB] = pipe(capacityBytes);
  const [sendB, receiveA] = pipe(capacityBytes);
  return [new StapledStream(sendA, receiveA), new StapledStream(sendB, receiveB)];
}
