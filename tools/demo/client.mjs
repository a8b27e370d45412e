// The near end: connections of plain node:net that send a payload, end, and check what comes back.
import { createHash } from 'node:crypto';
import net from 'node:net';

const PIECE_BYTES = 1 << 20;

/** Opens a connection to the first relay. `progress` counts it. */
export function openConnection(port, progress) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      progress.connections++;
      progress.open++;
      socket.once('close', () => progress.open--);
      resolve(socket);
    });
  });
}

/** Sends the payload and its end; resolves when exactly the same bytes and an end have come back. */
export function sendThrough(socket, payload, progress) {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let returned = 0;
    let sent = 0;
    const fail = (problem) => {
      socket.destroy();
      reject(new Error(`connection from port ${socket.localPort}: ${problem}`));
    };
    const sendMore = () => {
      while (sent < payload.length) {
        const piece = payload.bytes.subarray(sent, sent + PIECE_BYTES);
        sent += piece.length;
        if (!socket.write(piece)) return;
      }
      socket.off('drain', sendMore);
      socket.end();
    };
    socket.on('drain', sendMore);
    socket.on('data', (chunk) => {
      returned += chunk.length;
      progress.returnedBytes += chunk.length;
      hash.update(chunk);
    });
    socket.on('error', (error) => fail(error.message));
    socket.on('end', () => {
      if (returned !== payload.length) fail(`${returned} of ${payload.length} bytes came back`);
      else if (hash.digest('hex') !== payload.digest) fail('other bytes came back than were sent');
    });
    socket.on('close', () => resolve());
    sendMore();
  });
}
