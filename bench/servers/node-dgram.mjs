// The reference for UDP: node:dgram as most programs use it, 'message' events in and socket.send without a callback out.
//
// A source sends in batches of 64, a turn of the event loop apart; in one go, tens of thousands of sends would only wait in
// the queue of process.nextTick.
//
// Usage: node node-dgram.mjs udp-echo|udp-source dgram|dgram-connected     prints {"port":N} when it is bound
import { createSocket } from 'node:dgram';

const [kind, variant] = process.argv.slice(2);
const BATCH = 64;

const socket = createSocket('udp4');
if (kind === 'udp-echo') socket.on('message', (data, { port, address }) => socket.send(data, port, address));
else socket.on('message', (request, { port, address }) => void source(request.toString(), port, address));
socket.bind(0, '127.0.0.1', () => console.log(JSON.stringify({ port: socket.address().port })));

/** @param {string} request @param {number} port @param {string} address */
async function source(request, port, address) {
  const [count, size] = request.split(' ').map(Number);
  const data = Buffer.alloc(size, 'x');
  const isConnected = variant === 'dgram-connected';
  const out = isConnected ? createSocket('udp4') : socket;
  if (isConnected) await new Promise((resolve) => out.connect(port, address, () => resolve(undefined)));
  for (let sent = 0; sent < count; sent += BATCH) {
    for (let i = 0; i < BATCH; i++) {
      if (isConnected) out.send(data);
      else out.send(data, port, address);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let i = 0; i < 3; i++) socket.send('x', port, address);
  if (isConnected) out.close();
}
