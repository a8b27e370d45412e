/** Receiving into memory of the caller, on every stream: directly where the stream can, by one copy where it cannot. */
import type { ReceiveStream } from '../core/stream.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { wrongBuffer } from './stream-arguments.ts';

/**
 * Receives some bytes into `buffer`, from its start.
 *
 * @param buffer its length, at least 1, is the limit; not to be touched before the promise settles
 * @returns how many bytes were received, at least 1; `null` at end of file
 * @throws TypeError, RangeError `buffer` is not a Uint8Array, or is empty; otherwise as `receiveSome`
 */
export function receiveInto(stream: ReceiveStream, buffer: Uint8Array): Promise<number | null> {
  if (stream.receiveInto !== undefined) return stream.receiveInto(buffer);
  const wrong = wrongBuffer(buffer);
  if (wrong !== undefined) return Promise.reject(wrong);
  const received = stream.receiveSome(buffer.length).then((chunk) => {
    if (chunk === null) return null;
    buffer.set(chunk);
    return chunk.length;
  });
  return quietIfCancelled(received);
}
