/**
 * Half-closing through wrappers. A wrapper can end one direction exactly if what it wraps can, so it has a `sendEof` or has
 * none, and its type says which. Then `typeof stream.sendEof` tells the truth at any height of a stack.
 */
import type { HalfCloseableStream, SendStream } from '../core/stream.ts';

/** The type of a wrapper's `sendEof`, from that of the stream it wraps. */
export type SendEofOf<S> = S extends HalfCloseableStream ? () => Promise<void> : (() => Promise<void>) | undefined;

/** What can end its sending direction. */
export type EofSender = Pick<HalfCloseableStream, 'sendEof'>;

/** Whether a stream can be half-closed. */
export function isHalfCloseable<S extends SendStream>(stream: S): stream is S & EofSender {
  return typeof (stream as Partial<EofSender>).sendEof === 'function';
}

/** The `sendEof` of a wrapper around `stream`: `call` where the stream has one. */
export function sendEofThrough<S extends SendStream>(
  stream: S,
  call: (stream: EofSender) => Promise<void>,
): SendEofOf<S> {
  return (isHalfCloseable(stream) ? () => call(stream) : undefined) as SendEofOf<S>;
}
