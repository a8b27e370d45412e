import assert from 'node:assert/strict';
import test from 'node:test';

import {
  attributeOf,
  BrokenResourceError,
  BusyResourceError,
  CertificateError,
  ClosedResourceError,
  EndOfChannel,
  MisuseError,
  NeedHandshakeError,
  remoteAddress,
} from 'bowline/core';
import type { Datagram, DatagramSocketLike, UdpSocket } from 'bowline/core';
import { DtlsEndpoint, MessageTooLongError, PeerAlertError } from 'bowline/dtls';
import { checkpoint, currentTime, gather, moveOnAfter, openNursery, sleep, Waiter } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';
import { clientContext, insecureAcceptAnyone, pki, preSharedKey, serverContext } from 'bowline/trust';

import { bytes, certificates, clientSide, echo, inWorld, serverSide, text } from './world.js';
import type { Channel } from './world.js';

test('DTLS-1 a channel echoes; its MTU is known after the handshake and follows what is set', () =>
  inWorld({}, async (world) => {
    await world.echo();
    const channel = await world.connect();
    assert.throws(() => channel.getCleartextMtu(), NeedHandshakeError);
    await channel.doHandshake();
    assert.equal(channel.getCleartextMtu(), 1472 - 37 - 8 - 1, 'with a connection ID of eight bytes');
    for (const message of ['hello', 'goodbye']) {
      await channel.send(bytes(message));
      assert.equal(text(await channel.receive()), message);
    }
    await assert.rejects(channel.send(new Uint8Array(0)), RangeError);
    channel.setCiphertextMtu(1234);
    const smaller = channel.getCleartextMtu();
    channel.setCiphertextMtu(4321);
    assert.equal(channel.getCleartextMtu() - smaller, 4321 - 1234);
    assert.throws(() => channel.setCiphertextMtu(10), RangeError);
    assert.equal(channel.cipherSuite, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256');
    assert.equal(channel.serverName, 'localhost');
    assert.equal(channel.peer?.certificates.length, 1);
    assert.deepEqual(attributeOf(channel, remoteAddress), world.addressOf('server'));
  }));

test('DTLS-2 a hundred fresh clients get through a terrible network, one after another', () =>
  inWorld({ loss: 0.1, duplicate: 0.1, reorder: 0.1, reorderDelayMs: 3000, jitterMs: 50 }, async (world) => {
    const server = await world.echo();
    for (let i = 0; i < 100; i++) {
      const channel = await world.connect();
      await channel.doHandshake();
      let answer: string | undefined;
      for (let tries = 0; tries < 50 && answer === undefined; tries++) {
        await channel.send(bytes(`client ${i}`));
        await moveOnAfter(10_000, async () => {
          answer = text(await channel.receive());
        });
      }
      assert.equal(answer, `client ${i}`);
      await channel.endpoint.close();
    }
    assert.equal(server.statistics().accepted, 100);
  }));

test('DTLS-3 and DTLS-4 the handshake happens by itself, also when both directions are used at once', () =>
  inWorld({ latencyMs: 20 }, async (world) => {
    await world.echo();
    const channel = await world.connect();
    const [, first] = await gather([() => channel.send(bytes('one')), () => channel.receive()]);
    assert.equal(text(first), 'one');
  }));

test('DTLS-5 a closed channel sends and receives nothing, and transmits nothing for it (D22)', () =>
  inWorld({}, async (world) => {
    await world.echo();
    const channel = await world.connect();
    await channel.close();
    await channel.close();
    channel.abort();
    await assert.rejects(channel.send(bytes('x')), ClosedResourceError);
    await assert.rejects(channel.receive(), ClosedResourceError);
    await assert.rejects(channel.doHandshake(), ClosedResourceError);
    assert.equal((channel.endpoint as DtlsEndpoint).statistics().associations, 0);
  }));

test('DTLS-6 and DTLS-9 one listener at a time; serving ends with the endpoint, and can begin again', () =>
  inWorld({}, async (world) => {
    const endpoint = await world.endpoint('server', 5684);
    for (let round = 0; round < 2; round++) {
      await moveOnAfter(100, async () => {
        await openNursery(async (nursery) => {
          await nursery.start((started) => endpoint.serve(echo, serverSide, { started: () => started() }));
          assert.throws(() => endpoint.listen(serverSide), BusyResourceError);
          await assert.rejects(endpoint.serve(echo, serverSide), BusyResourceError);
        });
      });
    }
    await openNursery(async (nursery) => {
      await nursery.start((started) => endpoint.serve(echo, serverSide, { started: () => started() }));
      await endpoint.close();
      await endpoint.close();
    });
    assert.throws(() => endpoint.listen(serverSide), ClosedResourceError);
  }));

test('DTLS-7 one client endpoint talks to two servers; closed, everything on it is', () =>
  inWorld({}, async (world) => {
    await world.echo();
    await world.echo({}, serverSide, 'other');
    const endpoint = await world.endpoint('client');
    const channels = ['server', 'other'].map((host) =>
      endpoint.connect(world.addressOf(host), clientSide, { serverName: 'localhost' }),
    );
    await gather(channels.map((channel, i) => () => channel.send(bytes(`to ${i}`))));
    const answers = await gather(channels.map((channel) => () => channel.receive()));
    assert.deepEqual(answers.map(text), ['to 0', 'to 1']);
    await endpoint.close();
    for (const channel of channels) {
      await assert.rejects(channel.send(bytes('x')), ClosedResourceError);
      await assert.rejects(channel.receive(), ClosedResourceError);
    }
    const connect = (): unknown => endpoint.connect(world.addressOf('server'), clientSide, { serverName: 'localhost' });
    assert.throws(connect, ClosedResourceError);
  }));

test('DTLS-8 an endpoint stands on datagrams, not on a stream', () => {
  const [stream] = memoryStreamPair();
  assert.throws(() => new DtlsEndpoint(stream as never), TypeError);
});

test('DTLS-10 where nobody answers the handshake is still being tried after 100 s', () =>
  inWorld({}, async (world) => {
    await world.endpoint('server', 5684);
    const channel = await world.connect();
    const { cancelledCaught } = await attempt(100_000, () => channel.doHandshake());
    assert.ok(cancelledCaught);
    assert.equal(channel.statistics().retransmissions, 6);
  }));

/** Whether the time was over first. */
async function attempt(forMs: number, body: () => Promise<unknown>): Promise<{ cancelledCaught: boolean }> {
  let isDone = false;
  await moveOnAfter(forMs, async () => {
    await body();
    isDone = true;
  });
  return { cancelledCaught: !isDone };
}

test('DTLS-11 what nobody receives is dropped beyond the buffer, the newest first, and counted', () =>
  inWorld({}, async (world) => {
    for (const limit of [10, 20]) {
      const server = await world.endpoint('server', 5000 + limit, { incomingPacketsBuffer: limit });
      const listener = server.listen(serverSide);
      const endpoint = await world.endpoint('client');
      const client = endpoint.connect(world.addressOf('server', 5000 + limit), clientSide, { serverName: 'localhost' });
      await client.doHandshake();
      const channel = await listener.accept();
      for (let i = 0; i < limit + 15; i++) {
        await client.send(bytes(String(i)));
        await sleep(1000);
      }
      assert.equal(channel.statistics().messagesDropped, 15);
      for (let i = 0; i < limit; i++) assert.equal(text(await channel.receive()), String(i));
      await client.send(bytes('buffer clear now'));
      assert.equal(text(await channel.receive()), 'buffer clear now');
    }
  }));

test('DTLS-14 a client that restarts on the same port gets through; the old channel is told only then', () =>
  inWorld({}, async (world) => {
    const server = await world.endpoint('server', 5684);
    const listener = server.listen(serverSide);
    const socketPort = 40_000;
    const first = await world.endpoint('client', socketPort);
    const old = first.connect(world.addressOf('server'), clientSide, { serverName: 'localhost' });
    await old.doHandshake();
    const oldAtServer = await listener.accept();
    first.abort();
    const second = await world.endpoint('client', socketPort);
    const channel = second.connect(world.addressOf('server'), clientSide, { serverName: 'localhost' });
    await channel.send(bytes('here again'));
    const newAtServer = await listener.accept();
    assert.equal(text(await newAtServer.receive()), 'here again');
    await assert.rejects(oldAtServer.receive(), BrokenResourceError);
    await assert.rejects(oldAtServer.send(bytes('x')), BrokenResourceError);
  }));

test('DTLS-15 roles can change between the same two addresses: the old channels break, the new ones work', () =>
  inWorld({}, async (world) => {
    const [a, b] = [await world.endpoint('client', 5684), await world.endpoint('server', 5684)];
    const [atA, atB] = [a.listen(serverSide), b.listen(serverSide)];
    const first = a.connect(world.addressOf('server'), clientSide, { serverName: 'localhost' });
    await first.doHandshake();
    const firstAtB = await atB.accept();
    const second = b.connect(world.addressOf('client'), clientSide, { serverName: 'localhost' });
    await second.send(bytes('the other way'));
    assert.equal(text(await (await atA.accept()).receive()), 'the other way');
    await assert.rejects(firstAtB.receive(), BrokenResourceError);
    await assert.rejects(first.receive(), BrokenResourceError);
  }));

test('DTLS-17 the initial timeout can be set: the first datagram lost costs exactly that', () =>
  inWorld({}, async (world) => {
    await world.echo();
    for (const initialRetransmitTimeoutMs of [1000, 2000, 4000]) {
      const channel = await world.connect();
      world.network.setLinks({ loss: 1 });
      const before = currentTime();
      await openNursery(async (nursery) => {
        nursery.startSoon(() => channel.doHandshake({ initialRetransmitTimeoutMs }));
        await sleep(500);
        world.network.setLinks({ loss: 0 });
      });
      assert.equal(currentTime() - before, initialRetransmitTimeoutMs + 6);
    }
  }));

test('DTLS-18 and DTLS-19 a small MTU is kept to; an unknown one is found by the handshake', () =>
  inWorld({ mtuBytes: 576, oversize: 'drop' }, async (world) => {
    const server = await world.endpoint('server', 5684);
    server.listen(serverContext({ identity: certificates.chain.identity }));
    const channel = await world.connect();
    channel.setCiphertextMtu(9999);
    await channel.doHandshake();
    assert.ok(channel.getCleartextMtu() > 9000);
    await assert.rejects(channel.send(new Uint8Array(9990)), MessageTooLongError);
  }));

test('DTLS-26 and DTLS-27 an association that is replaced fails, also before its handshake began', () =>
  inWorld({}, async (world) => {
    await world.endpoint('server', 5684);
    const endpoint = await world.endpoint('client');
    const connect = (): Channel => endpoint.connect(world.addressOf('server'), clientSide, { serverName: 'localhost' });
    const first = connect();
    const failed = assert.rejects(first.doHandshake(), BrokenResourceError);
    await sleep(10_000);
    const second = connect();
    await failed;
    connect();
    await assert.rejects(second.doHandshake(), BrokenResourceError);
    assert.equal(endpoint.statistics().associations, 0);
  }));

test('a refused server is a CertificateError for the client, and the server hears of it (D7)', () =>
  inWorld({}, async (world) => {
    const server = await world.echo({}, serverContext({ identity: certificates.wrongHost.identity }));
    const channel = await world.connect();
    await assert.rejects(channel.doHandshake(), CertificateError);
    await assert.rejects(channel.receive(), CertificateError, 'and it stays so');
    await sleep(2000);
    assert.equal(server.statistics().handshakes, 0);
    const other = await world.connect({}, clientContext({ verify: insecureAcceptAnyone() }));
    await other.doHandshake();
  }));

test('clients show certificates where a server asks for them', () =>
  inWorld({}, async (world) => {
    const verify = pki({ roots: certificates.roots });
    const asking = serverContext({ identity: certificates.good.identity, clientAuth: 'require', verify });
    const server = await world.endpoint('server', 5684);
    const listener = server.listen(asking);
    const identity = certificates.clientCertificate.identity;
    const channel = await world.connect({}, clientContext({ verify, identity }));
    await channel.doHandshake();
    const atServer = await listener.accept();
    assert.equal(atServer.peer?.certificates.length, 1);
    const nobody = await world.connect();
    await assert.rejects(nobody.doHandshake(), (error: unknown) => {
      return error instanceof BrokenResourceError && error.cause instanceof PeerAlertError;
    });
  }));

test('pre-shared keys authenticate both sides; an unknown one ends by the handshake timeout', () =>
  inWorld({}, async (world) => {
    const psk = preSharedKey({ identity: 'lamp-3', key: new Uint8Array(16).fill(5) });
    await world.echo({}, serverContext({ psk }));
    const channel = await world.connect({}, clientContext({ verify: insecureAcceptAnyone(), psk }));
    await channel.send(bytes('on'));
    assert.equal(text(await channel.receive()), 'on');
    assert.equal(channel.pskIdentity, 'lamp-3');
    const other = preSharedKey({ identity: 'lamp-4', key: new Uint8Array(16).fill(5) });
    const stranger = await world.connect(
      { handshakeTimeoutMs: 60_000 },
      clientContext({ verify: insecureAcceptAnyone(), psk: other }),
    );
    await assert.rejects(stranger.doHandshake(), BrokenResourceError);
  }));

test('a session is resumed, under the same name and context only', () =>
  inWorld({}, async (world) => {
    await world.echo();
    const first = await world.connect();
    await first.doHandshake();
    assert.equal(first.isResumed, false);
    const { session } = first;
    assert.ok(session !== undefined);
    const second = await world.connect({ session });
    await second.send(bytes('again'));
    assert.equal(text(await second.receive()), 'again');
    assert.equal(second.isResumed, true);
    assert.equal(second.peer?.resumed, true);
    await assert.rejects(world.connect({ session, serverName: 'example.org' }), MisuseError);
    await assert.rejects(world.connect({ session }, clientContext({ verify: insecureAcceptAnyone() })), MisuseError);
  }));

test('D10: a peer that closes is the end of the channel, after what it sent', () =>
  inWorld({}, async (world) => {
    const server = await world.endpoint('server', 5684);
    const listener = server.listen(serverSide);
    const client = await world.connect();
    await client.doHandshake();
    const channel = await listener.accept();
    await client.send(bytes('last words'));
    await client.close();
    await sleep(100);
    assert.equal(text(await channel.receive()), 'last words');
    await assert.rejects(channel.receive(), EndOfChannel);
    await assert.rejects(channel.send(bytes('x')), BrokenResourceError);
    const seen: string[] = [];
    for await (const message of channel) seen.push(text(message));
    assert.deepEqual(seen, []);
  }));

test('D8 and D9: sends under way together stay apart, and empty datagrams are nothing', () =>
  inWorld({}, async (world) => {
    const server = await world.endpoint('server', 5684);
    const listener = server.listen(serverSide);
    const client = await world.connect();
    await client.doHandshake();
    const channel = await listener.accept();
    await gather(['a', 'b', 'c', 'd'].map((message) => () => client.send(bytes(message))));
    const raw = client.endpoint.socket;
    await raw.send({ data: new Uint8Array(0), address: world.addressOf('server') });
    await client.send(bytes('e'));
    for (const message of ['a', 'b', 'c', 'd', 'e']) assert.equal(text(await channel.receive()), message);
  }));

test('D15: when the socket dies everything on it fails', () =>
  inWorld({}, async (world) => {
    const server = await world.endpoint('server', 5684);
    const listener = server.listen(serverSide);
    const client = await world.connect();
    await client.doHandshake();
    const receiving = assert.rejects(client.receive(), BrokenResourceError);
    const accepting = assert.rejects(
      (async () => {
        await listener.accept();
        await listener.accept();
      })(),
      BrokenResourceError,
    );
    await sleep(10);
    client.endpoint.socket.abort();
    server.socket.abort();
    await receiving;
    await accepting;
    await assert.rejects(client.send(bytes('x')));
  }));

test('limits: hellos beyond them are dropped and counted by the name of the limit', () =>
  inWorld({}, async (world) => {
    const server = await world.endpoint('server', 5684);
    server.listen(serverSide, { maxAssociationsPerHost: 3, acceptQueue: 2 });
    const reached = async (): Promise<boolean> => {
      const channel = await world.connect();
      return !(await attempt(20_000, () => channel.doHandshake())).cancelledCaught;
    };
    assert.deepEqual([await reached(), await reached(), await reached()], [true, true, false]);
    assert.ok(server.statistics().dropped.acceptQueue > 0);
  }));

test('RFC 9146 §6: a client whose address changes behind a NAT keeps its association', () =>
  inWorld({}, async (world) => {
    const nat = world.network.nat('198.51.100.1');
    world.network.host('home', { addresses: ['192.168.0.2'], nat });
    const server = await world.endpoint('server', 5684);
    const listener = server.listen(serverSide);
    const endpoint = await world.endpoint('home');
    const client = endpoint.connect(world.addressOf('server'), clientSide, { serverName: 'localhost' });
    await client.doHandshake();
    const channel = await listener.accept();
    const before = channel.peerAddress;
    nat.rebind();
    await client.send(bytes('from elsewhere'));
    assert.equal(text(await channel.receive()), 'from elsewhere');
    assert.notEqual(channel.peerAddress.port, before.port);
    await channel.send(bytes('found you'));
    assert.equal(text(await client.receive()), 'found you');
  }));

test('hellos from ten thousand addresses leave nothing behind, get less than they sent, and live associations go on', () =>
  inWorld({}, async (world) => {
    const hello = firstDatagramOf(await world.connect());
    const sent = { datagrams: 0, bytes: 0 };
    const inbox: Datagram[] = [];
    const wake = new Waiter<Datagram>('virtual');
    const socket: DatagramSocketLike = {
      address: { family: 4, host: '192.0.2.1', port: 5684 },
      send: async ({ data }) => {
        sent.datagrams += 1;
        sent.bytes += data.length;
      },
      receive: () => {
        const next = inbox.shift();
        return next === undefined ? wake.wait() : Promise.resolve(next);
      },
      close: async () => wake.rejectRepeatable(new ClosedResourceError()),
      abort: () => wake.rejectRepeatable(new ClosedResourceError()),
      [Symbol.asyncIterator]: () => assert.fail('nobody iterates'),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const endpoint = new DtlsEndpoint(socket);
    endpoint.listen(serverSide);
    const data = await hello;
    for (let i = 0; i < 10_000; i++)
      inbox.push({ data, address: { family: 4, host: `10.1.${i >> 8}.${i & 255}`, port: 1024 + i } });
    wake.resolve({ data: new Uint8Array(0), address: { family: 4, host: '10.0.0.9', port: 9 } });
    while (sent.datagrams < 10_000) await checkpoint();
    const { associations, handshakes, cookiesSent, dropped } = endpoint.statistics();
    assert.deepEqual([associations, handshakes, cookiesSent, dropped.malformed], [0, 0, 10_000, 1]);
    assert.equal(sent.bytes, 10_000 * 60);
    assert.ok(60 < data.length);
    await endpoint.close();
  }));

/** What a client sends first, caught on the way. */
async function firstDatagramOf(channel: Channel): Promise<Uint8Array<ArrayBuffer>> {
  const caught: Uint8Array<ArrayBuffer>[] = [];
  const { socket } = channel.endpoint as DtlsEndpoint & { socket: UdpSocket };
  socket.sendNowait = ({ data }) => void caught.push(new Uint8Array(data));
  await attempt(10, () => channel.doHandshake());
  return caught[0] ?? assert.fail('nothing was sent');
}
