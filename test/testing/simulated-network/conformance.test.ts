import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { SocketStream } from 'bowline/core';
import { openTcpListeners, openTcpStream, openUdpSocket } from 'bowline/sockets';
import { CancelScope, withClock } from 'bowline/tasks';
import {
  checkDatagramSocket,
  checkHalfCloseableStream,
  checkListener,
  MockClock,
  SimulatedNetwork,
  waitAllTasksBlocked,
} from 'bowline/testing';
import type { LinkOptions } from 'bowline/testing';

type Pair = readonly [SocketStream, SocketStream];

function maker(link: LinkOptions): () => Promise<Pair> {
  const network = new SimulatedNetwork({ seed: 3, link, trace: false });
  const [a, b] = [network.host('a'), network.host('b')];
  return async () => {
    const [listener] = await b.run(() => openTcpListeners(80));
    assert.ok(listener !== undefined);
    const stream = await a.run(() => openTcpStream('b', 80));
    const pair = [stream, await listener.accept()] as const;
    await listener.close();
    return pair;
  };
}

/** Sends until nothing more is taken, both ways. */
async function clogged(make: () => Promise<Pair>): Promise<Pair> {
  const pair = await make();
  for (const stream of pair) {
    for (let isFull = false; !isFull;) {
      const scope = new CancelScope();
      await scope.run(async () => {
        const sending = stream.sendAll(new Uint8Array(65_536));
        let isSent = false;
        void sending.then(
          () => (isSent = true),
          () => undefined,
        );
        await waitAllTasksBlocked();
        if (isSent) return;
        isFull = true;
        scope.cancel();
        await sending;
      });
    }
  }
  return pair;
}

const links: [string, LinkOptions][] = [
  ['a perfect link', {}],
  ['a link without latency', { latencyMs: 0 }],
  [
    'a bad link',
    { latencyMs: 30, jitterMs: 20, loss: 0.1, reorder: 0.1, duplicate: 0.1, corrupt: 0.02, mtuBytes: 1200 },
  ],
];

for (const [name, link] of links) {
  test(`simulated TCP streams over ${name} keep the contract, clogged as well`, async () => {
    await withClock(new MockClock(), async () => {
      const make = maker(link);
      await checkHalfCloseableStream(make, () => clogged(make), { checkTimeoutMs: 3_600_000 });
    });
  });
}

test('simulated TCP streams keep the contract in real time', async () => {
  await checkHalfCloseableStream(maker({ latencyMs: 0 }));
});

test('simulated listeners keep the contract', async () => {
  await withClock(new MockClock(), async () => {
    const network = new SimulatedNetwork();
    let port = 1000;
    await checkListener(async () => {
      port++;
      const [listener] = await network.host('b').run(() => openTcpListeners(port));
      assert.ok(listener !== undefined);
      const connect = (): Promise<SocketStream> => network.host('a').run(() => openTcpStream('b', port));
      return { listener, connect };
    });
  });
});

test('simulated UDP sockets keep the contract of datagram sockets', async () => {
  await withClock(new MockClock(), async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 20 } });
    await checkDatagramSocket(async () => [
      await network.host('a').run(() => openUdpSocket({ host: '10.0.0.1' })),
      await network.host('b').run(() => openUdpSocket({ host: '10.0.0.2' })),
    ]);
  });
});
