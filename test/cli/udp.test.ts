import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openUdpChannel } from 'bowline/sockets';

import { BowlineProcess, bowline } from '../support/bowline-process.js';

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

async function listening(process: BowlineProcess): Promise<number> {
  return Number((await process.said(/^bowline: listening on \w+:.*:(\d+)$/m))[1]);
}

test('serve, relay and connect work over udp:, from a datagram socket and from standard input', async (t) => {
  const server = new BowlineProcess(t, ['serve', 'udp:127.0.0.1:0', '--echo']);
  const serverPort = await listening(server);
  const relay = new BowlineProcess(t, ['relay', 'udp:127.0.0.1:0', `udp:127.0.0.1:${serverPort}`]);
  const port = await listening(relay);

  const channel = await openUdpChannel('127.0.0.1', port);
  for (const part of ['one', 'two']) {
    await channel.send(new TextEncoder().encode(part));
    assert.equal(text(await channel.receive()), part);
  }
  await channel.close();

  const { status, stdout } = await bowline(t, ['connect', `udp:127.0.0.1:${port}?idleMs=300`], 'hello');
  assert.deepEqual([status, String(stdout)], [0, 'hello']);
});
