/**
 * Byte streams: the interface that every transport and every wrapper of bowline implements.
 *
 * A byte stream carries bytes in order and nothing else: chunk boundaries mean nothing, and whoever needs messages adds
 * framing. The two directions are independent. Each direction may be used by one caller at a time; a second concurrent
 * call is a bug in the program and gets `BusyResourceError` at once, while the first is not disturbed. `sendAll`,
 * `waitSendAllMightNotBlock` and `sendEof` share the sending direction; `close()` and `abort()` never conflict.
 *
 * End of file is a value (`null`), because it is not an error; a peer that vanished is `BrokenResourceError`, because it
 * is. What arrived before either is delivered first.
 *
 * Source: Trio `SendStream`, `ReceiveStream`, `HalfCloseableStream`; `receiveInto` is bowline's.
 */
import type { Bytes } from './bytes.ts';
import type { AsyncResource } from './resource.ts';

export interface SendStream extends AsyncResource {
  /**
   * Sends every byte of `data`, in order. Resolves when the last byte is in the kernel, in the lower layer, or copied:
   * the caller may reuse the memory then. Several pieces passed as one array go out together where the transport can.
   * Empty data is allowed and has no meaning on the wire, but is checked like any other call.
   *
   * If it rejects, for whatever reason, some unknown prefix may have been sent.
   *
   * @param data bytes to send; not copied unless needed, so do not touch them before the promise settles
   * @throws BusyResourceError another call is using the sending direction
   * @throws ClosedResourceError this side was closed, or `sendEof()` was called
   * @throws BrokenResourceError the peer or the network broke the stream; the original error is the `cause`
   */
  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void>;

  /**
   * Waits until `sendAll` might not block. May return early (even always at once), never late: useful to decide *what*
   * to send as late as possible.
   */
  waitSendAllMightNotBlock(): Promise<void>;
}

export interface ReceiveStream extends AsyncResource, AsyncIterable<Bytes> {
  /**
   * Receives some bytes: at least one, or `null` exactly at end of file (and again at every later call). The bytes are
   * the caller's to keep and to change. Cancelling loses nothing: what arrives later is given to the next call.
   *
   * @param maxBytes at most this many bytes, an integer >= 1; default: what the transport finds convenient
   * @throws TypeError, RangeError `maxBytes` is not an integer, or is below 1; checked before anything else
   * @throws BusyResourceError another call is receiving
   * @throws ClosedResourceError this side was closed
   * @throws BrokenResourceError the peer reset the stream or the network failed
   */
  receiveSome(maxBytes?: number): Promise<Bytes | null>;

  /**
   * Like `receiveSome`, into memory of the caller: resolves with the number of bytes written at the start of `buffer`
   * (at least 1), or `null` at end of file. Optional: the function `receiveInto(stream, buffer)` works on every stream.
   *
   * @param buffer where the bytes go; its length, at least 1, is the limit; not to be touched before the promise settles
   */
  receiveInto?(buffer: Uint8Array): Promise<number | null>;
}

export interface Stream extends SendStream, ReceiveStream {}

export interface HalfCloseableStream extends Stream {
  /**
   * Says that nothing more will be sent; receiving goes on. The peer reads what was sent, then end of file. Idempotent.
   * Afterwards `sendAll` fails with `ClosedResourceError`.
   */
  sendEof(): Promise<void>;
}
