/**
 * Messages over a stream: a codec on each direction makes a channel of it.
 *
 * The codec may change between two messages, with `switchTo`: a protocol that negotiates in lines and goes on in binary stays one
 * object, and no byte is lost or read twice. `detach` gives the stream back with what was received and belongs to no message that
 * was taken, for a protocol that hands its connection over (STARTTLS, an HTTP upgrade).
 *
 * One call sends and one receives at a time, as on the stream below.
 */
import { wrapped } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Channel } from '../core/channel.ts';
import { EndOfChannel } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import { checkCodec } from '../framing/codec.ts';
import type { Codec } from '../framing/codec.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { BufferedStream } from './buffered-stream.ts';
import type { SendEofOf } from './half-close.ts';

/**
 * Makes a channel of messages from a stream, which it owns from now on.
 *
 * @param codec how messages are written and read; see bowline/framing
 */
export function framed<S, R, T extends Stream = Stream>(stream: T, codec: Codec<S, R>): FramedChannel<S, R, T> {
  return new FramedChannel(stream, codec);
}

export class FramedChannel<in S, out R = S, out T extends Stream = Stream> implements Channel<S, R> {
  /** Ends the sending direction only; there if the stream below can do that. The peer's messages can still be received. */
  readonly sendEof: SendEofOf<T>;
  readonly #stream: BufferedStream<T>;
  #codec: Codec<S, R>;

  constructor(stream: T, codec: Codec<S, R>) {
    this.#codec = checkCodec(codec);
    this.#stream = new BufferedStream(stream);
    this.sendEof = this.#stream.sendEof;
  }

  get [wrapped](): T {
    return this.#stream.stream;
  }

  /**
   * Sends one message. If it rejects, for whatever reason, some part of the message may have been sent: then the channel is of no
   * use any more, unless it was the codec that refused the value.
   *
   * @throws TypeError, RangeError the codec cannot encode the value; nothing was sent
   * @throws BusyResourceError another call is sending
   * @throws ClosedResourceError the channel was closed
   * @throws BrokenResourceError the peer or the network broke the stream
   */
  send(value: S): Promise<void> {
    let bytes: Uint8Array | readonly Uint8Array[];
    try {
      bytes = this.#codec.encode(value);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#stream.sendAll(bytes);
  }

  /**
   * Receives one message. Cancelling loses nothing.
   *
   * @throws EndOfChannel the end of file, between two messages
   * @throws IncompleteRead the end of file came in the middle of a message; `partial` has its beginning
   * @throws FrameTooLarge the message is, or will be, over the codec's limit
   * @throws FramingError the bytes are not what the codec stands for. Like the two above it comes again at every call, until the
   *   codec is changed; the bytes can be had with `detach`
   * @throws BusyResourceError another call is receiving
   * @throws ClosedResourceError the channel was closed
   * @throws BrokenResourceError the peer or the network broke the stream
   */
  receive(): Promise<R> {
    return this.#stream.receiveFrame(this.#codec);
  }

  /**
   * Sends and receives with another codec from here on. What is under way is not affected: a message that is being received is still
   * one of the old codec.
   *
   * @returns this same channel, as one of the other messages
   */
  switchTo<S2, R2>(codec: Codec<S2, R2>): FramedChannel<S2, R2, T> {
    const self = this as unknown as FramedChannel<S2, R2, T>;
    self.#codec = checkCodec(codec);
    return self;
  }

  /**
   * Gives the stream back, with what was received from it and belongs to no message that was taken. This object is of no use
   * afterwards, and closing it closes nothing.
   *
   * @throws BusyResourceError a call is receiving
   */
  detach(): { readonly stream: T; readonly rest: Bytes } {
    return this.#stream.detach();
  }

  /** Iterates until the end of the channel. Leaving a loop does not close anything, and a cancelled step can be tried again. */
  [Symbol.asyncIterator](): AsyncIterator<R, undefined> {
    return { next: () => quietIfCancelled(this.receive().then(toResult<R>, toEnd)) };
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  abort(): void {
    this.#stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function toResult<R>(value: R): IteratorResult<R, undefined> {
  return { done: false, value };
}

function toEnd(error: unknown): IteratorResult<never, undefined> {
  if (error instanceof EndOfChannel) return { done: true, value: undefined };
  throw error;
}
