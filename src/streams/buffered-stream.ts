/**
 * BufferedStream: read by meaning rather than by chunk, on any stream. Exactly n bytes, everything up to a delimiter, a line, a
 * frame of any codec.
 *
 * One growing store of bytes holds what was received and not yet asked for. The stream below fills it directly
 * (`receiveInto`), and what is handed out is copied once, or is the store itself where it holds exactly what was asked for.
 * The invariants:
 *
 * - Nothing is lost. A call that is cancelled or fails leaves all it has read in the store for the next call.
 * - Time is linear. No byte is looked at twice for the same delimiter, also across calls; the store is moved or doubled only
 *   when half of it is free or all of it is used.
 * - Limits do not depend on chunking. Whether `receiveUntil` finds its delimiter or gives up follows from the bytes alone,
 *   however they were cut into chunks on their way (anyio's limit depends on it, its PR #1340).
 * - A large `receiveExactly` allocates as the bytes arrive, not as a peer's length field announces them.
 *
 * Sending passes through untouched.
 *
 * Source: anyio `BufferedByteReceiveStream`; Python's `asyncio.StreamReader` for the names.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { BusyResourceError, ClosedResourceError, EndOfChannel, IncompleteRead } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import { checkCodec } from '../framing/codec.ts';
import type { Codec } from '../framing/codec.ts';
import { findDelimiter } from '../framing/delimiter.ts';
import { DEFAULT_SEARCH_BYTES } from '../framing/limits.ts';
import { ReadBuffer } from '../framing/read-buffer.ts';
import { decoderOn } from '../framing/scanner.ts';
import type { SharingDecoder } from '../framing/scanner.ts';
import { decodeText } from '../framing/text.ts';
import { completed, quietIfCancelled, refusal } from '../tasks/waiter.ts';
import { iterateChunks } from './chunk-iterator.ts';
import { sendEofThrough } from './half-close.ts';
import type { SendEofOf } from './half-close.ts';
import { receiveInto } from './receive-into.ts';
import { wrongBuffer, wrongCount, wrongMaxBytes } from './stream-arguments.ts';

const LINE_FEED = new Uint8Array([0x0a]);
const CARRIAGE_RETURN = 0x0d;

export interface ReceiveUntilOptions {
  /** Most bytes before the delimiter; an integer, 0 or more. Default 65,536. */
  readonly maxBytes?: number | undefined;
}

export class BufferedStream<S extends Stream = Stream> implements Stream {
  /** The stream below. Receiving from it directly takes bytes away from this one. */
  readonly stream: S;
  /** Half-closes the stream below; there if it can do that. */
  readonly sendEof: SendEofOf<S>;
  readonly #buffer = new ReadBuffer();
  #state: 'open' | 'closed' | 'detached' = 'open';
  #isReceiving = false;
  /** The last delimiter that was given as text. */
  #delimiter = { text: '', bytes: new Uint8Array(0) as Uint8Array };
  /** Who received the last frame, as long as nobody else has taken anything since: it knows how far it has looked. */
  #framing: { readonly codec: Codec<never, unknown>; readonly decoder: SharingDecoder<unknown> } | undefined;

  /** Owns `stream` from now on. */
  constructor(stream: S) {
    this.stream = stream;
    this.sendEof = sendEofThrough(stream, (below) => this.#passDown(() => below.sendEof()));
  }

  get [wrapped](): S {
    return this.stream;
  }

  /** Bytes that were received from the stream below and not asked for yet. */
  get bufferedBytes(): number {
    return this.#buffer.size;
  }

  /**
   * Receives exactly `count` bytes.
   *
   * @param count an integer, 0 or more
   * @throws IncompleteRead the end of file came first; `partial` has what there was, and it stays in the buffer
   */
  receiveExactly(count: number): Promise<Bytes> {
    const wrong = wrongCount('count', count, 0);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive({
      wantedBytes: count,
      take: (buffer) => (buffer.size < count ? undefined : buffer.take(count)),
      atEndOfFile: (buffer) => {
        throw new IncompleteRead(`the end of file came after ${buffer.size} of ${count} bytes`, buffer.peek());
      },
    });
  }

  /**
   * Receives everything up to a delimiter.
   *
   * @param delimiter bytes, or text as UTF-8; not empty
   * @returns what came before the delimiter; the delimiter is consumed and not returned
   * @throws DelimiterNotFound it does not begin within the first `maxBytes + 1` bytes; all bytes stay in the buffer
   * @throws IncompleteRead the end of file came first; `partial` has what there was, and it stays in the buffer
   */
  receiveUntil(delimiter: Uint8Array | string, options: ReceiveUntilOptions = {}): Promise<Bytes> {
    const pattern = typeof delimiter === 'string' ? this.#encode(delimiter) : delimiter;
    const { maxBytes = DEFAULT_SEARCH_BYTES } = options;
    const wrong = wrongPattern(pattern) ?? wrongCount('maxBytes', maxBytes, 0);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive({
      take: (buffer) => {
        const at = findDelimiter(buffer, pattern, maxBytes);
        if (at < 0) return undefined;
        const found = buffer.take(at);
        buffer.drop(pattern.length);
        return found;
      },
      atEndOfFile: (buffer) => {
        throw new IncompleteRead('the end of file came before the delimiter', buffer.peek());
      },
    });
  }

  /**
   * Receives one line of UTF-8 text.
   *
   * @returns the line without its ending (LF or CR LF); `null` at end of file
   * @throws DelimiterNotFound no line ending within the first `maxBytes + 1` bytes; all bytes stay in the buffer
   * @throws IncompleteRead the end of file came in the middle of a line; `partial` has its beginning, and it stays in the buffer
   * @throws FramingError the line is not UTF-8; its bytes stay in the buffer
   */
  receiveLine(options: ReceiveUntilOptions = {}): Promise<string | null> {
    const { maxBytes = DEFAULT_SEARCH_BYTES } = options;
    const wrong = wrongCount('maxBytes', maxBytes, 0);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive<string | null>({
      take: (buffer) => {
        const at = findDelimiter(buffer, LINE_FEED, maxBytes);
        if (at < 0) return undefined;
        const line = decodeLine(buffer.view(at));
        buffer.drop(at + 1);
        return line;
      },
      atEndOfFile: (buffer) => {
        if (buffer.size === 0) return null;
        throw new IncompleteRead('the end of file came in the middle of a line', buffer.peek());
      },
    });
  }

  /**
   * Receives one frame. The codec may be another one each time: what the last one has not consumed is where the next begins.
   *
   * @throws EndOfChannel the end of file, between two frames
   * @throws IncompleteRead the end of file came in the middle of a frame; `partial` has its beginning, and it stays in the buffer
   * @throws FrameTooLarge the frame is, or will be, over the codec's limit; its bytes stay in the buffer
   * @throws FramingError the bytes are not what the codec stands for, and stay in the buffer
   */
  receiveFrame<R>(codec: Codec<never, R>): Promise<R> {
    let frame: R | undefined;
    let decoder: SharingDecoder<R>;
    try {
      if (this.#framing?.codec !== codec) checkCodec(codec);
      const refused = this.#refuse();
      if (refused !== undefined) return refused;
      decoder = this.#decoderFor(codec);
      frame = decoder.next();
    } catch (error) {
      return Promise.reject(error);
    }
    if (frame !== undefined) return completed(frame);
    return this.#occupy(() =>
      this.#receiveMore({
        take: () => decoder.next(),
        atEndOfFile: () => {
          decoder.end();
          const last = decoder.next();
          if (last === undefined) throw new EndOfChannel();
          return last;
        },
      }),
    );
  }

  /** Receives some bytes: buffered ones if there are any, else what the stream below gives. */
  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    const refused = this.#refuse();
    if (refused !== undefined) return refused;
    this.#endFraming();
    const { size } = this.#buffer;
    if (size === 0) return this.#occupy(() => this.stream.receiveSome(maxBytes));
    return completed(this.#buffer.take(Math.min(maxBytes ?? size, size)));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const wrong = wrongBuffer(buffer);
    if (wrong !== undefined) return Promise.reject(wrong);
    const refused = this.#refuse();
    if (refused !== undefined) return refused;
    this.#endFraming();
    if (this.#buffer.size === 0) return this.#occupy(() => receiveInto(this.stream, buffer));
    const length = Math.min(buffer.length, this.#buffer.size);
    buffer.set(this.#buffer.view(length));
    this.#buffer.drop(length);
    return completed(length);
  }

  /**
   * Puts bytes back, to be received next. They are copied.
   *
   * @throws BusyResourceError a call is receiving
   */
  unread(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('only bytes can be put back');
    this.#checkAttached();
    if (this.#state === 'closed') throw new ClosedResourceError();
    if (this.#isReceiving) throw new BusyResourceError();
    this.#endFraming();
    this.#buffer.unshift(bytes);
  }

  /**
   * Gives the stream below back, with what was received from it and not asked for. This object is of no use afterwards,
   * and closing it closes nothing.
   *
   * @throws BusyResourceError a call is receiving
   */
  detach(): { readonly stream: S; readonly rest: Bytes } {
    this.#checkAttached();
    if (this.#isReceiving) throw new BusyResourceError();
    this.#endFraming();
    this.#state = 'detached';
    return { stream: this.stream, rest: this.#buffer.take(this.#buffer.size) };
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#passDown(() => this.stream.sendAll(data));
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#passDown(() => this.stream.waitSendAllMightNotBlock());
  }

  async close(): Promise<void> {
    if (!this.#dropBuffer()) return;
    await this.stream.close();
  }

  abort(): void {
    if (this.#dropBuffer()) this.stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** False if the stream below is not ours to close any more. */
  #dropBuffer(): boolean {
    if (this.#state === 'detached') return false;
    this.#state = 'closed';
    // A call that is receiving has part of the buffer in use; it is told by the stream below.
    if (!this.#isReceiving) this.#buffer.clear();
    return true;
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #checkAttached(): void {
    if (this.#state === 'detached') throw detached();
  }

  /** Why a receiving operation must not begin, if it must not: one at a time, on an open stream, in a scope that is not cancelled. */
  #refuse(): Promise<never> | undefined {
    if (this.#state === 'detached') return Promise.reject(detached());
    if (this.#state === 'closed') return Promise.reject(new ClosedResourceError());
    if (this.#isReceiving) return Promise.reject(new BusyResourceError());
    return refusal();
  }

  #receive<T>(wanted: Wanted<T>): Promise<T> {
    const refused = this.#refuse();
    if (refused !== undefined) return refused;
    this.#endFraming();
    let taken: T | undefined;
    try {
      taken = wanted.take(this.#buffer);
    } catch (error) {
      return Promise.reject(error);
    }
    return taken === undefined ? this.#occupy(() => this.#receiveMore(wanted)) : completed(taken);
  }

  /** The decoder that received the last frame, if it is of this codec and nothing was taken since; else a new one. */
  #decoderFor<R>(codec: Codec<never, R>): SharingDecoder<R> {
    if (this.#framing?.codec === codec) return this.#framing.decoder as SharingDecoder<R>;
    this.#endFraming();
    const decoder = decoderOn(codec, this.#buffer);
    this.#framing = { codec, decoder };
    return decoder;
  }

  /** Before anybody else takes bytes: all of them are in the buffer then. */
  #endFraming(): void {
    if (this.#framing === undefined) return;
    this.#framing.decoder.release();
    this.#framing = undefined;
  }

  async #receiveMore<T>({ wantedBytes = 0, take, atEndOfFile }: Wanted<T>): Promise<T> {
    for (;;) {
      const received = await receiveInto(this.stream, this.#buffer.room(wantedBytes));
      if (received === null) return atEndOfFile(this.#buffer);
      this.#buffer.filled(received);
      const taken = take(this.#buffer);
      if (taken !== undefined) return taken;
    }
  }

  #passDown(operation: () => Promise<void>): Promise<void> {
    return this.#state === 'detached' ? Promise.reject(detached()) : operation();
  }

  /** Runs the part of an operation that waits, with the receiving direction taken. */
  #occupy<T>(body: () => Promise<T>): Promise<T> {
    return quietIfCancelled(this.#runOccupied(body));
  }

  async #runOccupied<T>(body: () => Promise<T>): Promise<T> {
    this.#isReceiving = true;
    try {
      return await body();
    } finally {
      this.#isReceiving = false;
      if (this.#isClosed()) this.#buffer.clear();
    }
  }

  #encode(delimiter: string): Uint8Array {
    if (delimiter !== this.#delimiter.text)
      this.#delimiter = { text: delimiter, bytes: new TextEncoder().encode(delimiter) };
    return this.#delimiter.bytes;
  }
}

/** What an operation waits for. */
interface Wanted<T> {
  /** How many bytes are needed in all, where that is known. */
  readonly wantedBytes?: number;
  /** Takes it out of the buffer if it is there; changes nothing if it is not, or if it throws. */
  readonly take: (buffer: ReadBuffer) => T | undefined;
  readonly atEndOfFile: (buffer: ReadBuffer) => T;
}

function wrongPattern(pattern: Uint8Array): TypeError | RangeError | undefined {
  if (!(pattern instanceof Uint8Array)) return new TypeError('a delimiter is bytes or text');
  return pattern.length === 0 ? new RangeError('a delimiter cannot be empty') : undefined;
}

function detached(): ClosedResourceError {
  return new ClosedResourceError('the stream below was detached from this one');
}

function decodeLine(line: Uint8Array): string {
  return decodeText(line[line.length - 1] === CARRIAGE_RETURN ? line.subarray(0, -1) : line, 'the line');
}
