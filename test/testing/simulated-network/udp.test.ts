import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DatagramError, DatagramTooLargeError, MisuseError } from 'bowline/core';
import type { Datagram, UdpSocket } from 'bowline/core';
import { openUdpChannel, openUdpSocket } from 'bowline/sockets';
import { currentTime, moveOnAfter, sleep, withClock, withNetwork } from 'bowline/tasks';
import { MockClock, SimulatedNetwork } from 'bowline/testing';
import type { LinkOptions, SimulatedNetworkOptions } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

function inVirtualTime<T>(body: () => Promise<T>): Promise<T> {
  return withClock(new MockClock(), body);
}

interface World {
  readonly network: SimulatedNetwork;
  readonly a: UdpSocket;
  readonly b: UdpSocket;
}

async function world(options: SimulatedNetworkOptions = {}): Promise<World> {
  const network = new SimulatedNetwork(options);
  const a = await network.host('a').run(() => openUdpSocket({ port: 1000 }));
  const b = await network.host('b').run(() => openUdpSocket({ port: 2000 }));
  return { network, a, b };
}

const toB = { host: '10.0.0.2', port: 2000 };

/** Sends so many numbered datagrams from a to b, one a millisecond, and says which arrived, in which order, when. */
async function run(link: LinkOptions, count = 200, seed = 1): Promise<{ got: string[]; at: number[] }> {
  return await inVirtualTime(async () => {
    const { a, b } = await world({ seed, link });
    const got: string[] = [];
    const at: number[] = [];
    b.onDatagram(({ data }) => {
      got.push(text(data));
      at.push(currentTime());
    });
    for (let i = 0; i < count; i++) {
      await a.send({ data: bytes(String(i)), address: toB });
      await sleep(1);
    }
    await sleep(10_000);
    return { got, at };
  });
}

test('NET-1 a datagram goes from host to host and can be answered, empty ones too', async () => {
  await inVirtualTime(async () => {
    const { a, b } = await world({ link: { latencyMs: 25 } });
    await a.send({ data: bytes('ping'), address: toB });
    await a.send({ data: bytes(''), address: toB });
    const datagram = await b.receive();
    assert.deepEqual(datagram.address, { family: 4, host: '10.0.0.1', port: 1000 });
    assert.equal(currentTime(), 25);
    assert.equal((await b.receive()).data.length, 0);
    await b.send(datagram);
    assert.equal(text((await a.receive()).data), 'ping');
    assert.equal(currentTime(), 50);
  });
});

test('NET-1 what is sent is a copy: the sender may reuse its memory', async () => {
  await inVirtualTime(async () => {
    const { a, b } = await world();
    const data = bytes('abc');
    await a.send({ data, address: toB });
    data.fill(0);
    assert.equal(text((await b.receive()).data), 'abc');
  });
});

test('NET-1 a port is taken once, unless both say that they share it; a foreign address cannot be bound', async () => {
  await inVirtualTime(async () => {
    const host = new SimulatedNetwork().host('a');
    await host.run(async () => {
      const first = await openUdpSocket({ port: 9 });
      for (const other of [undefined, '127.0.0.1', '10.0.0.1', 'fd00::1']) {
        await assert.rejects(openUdpSocket({ port: 9, host: other ?? null }), { code: 'EADDRINUSE' });
      }
      await first.close();
      const shared = await openUdpSocket({ port: 9, reuseAddress: true });
      const second = await openUdpSocket({ port: 9, reuseAddress: true });
      assert.equal(second.address.port, shared.address.port);
      await assert.rejects(openUdpSocket({ host: '10.0.0.7' }), { code: 'EADDRNOTAVAIL' });
      // Free ports are all different.
      const ports = new Set<number>();
      for (let i = 0; i < 100; i++) ports.add((await openUdpSocket()).address.port);
      assert.equal(ports.size, 100);
    });
  });
});

test('a resolver knows the hosts, what names were set, and nothing else', async () => {
  await inVirtualTime(async () => {
    const { network, b } = await world();
    network.setName('Service.Example', ['10.0.0.2']);
    await network.host('a').run(async () => {
      for (const name of ['b', 'service.example', '10.0.0.2', 'fd00::2']) {
        const channel = await openUdpChannel(name, 2000);
        await channel.send(bytes(name));
        assert.equal(text((await b.receive()).data), name);
      }
      const own = await openUdpSocket({ host: '127.0.0.1', port: 77 });
      await (await openUdpChannel('localhost', 77)).send(bytes('x'));
      assert.equal((await own.receive()).address.host, '127.0.0.1');
      await assert.rejects(openUdpChannel('nowhere.example', 1), { code: 'ERR_BOWLINE_CONNECT' });
    });
    network.setName('service.example', []);
    await assert.rejects(
      network.host('a').run(() => openUdpChannel('service.example', 1)),
      { code: 'ERR_BOWLINE_CONNECT' },
    );
  });
});

test('the network is given by withNetwork, by an option, or by a host', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork();
    const host = network.host('a');
    const sockets = [
      await host.run(() => openUdpSocket()),
      await openUdpSocket({ network: host }),
      await withNetwork(host, () => openUdpSocket()),
    ];
    assert.deepEqual(
      sockets.map(({ address }) => address.port),
      [49_152, 49_153, 49_154],
    );
  });
});

test('loss: about the share that was asked for, the same ones in every run with one seed, others with another', async () => {
  const first = await run({ loss: 0.3 });
  assert.ok(first.got.length > 110 && first.got.length < 170, String(first.got.length));
  assert.deepEqual(await run({ loss: 0.3 }), first);
  assert.notDeepEqual(await run({ loss: 0.3 }, 200, 2), first);
  assert.equal((await run({ loss: 1 })).got.length, 0);
});

test('duplicates arrive twice; without loss nothing is missing', async () => {
  const { got } = await run({ duplicate: 0.2 });
  assert.ok(got.length > 220 && got.length < 270, String(got.length));
  assert.equal(new Set(got).size, 200);
});

test('what is reordered or jittered is overtaken, and arrives within its time', async () => {
  const held = await run({ reorder: 0.1, reorderDelayMs: 7 });
  assert.equal(held.got.length, 200);
  assert.notDeepEqual(
    held.got,
    [...held.got].sort((a, b) => Number(a) - Number(b)),
  );
  const { got, at } = await run({ latencyMs: 50, jitterMs: 30 });
  got.forEach((name, i) => {
    const delay = (at[i] ?? 0) - Number(name);
    assert.ok(delay >= 50 && delay < 80, `${name} took ${delay} ms`);
  });
});

test('corruption turns one bit over', async () => {
  const { got } = await run({ corrupt: 1 }, 50);
  assert.equal(got.length, 50);
  await inVirtualTime(async () => {
    const { a, b } = await world({ link: { corrupt: 1 } });
    await a.send({ data: new Uint8Array(100), address: toB });
    const { data } = await b.receive();
    const ones = data.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    assert.equal(ones, 1);
  });
});

test('faults are drawn apart: turning duplicates up does not change what is lost', async () => {
  const lost = await run({ loss: 0.3 });
  const both = await run({ loss: 0.3, duplicate: 0.5, jitterMs: 20, corrupt: 0 });
  assert.deepEqual([...new Set(both.got)].sort(), [...lost.got].sort());
});

test('bandwidth spaces datagrams out, and drops what its queue has no room for', async () => {
  await inVirtualTime(async () => {
    const { network, a, b } = await world({ link: { latencyMs: 10, bytesPerSecond: 100_000, queueBytes: 5000 } });
    for (let i = 0; i < 20; i++) await a.send({ data: new Uint8Array(972), address: toB });
    const at: number[] = [];
    await moveOnAfter(1000, async () => {
      for (;;) {
        await b.receive();
        at.push(Math.round(currentTime()));
      }
    });
    assert.deepEqual(at, [20, 30, 40, 50, 60, 70]);
    assert.equal(network.trace().filter(({ detail }) => detail === 'queue full').length, 14);
  });
});

test('a datagram above the MTU is fragmented, dropped or refused, as the link says', async () => {
  const fragmented = await run({ mtuBytes: 68 }, 5);
  assert.equal(fragmented.got.length, 5);
  await inVirtualTime(async () => {
    const { network, a, b } = await world({ link: { mtuBytes: 600, oversize: 'refuse' } });
    await assert.rejects(a.send({ data: new Uint8Array(573), address: toB }), DatagramTooLargeError);
    await a.send({ data: new Uint8Array(572), address: toB });
    network.setOneWayLink('a', 'b', { oversize: 'drop' });
    await a.send({ data: new Uint8Array(573), address: toB });
    network.setOneWayLink('a', 'b', { oversize: 'fragment' });
    await a.send({ data: new Uint8Array(5000), address: toB });
    assert.equal((await b.receive()).data.length, 572);
    assert.equal((await b.receive()).data.length, 5000);
    assert.equal(network.trace().filter(({ detail }) => detail === 'larger than the mtu').length, 1);
  });
  await inVirtualTime(async () => {
    // Eight fragments, a tenth of which gets lost: 0.9^8 of the datagrams are whole.
    const { a, b } = await world({ link: { mtuBytes: 68, loss: 0.1 } });
    for (let i = 0; i < 300; i++) await a.send({ data: new Uint8Array(480), address: toB });
    await sleep(10);
    const { datagramsReceived } = b.statistics();
    assert.ok(datagramsReceived > 95 && datagramsReceived < 165, String(datagramsReceived));
  });
});

test('a partition swallows what is sent and what is under way, until it heals', async () => {
  await inVirtualTime(async () => {
    const { network, a, b } = await world({ link: { latencyMs: 100 } });
    await a.send({ data: bytes('under way'), address: toB });
    await sleep(50);
    network.partition(['a'], ['b', 'c']);
    await a.send({ data: bytes('sent'), address: toB });
    await sleep(1000);
    network.heal();
    await a.send({ data: bytes('healed'), address: toB });
    assert.equal(text((await b.receive()).data), 'healed');
    assert.equal(network.trace().filter(({ detail }) => detail === 'partition').length, 2);
  });
});

test('nobody listens: the host answers, and a connected socket hears of it; an address that nobody has is unreachable', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork({ link: { latencyMs: 10 } });
    network.host('b');
    await network.host('a').run(async () => {
      const channel = await openUdpChannel('b', 9);
      await channel.send(bytes('x'));
      await assert.rejects(channel.receive(), (error) => error instanceof DatagramError && error.reason === 'refused');
      assert.equal(currentTime(), 20);
      const nowhere = await openUdpChannel('10.9.9.9', 9);
      await nowhere.send(bytes('x'));
      await assert.rejects(nowhere.receive(), { reason: 'unreachable' });
      const loose = await openUdpSocket({ host: '10.0.0.2' });
      await loose.send({ data: bytes('x'), address: { host: '10.0.0.1', port: 9 } });
      await sleep(100);
      await assert.rejects(loose.send({ data: bytes('x'), address: { host: '::1', port: 9 } }), {
        reason: 'unreachable',
      });
    });
    const onlyV4 = network.host('c', { addresses: ['192.0.2.1'] });
    const socket = await onlyV4.run(() => openUdpSocket());
    await assert.rejects(socket.send({ data: bytes('x'), address: { host: 'fd00::1', port: 9 } }), {
      reason: 'unreachable',
    });
  });
});

test('behind a NAT: the outside sees one public port, and answers reach it; a rebinding changes the port', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork();
    const nat = network.nat('203.0.113.1');
    const phone = network.host('phone', { addresses: ['192.168.1.2'], nat });
    const laptop = network.host('laptop', { addresses: ['192.168.1.3'], nat });
    const server = await network
      .host('server', { addresses: ['198.51.100.1'] })
      .run(() => openUdpSocket({ port: 5684 }));
    const channel = await phone.run(() => openUdpChannel('198.51.100.1', 5684));
    const ask = async (): Promise<Datagram> => {
      await channel.send(bytes('?'));
      const datagram = await server.receive();
      await server.send({ data: bytes('!'), address: datagram.address });
      assert.equal(text(await channel.receive()), '!');
      return datagram;
    };
    const first = (await ask()).address;
    assert.equal(first.host, '203.0.113.1');
    assert.deepEqual((await ask()).address, first);
    nat.rebind();
    const second = (await ask()).address;
    assert.equal(second.host, '203.0.113.1');
    assert.notEqual(second.port, first.port);
    nat.rebind('203.0.113.2');
    assert.equal((await ask()).address.host, '203.0.113.2');
    // The old port leads nowhere, the inner address means nothing outside, and inside it needs no translation.
    await server.send({ data: bytes('late'), address: first });
    await server.send({ data: bytes('inner'), address: { host: '192.168.1.2', port: channel.localAddress.port } });
    const neighbour = await laptop.run(() => openUdpSocket());
    const inner = await phone.run(() => openUdpSocket({ port: 7 }));
    await neighbour.send({ data: bytes('hello'), address: { host: '192.168.1.2', port: 7 } });
    assert.equal((await inner.receive()).address.host, '192.168.1.3');
    assert.equal(channel.statistics().datagramsReceived, 4);
  });
});

test('groups and broadcast reach every member, with source, TTL and loopback as they are said', async () => {
  await inVirtualTime(async () => {
    const network = new SimulatedNetwork();
    const group = '239.1.2.3';
    const sockets: UdpSocket[] = [];
    for (const name of ['a', 'b', 'c']) {
      const socket = await network.host(name).run(() => openUdpSocket({ host: '0.0.0.0', port: 5000 }));
      socket.joinGroup(group);
      sockets.push(socket);
    }
    const [a, b, c] = sockets as [UdpSocket, UdpSocket, UdpSocket];
    const received = async (): Promise<number[]> => {
      await sleep(10);
      return sockets.map((socket) => socket.statistics().datagramsReceived);
    };
    const toGroup = { data: bytes('x'), address: { host: group, port: 5000 } };
    await a.send(toGroup);
    assert.deepEqual(await received(), [1, 1, 1]);
    a.setMulticastLoopback(false);
    await a.send(toGroup);
    assert.deepEqual(await received(), [1, 2, 2]);
    c.leaveGroup(group);
    await a.send(toGroup);
    assert.deepEqual(await received(), [1, 3, 2]);
    c.joinGroup(group, { source: '10.0.0.2' });
    await a.send(toGroup);
    await b.send(toGroup);
    assert.deepEqual(await received(), [2, 5, 3]);
    b.setMulticastTtl(0);
    await b.send(toGroup);
    assert.deepEqual(await received(), [2, 6, 3]);
    const toAll = { data: bytes('x'), address: { host: '255.255.255.255', port: 5000 } };
    await assert.rejects(a.send(toAll), { reason: 'not permitted' });
    a.setBroadcast(true);
    await a.send(toAll);
    assert.deepEqual(await received(), [3, 7, 4]);
    assert.throws(() => a.leaveGroup('239.9.9.9'), { code: 'EADDRNOTAVAIL' });
  });
});

test('a router decides about single datagrams: this one lost, that one late and changed, the rest as the link says', async () => {
  await inVirtualTime(async () => {
    const { network, a, b } = await world();
    network.setRouter(({ packet, fromHost, data }) => {
      assert.equal(fromHost, 'a');
      if (packet === 1) return [];
      if (packet === 2) return [{ delayMs: 500, data: bytes('changed') }, { delayMs: 600 }];
      assert.equal(text(data), '3');
      return undefined;
    });
    for (const part of ['1', '2', '3']) await a.send({ data: bytes(part), address: toB });
    const got: [string, number][] = [];
    for (let i = 0; i < 3; i++) got.push([text((await b.receive()).data), currentTime()]);
    assert.deepEqual(got, [
      ['3', 1],
      ['changed', 500],
      ['2', 600],
    ]);
    network.setRouter(null);
  });
});

test('the record tells every datagram, and can be left out', async () => {
  await inVirtualTime(async () => {
    const { network, a } = await world({ link: { latencyMs: 5 } });
    await a.send({ data: bytes('abc'), address: toB });
    await sleep(10);
    const common = { link: 'a>b', packet: 1, protocol: 'udp', from: '10.0.0.1:1000', to: '10.0.0.2:2000', bytes: 3 };
    assert.deepEqual(network.trace(), [
      { atMs: 0, event: 'send', ...common },
      { atMs: 5, event: 'deliver', ...common },
    ]);
    const silent = new SimulatedNetwork({ trace: false });
    const socket = await silent.host('x').run(() => openUdpSocket({ port: 1 }));
    await socket.send({ data: bytes('x'), address: { host: '127.0.0.1', port: 1 } });
    await socket.receive();
    assert.deepEqual(silent.trace(), []);
  });
});

test('bad options are refused', async () => {
  const network = new SimulatedNetwork();
  network.host('a', { addresses: ['192.0.2.1'] });
  assert.throws(() => network.host('a', {}), MisuseError);
  assert.throws(() => network.host('b', { addresses: ['192.0.2.1'] }), MisuseError);
  assert.throws(() => network.host('A b'), RangeError);
  assert.throws(() => new SimulatedNetwork({ seed: '1' as never }), TypeError);
  assert.throws(() => new SimulatedNetwork({ seed: NaN }), RangeError);
  for (const link of [{ loss: 1.1 }, { loss: -1 }, { latencyMs: -1 }, { mtuBytes: 67 }, { bytesPerSecond: 0 }]) {
    assert.throws(() => new SimulatedNetwork({ link }), RangeError);
    assert.throws(() => network.setLink('a', 'b', link), RangeError);
  }
  assert.throws(() => new SimulatedNetwork({ link: { los: 1 } as never }), TypeError);
  assert.throws(() => new SimulatedNetwork({ link: { loss: '1' as never } }), TypeError);
  assert.throws(() => new SimulatedNetwork({ link: { oversize: 'keep' as never } }), TypeError);
  const host = network.host('c');
  await inVirtualTime(() => openUdpSocket({ network: host }));
  await inVirtualTime(() => assert.rejects(openUdpSocket({ network: host }), MisuseError));
});

test('a link can be changed while it runs, alone or with all the others', async () => {
  await inVirtualTime(async () => {
    const { network, a, b } = await world();
    const timeOf = async (): Promise<number> => {
      const start = currentTime();
      await a.send({ data: bytes('x'), address: toB });
      await b.receive();
      return currentTime() - start;
    };
    assert.equal(await timeOf(), 1);
    network.setLinks({ latencyMs: 10 });
    assert.equal(await timeOf(), 10);
    network.setLink('a', 'b', { latencyMs: 20 });
    assert.equal(await timeOf(), 20);
    network.setLinks({ latencyMs: 30 });
    assert.equal(await timeOf(), 20);
  });
});
