/** Two ends of a real connection on the loopback, over any of the ways to read. */
import assert from 'node:assert/strict';
import net from 'node:net';

import type { SocketStream } from 'bowline/core';
import { adoptSocket, openTcpListeners, openTcpStream } from 'bowline/sockets';
import { CancelScope } from 'bowline/tasks';

import type { ReadPath } from '#src/platform/accelerated-reads.js';
import { adoptSocketOn } from '#src/sockets/socket-stream.js';

export interface SocketPair {
  readonly client: SocketStream;
  readonly server: SocketStream;
}

/** A connected pair, by bowline's own opener and listener. */
export async function socketPair(): Promise<SocketPair> {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(listener !== undefined && listener.address.family === 4);
  const accepted = listener.accept();
  const client = await openTcpStream('127.0.0.1', listener.address.port);
  const server = await accepted;
  await listener.close();
  return { client, server };
}

export interface RawPair {
  readonly stream: SocketStream;
  /** The peer, as Node has it. */
  readonly peer: net.Socket;
}

/** A stream whose peer is a bare net.Socket, paused. */
export async function rawPair(path?: ReadPath): Promise<RawPair> {
  const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<net.Socket>((resolve) => listener.once('connection', resolve));
  const { port } = listener.address() as net.AddressInfo;
  const peer = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => undefined);
  peer.pause();
  await new Promise<void>((resolve) => peer.once('connect', resolve));
  const socket = await accepted;
  const stream = path === undefined ? adoptSocket(socket) : adoptSocketOn(path, socket);
  listener.close();
  return { stream, peer };
}

/** Sends until the stream takes no more; the last send is cancelled and its rest stays queued. Returns the bytes given to it. */
export async function clog(stream: SocketStream): Promise<number> {
  const chunk = new Uint8Array(65_536).fill(0x63);
  let given = 0;
  for (;;) {
    given += chunk.length;
    const scope = new CancelScope();
    let isSent = false;
    const sending = scope.run(async () => {
      await stream.sendAll(chunk);
      isSent = true;
    });
    // On the loopback a send that has not gone through after a few turns waits for the reader.
    for (let turn = 0; turn < 4 && !isSent; turn++) await new Promise((resolve) => setImmediate(resolve));
    scope.cancel();
    await sending;
    if (!isSent) return given;
  }
}

/** Everything up to the end of file. */
export async function receiveAll(stream: SocketStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function closeBoth({ client, server }: SocketPair): void {
  client.abort();
  server.abort();
}
