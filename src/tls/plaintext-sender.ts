/**
 * The sending direction: plaintext into the link, one caller at a time.
 *
 * A send is done when its records are with the transport. The engine has copied (encrypted) the data before that, so the
 * caller's memory is free then, also that of a send which was cancelled: at most one slice (256 KiB) of it still goes out,
 * whole, and the next send waits for it. Nothing here ever breaks the other direction.
 *
 * Small sends do not wait for the engine to say that it is ready again, which it says a turn of the event loop later: all of
 * their records came out at once. The next send waits for that, if it comes so soon.
 */
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import { sliceData } from '../sockets/socket-write.ts';
import { lengthOf } from '../streams/stream-arguments.ts';
import { completed, pass, quietIfCancelled, refusal, Waiter } from '../tasks/waiter.ts';
import { AT_ONCE_BYTES } from './link/link.ts';
import type { Link } from './link/link.ts';

type End = 'open' | 'asked' | 'sent';

export class PlaintextSender {
  readonly #link: Link;
  readonly #progress = new Waiter<void>('external', () => {
    this.#whenIdle?.resolve();
  });
  /** A call is between two waits, or waits for the transport. */
  #isEntered = false;
  /** What is under way is done only when the engine has said so. */
  #needsEngine = false;
  /** Of whoever waits until nothing is under way. */
  #whenIdle: Waiter<void> | undefined;
  #end: End = 'open';
  /** By `sendEof()`, not by closing. */
  #wasEofAsked = false;
  #isClosed = false;
  #failure: { readonly message: string; readonly cause: unknown } | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  // For the link and the stream

  /** To be called when the link's state has changed. */
  onProgress(): void {
    if (this.#progress.pending && this.#isFlushed) this.#progress.resolve();
    if (this.#link.isDrained) this.#whenIdle?.resolve();
  }

  /**
   * Nothing more can be sent. The first failure counts.
   *
   * @param first what the call that is under way hears; later ones hear that the stream is broken
   */
  fail(message: string, cause: unknown, first?: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { message, cause };
    this.#progress.rejectRepeatable(first ?? this.#broken());
    this.#whenIdle?.resolve();
  }

  get isBusy(): boolean {
    return this.#isEntered || this.#progress.pending;
  }

  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** The end was sent, or was about to be. */
  get isEnded(): boolean {
    return this.#end !== 'open';
  }

  /** No new calls. One that is under way may go on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Cuts off whoever is sending. */
  abort(): void {
    this.#isClosed = true;
    if (this.#progress.pending) this.#progress.rejectRepeatable(new ClosedResourceError());
    this.#whenIdle?.resolve();
  }

  /** Until no call is under way, and everything encrypted is with the transport. */
  async untilIdle(): Promise<void> {
    while (this.isBusy || !this.#link.isDrained) {
      const waiter = new Waiter<void>('virtual');
      this.#whenIdle = waiter;
      await waiter.wait();
    }
  }

  // For callers; the handshake is done

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const refused = this.#whyNotSend() ?? refusal();
    if (refused !== undefined) return refused;
    const length = lengthOf(data);
    // An empty write would reach the engine as a record, or as nothing that is ever answered.
    if (length === 0) return completed(undefined);
    if (length > AT_ONCE_BYTES || this.#link.isEncrypting || !this.#link.isDrained)
      return this.#entered(() => this.#sendLater(data));
    this.#needsEngine = !this.#link.write(data);
    return this.#flushing();
  }

  /** As `sendAll` of a stream, but without a handshake. */
  waitSendAllMightNotBlock(): Promise<void> {
    if (this.#isClosed) return again(new ClosedResourceError());
    if (this.isBusy) return Promise.reject(busy());
    if (this.#failure !== undefined) return again(this.#broken());
    const refused = refusal();
    if (refused !== undefined) return refused;
    return this.#entered(() => this.#waitForTransport());
  }

  sendEof(): Promise<void> {
    if (this.#isClosed) return this.#wasEofAsked ? Promise.resolve() : again(new ClosedResourceError());
    if (this.isBusy) return Promise.reject(busy());
    if (this.#end === 'sent' && this.#isFlushed) return pass() ?? Promise.resolve();
    if (this.#failure !== undefined) return again(this.#broken());
    const refused = refusal();
    if (refused !== undefined) return refused;
    this.#wasEofAsked = true;
    return this.sendEnd();
  }

  /** Sends the close_notify, if it was not sent before, and waits until it is out. */
  sendEnd(): Promise<void> {
    if (this.#end === 'open') {
      this.#end = 'asked';
      this.#link.sendCloseNotify(() => {
        this.#end = 'sent';
        this.onProgress();
      });
    }
    return this.#flushing();
  }

  get #isFlushed(): boolean {
    if (this.#end === 'asked') return false;
    return this.#link.isDrained && !(this.#needsEngine && this.#link.isEncrypting);
  }

  #whyNotSend(): Promise<never> | undefined {
    if (this.#isClosed) return again(new ClosedResourceError());
    if (this.#end !== 'open') return again(new ClosedResourceError('sendEof() was called: nothing more can be sent'));
    if (this.isBusy) return Promise.reject(busy());
    return this.#failure === undefined ? undefined : again(this.#broken());
  }

  #flushing(): Promise<void> {
    if (this.#failure !== undefined) return again(this.#broken());
    return this.#isFlushed ? completed(undefined) : this.#progress.wait();
  }

  async #sendLater(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    for (const slice of sliceData(data)) {
      await this.#untilReady();
      this.#needsEngine = !this.#link.write(slice) || lengthOf(slice) > AT_ONCE_BYTES;
      await this.#flushing();
    }
  }

  /** Until what an earlier send left behind is out and the engine takes more. */
  async #untilReady(): Promise<void> {
    this.#needsEngine = true;
    if (!this.#isFlushed) await this.#progress.wait();
    if (this.#failure !== undefined) throw this.#broken();
  }

  async #waitForTransport(): Promise<void> {
    this.#needsEngine = false;
    if (!this.#isFlushed) await this.#progress.wait();
    await this.#link.transportMightNotBlock();
  }

  /** Holds the direction over several waits. What can go wrong in it the next call will say again. */
  #entered(operation: () => Promise<void>): Promise<void> {
    this.#isEntered = true;
    const result = operation().finally(() => {
      this.#isEntered = false;
      this.#whenIdle?.resolve();
    });
    result.catch(ignore);
    return quietIfCancelled(result);
  }

  #broken(): BrokenResourceError {
    return new BrokenResourceError(this.#failure?.message, { cause: this.#failure?.cause });
  }
}

function busy(): BusyResourceError {
  return new BusyResourceError('another call is already sending');
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
