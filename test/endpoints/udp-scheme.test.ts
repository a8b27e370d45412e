import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attributeOf, BrokenResourceError, ClosedResourceError, localAddress, remoteAddress } from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import { connect, listen, parseAddress } from 'bowline/endpoints';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { openUdpSocket } from 'bowline/sockets';
import { relayStreams } from 'bowline/streams';
import { currentTime, moveOnAfter, openNursery, sleep, withClock } from 'bowline/tasks';
import { checkListener, MockClock, SimulatedNetwork } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | null): string | null => (data === null ? null : new TextDecoder().decode(data));

async function world(
  body: (on: {
    listen: (address: string) => ReturnType<typeof listen>;
    connect: (address: string) => Promise<HalfCloseableStream>;
    network: SimulatedNetwork;
  }) => Promise<void>,
): Promise<void> {
  await withClock(new MockClock(), async () => {
    const network = new SimulatedNetwork();
    network.host('server');
    await body({
      listen: (address) => network.host('server').run(() => listen(address)),
      connect: (address) => network.host('client').run(() => connect(address)),
      network,
    });
  });
}

test('udp: listeners keep the contract of listeners', async () => {
  await world(async (on) => {
    let port = 1000;
    await checkListener(async () => {
      port++;
      const [listener] = await on.listen(`udp::${port}`);
      assert.ok(listener !== undefined);
      return { listener, connect: () => on.connect(`udp:server:${port}`) };
    });
  });
});

test('one send is one datagram, one receive is of one datagram, and a small maxBytes gets it in parts', async () => {
  await world(async (on) => {
    const [listener] = await on.listen('udp::9');
    const client = await on.connect('udp:server:9?maxDatagramBytes=4');
    await client.sendAll([bytes('a'), bytes('b')]);
    await client.sendAll(bytes('123456'));
    const server = await listener?.accept();
    assert.ok(server !== undefined);
    for (const part of ['ab', '1234']) assert.equal(text(await server.receiveSome()), part);
    for (const part of ['5', '6']) assert.equal(text(await server.receiveSome(1)), part);
    assert.equal(attributeOf(server, remoteAddress)?.family, 4);
    assert.deepEqual(attributeOf(server, localAddress), listener?.address);
    assert.deepEqual(attributeOf(client, remoteAddress), { family: 4, host: '10.0.0.1', port: 9 });
    await server.close();
    await assert.rejects(server.sendAll(bytes('x')), ClosedResourceError);
    await assert.rejects(server.receiveSome(), ClosedResourceError);
    await client.close();
  });
});

test('a peer of a server ends after a minute of silence, a client a second after it has sent everything', async () => {
  await world(async (on) => {
    const [listener] = await on.listen('udp::9');
    const client = await on.connect('udp:server:9');
    await client.sendAll(bytes('?'));
    const server = await listener?.accept();
    assert.ok(server !== undefined);
    assert.equal(text(await server.receiveSome()), '?');
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(50_000);
        await server.sendAll(bytes('!'));
      });
      assert.equal(text(await client.receiveSome()), '!');
      assert.equal(await server.receiveSome(), null);
      assert.equal(Math.round(currentTime() / 1000), 110);
    });
    assert.equal(await server.receiveSome(), null);
    // A client is patient as long as it may still ask.
    assert.equal(await moveOnAfter(3_600_000, () => client.receiveSome()), undefined);
    const start = currentTime();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(500);
        await client.sendEof();
      });
      assert.equal(await client.receiveSome(), null);
    });
    assert.equal(currentTime() - start, 1500);
    await assert.rejects(client.sendAll(bytes('x')), ClosedResourceError);
    await client.sendEof();
  });
});

test('a peer that comes back after its end is a new connection', async () => {
  await world(async (on) => {
    const [listener] = await on.listen('udp::9?idleMs=1000');
    const client = await on.connect('udp:server:9');
    for (const part of ['first', 'second']) {
      await client.sendAll(bytes(part));
      const server = await listener?.accept();
      assert.equal(text((await server?.receiveSome()) ?? null), part);
      assert.equal(await server?.receiveSome(), null);
      await server?.close();
    }
  });
});

test('nobody listens: the stream is broken, with the reason', async () => {
  await world(async (on) => {
    const client = await on.connect('udp:server:9');
    await client.sendAll(bytes('x'));
    await assert.rejects(client.receiveSome(), (error) => {
      assert.ok(error instanceof BrokenResourceError);
      assert.match(error.message, /nobody listens there \(ECONNREFUSED\)/);
      return true;
    });
  });
});

test('peers, peers that nobody accepted, and what waits for each are bounded, and told', async () => {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => void events.push(event));
  try {
    await world(async (on) => {
      const [listener] = await on.listen('udp::9?acceptQueue=2&maxConnections=3');
      const sockets = [];
      for (let i = 0; i < 5; i++) {
        const socket = await on.network.host('client').run(() => openUdpSocket());
        sockets.push(socket);
        await socket.send({ data: bytes(String(i)), address: { host: '10.0.0.1', port: 9 } });
        await sleep(2);
        if (i === 2) await listener?.accept();
      }
      assert.deepEqual(
        events.map((event) => event.kind === 'accept-refused' && event.reason),
        ['acceptQueue', 'maxConnections'],
      );
      for (let i = 0; i < 100; i++) {
        await sockets[1]?.send({ data: bytes('more'), address: { host: '10.0.0.1', port: 9 } });
      }
      await sleep(10);
      assert.ok(events.some((event) => event.kind === 'datagram-dropped' && event.dropped === 32));
    });
  } finally {
    setReporter(before);
  }
});

test('a relay between two udp: addresses keeps datagrams whole, and ends when both are silent', async () => {
  await world(async (on) => {
    const { network } = on;
    const target = await network.host('target').run(() => openUdpSocket({ port: 7 }));
    target.onDatagram((datagram) => target.sendNowait(datagram));
    const [listener] = await on.listen('udp::9?idleMs=5000');
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        const near = await listener?.accept();
        const far = await network.host('server').run(() => connect('udp:target:7'));
        assert.ok(near !== undefined);
        await relayStreams(near, far);
        await listener?.close();
      });
      const client = await on.connect('udp:server:9');
      for (const part of ['one', 'two', 'three']) await client.sendAll(bytes(part));
      for (const part of ['one', 'two', 'three']) assert.equal(text(await client.receiveSome()), part);
    });
    assert.ok(currentTime() >= 6000 && currentTime() < 7000, String(currentTime()));
  });
});

test('the grammar: a port alone, no host, port 0, options of the other use', () => {
  assert.equal(parseAddress('udp://localhost:53').scheme.name, 'udp');
  for (const [address, role, problem] of [
    ['udp:53', 'listen', /a port alone is written udp::53/],
    ['udp::53', 'connect', /the host is missing/],
    ['udp:localhost:0', 'connect', /port 0 cannot be sent to/],
    ['udp:localhost:53?acceptQueue=3', 'connect', /acceptQueue/],
    ['udp:localhost:53?maxDatagramBytes=0', 'connect', /maxDatagramBytes/],
  ] as const) {
    assert.throws(() => parseAddress(address, { role }), problem);
  }
});
