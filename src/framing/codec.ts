/**
 * What framing is: cutting a stream of bytes into messages, and putting messages into bytes.
 *
 * A `Codec` is a description, without state; it can be a constant of your program. Its `encode` gives the bytes of one message.
 * Its `decoder()` makes a transducer: chunks are pushed in as they come, frames are taken out as they are complete. Nothing here
 * waits, reads a clock or does I/O, so the same codec serves `framed(stream, codec)`, a callback protocol and a test.
 *
 * Invariants of every decoder made here:
 *
 * - How the bytes were cut into chunks changes nothing: neither the frames, nor whether there is an error.
 * - Time is linear, also for one-byte chunks: a byte is scanned once (`regex` aside, which says what it costs).
 * - A frame has a limit. One that is longer, or says that it is, is a `FrameTooLarge` before it has filled memory.
 * - An error changes nothing: the bytes stay where they are, the next call says the same, and `takeRest` gives them out. Only
 *   whole frames are consumed, so after a change of codec no byte is lost or read twice.
 *
 * Source: api of Python's h11 and of Trio's length-prefixed and line channels for the split into push and next; Pants'
 * `read_delimiter` for the kinds.
 */
import type { Bytes } from '../core/bytes.ts';

export interface Decoder<out R> {
  /** Adds bytes. They are copied: the memory may be used again at once. */
  push(chunk: Uint8Array): void;

  /**
   * The next frame, or `undefined` while it is not complete.
   *
   * @throws FrameTooLarge the frame is, or will be, longer than the codec's limit
   * @throws FramingError the bytes are not what the codec stands for
   */
  next(): R | undefined;

  /**
   * Says that no more bytes will come. What is complete can still be taken with `next`.
   *
   * @throws IncompleteRead a frame was cut off; `partial` has its beginning. If complete frames come before it, `next` throws it
   */
  end(): void;

  /** Takes out all bytes that belong to no frame that was taken. The decoder is empty afterwards, and can be used again. */
  takeRest(): Bytes;
}

export interface Codec<in S, out R = S> {
  /** The bytes of one frame. @throws TypeError, RangeError the value cannot be a frame of this codec */
  encode(value: S): Uint8Array | readonly Uint8Array[];
  /** A decoder for one direction of one connection. */
  decoder(): Decoder<R>;
}

/** @throws TypeError it is not a codec */
export function checkCodec<C extends Codec<never, unknown>>(codec: C): C {
  const { encode, decoder } = codec as Partial<C>;
  if (typeof encode !== 'function' || typeof decoder !== 'function') {
    throw new TypeError('a codec has encode(value) and decoder()');
  }
  return codec;
}
