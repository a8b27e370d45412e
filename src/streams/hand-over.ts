/**
 * Handing a stream to another owner.
 *
 * A program that begins TLS on a connection, or gives it to another library, must not go on using it: it would take bytes
 * from under the new owner, or put some between its records. So a stream may have a method by which it becomes another
 * object in the same state, and is closed for whoever has the old one. A stream that has none is handed on as it is.
 */
import type { Stream } from '../core/stream.ts';

/** Method by which a stream moves into a new object. @throws BusyResourceError a call is using it */
export const handOver: unique symbol = Symbol.for('bowline.handOver');

interface MovableStream extends Stream {
  [handOver](): Stream;
}

/** The stream for its new owner; the given object is closed if it can be, with the connection left open. */
export function handedOver(stream: Stream): Stream {
  return handOver in stream ? (stream as MovableStream)[handOver]() : stream;
}
