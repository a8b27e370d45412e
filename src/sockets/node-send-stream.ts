/**
 * The sending half of something that Node gives as a Writable: the input of a child process, our own standard output, a
 * foreign Duplex.
 *
 * A Writable takes everything at once and says later, by callback, that it is gone. One send is under way at a time, so
 * back-pressure needs no high-water mark: a send is done when nothing is left in the Writable. Where the write finished
 * within the call (a socket with room) that is seen from `writableLength` and no promise waits.
 *
 * What was given to a Writable cannot be taken back. A cancelled send therefore goes out all the same, in the background
 * (the "residue"), unless the stream is aborted; the next send and `waitSendAllMightNotBlock` wait for it first.
 */
import type { Writable } from 'node:stream';

import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { SendStream } from '../core/stream.ts';
import { wrongData } from '../streams/stream-arguments.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { cancelRequested, pass, Waiter } from '../tasks/waiter.ts';
import { brokenMessage, ignoreErrors } from './node-receive-stream.ts';

/** How long `close()` waits for data that is still under way; a reader that never reads cannot hold it for longer. */
const CLOSE_FLUSH_MS = 2_000;

export interface NodeSendStreamOptions {
  /** Tells the reader that nothing more will come, in place of ending the Writable. Called when everything is out. */
  readonly end?: (() => void) | undefined;
  /** Lets go of the Writable, once, when this half is closed. */
  readonly release: () => void;
}

export class NodeSendStream implements SendStream {
  readonly #writable: Writable;
  readonly #options: NodeSendStreamOptions;
  /** The wait of the one call that may be in the sending direction. */
  readonly #progress = new Waiter<void>('external');
  /** A call is between two waits. */
  #entering = false;
  #closing: Promise<void> | undefined;
  /** Write callbacks that have not come yet. */
  #owed = 0;
  #eof: 'no' | 'asked' | 'done' = 'no';
  #closed = false;
  #failure: { readonly message: string; readonly cause: unknown } | undefined;

  constructor(writable: Writable, options: NodeSendStreamOptions) {
    this.#writable = writable;
    this.#options = options;
    writable.on('error', this.#onError).on('close', this.#onClose).on('finish', this.#onFinish);
    if (writable.errored) this.#onError(writable.errored);
    else if (writable.destroyed) this.#onClose();
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    const toll = pass();
    if (toll !== undefined && cancelRequested()) return toll;
    const refusal = this.#whyNotSend();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (toll !== undefined || !this.#isIdle) return this.#exclusively(() => this.#sendLater(toll, data));
    this.#write(data);
    return this.#isSettled ? this.#outcome() : this.#progress.wait();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    const toll = pass();
    if (toll !== undefined && cancelRequested()) return toll;
    if (this.#isClosed) return Promise.reject(new ClosedResourceError());
    if (this.#isBusy) return Promise.reject(new BusyResourceError());
    if (toll !== undefined) return this.#exclusively(() => toll);
    // The next send will say what is broken; that it will not block is all that was asked.
    return this.#isSettled ? Promise.resolve() : this.#progress.wait();
  }

  /** Ends the Writable and waits until it says that everything is out. Idempotent. */
  sendEof(): Promise<void> {
    const toll = pass();
    if (toll !== undefined && cancelRequested()) return toll;
    if (this.#isClosed) return this.#eof === 'no' ? Promise.reject(new ClosedResourceError()) : Promise.resolve();
    if (this.#isBusy) return Promise.reject(new BusyResourceError());
    if (this.#eof === 'done') return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#broken());
    if (toll !== undefined || !this.#isIdle) return this.#exclusively(() => this.#endLater(toll));
    this.#end();
    return this.#isSettled ? this.#outcome() : this.#progress.wait();
  }

  /**
   * Ends the Writable, waits until it is flushed, but not longer than two seconds, and lets go of it. Data that cannot be
   * flushed is lost: whoever needs to know awaits `sendAll`.
   */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if ((this.#closing === undefined && this.#isBusy) || cancelRequested()) {
      this.abort();
      return Promise.resolve();
    }
    return (this.#closing ??= this.#closeGently());
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#writable.off('close', this.#onClose).off('finish', this.#onFinish).off('error', this.#onError);
    ignoreErrors(this.#writable);
    this.#progress.reject(new ClosedResourceError());
    this.#options.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isClosed(): boolean {
    return this.#closed || this.#closing !== undefined;
  }

  get #isBusy(): boolean {
    return this.#entering || this.#progress.pending;
  }

  /** Nothing of ours is in the Writable. */
  get #isIdle(): boolean {
    return (this.#owed === 0 || this.#writable.writableLength === 0) && this.#eof !== 'asked';
  }

  /** There is nothing to wait for, as things stand. */
  get #isSettled(): boolean {
    return this.#failure !== undefined || hasFailed(this.#writable) || this.#isIdle;
  }

  #whyNotSend(): Error | undefined {
    if (this.#isClosed) return new ClosedResourceError();
    if (this.#eof !== 'no') return new ClosedResourceError('sendEof() was called on this stream');
    if (this.#isBusy) return new BusyResourceError();
    if (this.#failure !== undefined) return this.#broken();
    return undefined;
  }

  #broken(): BrokenResourceError {
    const { message, cause } = this.#failure ?? { message: undefined, cause: undefined };
    return new BrokenResourceError(message, { cause });
  }

  /** How the send that has settled ended. A write that fails within the call leaves its error on the Writable first. */
  #outcome(): Promise<void> {
    const { errored } = this.#writable;
    if (hasFailed(this.#writable)) this.#failure ??= { message: brokenMessage(errored), cause: errored };
    return this.#failure === undefined ? Promise.resolve() : Promise.reject(this.#broken());
  }

  /** Holds the sending direction over several waits. If cancelled, it is quiet when nobody awaits it, like a single wait. */
  #exclusively(operation: () => Promise<void>): Promise<void> {
    this.#entering = true;
    const result: Promise<void> = operation().then(
      () => {
        this.#entering = false;
      },
      (error: unknown) => {
        this.#entering = false;
        if (error instanceof Cancelled) result.catch(ignore);
        throw error;
      },
    );
    return result;
  }

  async #sendLater(toll: Promise<void> | undefined, data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    await toll;
    await this.#untilSettled();
    this.#write(data);
    await this.#untilSettled();
  }

  async #endLater(toll: Promise<void> | undefined): Promise<void> {
    await toll;
    await this.#untilSettled();
    this.#end();
    await this.#untilSettled();
  }

  async #untilSettled(): Promise<void> {
    if (this.#closed) throw new ClosedResourceError();
    if (!this.#isSettled) await this.#progress.wait();
    await this.#outcome();
  }

  async #closeGently(): Promise<void> {
    const { clock } = currentEnvironment();
    const stopTimer = clock.setTimer(clock.now() + CLOSE_FLUSH_MS, () => {
      this.#progress.resolve();
    });
    try {
      if (!this.#isSettled) await this.#progress.wait();
      if (this.#isIdle) this.#end();
      if (!this.#isSettled) await this.#progress.wait();
    } catch {
      // Broken or cancelled: what is left is to let go.
    } finally {
      stopTimer();
      this.abort();
    }
  }

  #write(data: Uint8Array | readonly Uint8Array[]): void {
    if (data instanceof Uint8Array) {
      if (data.length > 0) this.#writePiece(data);
      return;
    }
    const pieces = data.filter((piece) => piece.length > 0);
    if (pieces.length > 1) this.#writable.cork();
    for (const piece of pieces) this.#writePiece(piece);
    if (pieces.length > 1) this.#writable.uncork();
  }

  #writePiece(piece: Uint8Array): void {
    this.#owed++;
    this.#writable.write(piece, this.#onWritten);
  }

  #end(): void {
    if (this.#eof !== 'no') return;
    if (this.#options.end !== undefined) {
      this.#options.end();
      this.#eof = 'done';
      return;
    }
    this.#eof = this.#writable.writableFinished ? 'done' : 'asked';
    this.#writable.end();
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#owed--;
    if (error) this.#onError(error);
    else if (this.#isIdle) this.#progress.resolve();
  };

  readonly #onFinish = (): void => {
    if (this.#eof === 'asked') {
      this.#eof = 'done';
      this.#progress.resolve();
    } else this.#fail('the stream was ended by somebody else', undefined);
  };

  readonly #onError = (cause: unknown): void => {
    this.#fail(brokenMessage(cause), cause);
  };

  readonly #onClose = (): void => {
    if (this.#eof !== 'done') this.#fail('the stream was destroyed by the other side', undefined);
  };

  #fail(message: string, cause: unknown): void {
    this.#failure ??= { message, cause };
    this.#progress.reject(this.#broken());
  }
}

/** Implementations older than Node 18's have no `errored`. */
function hasFailed(writable: { readonly errored?: Error | null }): boolean {
  return writable.errored !== null && writable.errored !== undefined;
}

function ignore(): void {
  // See `#exclusively`.
}
