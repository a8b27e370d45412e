/** Plain node:net at the ends of a test, so that bowline is not judged by itself. */
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';

/** A server on the loopback; closed with all its connections at the end of the test. Resolves with its port. */
export async function rawServer(t: TestContext, onConnection: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

/** A connected client; destroyed at the end of the test. */
export async function rawClient(t: TestContext, target: number | string): Promise<net.Socket> {
  const socket =
    typeof target === 'number'
      ? net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
      : net.connect({ path: target, allowHalfOpen: true });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

/** Everything until the end of file, or until the connection breaks. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', resolve);
  });
  return Buffer.concat(chunks);
}
