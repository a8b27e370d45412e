/** A bowline stream as web streams: for fetch-like APIs, other runtimes' libraries, and pipeThrough. */
import type { Stream } from '../core/stream.ts';
import { WebStreams } from './web-streams.ts';
import type { WebStreamPair } from './web-streams.ts';

/**
 * Gives the two web streams of a stream and owns it from now on.
 *
 * `readable` is a byte stream (BYOB readers work); closing `writable` half-closes; when reading is done or cancelled and
 * writing is closed the stream is closed. Aborting `writable`, or any error, aborts it. Errors are bowline's own. They outlive
 * the scope they are made in: whoever gets them has to bring both to an end.
 *
 * A stream without `sendEof` is closed when both sides are done.
 */
export function toWebStreams(stream: Stream): WebStreamPair {
  if (typeof (stream as Partial<Stream> | null)?.receiveSome !== 'function') throw new TypeError('not a stream');
  const { readable, writable } = new WebStreams(stream);
  return { readable, writable };
}
