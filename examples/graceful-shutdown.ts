// A server that ends well: SIGTERM stops accepting, handlers come to a good point, and after five seconds the rest is cut.
import { BufferedStream, serveTcp, stopRequested } from 'bowline';
import type { Stream } from 'bowline';

const port = Number(process.argv[2] ?? 4042);
const encoder = new TextEncoder();

async function answerLines(connection: Stream): Promise<void> {
  const stream = new BufferedStream(connection);
  for (;;) {
    const line = await stream.receiveLine();
    if (line === null) return;
    await stream.sendAll(encoder.encode(`you said ${line}\n`));
    // Between two requests is a good point to leave at.
    if (stopRequested().aborted) {
      await stream.sendAll(encoder.encode('goodbye\n'));
      return;
    }
  }
}

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

await serveTcp(answerLines, port, {
  host: '127.0.0.1',
  stop: stop.signal,
  drainMs: 5000,
  started: ([listener]) => console.log('listening on', listener?.address),
});
console.log('every connection has ended');
