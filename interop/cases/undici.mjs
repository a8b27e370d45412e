/** undici as the client, node:http as the server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';

import { toNodeDuplex } from 'bowline/adapters';
import { Agent, fetch } from 'undici';

import { overTransports, untilClosed } from '../transports.mjs';

export default overTransports('fetch through an Agent that dials with bowline', async (transport) => {
  const server = http.createServer((request, response) => request.pipe(response));
  const handler = (stream) => {
    const duplex = toNodeDuplex(stream);
    server.emit('connection', duplex);
    return untilClosed(duplex);
  };
  await transport(handler, async (connect) => {
    const dispatcher = new Agent({
      connect: (_options, callback) => {
        connect().then((stream) => callback(null, toNodeDuplex(stream)), callback);
      },
    });
    const payload = randomBytes(300_000);
    for (let i = 0; i < 5; i++) {
      const response = await fetch('http://bowline.test/echo', { method: 'POST', body: payload, dispatcher });
      assert.equal(response.status, 200);
      assert.ok(payload.equals(Buffer.from(await response.arrayBuffer())));
    }
    await dispatcher.close();
  });
  server.close();
});
