/**
 * A stream whose input can be ended from here: after the signal, `receive…` says end of file, whatever the other side may
 * still send. Sending is not touched. A chunk that has arrived is not lost: it stays below, unread.
 */
import type { HalfCloseableStream } from '../core/stream.ts';
import { receiveInto } from '../streams/receive-into.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { wrapStream } from './wrapped-stream.ts';

export function endableInput(stream: HalfCloseableStream, end: AbortSignal): HalfCloseableStream {
  const unlessEnded = async <T>(receive: () => Promise<T | null>): Promise<T | null> => {
    if (end.aborted) return null;
    const result = await new CancelScope({ signal: end }).tryRun(receive);
    return result.cancelled ? null : result.value;
  };
  return wrapStream(stream, {
    receiveSome: (maxBytes) => unlessEnded(() => stream.receiveSome(maxBytes)),
    receiveInto: (buffer) => unlessEnded(() => receiveInto(stream, buffer)),
  });
}
