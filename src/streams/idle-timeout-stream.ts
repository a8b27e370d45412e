/**
 * IdleTimeoutStream: gives a connection up when nothing has moved on it for too long, in either direction.
 *
 * There is one timer, for the moment when the silence would be too long if it went on from where it was set. Bytes that
 * move only note the time; when the timer fires it looks at that note, and waits for the rest if there is any. So a busy
 * connection costs one clock reading per operation and one timer per `idleMs`.
 *
 * When the time is up the stream below is aborted, and every operation, waiting or new, fails with a BrokenResourceError whose
 * cause is a TooSlowError. A large send is passed down in parts, so that a slow receiver who does take bytes counts as movement.
 *
 * The clock is the ambient one where the wrapper is made. End of file and half-closing count as movement.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { BrokenResourceError, ClosedResourceError, TooSlowError } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { iterateChunks } from './chunk-iterator.ts';
import { sendEofThrough } from './half-close.ts';
import type { SendEofOf } from './half-close.ts';
import { receiveInto } from './receive-into.ts';
import { lengthOf, piecesOf, wrongData } from './stream-arguments.ts';

/** A send is passed down in parts of at most this size. */
const PART_BYTES = 65_536;

type State = 'open' | 'closed' | 'too slow';

export class IdleTimeoutStream<S extends Stream = Stream> implements Stream {
  readonly stream: S;
  /** Half-closes the stream below; there if it can do that. */
  readonly sendEof: SendEofOf<S>;
  readonly #idleMs: number;
  readonly #clock: Clock;
  #lastMovement: number;
  #cancelTimer: (() => void) | undefined;
  #state: State = 'open';

  /**
   * Owns `stream` from now on: close this object and not the one below, which does not stop the timer.
   *
   * @param idleMs milliseconds without movement after which the stream is broken; more than 0
   */
  constructor(stream: S, idleMs: number) {
    if (typeof idleMs !== 'number') throw new TypeError(`idleMs is a number of milliseconds, not ${typeof idleMs}`);
    if (!(idleMs > 0)) throw new RangeError(`idleMs is more than 0, not ${idleMs}`);
    this.stream = stream;
    this.sendEof = sendEofThrough(stream, (below) => quietIfCancelled(this.#moving(() => below.sendEof())));
    this.#idleMs = idleMs;
    this.#clock = currentEnvironment().clock;
    this.#lastMovement = this.#clock.now();
    this.#watch();
  }

  get [wrapped](): S {
    return this.stream;
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    const isShort = lengthOf(data) <= PART_BYTES;
    return quietIfCancelled(isShort ? this.#moving(() => this.stream.sendAll(data)) : this.#sendInParts(data));
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return quietIfCancelled(
      this.stream.waitSendAllMightNotBlock().catch((error: unknown) => {
        throw this.#explain(error);
      }),
    );
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return quietIfCancelled(this.#moving(() => this.stream.receiveSome(maxBytes)));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return quietIfCancelled(this.#moving(() => receiveInto(this.stream, buffer)));
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  async close(): Promise<void> {
    this.#end('closed');
    await this.stream.close();
  }

  abort(): void {
    this.#end('closed');
    this.stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sendInParts(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    for (const part of partsOf(data)) await this.#moving(() => this.stream.sendAll(part));
  }

  async #moving<T>(operation: () => Promise<T>): Promise<T> {
    try {
      const result = await operation();
      this.#lastMovement = this.#clock.now();
      return result;
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #watch(): void {
    const deadline = this.#lastMovement + this.#idleMs;
    if (deadline === Infinity) return;
    this.#cancelTimer = this.#clock.setTimer(deadline, () => {
      if (this.#lastMovement + this.#idleMs > this.#clock.now()) {
        this.#watch();
        return;
      }
      this.#end('too slow');
      this.stream.abort();
    });
  }

  #end(state: 'closed' | 'too slow'): void {
    this.#state = state;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** What we aborted because of the silence was not closed by the program. */
  #explain(error: unknown): unknown {
    if (this.#state !== 'too slow' || !(error instanceof ClosedResourceError)) return error;
    const cause = new TooSlowError(`no bytes moved for ${this.#idleMs} ms`);
    return new BrokenResourceError(`the connection was given up: ${cause.message}`, { cause });
  }
}

function* partsOf(data: Uint8Array | readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of piecesOf(data)) {
    for (let offset = 0; offset < piece.length; offset += PART_BYTES) yield piece.subarray(offset, offset + PART_BYTES);
  }
}
