// The reference for TLS: node:tls as most programs use it, 'data' events in and socket.write out.
//
// Usage: node node-tls.mjs echo|source|sink BYTES CERT KEY     prints {"port":N} when it listens
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { piece } from './payload.mjs';

const [kind, bytes, cert, key] = process.argv.slice(2);

/** @type {Record<string, (socket: import('node:tls').TLSSocket) => void>} */
const handlers = {
  echo: (socket) => socket.on('data', (chunk) => socket.write(chunk)),
  sink: (socket) => socket.on('data', () => {}),
  source(socket) {
    let left = Number(bytes);
    const pump = () => {
      while (left > 0) {
        left -= piece.length;
        if (!socket.write(piece)) return;
      }
      socket.end();
    };
    socket.on('drain', pump);
    pump();
  },
};

const context = { cert: readFileSync(cert), key: readFileSync(key), noDelay: true };
const server = createServer(context, (socket) => {
  socket.on('error', () => socket.destroy());
  handlers[kind](socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(JSON.stringify({ port: address.port }));
});
