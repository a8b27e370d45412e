/**
 * A decoder whose codec may change between frames: a header in one codec, a body in another, text before and binary after.
 *
 * The bytes stay where they are when the codec changes, so a protocol that changes it at every frame is still linear in time.
 * Changing it drops nothing, not even the beginning of a frame that the old codec has looked at: the new one begins there.
 */
import type { Bytes } from '../core/bytes.ts';
import { MisuseError } from '../core/errors.ts';
import { checkCodec } from './codec.ts';
import type { Codec, Decoder } from './codec.ts';
import { ReadBuffer } from './read-buffer.ts';
import { decoderOn } from './scanner.ts';
import type { SharingDecoder } from './scanner.ts';

export class FrameDecoder<R> implements Decoder<R> {
  readonly #buffer = new ReadBuffer();
  #codec: Codec<never, R>;
  #decoder: SharingDecoder<R>;
  #hasEnded = false;

  constructor(codec: Codec<never, R>) {
    this.#codec = checkCodec(codec);
    this.#decoder = decoderOn(codec, this.#buffer);
  }

  /** Bytes that were pushed and belong to no frame that was taken; what a decoder of your own holds is not counted. */
  get bufferedBytes(): number {
    return this.#buffer.size;
  }

  push(chunk: Uint8Array): void {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a chunk is a Uint8Array');
    if (this.#hasEnded) throw new MisuseError('no more bytes can come after end()');
    this.#buffer.push(chunk);
  }

  next(): R | undefined {
    return this.#decoder.next();
  }

  end(): void {
    this.#hasEnded = true;
    this.#decoder.end();
  }

  takeRest(): Bytes {
    this.#decoder.release();
    const rest = this.#buffer.take(this.#buffer.size);
    this.#hasEnded = false;
    this.#decoder = decoderOn(this.#codec, this.#buffer);
    return rest;
  }

  /** Puts bytes in front of everything that was not decoded yet. They are copied. */
  unread(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('only bytes can be put back');
    this.#decoder.release();
    this.#buffer.unshift(bytes);
    this.#begin(this.#codec);
  }

  /**
   * Decodes everything from here on with another codec.
   *
   * @returns this same decoder, as one of the other frames
   * @throws IncompleteRead the end was announced already, and what is left is no whole frame of the new codec
   */
  switchTo<T>(codec: Codec<never, T>): FrameDecoder<T> {
    checkCodec(codec);
    this.#decoder.release();
    const self = this as unknown as FrameDecoder<T>;
    self.#begin(codec);
    return self;
  }

  /** Where chunks may be received into directly; say with `filled` how much came. */
  room(): Uint8Array {
    return this.#buffer.room(0);
  }

  filled(length: number): void {
    this.#buffer.filled(length);
  }

  #begin(codec: Codec<never, R>): void {
    this.#codec = codec;
    this.#decoder = decoderOn(codec, this.#buffer);
    if (this.#hasEnded) this.#decoder.end();
  }
}
