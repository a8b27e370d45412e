/** The adapters composed back, over memory, TCP and Node's own duplexes, keep the whole contract of streams. */
import net from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';

import type { HalfCloseableStream } from 'bowline/core';
import { fromNodeDuplex, toNodeDuplex } from 'bowline/adapters';
import { openTcpListeners, openTcpStream } from 'bowline/sockets';
import { moveOnAfter } from 'bowline/tasks';
import { checkHalfCloseableStream, lockstepStreamPair, memoryStreamPair } from 'bowline/testing';

import { ReentrantDuplex } from './reentrant-pair.js';

type Pair = readonly [HalfCloseableStream, HalfCloseableStream];

const roundTrip = (stream: HalfCloseableStream): HalfCloseableStream => fromNodeDuplex(toNodeDuplex(stream));

/** Sends until it blocks. */
async function clog(pair: Pair): Promise<Pair> {
  for (;;) {
    const sent = await moveOnAfter(10, () => pair[0].sendAll(new Uint8Array(65_536)).then(() => true));
    if (sent === undefined) return pair;
  }
}

const memory = (): Pair => memoryStreamPair({ capacityBytes: 4096 });

async function bothWays(makeBelow: () => Pair | Promise<Pair>): Promise<void> {
  const make = async (): Promise<Pair> => {
    const [a, b] = await makeBelow();
    return [roundTrip(a), roundTrip(b)];
  };
  await checkHalfCloseableStream(make, async () => clog(await make()));
}

async function tcp(): Promise<Pair> {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  if (listener?.address.family === 'unix' || listener === undefined) throw new Error('no TCP listener');
  const [a, b] = await Promise.all([openTcpStream('127.0.0.1', listener.address.port), listener.accept()]);
  await listener.close();
  return [a, b];
}

test('fromNodeDuplex(toNodeDuplex(…)) over memory keeps the contract of half-closeable streams', () =>
  bothWays(memory));

test('… over lockstep streams, which hold nothing', () => bothWays(lockstepStreamPair));

test('… over TCP', () => bothWays(tcp));

test('… on one side only, against a bare memory stream', async () => {
  const make = async (): Promise<Pair> => {
    const [a, b] = memory();
    return [roundTrip(a), b];
  };
  await checkHalfCloseableStream(make, async () => clog(await make()));
});

test('fromNodeDuplex over a Duplex that delivers within write()', async () => {
  const make = async (): Promise<Pair> => {
    const [a, b] = ReentrantDuplex.pair();
    return [fromNodeDuplex(a), fromNodeDuplex(b)];
  };
  await checkHalfCloseableStream(make, async () => clog(await make()));
});

test('fromNodeDuplex over net.Socket', async () => {
  const make = async (): Promise<Pair> => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const accepted = once(server, 'connection');
    const client = net.connect(port, '127.0.0.1');
    const [connection] = (await accepted) as [net.Socket];
    server.close();
    return [fromNodeDuplex(client), fromNodeDuplex(connection)];
  };
  await checkHalfCloseableStream(make, async () => clog(await make()));
});
