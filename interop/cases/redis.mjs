/** ioredis against a redis-server of its own, on a Unix socket and on loopback. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { toNodeDuplex } from 'bowline/adapters';
import { openProcess, openTcpStream, openUnixSocket } from 'bowline/sockets';
import { Redis } from 'ioredis';

import { eventually, findProgram, freePort, withFolder } from '../programs.mjs';

async function withRedis(body) {
  await withFolder(async (folder) => {
    const port = await freePort();
    const path = join(folder, 'redis.sock');
    const settings = ['--port', port, '--bind', '127.0.0.1', '--unixsocket', path, '--save', '', '--dir', folder];
    const server = await openProcess(findProgram('redis-server'), settings.map(String), {
      stdin: 'ignore',
      stdout: 'ignore',
    });
    try {
      await eventually(async () => (await openUnixSocket(path)).close());
      await body({ port, path });
    } finally {
      server.terminate();
      await server.close();
    }
  });
}

function newClient(dial) {
  let dialled = 0;
  class BowlineConnector {
    check() {
      return true;
    }

    disconnect() {
      this.stream?.end();
    }

    async connect() {
      dialled++;
      this.stream = toNodeDuplex(await dial());
      return this.stream;
    }
  }
  const client = new Redis({
    Connector: BowlineConnector,
    retryStrategy: () => 10,
    connectTimeout: 5000,
    keepAlive: 1000,
  });
  client.on('error', () => undefined);
  return { client, dialled: () => dialled };
}

async function useRedis(dial) {
  const { client, dialled } = newClient(dial);
  const payload = randomBytes(1024 * 1024);
  await client.set('large', payload);
  assert.ok(payload.equals(await client.getBuffer('large')));
  const pipeline = client.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`k${i}`, i).get(`k${i}`);
  const results = await pipeline.exec();
  assert.deepEqual(results[1999], [null, '999']);
  const { client: subscriber } = newClient(dial);
  const message = new Promise((resolve) => subscriber.on('message', (channel, text) => resolve([channel, text])));
  await subscriber.subscribe('news');
  await client.publish('news', 'hello');
  assert.deepEqual(await message, ['news', 'hello']);
  // Thrown out by the server, it has to notice by the end of file alone, and dial again.
  const id = await client.client('ID');
  const reconnected = new Promise((resolve) => client.once('ready', resolve));
  await subscriber.unsubscribe();
  await subscriber.client('KILL', 'ID', id);
  await reconnected;
  assert.equal(await client.get('k1'), '1');
  assert.equal(dialled(), 2);
  for (const one of [client, subscriber]) {
    const ended = new Promise((resolve) => one.once('end', resolve));
    await one.quit();
    await ended;
  }
}

export default [
  {
    name: 'ioredis over TCP',
    needs: ['redis-server'],
    run: () => withRedis(({ port }) => useRedis(() => openTcpStream('127.0.0.1', port))),
  },
  {
    name: 'ioredis over a Unix socket',
    needs: ['redis-server'],
    run: () => withRedis(({ path }) => useRedis(() => openUnixSocket(path))),
  },
];
