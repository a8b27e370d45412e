import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';

import {
  attributeOf,
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  ConnectError,
  DatagramError,
  DatagramTooLargeError,
  localAddress,
  MisuseError,
  remoteAddress,
  WouldBlock,
} from 'bowline/core';
import type { Datagram, UdpSocket } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { fromConnectedDgram, fromDgram, openUdpChannel, openUdpSocket } from 'bowline/sockets';
import { Cancelled, CancelScope, openNursery } from 'bowline/tasks';
import { checkDatagramSocket, waitAllTasksBlocked } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const loopback = { host: '127.0.0.1' };

async function pair(): Promise<readonly [UdpSocket, UdpSocket]> {
  return [await openUdpSocket(loopback), await openUdpSocket(loopback)];
}

async function reported(body: () => Promise<void>): Promise<ReportEvent[]> {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => void events.push(event));
  try {
    await body();
  } finally {
    setReporter(before);
  }
  return events;
}

function boundDgram(): Promise<Socket> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket)));
}

test('UDP sockets keep the contract of datagram sockets, on IPv4, IPv6 and adopted', async () => {
  await checkDatagramSocket(pair);
  await checkDatagramSocket(async () => [await openUdpSocket({ host: '::1' }), await openUdpSocket({ host: '::1' })]);
  await checkDatagramSocket(async () => [fromDgram(await boundDgram()), fromDgram(await boundDgram())]);
});

test('000-3 two sends are two datagrams, and an empty one is one too', async () => {
  const [a, b] = await pair();
  for (const part of ['abc', '', 'def']) await a.send({ data: bytes(part), address: b.address });
  const received: Datagram[] = [];
  for (let i = 0; i < 3; i++) received.push(await b.receive());
  assert.deepEqual(
    received.map(({ data }) => text(data)),
    ['abc', '', 'def'],
  );
  assert.deepEqual(received[0]?.address, a.address);
  assert.equal(received[0]?.data.constructor, Uint8Array);
  await a.close();
  await b.close();
});

test('what is received can be answered as it is, and iteration goes on after a break', async () => {
  const [a, b] = await pair();
  for (const part of ['1', '2']) await a.send({ data: bytes(part), address: b.address });
  for await (const datagram of b) {
    await b.send(datagram);
    break;
  }
  for await (const { data } of b) {
    assert.equal(text(data), '2');
    break;
  }
  assert.equal(text((await a.receive()).data), '1');
  a.abort();
  b.abort();
});

test('a datagram of the largest size goes through; one byte more is a typed error that names the limit', async () => {
  const [a, b] = await pair();
  a.setSendBufferBytes(200_000);
  await a.send({ data: new Uint8Array(65_507).fill(7), address: b.address });
  const { data } = await b.receive();
  assert.equal(data.length, 65_507);
  assert.ok(data.every((byte) => byte === 7));
  await assert.rejects(a.send({ data: new Uint8Array(65_508), address: b.address }), (error) => {
    assert.ok(error instanceof DatagramTooLargeError && error.maxBytes === 65_507 && error.reason === 'too large');
    return true;
  });
  const channel = await openUdpChannel('::1', b.address.port);
  await assert.rejects(channel.send(new Uint8Array(65_528)), { maxBytes: 65_527 });
  assert.throws(() => channel.sendNowait(new Uint8Array(65_528)), DatagramTooLargeError);
  for (const each of [a, b, channel]) await each.close();
});

test('the receive queue is bounded in datagrams: what is beyond is dropped, counted and told', async () => {
  const sender = await openUdpSocket(loopback);
  const receiver = await openUdpSocket({ ...loopback, receiveQueue: 2 });
  const last = await openUdpSocket(loopback);
  const events = await reported(async () => {
    for (let i = 0; i < 6; i++) await sender.send({ data: bytes(String(i)), address: receiver.address });
    await sender.send({ data: bytes('last'), address: last.address });
    await last.receive();
    await waitAllTasksBlocked();
  });
  const { datagramsDropped, datagramsReceived, queuedDatagrams, queuedBytes } = receiver.statistics();
  assert.deepEqual([datagramsDropped, datagramsReceived, queuedDatagrams], [4, 2, 2]);
  assert.ok(queuedBytes > 2);
  assert.deepEqual(
    events.map((event) => event.kind === 'datagram-dropped' && event.dropped),
    [1, 2, 4],
  );
  assert.equal(text((await receiver.receive()).data), '0');
  assert.equal(text((await receiver.receive()).data), '1');
  assert.equal(receiver.statistics().queuedBytes, 0);
  for (const socket of [sender, receiver, last]) await socket.close();
});

test('the receive queue is bounded in bytes, and lets one in that is larger than the whole queue', async () => {
  const sender = await openUdpSocket(loopback);
  const receiver = await openUdpSocket({ ...loopback, receiveQueueBytes: 1000 });
  await reported(async () => {
    for (let i = 0; i < 3; i++) await sender.send({ data: new Uint8Array(2000), address: receiver.address });
    await sender.send({ data: bytes('x'), address: sender.address });
    await sender.receive();
    await waitAllTasksBlocked();
  });
  assert.equal((await receiver.receive()).data.length, 2000);
  assert.equal(receiver.statistics().datagramsDropped, 2);
  sender.abort();
  receiver.abort();
});

test('nobody listens: a connected channel says so at the next call, once, and goes on', async () => {
  const server = await openUdpSocket(loopback);
  const { port } = server.address;
  await server.close();
  const channel = await openUdpChannel('127.0.0.1', port);
  const refused = (error: unknown): true => {
    assert.ok(error instanceof DatagramError && error.reason === 'refused', String(error));
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  };
  await channel.send(bytes('1'));
  await assert.rejects(channel.receive(), refused);
  // A receive that waits already hears of it at once.
  await openNursery(async (nursery) => {
    nursery.startSoon(() => assert.rejects(channel.receive(), refused));
    await waitAllTasksBlocked();
    await channel.send(bytes('2'));
  });
  assert.equal(channel.statistics().errors, 2);
  const again = await openUdpSocket({ ...loopback, port });
  await channel.send(bytes('3'));
  const { data, address } = await again.receive();
  assert.equal(text(data), '3');
  await again.send({ data: bytes('back'), address });
  assert.equal(text(await channel.receive()), 'back');
  await channel.close();
  await again.close();
});

test('nobody listens: with onDatagram the error goes to its handler', async () => {
  const server = await openUdpSocket(loopback);
  const { port } = server.address;
  await server.close();
  const channel = await openUdpChannel('127.0.0.1', port);
  const told = new Promise<Error>((resolve) => {
    channel.onDatagram(() => undefined, resolve);
  });
  await channel.send(bytes('1'));
  assert.ok((await told) instanceof DatagramError);
  channel.abort();
});

test('an error to one peer does not disturb a socket that talks to anybody', async () => {
  const [a, b] = await pair();
  const gone = await openUdpSocket(loopback);
  await gone.close();
  await a.send({ data: bytes('lost'), address: gone.address });
  await b.send({ data: bytes('x'), address: a.address });
  assert.equal(text((await a.receive()).data), 'x');
  a.abort();
  b.abort();
});

test('a broadcast address needs broadcast: true; the refusal is the error of that send', async () => {
  const socket = await openUdpSocket({ host: '0.0.0.0' });
  const broadcast = { data: bytes('x'), address: { host: '255.255.255.255', port: socket.address.port } };
  await assert.rejects(
    socket.send(broadcast),
    (error) => error instanceof DatagramError && error.reason === 'not permitted',
  );
  assert.throws(() => socket.sendNowait(broadcast), DatagramError);
  socket.setBroadcast(true);
  // Where there is no way out the system says so; that it is permitted now is the point.
  await socket.send(broadcast).catch((error: unknown) => {
    assert.ok(error instanceof DatagramError && error.reason === 'unreachable', String(error));
  });
  await socket.close();
});

test('003-Q1 multicast: one sender, two receivers on one host, with the interface, TTL and loopback said', async () => {
  const group = '239.255.42.99';
  const receivers = [await openUdpSocket({ host: '0.0.0.0', reuseAddress: true })];
  const { port } = (receivers[0] as UdpSocket).address;
  receivers.push(await openUdpSocket({ host: '0.0.0.0', port, reuseAddress: true }));
  for (const socket of receivers) socket.joinGroup(group, { interface: '127.0.0.1' });
  const sender = await openUdpSocket({ host: '0.0.0.0' });
  sender.setMulticastInterface('127.0.0.1');
  sender.setMulticastTtl(1);
  sender.setMulticastLoopback(true);
  sender.setTtl(64);
  await sender.send({ data: bytes('to all'), address: { host: group, port } });
  for (const socket of receivers) assert.equal(text((await socket.receive()).data), 'to all');

  // A system may let a group in as long as anybody here is a member of it, so both leave.
  for (const socket of receivers) socket.leaveGroup(group, { interface: '127.0.0.1' });
  await sender.send({ data: bytes('to nobody'), address: { host: group, port } });
  const control = await openUdpSocket(loopback);
  await sender.send({ data: bytes('control'), address: control.address });
  await control.receive();
  await waitAllTasksBlocked();
  assert.deepEqual(
    receivers.map((socket) => socket.statistics().queuedDatagrams),
    [0, 0],
  );
  for (const socket of [...receivers, sender, control]) await socket.close();
});

test('003-Q1 without multicast loopback this machine does not hear what it sends', async (t) => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((one) => one !== undefined && !one.internal && one.family === 'IPv4');
  if (outside === undefined) {
    t.skip('this machine has only its loopback interface, which always loops');
    return;
  }
  const via = { interface: outside.address };
  const group = '239.255.42.98';
  const receiver = await openUdpSocket({ host: '0.0.0.0' });
  receiver.joinGroup(group, via);
  const sender = await openUdpSocket({ host: '0.0.0.0' });
  sender.setMulticastInterface(outside.address);
  const address = { host: group, port: receiver.address.port };
  sender.setMulticastLoopback(false);
  await sender.send({ data: bytes('to others'), address });
  sender.setMulticastLoopback(true);
  await sender.send({ data: bytes('to all'), address });
  assert.equal(text((await receiver.receive()).data), 'to all');
  await receiver.close();
  await sender.close();
});

test('source-specific multicast takes only what its source sends', async () => {
  const group = '232.1.2.3';
  const receiver = await openUdpSocket({ host: '0.0.0.0' });
  receiver.joinGroup(group, { interface: '127.0.0.1', source: '127.0.0.1' });
  const other = await openUdpSocket({ host: '127.0.0.2' });
  const source = await openUdpSocket({ host: '127.0.0.1' });
  for (const sender of [other, source]) {
    sender.setMulticastInterface('127.0.0.1');
    await sender.send({ data: bytes(sender.address.host), address: { host: group, port: receiver.address.port } });
  }
  assert.equal(text((await receiver.receive()).data), '127.0.0.1');
  assert.equal(receiver.statistics().datagramsReceived, 1);
  receiver.leaveGroup(group, { interface: '127.0.0.1', source: '127.0.0.1' });
  for (const socket of [receiver, other, source]) await socket.close();
});

test('003-Q3 one socket hears IPv4 and IPv6, and shows each peer in the form of its family', async () => {
  const server = await openUdpSocket();
  assert.equal(server.address.host, '::');
  const v4 = await openUdpChannel('127.0.0.1', server.address.port);
  const v6 = await openUdpChannel('::1', server.address.port);
  for (const channel of [v4, v6]) {
    await channel.send(bytes('x'));
    const datagram = await server.receive();
    assert.deepEqual(datagram.address, channel.localAddress);
    await server.send({ data: bytes('y'), address: datagram.address });
    assert.equal(text(await channel.receive()), 'y');
  }
  assert.deepEqual([v4.remoteAddress.family, v6.remoteAddress.family], [4, 6]);
  // Any text form of an address will do.
  for (const host of ['::FFFF:127.0.0.1', '127.0.0.1']) {
    await server.send({ data: bytes('z'), address: { host, port: v4.localAddress.port } });
    assert.equal(text(await v4.receive()), 'z');
  }
  const ipv4 = await openUdpSocket(loopback);
  const mapped = { family: 6, host: '::ffff:127.0.0.1', port: v4.localAddress.port } as const;
  await ipv4.send({ data: bytes('from somebody else'), address: mapped });
  await assert.rejects(ipv4.send({ data: bytes('x'), address: v6.localAddress }), { reason: 'unreachable' });
  await waitAllTasksBlocked();
  assert.equal(v4.statistics().datagramsReceived, 3);
  for (const each of [server, v4, v6, ipv4]) await each.close();
});

test('a name is looked up once, for as long as the socket was told', async () => {
  const asked: string[] = [];
  const resolve = async (host: string): Promise<{ family: 4; host: string; port: number }[]> => {
    asked.push(host);
    return [{ family: 4, host: '127.0.0.1', port: 0 }];
  };
  const receiver = await openUdpSocket(loopback);
  const { port } = receiver.address;
  const address = { host: 'name.example', port };
  const forGood = await openUdpSocket({ ...loopback, resolve, nameCacheMs: Infinity });
  assert.throws(() => forGood.sendNowait({ data: bytes('0'), address }), WouldBlock);
  for (let i = 0; i < 3; i++) await forGood.send({ data: bytes(String(i)), address });
  assert.deepEqual(asked, ['name.example']);
  forGood.sendNowait({ data: bytes('3'), address });
  const everyTime = await openUdpSocket({ ...loopback, resolve, nameCacheMs: 0 });
  for (let i = 0; i < 2; i++) await everyTime.send({ data: bytes('x'), address });
  assert.equal(asked.length, 3);
  for (let i = 0; i < 6; i++) await receiver.receive();
  const channel = await openUdpChannel('name.example', port, { resolve });
  assert.equal(channel.remoteAddress.host, '127.0.0.1');
  const nowhere = async (): Promise<never[]> => [];
  await assert.rejects(openUdpChannel('name.example', port, { resolve: nowhere }), ConnectError);
  const lost = await openUdpSocket({ ...loopback, resolve: nowhere });
  await assert.rejects(lost.send({ data: bytes('x'), address }), ConnectError);
  for (const each of [receiver, forGood, everyTime, channel, lost]) await each.close();
});

test('onDatagram gets what is queued and what comes, and its errors are reported; null goes back to the queue', async () => {
  const [a, b] = await pair();
  await a.send({ data: bytes('1'), address: b.address });
  await waitAllTasksBlocked();
  const seen: string[] = [];
  let enough = (): void => undefined;
  const done = new Promise<void>((resolve) => (enough = resolve));
  const events = await reported(async () => {
    b.onDatagram(({ data }) => {
      seen.push(text(data));
      if (seen.length === 3) enough();
      throw new Error('of the handler');
    });
    await assert.rejects(b.receive(), BusyResourceError);
    for (const part of ['2', '3']) await a.send({ data: bytes(part), address: b.address });
    await done;
  });
  assert.deepEqual(seen, ['1', '2', '3']);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['handler-error', 'handler-error', 'handler-error'],
  );
  b.onDatagram(null);
  await a.send({ data: bytes('4'), address: b.address });
  assert.equal(text((await b.receive()).data), '4');
  assert.throws(() => b.onDatagram('x' as never), TypeError);
  a.abort();
  b.abort();
});

test('a second receive is busy; a cancelled one loses nothing; a closed socket wakes the one that waits', async () => {
  const [a, b] = await pair();
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    nursery.startSoon(() => scope.run(() => assert.rejects(b.receive(), Cancelled)));
    await waitAllTasksBlocked();
    await assert.rejects(b.receive(), BusyResourceError);
    assert.throws(() => b.onDatagram(() => undefined), BusyResourceError);
    scope.cancel();
    await waitAllTasksBlocked();
    await a.send({ data: bytes('x'), address: b.address });
    assert.equal(text((await b.receive()).data), 'x');
    nursery.startSoon(() => assert.rejects(b.receive(), ClosedResourceError));
    await waitAllTasksBlocked();
    await b.close();
  });
  await b.close();
  b.abort();
  await assert.rejects(b.send({ data: bytes('x'), address: a.address }), ClosedResourceError);
  await assert.rejects(b.receive(), ClosedResourceError);
  assert.throws(() => b.sendNowait({ data: bytes('x'), address: a.address }), ClosedResourceError);
  assert.throws(() => b.setTtl(3), ClosedResourceError);
  assert.throws(() => b.onDatagram(() => undefined), ClosedResourceError);
  await a.close();
});

test('in a cancelled scope nothing is sent or taken, and close closes', async () => {
  const [a, b] = await pair();
  await a.send({ data: bytes('kept'), address: b.address });
  await waitAllTasksBlocked();
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(async () => {
    await assert.rejects(a.send({ data: bytes('x'), address: b.address }), Cancelled);
    await assert.rejects(b.receive(), Cancelled);
    await assert.rejects(openUdpSocket(loopback), Cancelled);
    await a.close();
  });
  assert.equal(a.statistics().datagramsSent, 1);
  await assert.rejects(a.receive(), ClosedResourceError);
  assert.equal(text((await b.receive()).data), 'kept');
  await b.close();
});

test('the port is free at once after close', async () => {
  for (let i = 0, port = 0; i < 5; i++) {
    const socket = await openUdpSocket({ ...loopback, port });
    ({ port } = socket.address);
    await socket.close();
  }
});

test('two sockets of one address are refused, but not with reuseAddress', async () => {
  const first = await openUdpSocket({ ...loopback, reuseAddress: true });
  await assert.rejects(openUdpSocket({ ...loopback, port: first.address.port }), { code: 'EADDRINUSE' });
  const second = await openUdpSocket({ ...loopback, port: first.address.port, reuseAddress: true });
  await first.close();
  await second.close();
});

test('the buffers of the system can be asked for, at the opening and later', async () => {
  const socket = await openUdpSocket({ ...loopback, receiveBufferBytes: 20_000, sendBufferBytes: 30_000 });
  assert.ok(socket.receiveBufferBytes >= 20_000 && socket.sendBufferBytes >= 30_000);
  const before = socket.receiveBufferBytes;
  socket.setReceiveBufferBytes(before * 2);
  assert.ok(socket.receiveBufferBytes > before);
  await socket.close();
});

test('a channel knows its two addresses, has them as attributes, and can be bound', async () => {
  const server = await openUdpSocket(loopback);
  const channel = await openUdpChannel('127.0.0.1', server.address.port, { localAddress: '127.0.0.2' });
  assert.equal(channel.localAddress.host, '127.0.0.2');
  assert.deepEqual(attributeOf(channel, localAddress), channel.localAddress);
  assert.deepEqual(attributeOf(channel, remoteAddress), server.address);
  assert.deepEqual(attributeOf(server, localAddress), server.address);
  await channel.send(bytes('x'));
  const { address } = await server.receive();
  const stranger = await openUdpSocket(loopback);
  await stranger.send({ data: bytes('not for you'), address });
  await server.send({ data: bytes('y'), address });
  assert.equal(text(await channel.receive()), 'y');
  for (const each of [server, channel, stranger]) await each.close();
});

test('a bound dgram.Socket can be adopted, connected or not', async () => {
  const dgram = await boundDgram();
  const adopted = fromDgram(dgram, { receiveQueue: 10 });
  assert.equal(adopted.address.port, dgram.address().port);
  const peer = await boundDgram();
  await new Promise<void>((resolve) => peer.connect(adopted.address.port, '127.0.0.1', resolve));
  assert.throws(() => fromDgram(peer), MisuseError);
  assert.throws(() => fromConnectedDgram(dgram), MisuseError);
  const channel = fromConnectedDgram(peer);
  await channel.send(bytes('x'));
  const datagram = await adopted.receive();
  await adopted.send(datagram);
  assert.equal(text(await channel.receive()), 'x');
  const unbound = createSocket('udp4');
  assert.throws(() => fromDgram(unbound), MisuseError);
  unbound.close();
  assert.throws(() => fromDgram({} as Socket), TypeError);
  channel.abort();
  adopted.abort();
  assert.throws(() => fromDgram(dgram), ClosedResourceError);
});

test('D15 a socket that somebody else closes is broken, after what it had received', async () => {
  const dgram = await boundDgram();
  const socket = fromDgram(dgram);
  await socket.send({ data: bytes('x'), address: socket.address });
  await waitAllTasksBlocked();
  dgram.close();
  await waitAllTasksBlocked();
  assert.equal(text((await socket.receive()).data), 'x');
  await assert.rejects(socket.receive(), BrokenResourceError);
  await assert.rejects(socket.send({ data: bytes('x'), address: socket.address }), BrokenResourceError);
  await socket.close();
});

test('bad arguments are refused before anything else, also on a closed socket', async () => {
  const socket = await openUdpSocket(loopback);
  const { address } = socket;
  const checks = async (): Promise<void> => {
    await assert.rejects(socket.send({ data: 'x' as never, address }), TypeError);
    await assert.rejects(socket.send({ data: bytes('x'), address: { host: '127.0.0.1', port: 0 } }), RangeError);
    await assert.rejects(socket.send({ data: bytes('x'), address: { host: '127.0.0.1', port: 1.5 } }), TypeError);
    await assert.rejects(socket.send({ data: bytes('x'), address: { host: 7 as never, port: 1 } }), TypeError);
    await assert.rejects(
      socket.send({ data: bytes('x'), address: { family: 5 as never, host: '127.0.0.1', port: 1 } }),
      TypeError,
    );
    assert.throws(() => socket.joinGroup('127.0.0.1'), RangeError);
    assert.throws(() => socket.joinGroup(3 as never), TypeError);
  };
  await checks();
  await socket.close();
  await checks();
  await assert.rejects(openUdpSocket({ port: -1 }), RangeError);
  await assert.rejects(openUdpSocket({ host: '' }), RangeError);
  await assert.rejects(openUdpSocket({ receiveQueue: 0 }), RangeError);
  await assert.rejects(openUdpSocket({ receiveQueueBytes: 1.5 }), TypeError);
  await assert.rejects(openUdpSocket({ nameCacheMs: -1 }), RangeError);
  await assert.rejects(openUdpSocket({ nameCacheMs: '1' as never }), TypeError);
  await assert.rejects(openUdpSocket({ broadcast: 1 as never }), TypeError);
  await assert.rejects(openUdpChannel('127.0.0.1', 0), RangeError);
  await assert.rejects(openUdpChannel('127.0.0.1', 1, { localAddress: 'name' }), RangeError);
});

test('004-9 ten thousand sends that nobody awaits neither fill memory nor get lost to errors', async () => {
  const [a, b] = await pair();
  b.onDatagram(() => undefined);
  await openNursery(async (nursery) => {
    for (let i = 0; i < 10_000; i++) void a.send({ data: new Uint8Array(100), address: b.address });
    nursery.startSoon(() => a.send({ data: bytes('x'), address: b.address }));
  });
  assert.equal(a.statistics().datagramsSent, 10_001);
  a.abort();
  b.abort();
});
