// The far end: takes the SHA-256 of what each connection brings, and sends it back.
import { createHash } from 'node:crypto';
import net from 'node:net';

export async function startVerifyingServer() {
  const digests = new Map();
  const open = new Set();
  const state = { receivedBytes: 0, peakOpen: 0 };
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    state.peakOpen = Math.max(state.peakOpen, open.size);
    const hash = createHash('sha256');
    socket.on('data', (chunk) => {
      state.receivedBytes += chunk.length;
      hash.update(chunk);
    });
    socket.on('end', () => {
      const digest = hash.digest('hex');
      digests.set(digest, (digests.get(digest) ?? 0) + 1);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    socket.pipe(socket);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: server.address().port,
    get receivedBytes() {
      return state.receivedBytes;
    },
    get peakOpen() {
      return state.peakOpen;
    },
    /** Strikes out one arrival of these bytes; throws if they have not arrived. */
    take(digest) {
      const count = digests.get(digest) ?? 0;
      if (count === 0) throw new Error(`bytes with the SHA-256 ${digest} did not arrive at the far end`);
      digests.set(digest, count - 1);
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
