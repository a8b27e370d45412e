// Bun.listen: the uSockets core (that of uWebSockets) under a callback API, on JavaScriptCore.
//
// Usage: bun bun.mjs http|echo|source|sink BYTES     prints {"port":N} when it listens
import { piece, response } from './payload.mjs';

const { Bun } = /** @type {any} */ (globalThis);
const [kind, bytes] = process.argv.slice(2);

/** write() takes what the kernel takes and returns the count; the rest goes out from `drain`. @param {any} socket */
function pump(socket) {
  while (socket.data.left > 0) {
    const sent = socket.write(piece.subarray(0, Math.min(piece.length, socket.data.left)));
    if (sent <= 0) return;
    socket.data.left -= sent;
  }
  socket.end();
}

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(/** @type {any} */ socket) {
      socket.data = { left: kind === 'source' ? Number(bytes) : 0 };
      if (kind === 'source') pump(socket);
    },
    data(/** @type {any} */ socket, /** @type {Uint8Array} */ chunk) {
      if (kind === 'http') socket.write(response);
      else if (kind === 'echo') socket.write(chunk);
    },
    drain(/** @type {any} */ socket) {
      if (kind === 'source') pump(socket);
    },
  },
});
console.log(JSON.stringify({ port: server.port }));
