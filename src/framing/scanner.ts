/**
 * How the codecs of this folder decode: a scanner looks for one frame at the start of a ReadBuffer.
 *
 * A scanner keeps no bytes, only how far it has looked; the bytes stay in the buffer until the frame is complete. So a buffer can
 * pass from one codec to another by passing the reference, however often that happens and however much it holds.
 */
import type { Bytes } from '../core/bytes.ts';
import { IncompleteRead, MisuseError } from '../core/errors.ts';
import type { Codec, Decoder } from './codec.ts';
import { ReadBuffer } from './read-buffer.ts';

export interface Scanner<out R> {
  /**
   * Takes the next frame out of the buffer; `undefined` if it is not complete, and then, as when it throws, the buffer is
   * unchanged. Between two calls bytes may only be added, unless a frame was taken.
   */
  scan(buffer: ReadBuffer): R | undefined;

  /** What the bytes that are left at the end mean, of which there are some. Absent: they are an IncompleteRead. */
  finish?(buffer: ReadBuffer): R | undefined;
}

const newScanner: unique symbol = Symbol('bowline.newScanner');

interface ScanningCodec<in S, out R> extends Codec<S, R> {
  [newScanner](): Scanner<R>;
}

/** Makes a codec of the two directions. */
export function scanningCodec<S, R = S>(
  encode: (value: S) => Uint8Array | readonly Uint8Array[],
  scanner: () => Scanner<R>,
): Codec<S, R> {
  const codec: ScanningCodec<S, R> = {
    encode,
    decoder: () => new BufferDecoder(scanner, new ReadBuffer()),
    [newScanner]: scanner,
  };
  return Object.freeze(codec);
}

/** A decoder that takes its bytes out of a buffer which others have a hand in, too. */
export interface SharingDecoder<out R> {
  next(): R | undefined;
  end(): void;
  /** Ends its work: everything that belongs to no frame that was taken is in the buffer afterwards. */
  release(): void;
}

/** A decoder for `codec` that takes its bytes out of `buffer`, whoever puts them there. */
export function decoderOn<R>(codec: Codec<never, R>, buffer: ReadBuffer): SharingDecoder<R> {
  const make = (codec as Partial<ScanningCodec<never, R>>)[newScanner];
  return make === undefined ? new ForeignDecoder(codec.decoder(), buffer) : new BufferDecoder(make, buffer);
}

class BufferDecoder<R> implements Decoder<R>, SharingDecoder<R> {
  readonly #newScanner: () => Scanner<R>;
  #scanner: Scanner<R>;
  readonly #buffer: ReadBuffer;
  #hasEnded = false;
  /** A frame that was found by `end`. */
  #ahead: R | undefined;

  constructor(scanner: () => Scanner<R>, buffer: ReadBuffer) {
    this.#newScanner = scanner;
    this.#scanner = scanner();
    this.#buffer = buffer;
  }

  push(chunk: Uint8Array): void {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a chunk is a Uint8Array');
    if (this.#hasEnded) throw new MisuseError('no more bytes can come after end()');
    this.#buffer.push(chunk);
  }

  next(): R | undefined {
    if (!this.#hasEnded) return this.#scanner.scan(this.#buffer);
    const ahead = this.#ahead;
    if (ahead === undefined) return this.#last();
    this.#ahead = undefined;
    return ahead;
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ahead = this.#last();
  }

  takeRest(): Bytes {
    this.#scanner = this.#newScanner();
    this.#hasEnded = false;
    return this.#buffer.take(this.#buffer.size);
  }

  release(): void {
    // The bytes never left the buffer.
  }

  #last(): R | undefined {
    const frame = this.#scanner.scan(this.#buffer);
    if (frame !== undefined || this.#buffer.size === 0) return frame;
    if (this.#scanner.finish !== undefined) return this.#scanner.finish(this.#buffer);
    throw incomplete(this.#buffer);
  }
}

/** Somebody else's decoder has a buffer of its own: what is in ours is moved there, and back when it is needed. */
class ForeignDecoder<R> implements SharingDecoder<R> {
  readonly #decoder: Decoder<R>;
  readonly #buffer: ReadBuffer;

  constructor(decoder: Decoder<R>, buffer: ReadBuffer) {
    this.#decoder = decoder;
    this.#buffer = buffer;
  }

  next(): R | undefined {
    this.#hand();
    return this.#decoder.next();
  }

  end(): void {
    this.#hand();
    this.#decoder.end();
  }

  release(): void {
    const rest = this.#decoder.takeRest();
    if (rest.length > 0) this.#buffer.unshift(rest);
  }

  #hand(): void {
    const { size } = this.#buffer;
    if (size === 0) return;
    this.#decoder.push(this.#buffer.view(size));
    this.#buffer.drop(size);
  }
}

export function incomplete(buffer: ReadBuffer): IncompleteRead {
  return new IncompleteRead('the end of file came in the middle of a frame', buffer.peek());
}
