// bowline's UDP as its users write it: the callback, the pull API, and a source that awaits each send, or none.
//
// Usage: node bowline-udp.mjs udp-echo|udp-source onDatagram|receive|send|send-connected|nowait-connected     prints {"port":N} when it is bound
import { openUdpChannel, openUdpSocket } from 'bowline/sockets';
import { checkpoint } from 'bowline/tasks';

const variant = process.argv[3];
const socket = await openUdpSocket({ host: '127.0.0.1' });
console.log(JSON.stringify({ port: socket.address.port }));

if (variant === 'onDatagram') {
  socket.onDatagram((datagram) => socket.sendNowait(datagram));
} else if (variant === 'receive') {
  for (;;) await socket.send(await socket.receive());
} else {
  for await (const { data, address } of socket) await source(new TextDecoder().decode(data), address);
}

/** @param {string} request @param {import('bowline/core').InetAddress} address */
async function source(request, address) {
  const [count, size] = request.split(' ').map(Number);
  const data = new Uint8Array(size).fill(120);
  if (variant.endsWith('connected')) {
    const channel = await openUdpChannel(address.host, address.port);
    if (variant === 'nowait-connected') await sendInBatches(channel, data, count);
    else for (let i = 0; i < count; i++) await channel.send(data);
    await channel.close();
  } else {
    for (let i = 0; i < count; i++) await socket.send({ data, address });
  }
  for (let i = 0; i < 3; i++) await socket.send({ data: new Uint8Array(1), address });
}

/** Without a promise for each, as the reference does it. @param {import('bowline/core').UdpChannel} channel @param {Uint8Array} data @param {number} count */
async function sendInBatches(channel, data, count) {
  for (let sent = 0; sent < count; sent += 64) {
    for (let i = 0; i < 64; i++) channel.sendNowait(data);
    await checkpoint();
  }
}
