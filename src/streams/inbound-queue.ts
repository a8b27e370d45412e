/**
 * The receiving half of a stream whose bytes are pushed: by a Readable of Node, a reader of the web, anything that calls.
 *
 * Such a source says what happened in its own words; here they become one queue and one outcome, which is what the
 * stream contract is made of. A chunk goes straight to the caller that waits for it; else it is queued, and above QUEUE_BYTES
 * the source is asked to pause until half of that has been taken. The first outcome counts, and it is told after the queue.
 *
 * The source is not started before the first call, so that who opens something and does not read it takes nothing from it;
 * unless it asks for that itself, with `prefetch`.
 */
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { ReceiveStream } from '../core/stream.ts';
import { completed, refusal, Waiter } from '../tasks/waiter.ts';
import { iterateChunks } from './chunk-iterator.ts';
import { DEFAULT_MAX_BYTES, lostMemory, wrongBuffer, wrongMaxBytes } from './stream-arguments.ts';

/** Received but not yet taken: from here on the source is paused. One chunk may go beyond it. */
const QUEUE_BYTES = 65_536;

export interface InboundSource {
  /** Whether nobody else holds the memory of the chunks, so that they can be handed on without a copy. */
  readonly ownsChunks: boolean;
  /** Start delivering, or go on after `pause`. */
  resume(): void;
  /** Stop delivering, if possible. */
  pause(): void;
  /** This half was closed; called once. Nothing may be pushed any more, and what is, is dropped. */
  release(): void;
}

type Outcome =
  { readonly kind: 'end' } | { readonly kind: 'broken'; readonly message: string; readonly cause: unknown };

export class InboundQueue implements ReceiveStream {
  readonly #source: InboundSource;
  readonly #waiter = new Waiter<Bytes | number | null>('external');
  readonly #queue: Uint8Array[] = [];
  /** Bytes of the first chunk of the queue that were taken already. */
  #taken = 0;
  #queuedBytes = 0;
  #isPaused = true;
  #outcome: Outcome | undefined;
  #isClosed = false;
  /** What the pending wait asked for. */
  #max = 0;
  #into: Uint8Array | undefined;

  constructor(source: InboundSource) {
    this.#source = source;
  }

  // For the source

  /** Bytes have arrived. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#isClosed || this.#outcome !== undefined) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#into?.length === 0) this.#waiter.reject(lostMemory());
    else if (this.#waiter.pending) this.#waiter.resolve(this.#take(this.#max, this.#into));
    if (this.#queuedBytes >= QUEUE_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.pause();
    }
  }

  /** Nothing more will arrive, and all is well. */
  end(): void {
    this.#conclude({ kind: 'end' });
  }

  /** Nothing more will arrive, because something broke. */
  fail(message: string, cause?: unknown): void {
    this.#conclude({ kind: 'broken', message, cause });
  }

  /** Starts the source before anybody receives: up to QUEUE_BYTES wait here then. */
  prefetch(): void {
    this.#resume();
  }

  /** Whether the end or a failure is known. */
  get isConcluded(): boolean {
    return this.#outcome !== undefined;
  }

  /** A call is receiving. */
  get isBusy(): boolean {
    return this.#waiter.pending;
  }

  /** Something has arrived that was not taken. */
  get hasUnread(): boolean {
    return this.#queuedBytes > 0;
  }

  // For the receiver

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
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    if (this.#waiter.pending) this.#waiter.rejectRepeatable(new ClosedResourceError());
    this.#source.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  #receive(max: number, into: Uint8Array | undefined): Promise<Bytes | number | null> {
    if (this.#isClosed) return again(new ClosedResourceError());
    if (this.#waiter.pending) return Promise.reject(new BusyResourceError());
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#queuedBytes > 0) {
      const bytes = this.#take(max, into);
      if (this.#queuedBytes <= QUEUE_BYTES / 2) this.#resume();
      return completed(bytes);
    }
    const outcome = this.#outcome;
    if (outcome?.kind === 'end') return completed(null);
    if (outcome !== undefined) return again(broken(outcome));
    this.#max = max;
    this.#into = into;
    const result = this.#waiter.wait();
    this.#resume();
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
    const wasWhole = this.#taken === 0;
    const piece = this.#takePiece(max);
    const isWhole = wasWhole && this.#taken === 0;
    // What is given out is the caller's own: only a chunk that is whole and not shared is handed over as it is.
    if (!this.#source.ownsChunks || !isWhole || !(piece.buffer instanceof ArrayBuffer)) return new Uint8Array(piece);
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
    if (!this.#isPaused || this.#outcome !== undefined) return;
    this.#isPaused = false;
    this.#source.resume();
  }

  #conclude(outcome: Outcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    if (outcome.kind === 'end') this.#waiter.resolve(null);
    else this.#waiter.rejectRepeatable(broken(outcome));
  }
}

function broken(outcome: { readonly message: string; readonly cause: unknown }): BrokenResourceError {
  return new BrokenResourceError(outcome.message, { cause: outcome.cause });
}

/** An error that later calls will give again cannot get lost, so nobody has to await this one; see `Waiter`. */
function again(error: Error): Promise<never> {
  const promise = Promise.reject<never>(error);
  promise.catch(ignore);
  return promise;
}

function ignore(): void {
  // See `again`.
}
