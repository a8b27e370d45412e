/** A worker of a cluster that answers every connection, TCP and Unix, with its process id. Run by a test as a process. */
import { serveTcp, serveUnix } from 'bowline/sockets';
import type { SocketListener, SocketStream } from 'bowline/core';
import { openNursery, sleepForever } from 'bowline/tasks';

const answer = (stream: SocketStream): Promise<void> => stream.sendAll(Buffer.from(String(process.pid)));

await openNursery(async (nursery) => {
  process.once('message', () => nursery.cancelScope.cancel());
  const [tcp] = await nursery.start<SocketListener[]>((started) => serveTcp(answer, 0, { host: '127.0.0.1', started }));
  await nursery.start<SocketListener[]>((started) =>
    serveUnix(answer, process.env['SOCKET'] as string, { mode: 0o600, started }),
  );
  process.send?.(tcp?.address.family === 4 ? tcp.address.port : 0);
  await sleepForever();
});
process.exit();
