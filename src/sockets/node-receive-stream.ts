/**
 * The receiving half of something that Node gives as a Readable: our own standard input, a foreign Duplex. Sockets of
 * ours and pipes of child processes do not come through here; they have a cheaper path.
 *
 * A Readable says what happened in five events, in orders that differ between implementations:
 *
 *     'data'                  bytes
 *     'end'                   end of file
 *     'error'                 broken, with the error as the cause
 *     'close' without either  broken: a stream that was cut off must not look complete
 *
 * What had arrived before a failure is told before it, also what the Readable had not emitted yet, as far as it still gives
 * that away: up to Node 24 it does. From Node 26 on a failed Readable drops it, so a foreign one is emptied as it arrives
 * (`prefetch`), and only what came while the queue was full is lost with it. After closing, the events are ignored, a late 'error' among them, which without a listener would end the process.
 */
import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';

import type { Bytes } from '../core/bytes.ts';
import type { ReceiveStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { InboundQueue } from '../streams/inbound-queue.ts';
import type { InboundSource } from '../streams/inbound-queue.ts';

export interface NodeReceiveStreamOptions {
  /**
   * Whether nobody else holds the memory of the chunks. A socket or pipe of Node makes a buffer for each and forgets it;
   * what a foreign Duplex pushes may be a view of anything.
   */
  readonly ownsChunks: boolean;
  /** Whether to take what arrives before anybody receives. Default `false`. */
  readonly prefetch?: boolean | undefined;
  /** Lets go of the Readable, once, when this half is closed. */
  readonly release: () => void;
}

export class NodeReceiveStream implements ReceiveStream, InboundSource {
  readonly ownsChunks: boolean;
  readonly #readable: Readable;
  readonly #queue: InboundQueue = new InboundQueue(this);
  readonly #onRelease: () => void;

  constructor(readable: Readable, { ownsChunks, prefetch = false, release }: NodeReceiveStreamOptions) {
    this.ownsChunks = ownsChunks;
    this.#readable = readable;
    this.#onRelease = release;
    readable.pause();
    readable.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    // Older implementations have no `errored`.
    if (readable.errored) this.#onError(readable.errored);
    else if (readable.readableEnded) this.#onEnd();
    else if (readable.destroyed) this.#onClose();
    else if (prefetch) this.#queue.prefetch();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#queue.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#queue.receiveInto(buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this.#queue);
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  abort(): void {
    this.#queue.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#queue.close();
  }

  // For the queue

  resume(): void {
    this.#readable.resume();
  }

  pause(): void {
    this.#readable.pause();
  }

  release(): void {
    const readable = this.#readable;
    readable.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose);
    ignoreErrors(readable);
    this.#onRelease();
  }

  readonly #onData = (chunk: unknown): void => {
    if (chunk instanceof Uint8Array) this.#queue.push(chunk);
    else this.#queue.fail(`the stream gave ${typeof chunk} values and not bytes`);
  };

  readonly #onEnd = (): void => {
    this.#queue.end();
  };

  readonly #onError = (cause: unknown): void => {
    this.#takeBuffered();
    this.#queue.fail(brokenMessage(cause), cause);
  };

  readonly #onClose = (): void => {
    this.#takeBuffered();
    this.#queue.fail('the stream was destroyed before its end');
  };

  #takeBuffered(): void {
    const readable = this.#readable;
    if (this.#queue.isConcluded || readable.readableLength === 0) return;
    readable.off('data', this.#onData);
    // Everything at once up to Node 24, one chunk a call from Node 26 on.
    for (let rest: unknown = readable.read(); rest !== null; rest = readable.read()) {
      if (rest instanceof Uint8Array) this.#queue.push(rest);
    }
  }
}

/** What a broken stream says: the system's own words, where there are any. */
export function brokenMessage(cause: unknown): string {
  const isTelling = cause instanceof Error && cause.message !== '';
  return isTelling ? `the connection is broken: ${cause.message}` : 'the connection is broken';
}

/** For a Node stream that nobody uses any more: what still happens to it must not end the process. */
export function ignoreErrors(stream: EventEmitter): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

function ignore(): void {
  // See `ignoreErrors`.
}
