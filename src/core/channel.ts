/**
 * Channels: values with boundaries, where a byte stream has none. UDP sockets, DTLS associations, framed streams and
 * in-memory queues are channels. The end of a channel is an error value, `EndOfChannel`, because every value, `null`
 * and `undefined` included, can be a message.
 *
 * Source: Trio `SendChannel`, `ReceiveChannel`, `Channel`.
 */
import type { AsyncResource } from './resource.ts';

export interface SendChannel<in T> extends AsyncResource {
  /**
   * @throws ClosedResourceError this side was closed
   * @throws BrokenResourceError nobody can receive it any more
   */
  send(value: T): Promise<void>;
}

/** Iterating ends where `receive()` would throw `EndOfChannel`; leaving a loop early does not close the channel. */
export interface ReceiveChannel<out T> extends AsyncResource, AsyncIterable<T> {
  /**
   * @throws EndOfChannel the other side ended the channel and everything it sent has been received
   * @throws ClosedResourceError this side was closed
   * @throws BrokenResourceError the channel failed
   */
  receive(): Promise<T>;
}

export interface Channel<in S, out R = S> extends SendChannel<S>, ReceiveChannel<R> {}
