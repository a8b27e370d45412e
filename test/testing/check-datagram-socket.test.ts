import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Datagram, DatagramSocketLike } from 'bowline/core';
import { openUdpSocket } from 'bowline/sockets';
import { withClock } from 'bowline/tasks';
import { checkDatagramSocket, MockClock, SimulatedNetwork } from 'bowline/testing';

/** A good socket with some of its methods replaced. */
function broken(socket: DatagramSocketLike, changes: Partial<DatagramSocketLike>): DatagramSocketLike {
  return {
    address: socket.address,
    send: (datagram) => socket.send(datagram),
    receive: () => socket.receive(),
    close: () => socket.close(),
    abort: () => socket.abort(),
    [Symbol.asyncIterator]: () => socket[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => socket.close(),
    ...changes,
  };
}

async function failures(change: (socket: DatagramSocketLike) => Partial<DatagramSocketLike>): Promise<string> {
  return await withClock(new MockClock(), async () => {
    const network = new SimulatedNetwork();
    const open = async (name: string, host: string): Promise<DatagramSocketLike> => {
      const socket = await network.host(name).run(() => openUdpSocket({ host }));
      return broken(socket, change(socket));
    };
    try {
      await checkDatagramSocket(async () => [await open('a', '10.0.0.1'), await open('b', '10.0.0.2')]);
    } catch (error) {
      return (error as Error).message;
    }
    return 'none';
  });
}

test('a good socket passes', async () => {
  assert.equal(await failures(() => ({})), 'none');
});

test('one that swallows empty datagrams is found (asyncio before 3.13)', async () => {
  const message = await failures((socket) => ({
    send: async (datagram) => {
      if (datagram.data.length > 0) await socket.send(datagram);
    },
  }));
  assert.match(message, /checkDatagramSocket 1 /);
});

test('one that joins datagrams is found (Pants)', async () => {
  let held: Datagram | undefined;
  const message = await failures((socket) => ({
    send: async (datagram) => {
      if (held === undefined) {
        held = datagram;
        return;
      }
      const data = new Uint8Array([...held.data, ...datagram.data]);
      held = undefined;
      await socket.send({ data, address: datagram.address });
    },
  }));
  assert.match(message, /checkDatagramSocket 1 /);
});

test('one that names the wrong sender is found', async () => {
  const message = await failures((socket) => ({
    receive: async () => ({ ...(await socket.receive()), address: socket.address }),
  }));
  assert.match(message, /checkDatagramSocket 2 .*the sender is/);
});

test('one that ends with its peer, or that closing does not end, is found', async () => {
  assert.match(await failures(() => ({ close: async () => undefined })), /checkDatagramSocket 9 /);
  let sends = 0;
  const fragile = await failures((socket) => ({
    send: async (datagram) => {
      if (++sends % 7 === 0) socket.abort();
      await socket.send(datagram);
    },
  }));
  assert.match(fragile, /checkDatagramSocket 1?\d /);
});
