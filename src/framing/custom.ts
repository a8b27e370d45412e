/**
 * A codec of your own from two functions: how a value is written, and how one is read off the start of what has arrived.
 *
 * `decode` sees what has arrived and was not consumed, at most `maxBytes` of it. It says how long the frame was that it found, or that it needs more;
 * if it knows how many bytes it needs in all it says so, and is not called again before they are there, which keeps time linear.
 */
import { FrameTooLarge, MisuseError } from '../core/errors.ts';
import type { Codec } from './codec.ts';
import { checkBytes, DEFAULT_FRAME_BYTES } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import type { Scanner } from './scanner.ts';

/** A frame that `decode` found. */
export interface Decoded<out R> {
  readonly value: R;
  /** Bytes of the frame, all that belongs to it; an integer, 1 or more. */
  readonly length: number;
}

export interface CustomCodec<in S, out R = S> {
  encode(value: S): Uint8Array | readonly Uint8Array[];
  /**
   * @param bytes only lent: copy what is to be kept
   * @returns the first frame; or how many bytes there have to be for another try; or `undefined`: any more will do
   * @throws what it likes, best a FramingError; it is thrown again until the bytes are taken or the codec is changed
   */
  decode(bytes: Uint8Array): Decoded<R> | number | undefined;
  /** Most bytes of a frame; an integer, 1 or more. Default 1,048,576. */
  readonly maxBytes?: number | undefined;
}

/** A codec from `encode` and `decode`. Decoding throws FrameTooLarge where `maxBytes` bytes hold no frame. */
export function custom<S, R = S>(codec: CustomCodec<S, R>): Codec<S, R> {
  if (typeof codec.encode !== 'function' || typeof codec.decode !== 'function') {
    throw new TypeError('a custom codec has encode(value) and decode(bytes)');
  }
  const maxBytes = checkBytes('maxBytes', codec.maxBytes ?? DEFAULT_FRAME_BYTES, 1);
  return scanningCodec<S, R>(
    (value) => codec.encode(value),
    () => new CustomScanner(codec, maxBytes),
  );
}

class CustomScanner<R> implements Scanner<R> {
  readonly #codec: CustomCodec<never, R>;
  readonly #maxBytes: number;
  /** How many bytes there have to be for the next try. */
  #wanted = 1;

  constructor(codec: CustomCodec<never, R>, maxBytes: number) {
    this.#codec = codec;
    this.#maxBytes = maxBytes;
  }

  scan(buffer: ReadBuffer): R | undefined {
    const shown = Math.min(buffer.size, this.#maxBytes);
    if (shown >= this.#wanted) {
      const found = this.#codec.decode(buffer.view(shown));
      if (typeof found === 'object') return this.#take(found, shown, buffer);
      this.#wanted = Math.max(shown + 1, found ?? 0);
    }
    if (this.#wanted > this.#maxBytes) {
      const message = `no frame within the limit maxBytes = ${this.#maxBytes}`;
      throw new FrameTooLarge(message, this.#maxBytes);
    }
    return undefined;
  }

  #take({ value, length }: Decoded<R>, shown: number, buffer: ReadBuffer): R {
    if (!Number.isInteger(length) || length < 1 || length > shown) {
      throw new MisuseError(`decode() says that a frame has ${length} bytes, of ${shown} that it was shown`);
    }
    if (value === undefined) throw new MisuseError('undefined cannot be a frame: it stands for none');
    buffer.drop(length);
    this.#wanted = 1;
    return value;
  }
}
