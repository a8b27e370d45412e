/**
 * The two web streams of one bowline stream, and when it is closed: what `toWebStreams` and `toSocketsApi` share.
 *
 * The readable is a byte stream: it receives when it is read and not before, and a BYOB reader's memory is received into
 * directly. Its chunks own their memory, because web streams transfer buffers, and a chunk that shared one with others would
 * take them along. The writable sends chunk by chunk, so its own queue is all the buffering there is.
 *
 *     readable: cancel, or the end was read ─┐
 *                                            ├─▶ both: the stream is closed
 *     writable: close ── sendEof ────────────┘
 *     writable: abort, or an error of either side: the stream is aborted
 */
import type { Stream } from '../core/stream.ts';
import { isHalfCloseable } from '../streams/half-close.ts';
import { receiveInto } from '../streams/receive-into.ts';
import type { Bytes } from '../core/bytes.ts';
import { captureDetached } from '../tasks/detached.ts';
import type { Detached } from '../tasks/detached.ts';

export interface WebStreamPair {
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface WebStreamsEvents {
  /** The end of file was read. */
  readonly onEnd?: (() => void) | undefined;
  /** Nothing will happen any more; with the error if one ended it. Called once. */
  readonly onClosed?: ((error?: unknown) => void) | undefined;
}

type Opening = Stream | Promise<Stream>;

export class WebStreams implements WebStreamPair {
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #opening: Opening;
  readonly #events: WebStreamsEvents;
  readonly #detached: Detached = captureDetached();
  #isReadDone = false;
  #isWriteDone = false;
  #isClosed = false;
  #writableController: WritableStreamDefaultController | undefined;
  #readableController: ReadableByteStreamController | undefined;

  /** Owns the stream from now on. If `opening` rejects, both sides fail with its error. */
  constructor(opening: Opening, events: WebStreamsEvents = {}) {
    this.#opening = opening;
    this.#events = events;
    this.readable = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#readableController = controller;
      },
      pull: (controller) => this.#guard((stream) => this.#pull(stream, controller)),
      cancel: () => this.#sideDone('read'),
    }) as ReadableStream<Bytes>;
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writableController = controller;
      },
      write: (chunk) => this.#guard((stream) => stream.sendAll(toBytes(chunk))),
      close: () => this.#guard((stream) => this.#endWriting(stream)),
      abort: (reason) => this.fail(reason),
    });
  }

  /** Closes gracefully; what is read or written afterwards fails with `error`. */
  async close(error: unknown): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#errorSides(error);
    try {
      const stream = await this.#opening;
      await this.#detached(() => stream.close());
      this.#events.onClosed?.();
    } catch (failure) {
      this.#events.onClosed?.(failure);
    }
  }

  /** Aborts the stream; both sides fail with `error`. */
  fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#errorSides(error);
    void Promise.resolve(this.#opening).then((stream) => stream.abort(), ignore);
    this.#events.onClosed?.(error);
  }

  /** Ends the writing side, whose owner has not: writing fails from now on. */
  refuseWriting(error: unknown): void {
    this.#writableController?.error(error);
    void this.#sideDone('write');
  }

  async #guard(operation: (stream: Stream) => Promise<void>): Promise<void> {
    try {
      const stream = await this.#opening;
      await this.#detached(() => operation(stream));
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  async #pull(stream: Stream, controller: ReadableByteStreamController): Promise<void> {
    const request = controller.byobRequest;
    const view = request?.view;
    if (request !== null && view !== null && view !== undefined) {
      const count = await receiveInto(stream, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
      if (this.#isReadDone || this.#isClosed) return;
      if (count === null) this.#endReading(controller);
      else request.respond(count);
      return;
    }
    const chunk = await stream.receiveSome();
    if (this.#isReadDone || this.#isClosed) return;
    if (chunk === null) this.#endReading(controller);
    else controller.enqueue(chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk));
  }

  #endReading(controller: ReadableByteStreamController): void {
    controller.close();
    controller.byobRequest?.respond(0);
    this.#events.onEnd?.();
    void this.#sideDone('read');
  }

  async #endWriting(stream: Stream): Promise<void> {
    if (isHalfCloseable(stream)) await stream.sendEof();
    await this.#sideDone('write');
  }

  async #sideDone(side: 'read' | 'write'): Promise<void> {
    if (side === 'read') this.#isReadDone = true;
    else this.#isWriteDone = true;
    if (this.#isReadDone && this.#isWriteDone) await this.close(undefined);
  }

  #errorSides(error: unknown): void {
    if (!this.#isReadDone) this.#readableController?.error(error);
    if (!this.#isWriteDone) this.#writableController?.error(error);
  }
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError('a chunk is a Uint8Array, another view or an ArrayBuffer; encode text first');
}

function ignore(): void {
  // Nothing was opened.
}
