// One port, several processes: node:cluster hands out the connections, and each worker serves as if it were alone.
//
// `bowline serve --workers N` does this with more care (see docs/workers.md): it counts restarts, adds up statistics and
// forwards the second signal.
import cluster from 'node:cluster';

import { serveTcp } from 'bowline';
import type { Stream } from 'bowline';

const [port = '4043', count = '2'] = process.argv.slice(2);

async function work(stream: Stream): Promise<void> {
  await stream.sendAll(new TextEncoder().encode(`worker ${cluster.worker?.id}\n`));
}

if (cluster.isPrimary) {
  let isStopping = false;
  for (let i = 0; i < Number(count); i++) cluster.fork();
  cluster.on('listening', (worker, address) => console.log(`worker ${worker.id} listens on port ${address.port}`));
  // A worker that fell is replaced, but not one that fell at once: that would go on for ever.
  cluster.on('exit', () => {
    if (!isStopping && process.uptime() > 5) cluster.fork();
  });
  process.on('SIGTERM', () => {
    isStopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  });
} else {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  await serveTcp(work, Number(port), { host: '127.0.0.1', stop: stop.signal });
  process.exit(0);
}
