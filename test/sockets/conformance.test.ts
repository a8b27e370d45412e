import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { SocketListener, SocketStream } from 'bowline/core';
import { openTcpListeners, openTcpStream, openUnixListener, openUnixSocket } from 'bowline/sockets';
import { checkHalfCloseableStream } from 'bowline/testing';

import { bestReadPath } from '#src/platform/accelerated-reads.js';
import type { ReadPath } from '#src/platform/accelerated-reads.js';
import { adoptSocketOn } from '#src/sockets/socket-stream.js';

import { clog } from '../support/socket-pair.js';

type Pair = readonly [SocketStream, SocketStream];

/** A pair whose sending is blocked both ways. */
async function clogged(maker: () => Promise<Pair>): Promise<Pair> {
  const pair = await maker();
  await clog(pair[0]);
  await clog(pair[1]);
  return pair;
}

async function pairOn(listener: SocketListener, open: () => Promise<SocketStream>): Promise<Pair> {
  const accepted = listener.accept();
  return [await open(), await accepted];
}

test('SOCK-5 TCP streams keep the contract, clogged as well', async () => {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(listener?.address.family === 4);
  const { port } = listener.address;
  const maker = (): Promise<Pair> => pairOn(listener, () => openTcpStream('127.0.0.1', port));
  await checkHalfCloseableStream(maker, () => clogged(maker));
  await listener.close();
});

test('SOCK-5 Unix streams keep the contract, clogged as well', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-'));
  const path = join(folder, 'socket');
  const listener = await openUnixListener(path);
  const maker = (): Promise<Pair> => pairOn(listener, () => openUnixSocket(path));
  await checkHalfCloseableStream(maker, () => clogged(maker));
  await listener.close();
  await rm(folder, { recursive: true });
});

test('every Node that is supported lets accepted sockets read into the shared buffer', () => {
  assert.equal(bestReadPath(), 'own buffer');
});

for (const path of ['adopted', 'plain'] satisfies ReadPath[]) {
  test(`SOCK-5 TCP streams that read the ${path} way keep the contract`, async () => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const maker = async (): Promise<Pair> => {
      const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      client.pause();
      await new Promise<void>((resolve) => client.once('connect', resolve));
      return [adoptSocketOn(path, client), adoptSocketOn(path, await accepted)];
    };
    await checkHalfCloseableStream(maker, () => clogged(maker));
    // The server still counts every socket that was moved to another object.
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
}
