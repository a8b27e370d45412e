/**
 * The receiving half of something that Node gives as a Readable: the output of a child process, our own standard input, a
 * foreign Duplex. What we open ourselves as a socket does not come through here; it has a cheaper path.
 *
 * A Readable says what happened in five events, in orders that differ between implementations. They are folded into one
 * queue and one outcome:
 *
 *     'data'                  queued; above QUEUE_BYTES the Readable is paused until the queue has been taken
 *     'end'                   the outcome is end of file
 *     'error'                 the outcome is BrokenResourceError with the error as its cause
 *     'close' without either  the outcome is BrokenResourceError: a stream that was cut off must not look complete
 *
 * The first outcome counts, and it is told after the queue. Events of a Readable that was closed here are ignored, a late
 * 'error' among them, which without a listener would end the process.
 *
 * Reading begins with the first call, not before: whoever opens standard input and never reads it takes nothing from it.
 */
import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';

import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { ReceiveStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { DEFAULT_MAX_BYTES, wrongBuffer, wrongMaxBytes } from '../streams/stream-arguments.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { cancelRequested, pass, Waiter } from '../tasks/waiter.ts';

/** Received but not yet taken: from here on the Readable is paused. One chunk may go beyond it. */
const QUEUE_BYTES = 65_536;

export interface NodeReceiveStreamOptions {
  /**
   * Whether chunks must be copied because somebody else may hold the same memory. A socket or pipe of Node makes a
   * buffer for each chunk and forgets it; what a foreign Duplex pushes may be a view of anything.
   */
  readonly copy: boolean;
  /** Lets go of the Readable, once, when this half is closed. */
  readonly release: () => void;
}

type Outcome =
  { readonly kind: 'end' } | { readonly kind: 'broken'; readonly message: string; readonly cause: unknown };

export class NodeReceiveStream implements ReceiveStream {
  readonly #readable: Readable;
  readonly #options: NodeReceiveStreamOptions;
  readonly #waiter = new Waiter<Bytes | number | null>('external');
  readonly #queue: Uint8Array[] = [];
  /** Bytes of the first chunk of the queue that were taken already. */
  #taken = 0;
  #queuedBytes = 0;
  #paused = true;
  #outcome: Outcome | undefined;
  #closed = false;
  /** A call that is past its checks and has not registered its wait yet. */
  #entering = false;
  /** What the pending wait asked for. */
  #max = 0;
  #into: Uint8Array | undefined;

  constructor(readable: Readable, options: NodeReceiveStreamOptions) {
    this.#readable = readable;
    this.#options = options;
    readable.pause();
    readable.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    if (readable.errored) this.#onError(readable.errored);
    else if (readable.readableEnded) this.#onEnd();
    else if (readable.destroyed) this.#onClose();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive(maxBytes ?? DEFAULT_MAX_BYTES, undefined) as Promise<Bytes | null>;
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const wrong = wrongBuffer(buffer);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive(buffer.length, buffer) as Promise<number | null>;
  }

  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readable
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
    ignoreErrors(this.#readable);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#waiter.reject(new ClosedResourceError());
    this.#options.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  #receive(max: number, into: Uint8Array | undefined): Promise<Bytes | number | null> {
    const toll = pass();
    if (toll !== undefined && cancelRequested()) return toll as Promise<never>;
    if (this.#waiter.pending || this.#entering) return Promise.reject(new BusyResourceError());
    return toll === undefined ? this.#receiveNow(max, into) : this.#receiveAfter(toll, max, into);
  }

  #receiveAfter(toll: Promise<void>, max: number, into: Uint8Array | undefined): Promise<Bytes | number | null> {
    this.#entering = true;
    const result: Promise<Bytes | number | null> = toll.then(
      () => {
        this.#entering = false;
        return this.#receiveNow(max, into);
      },
      (error: unknown) => {
        this.#entering = false;
        // A cancelled call that nobody awaits is no unhandled rejection, as with a Waiter.
        if (error instanceof Cancelled) result.catch(ignore);
        throw error;
      },
    );
    return result;
  }

  #receiveNow(max: number, into: Uint8Array | undefined): Promise<Bytes | number | null> {
    if (this.#closed) return Promise.reject(new ClosedResourceError());
    if (this.#queuedBytes > 0) return Promise.resolve(this.#take(max, into));
    const outcome = this.#outcome;
    if (outcome !== undefined) {
      return outcome.kind === 'end'
        ? Promise.resolve(null)
        : Promise.reject(new BrokenResourceError(outcome.message, { cause: outcome.cause }));
    }
    this.#max = max;
    this.#into = into;
    const result = this.#waiter.wait();
    if (this.#waiter.pending) this.#resume();
    return result;
  }

  /** Takes from the queue, which is not empty: one chunk or a part of one, or as much as fits into a given buffer. */
  #take(max: number, into: Uint8Array | undefined): Bytes | number {
    if (into !== undefined) {
      let filled = 0;
      while (filled < into.length && this.#queuedBytes > 0) {
        const piece = this.#takePiece(into.length - filled);
        into.set(piece, filled);
        filled += piece.length;
      }
      return filled;
    }
    const whole = this.#taken === 0;
    const piece = this.#takePiece(max);
    // The caller may change what it gets and give the memory away: only a chunk that is whole and not shared is handed over.
    const isWhole = whole && this.#taken === 0;
    if (this.#options.copy || !isWhole || !(piece.buffer instanceof ArrayBuffer)) return new Uint8Array(piece);
    return new Uint8Array(piece.buffer, piece.byteOffset, piece.length);
  }

  #takePiece(max: number): Uint8Array {
    const chunk = this.#queue[0] as Uint8Array;
    const start = this.#taken;
    const end = Math.min(chunk.length, start + max);
    this.#queuedBytes -= end - start;
    if (end === chunk.length) {
      this.#queue.shift();
      this.#taken = 0;
    } else this.#taken = end;
    return chunk.subarray(start, end);
  }

  #resume(): void {
    if (!this.#paused || this.#outcome !== undefined) return;
    this.#paused = false;
    this.#readable.resume();
  }

  /** Gives the pending call what there is, if there is something to give. */
  #settle(): void {
    if (!this.#waiter.pending) return;
    if (this.#queuedBytes > 0) this.#waiter.resolve(this.#take(this.#max, this.#into));
    else if (this.#outcome?.kind === 'end') this.#waiter.resolve(null);
    else if (this.#outcome !== undefined) {
      this.#waiter.reject(new BrokenResourceError(this.#outcome.message, { cause: this.#outcome.cause }));
    }
  }

  readonly #onData = (chunk: unknown): void => {
    if (!(chunk instanceof Uint8Array)) {
      this.#end({ kind: 'broken', message: 'the stream gave something that is not bytes', cause: undefined });
      return;
    }
    if (chunk.length === 0 || this.#outcome !== undefined) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#settle();
    if (this.#queuedBytes >= QUEUE_BYTES && !this.#paused) {
      this.#paused = true;
      this.#readable.pause();
    }
  };

  readonly #onEnd = (): void => {
    this.#end({ kind: 'end' });
  };

  readonly #onError = (cause: unknown): void => {
    if (this.#outcome !== undefined) return;
    this.#takeBuffered();
    this.#end({ kind: 'broken', message: brokenMessage(cause), cause });
  };

  readonly #onClose = (): void => {
    if (this.#outcome !== undefined) return;
    this.#takeBuffered();
    this.#end({ kind: 'broken', message: 'the stream was destroyed before its end', cause: undefined });
  };

  /** A Readable that fails keeps what it had already received; that arrived before the failure, so it is told before it. */
  #takeBuffered(): void {
    const rest: unknown = this.#readable.readableLength > 0 ? this.#readable.read() : null;
    if (rest instanceof Uint8Array && !this.#queue.includes(rest)) this.#onData(rest);
  }

  #end(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#settle();
  }
}

/** What a broken stream says: the system's own words, where there are any. */
export function brokenMessage(cause: unknown): string {
  return cause instanceof Error && cause.message !== ''
    ? `the connection is broken: ${cause.message}`
    : 'the connection is broken';
}

/** For a Node stream that nobody uses any more: what still happens to it must not end the process. */
export function ignoreErrors(stream: EventEmitter): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

function ignore(): void {
  // See the callers.
}
