/**
 * A relay with a filter in one direction:
 *
 *     near ──▶ filter ──▶ far
 *       ◀─────────────────┘
 *
 * The filter's input and output are a stream like any other. Its output takes the place of what near says, so what is left
 * is an ordinary relay, beside a pump that feeds the filter. A filter that has stopped reading (`head -1`) need not be fed.
 */
import type { HalfCloseableStream } from '../core/stream.ts';
import { pump, relayStreams } from '../streams/pump.ts';
import { StapledStream } from '../streams/stapled-stream.ts';
import { openNursery } from '../tasks/nursery.ts';
import { SideBroken } from './failure.ts';
import type { Side } from './side.ts';

/** @throws what receiving or sending throws, as `relayStreams` does */
export async function relayThrough(near: HalfCloseableStream, filter: Side, far: HalfCloseableStream): Promise<void> {
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      try {
        await pump(near, filter);
      } catch (error) {
        if (!(error instanceof SideBroken && error.address === filter.address && error.during === 'sending'))
          throw error;
      }
    });
    await relayStreams(new StapledStream(near, filter), far);
    nursery.cancelScope.cancel('both directions have ended');
  });
}
