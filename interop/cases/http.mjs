/** node:http, both sides. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';

import { toNodeDuplex } from 'bowline/adapters';

import { overTransports, readAll, untilClosed } from '../transports.mjs';

function echoServer() {
  return http.createServer((request, response) => {
    response.writeHead(200, { 'x-path': request.url });
    request.pipe(response);
  });
}

class BowlineAgent extends http.Agent {
  connections = 0;

  constructor(connect, options) {
    super(options);
    this.connect = connect;
  }

  createConnection(_options, callback) {
    this.connections++;
    this.connect().then((stream) => callback(null, toNodeDuplex(stream)), callback);
  }
}

async function post(agent, path, body, headers = {}) {
  const request = http.request({ agent, path, method: 'POST', headers });
  const response = await new Promise((resolve, reject) => {
    request.on('response', resolve).on('error', reject).end(body);
  });
  return { response, body: await readAll(response) };
}

async function withServer(transport, body) {
  const server = echoServer();
  const handler = (stream) => {
    const duplex = toNodeDuplex(stream);
    server.emit('connection', duplex);
    return untilClosed(duplex);
  };
  try {
    await transport(handler, body);
  } finally {
    server.close();
  }
}

export default [
  ...overTransports('50 requests on one keep-alive connection', (transport) =>
    withServer(transport, async (connect) => {
      const agent = new BowlineAgent(connect, { keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 50; i++) {
        const { response, body } = await post(agent, `/${i}`, `body ${i}`);
        assert.equal(response.headers['x-path'], `/${i}`);
        assert.equal(String(body), `body ${i}`);
      }
      assert.equal(agent.connections, 1);
      agent.destroy();
    }),
  ),
  ...overTransports('20 uploads and downloads of 1 MiB at a time, closed after each', (transport) =>
    withServer(transport, async (connect) => {
      const agent = new BowlineAgent(connect);
      const payload = randomBytes(1024 * 1024);
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const { body } = await post(agent, '/', payload, { connection: 'close' });
          assert.ok(payload.equals(body));
        }),
      );
      assert.equal(agent.connections, 20);
      agent.destroy();
    }),
  ),
  ...overTransports('a client that goes away in the middle', (transport) =>
    withServer(transport, async (connect) => {
      const agent = new BowlineAgent(connect);
      const request = http.request({ agent, method: 'POST' });
      request.write('part');
      const [response] = await new Promise((resolve) => request.once('response', (...all) => resolve(all)));
      response.on('error', () => undefined);
      request.on('error', () => undefined);
      request.destroy();
      const { body } = await post(agent, '/', 'the next one works');
      assert.equal(String(body), 'the next one works');
      agent.destroy();
    }),
  ),
];
