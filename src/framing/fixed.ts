/** Frames that are all of one length. */
import type { Bytes } from '../core/bytes.ts';
import type { Codec } from './codec.ts';
import { checkBytes, checkFrame } from './limits.ts';
import { scanningCodec } from './scanner.ts';

/** @param length of every frame in bytes; an integer, 1 or more */
export function fixed(length: number): Codec<Uint8Array, Bytes> {
  checkBytes('the length of a frame', length, 1);
  return scanningCodec<Uint8Array, Bytes>(
    (frame) => {
      checkFrame(frame, length);
      if (frame.length < length) throw new RangeError(`a frame of ${frame.length} bytes, where all have ${length}`);
      return frame;
    },
    () => ({ scan: (buffer) => (buffer.size < length ? undefined : buffer.take(length)) }),
  );
}
