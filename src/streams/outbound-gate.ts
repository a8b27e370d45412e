/**
 * The sending half of a stream over something that takes all it is given and says later that it is gone: a Writable of
 * Node, a writer of the web.
 *
 * One write is under way at a time, so back-pressure needs no high-water mark. What was given to such a sink cannot be
 * taken back: a cancelled send goes out all the same, in the background (its residue), unless the stream is aborted. Its
 * memory must not be changed before `waitSendAllMightNotBlock` has returned, and the next send waits for it.
 */
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { SendStream } from '../core/stream.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { cancelRequested, completed, refusal, Waiter } from '../tasks/waiter.ts';
import { wrongData } from './stream-arguments.ts';

/** How long `close()` waits for data that is under way; a reader that never reads cannot hold it for longer. */
const CLOSE_FLUSH_MS = 2_000;

export interface OutboundSink {
  /** Begins to send. @returns whether that is done already; else `sent()` or `fail()` follows */
  write(data: Uint8Array | readonly Uint8Array[]): boolean;
  /** Begins to tell the other side that nothing more will come. @returns whether that is done; else `ended()` follows */
  end(): boolean;
  /** This half was closed; called once, last. What is still under way is to be dropped if the sink can. */
  release(): void;
}

export class OutboundGate implements SendStream {
  readonly #sink: OutboundSink;
  /** The wait of the one call that may be in the sending direction. */
  readonly #progress = new Waiter<void>('external');
  /** A call is between two waits. */
  #isEntering = false;
  #isWriting = false;
  #eof: 'no' | 'asked' | 'done' = 'no';
  /** By `sendEof()`, not by closing. */
  #wasEofAsked = false;
  #failure: { readonly message: string; readonly cause: unknown } | undefined;
  #closing: Promise<void> | undefined;
  #isReleased = false;

  constructor(sink: OutboundSink) {
    this.#sink = sink;
  }

  // For the sink

  sent(): void {
    this.#isWriting = false;
    if (this.#isSettled) this.#progress.resolve();
  }

  ended(): void {
    if (this.#eof === 'asked') this.#eof = 'done';
    if (this.#isSettled) this.#progress.resolve();
  }

  /** Nothing more can be sent. The first failure counts. */
  fail(message: string, cause?: unknown): void {
    this.#failure ??= { message, cause };
    this.#progress.rejectRepeatable(this.#broken());
  }

  get isEnded(): boolean {
    return this.#eof === 'done';
  }

  get isEnding(): boolean {
    return this.#eof !== 'no';
  }

  // For the sender

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    const refused = this.#whyNotSend() ?? refusal();
    if (refused !== undefined) return refused;
    if (!this.#isSettled) return this.#inTurns(() => this.#sendLater(data));
    this.#write(data);
    return this.#settling();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    if (this.#isClosed) return again(new ClosedResourceError());
    if (this.#isBusy) return Promise.reject(new BusyResourceError());
    const refused = refusal();
    if (refused !== undefined) return refused;
    // What is broken the next send will say; that it will not block is all that was asked.
    return this.#isSettled ? completed(undefined) : this.#progress.wait();
  }

  /** Resolves when everything is out and the end as well. Idempotent. */
  sendEof(): Promise<void> {
    if (this.#isClosed) return this.#wasEofAsked ? Promise.resolve() : again(new ClosedResourceError());
    if (this.#isBusy) return Promise.reject(new BusyResourceError());
    if (this.#eof === 'done') return Promise.resolve();
    if (this.#failure !== undefined) return again(this.#broken());
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (!this.#isSettled) return this.#inTurns(() => this.#endLater());
    this.#end();
    return this.#settling();
  }

  /**
   * Lets out what is under way and the end, which may take two seconds, and lets go of the sink. What cannot be sent is
   * lost: whoever needs to know awaits `sendAll`. A send that is waiting is cut off.
   */
  close(): Promise<void> {
    if (this.#isReleased) return Promise.resolve();
    if ((this.#closing === undefined && this.#isBusy) || cancelRequested()) {
      this.abort();
      return Promise.resolve();
    }
    return (this.#closing ??= this.#closeGently());
  }

  abort(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#progress.rejectRepeatable(new ClosedResourceError());
    this.#sink.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isClosed(): boolean {
    return this.#isReleased || this.#closing !== undefined;
  }

  get #isBusy(): boolean {
    return this.#isEntering || this.#progress.pending;
  }

  /** There is nothing to wait for, as things stand. */
  get #isSettled(): boolean {
    return this.#failure !== undefined || (!this.#isWriting && this.#eof !== 'asked');
  }

  #whyNotSend(): Promise<never> | undefined {
    if (this.#isClosed) return again(new ClosedResourceError());
    if (this.#eof !== 'no') return again(new ClosedResourceError('sendEof() was called: nothing more can be sent'));
    if (this.#isBusy) return Promise.reject(new BusyResourceError());
    return this.#failure === undefined ? undefined : again(this.#broken());
  }

  #write(data: Uint8Array | readonly Uint8Array[]): void {
    this.#isWriting = true;
    if (this.#sink.write(data)) this.#isWriting = false;
  }

  #end(): void {
    if (this.#eof !== 'no') return;
    this.#eof = 'asked';
    this.#wasEofAsked = this.#closing === undefined;
    if (this.#sink.end()) this.#eof = 'done';
  }

  /** How what was just begun ends. */
  #settling(): Promise<void> {
    return this.#isSettled ? this.#outcome() : this.#progress.wait();
  }

  #outcome(): Promise<void> {
    return this.#failure === undefined ? completed(undefined) : again(this.#broken());
  }

  #broken(): BrokenResourceError {
    return new BrokenResourceError(this.#failure?.message, { cause: this.#failure?.cause });
  }

  /** Holds the sending direction over several waits. What can go wrong in it the next call will say again. */
  #inTurns(operation: () => Promise<void>): Promise<void> {
    this.#isEntering = true;
    const result = operation().finally(() => {
      this.#isEntering = false;
    });
    result.catch(ignore);
    return result;
  }

  async #sendLater(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    await this.#untilSettled();
    await this.#outcome();
    this.#write(data);
    await this.#untilSettled();
    await this.#outcome();
  }

  async #endLater(): Promise<void> {
    await this.#untilSettled();
    await this.#outcome();
    this.#end();
    await this.#untilSettled();
    await this.#outcome();
  }

  async #untilSettled(): Promise<void> {
    if (!this.#isReleased && !this.#isSettled) await this.#progress.wait();
    if (this.#isReleased) throw new ClosedResourceError();
  }

  async #closeGently(): Promise<void> {
    const { clock } = currentEnvironment();
    const stopTimer = clock.setTimer(clock.now() + CLOSE_FLUSH_MS, () => {
      this.abort();
    });
    try {
      await this.#untilSettled();
      if (this.#failure === undefined) this.#end();
      await this.#untilSettled();
    } catch {
      // Broken, cancelled or out of time: what is left is to let go.
    } finally {
      stopTimer();
      this.abort();
    }
  }
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
