import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { attributeOf, BrokenResourceError, ConnectError, localAddress, remoteAddress } from 'bowline/core';
import type { SocketStream } from 'bowline/core';
import { openTcpListeners, openTcpStream, serveTcp } from 'bowline/sockets';
import { currentTime, failAfter, moveOnAfter, openNursery, sleep, withClock } from 'bowline/tasks';
import { MockClock, SimulatedNetwork } from 'bowline/testing';
import type { LinkOptions } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function inVirtualTime<T>(body: () => Promise<T>): Promise<T> {
  return withClock(new MockClock(), body);
}

interface World {
  readonly network: SimulatedNetwork;
  readonly client: SocketStream;
  readonly server: SocketStream;
}

async function world(link: LinkOptions = {}): Promise<World> {
  const network = new SimulatedNetwork({ seed: 5, link });
  const [listener] = await network.host('server').run(() => openTcpListeners(80));
  const client = await network.host('client').run(() => openTcpStream('server', 80));
  assert.ok(listener !== undefined);
  const server = await listener.accept();
  await listener.close();
  return { network, client, server };
}

async function receiveAll(stream: SocketStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function causeCode(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof BrokenResourceError, String(error));
    assert.equal((error.cause as NodeJS.ErrnoException).code, code);
    return true;
  };
}

function attemptCode(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof ConnectError, String(error));
    for (const attempt of error.attempts) assert.equal((attempt.error as NodeJS.ErrnoException).code, code);
    assert.ok(error.attempts.length > 0);
    return true;
  };
}

test('the openers and servers of bowline run on it as they are', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 30 } });
    await openNursery(async (nursery) => {
      const server = network.host('server');
      await nursery.start((started) =>
        server.run(() =>
          serveTcp(
            async (stream) => {
              for await (const chunk of stream) await stream.sendAll(chunk);
            },
            7,
            { started: () => started() },
          ),
        ),
      );
      await network.host('client').run(async () => {
        const stream = await openTcpStream('server', 7);
        assert.equal(currentTime(), 60);
        await stream.sendAll(bytes('hello'));
        assert.equal(new TextDecoder().decode((await stream.receiveSome()) ?? undefined), 'hello');
        assert.equal(currentTime(), 120);
        assert.deepEqual(stream.remoteAddress, { family: 4, host: '10.0.0.1', port: 7 });
        assert.deepEqual(attributeOf(stream, remoteAddress), stream.remoteAddress);
        assert.deepEqual(attributeOf(stream, localAddress), { family: 4, host: '10.0.0.2', port: 49_152 });
        await stream.close();
      });
      nursery.cancelScope.cancel();
    });
  });
});

test('a megabyte each way over a link that loses a fifth arrives whole, late, and the same in every run', async () => {
  const transfer = async (): Promise<[number, readonly object[]]> => {
    return await inVirtualTime(async () => {
      const link = { latencyMs: 20, jitterMs: 15, loss: 0.2, reorder: 0.1, duplicate: 0.1, corrupt: 0.01 };
      const { network, client, server } = await world(link);
      await openNursery(async (nursery) => {
        for (const [from, to] of [
          [client, server],
          [server, client],
        ] as const) {
          nursery.startSoon(async () => {
            await from.sendAll(data);
            await from.sendEof();
          });
          nursery.startSoon(async () => {
            assert.equal(digest(await receiveAll(to)), digest(data));
          });
        }
      });
      assert.equal(client.bytesSent, data.length);
      assert.equal(client.bytesReceived, data.length);
      return [currentTime(), network.trace()];
    });
  };
  const data = randomBytes(1_048_576);
  const digest = (all: Uint8Array): string => createHash('sha256').update(all).digest('hex');
  const [first, trace] = await transfer();
  assert.ok(first > 1000);
  const [second, again] = await transfer();
  assert.equal(second, first);
  assert.deepEqual(again, trace);
});

test('bandwidth is what a transfer takes its time by', async () => {
  await inVirtualTime(async () => {
    const { client, server } = await world({ latencyMs: 10, bytesPerSecond: 1_000_000 });
    const start = currentTime();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await client.sendAll(new Uint8Array(1_000_000));
        await client.close();
      });
      await receiveAll(server);
    });
    const took = currentTime() - start;
    assert.ok(took > 1000 && took < 1400, String(took));
  });
});

test('nobody listens: refused after a round trip; no such host: unreachable; no such family: unreachable at once', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 10 } });
    network.host('server', { addresses: ['192.0.2.1'] });
    await network.host('client', { addresses: ['192.0.2.2'] }).run(async () => {
      await assert.rejects(openTcpStream('server', 81), attemptCode('ECONNREFUSED'));
      assert.equal(currentTime(), 20);
      await assert.rejects(openTcpStream('192.0.2.99', 81), attemptCode('EHOSTUNREACH'));
      await assert.rejects(openTcpStream('2001:db8::1', 81), attemptCode('ENETUNREACH'));
      await assert.rejects(openTcpStream('nobody.example', 81), ConnectError);
    });
  });
});

test('a host that does not answer: the connect is tried for two minutes; in between it succeeds when the way is free', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 10 } });
    const server = network.host('server');
    await server.run(() => openTcpListeners(80));
    await network.host('client').run(async () => {
      network.partition(['client'], ['server']);
      await assert.rejects(openTcpStream('10.0.0.1', 80), attemptCode('ETIMEDOUT'));
      assert.equal(Math.round(currentTime() / 1000), 127);
      const start = currentTime();
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          await sleep(5000);
          network.heal();
        });
        await openTcpStream('10.0.0.1', 80);
      });
      assert.equal(Math.floor((currentTime() - start) / 1000), 7);
    });
  });
});

test('Happy Eyeballs: the address that does not answer costs 250 ms', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 10 } });
    await network.host('server', { addresses: ['fd00::1', '192.0.2.1'] }).run(() => openTcpListeners(80));
    network.host('dead', { addresses: ['fd00::dead'] });
    network.setName('service', ['fd00::dead', '192.0.2.1']);
    await network.host('client').run(async () => {
      network.partition(['client'], ['dead']);
      const stream = await openTcpStream('service', 80);
      assert.equal(currentTime(), 270);
      assert.deepEqual(stream.remoteAddress, { family: 4, host: '192.0.2.1', port: 80 });
    });
  });
});

test('a full backlog does not answer; there is room again after an accept', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 10 } });
    const [listener] = await network.host('server').run(() => openTcpListeners(80, { acceptQueue: 2 }));
    await network.host('client').run(async () => {
      for (let i = 0; i < 2; i++) await openTcpStream('server', 80);
      const start = currentTime();
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          await sleep(2500);
          await listener?.accept();
        });
        await openTcpStream('server', 80);
      });
      assert.equal(Math.floor((currentTime() - start) / 1000), 3);
    });
  });
});

test('a connect that is cancelled leaves nothing: its port is free, and the server’s end is reset', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 100 } });
    const [listener] = await network.host('server').run(() => openTcpListeners(80));
    await network.host('client').run(async () => {
      assert.equal(await moveOnAfter(50, () => openTcpStream('server', 80)), undefined);
      assert.equal(await moveOnAfter(150, () => openTcpStream('server', 80)), undefined);
    });
    const stream = await listener?.accept();
    assert.ok(stream !== undefined);
    await assert.rejects(stream.receiveSome(), causeCode('ECONNRESET'));
    assert.equal(await moveOnAfter(1000, async () => listener?.accept()), undefined);
  });
});

test('a reset: what had arrived is received, then both directions are broken', async () => {
  await inVirtualTime(async () => {
    const { client, server } = await world();
    await client.sendAll(bytes('last words'));
    await sleep(10);
    client.abort();
    await sleep(10);
    assert.equal((await server.receiveSome())?.length, 10);
    await assert.rejects(server.receiveSome(), causeCode('ECONNRESET'));
    await assert.rejects(server.sendAll(bytes('x')), causeCode('ECONNRESET'));
    await assert.rejects(server.sendEof(), causeCode('ECONNRESET'));
  });
});

test('half-close: the end of one direction leaves the other open', async () => {
  await inVirtualTime(async () => {
    const { client, server } = await world({ latencyMs: 10, loss: 0.2 });
    await client.sendAll(bytes('question'));
    await client.sendEof();
    assert.equal((await receiveAll(server)).length, 8);
    await server.sendAll(bytes('answer'));
    await server.close();
    assert.equal((await receiveAll(client)).length, 6);
    await client.close();
  });
});

test('a short partition is a delay, a long one breaks the sender; the other side hears of it when it sends', async () => {
  await inVirtualTime(async () => {
    const { network, client, server } = await world({ latencyMs: 10 });
    network.partition(['client'], ['server']);
    await client.sendAll(bytes('x'));
    await sleep(5000);
    network.heal();
    const healed = currentTime();
    assert.equal((await server.receiveSome())?.length, 1);
    assert.ok(currentTime() - healed < 10_000);

    network.partition(['client'], ['server']);
    await client.sendAll(bytes('y'));
    await assert.rejects(client.receiveSome(), causeCode('ETIMEDOUT'));
    assert.ok(currentTime() > 600_000 && currentTime() < 1_200_000);
    await client.close();
    network.heal();
    await server.sendAll(bytes('z'));
    await assert.rejects(server.receiveSome(), causeCode('ECONNRESET'));
  });
});

test('what arrives at an end that was closed is answered by a reset', async () => {
  await inVirtualTime(async () => {
    const { client, server } = await world({ latencyMs: 10 });
    await client.close();
    assert.equal(await server.receiveSome(), null);
    await server.sendAll(bytes('x'));
    await sleep(100);
    await assert.rejects(server.sendAll(bytes('y')), causeCode('ECONNRESET'));
  });
});

test('through a NAT the server sees the public address; a rebinding breaks connections', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 10 } });
    const nat = network.nat('203.0.113.1');
    const phone = network.host('phone', { addresses: ['192.168.1.2'], nat });
    const [listener] = await network.host('server').run(() => openTcpListeners(80));
    const client = await phone.run(() => openTcpStream('server', 80));
    const server = await listener?.accept();
    assert.ok(server?.remoteAddress?.family === 4);
    assert.equal(server.remoteAddress.host, '203.0.113.1');
    await client.sendAll(bytes('x'));
    assert.equal((await server.receiveSome())?.length, 1);
    nat.rebind();
    await client.sendAll(bytes('y'));
    await assert.rejects(client.receiveSome(), causeCode('ECONNRESET'));
    assert.equal(await moveOnAfter(60_000, () => server.receiveSome()), undefined);
    await server.sendAll(bytes('z'));
    await assert.rejects(server.receiveSome(), causeCode('ECONNRESET'));
  });
});

test('a listener takes its port, gives it back, and aborts what nobody accepted', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork();
    const host = network.host('server');
    await host.run(async () => {
      const [listener] = await openTcpListeners(80);
      await assert.rejects(openTcpListeners(80), { code: 'EADDRINUSE' });
      await assert.rejects(openTcpListeners(80, { host: '10.0.0.1' }), { code: 'EADDRINUSE' });
      await assert.rejects(openTcpListeners(80, { host: '192.0.2.7' }), { code: 'EADDRNOTAVAIL' });
      const [other] = await openTcpListeners(0, { host: '127.0.0.1' });
      assert.ok(other?.address.family === 4 && other.address.port !== 80);
      const stream = await openTcpStream('localhost', 80);
      await listener?.close();
      await assert.rejects(stream.receiveSome(), causeCode('ECONNRESET'));
      await openTcpListeners(80);
    });
  });
});

test('deadlines are virtual', async () => {
  await inVirtualTime(async () => {
    const { client } = await world();
    await assert.rejects(
      failAfter(3_600_000, () => client.receiveSome()),
      { name: 'TooSlowError' },
    );
    assert.ok(currentTime() >= 3_600_000);
    assert.throws(() => client.setNoDelay(1 as never), TypeError);
    assert.throws(() => client.setKeepAlive(-1), RangeError);
    client.setNoDelay(true);
    client.setKeepAlive(null);
  });
});
