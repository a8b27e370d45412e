/** Every opener tells the diagnostics channel `bowline.connect` how it ended. */
import type { SocketStream } from '../core/network.ts';
import { publishConnect } from '../observe/connections.ts';
import { currentTime } from '../tasks/environment.ts';

/** Runs an opener and publishes what came of it, where somebody listens. */
export async function announced(target: string, open: () => Promise<SocketStream>): Promise<SocketStream> {
  const startedAt = currentTime();
  try {
    const stream = await open();
    publishConnect(() => ({
      target,
      durationMs: currentTime() - startedAt,
      remoteAddress: stream.remoteAddress,
      localAddress: stream.localAddress,
    }));
    return stream;
  } catch (error) {
    publishConnect(() => ({ target, durationMs: currentTime() - startedAt, error }));
    throw error;
  }
}
