/** ws, client and server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

import { toNodeDuplex } from 'bowline/adapters';
import WebSocket, { WebSocketServer } from 'ws';

import { overTransports, untilClosed } from '../transports.mjs';

export default overTransports('text, 1 MiB of bytes, ping and the closing handshake', async (transport) => {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const server = http.createServer();
  server.on('upgrade', (request, duplex, head) => {
    sockets.handleUpgrade(request, duplex, head, (socket) => sockets.emit('connection', socket, request));
  });
  const handler = (stream) => {
    const duplex = toNodeDuplex(stream);
    server.emit('connection', duplex);
    return untilClosed(duplex);
  };
  await transport(handler, async (connect) => {
    const duplex = toNodeDuplex(await connect());
    const client = new WebSocket('ws://bowline.test/', { createConnection: () => duplex });
    await once(client, 'open');
    client.send('hello');
    const [text, isBinary] = await once(client, 'message');
    assert.deepEqual([String(text), isBinary], ['hello', false]);
    const payload = randomBytes(1024 * 1024);
    client.send(payload);
    const [bytes] = await once(client, 'message');
    assert.ok(payload.equals(bytes));
    const pong = once(client, 'pong');
    client.ping('are you there');
    assert.equal(String((await pong)[0]), 'are you there');
    const closed = once(client, 'close');
    client.close(4001, 'enough');
    const [code, reason] = await closed;
    assert.deepEqual([code, String(reason)], [4001, 'enough']);
  });
  server.close();
  sockets.close();
});
