/** TLS over streams in memory: what it says to the program, for TLS 1.3 and 1.2. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  attributeOf,
  BrokenResourceError,
  BusyResourceError,
  CertificateError,
  ClosedResourceError,
  MisuseError,
  NeedHandshakeError,
} from 'bowline/core';
import { moveOnAfter, openNursery, sleep } from 'bowline/tasks';
import { memoryStreamPair, waitAllTasksBlocked } from 'bowline/testing';
import { TlsStream, tlsAlpnProtocol, tlsVersion } from 'bowline/tls';
import { pinned } from 'bowline/trust';

import {
  bytes,
  certificates,
  clientOf,
  handshaken,
  receiveExactly,
  serverOf,
  text,
  tlsOver,
  tlsPair,
  versions,
  virtually,
} from './support.js';

for (const version of versions) {
  const tls = (name: string, body: () => Promise<void>): void => {
    test(`${name} (TLS ${version})`, virtually(body));
  };

  tls(
    'TLS-2 both roles: what one sends the other receives, and a proper end is an end of file, again and again',
    async () => {
      const [client, server] = tlsPair(version);
      await Promise.all([client.sendAll(bytes('x')), server.receiveSome()]);
      await Promise.all([
        server.sendAll([bytes('y'), bytes('z')]),
        client.receiveSome().then((got) => assert.equal(text(got), 'yz')),
      ]);
      await client.close();
      for (let i = 0; i < 3; i++) assert.equal(await server.receiveSome(), null);
      await server.close();
    },
  );

  tls('TLS-3 the transport, and facts through any number of layers, can be asked for', async () => {
    const [below] = memoryStreamPair();
    const [client, server] = tlsOver(version, memoryStreamPair(), {
      clientContext: { alpnProtocols: ['h2', 'echo'] },
      serverContext: { alpnProtocols: ['echo'] },
    });
    const stream = TlsStream.client(below, clientOf(version), { serverName: 'localhost' });
    assert.equal(stream.transportStream, below);
    assert.equal(attributeOf(client, tlsVersion), undefined);
    await handshaken([client, server]);
    assert.equal(attributeOf(client, tlsVersion), version);
    assert.equal(attributeOf(server, tlsAlpnProtocol), 'echo');
    assert.deepEqual([client.isServer, server.isServer, client.httpsCompatible], [false, true, false]);
  });

  tls(
    'TLS-4 both directions at once: 30 x 32 KiB each, received in halves, with two more handshakes asked for',
    async () => {
      const [client, server] = tlsPair(version);
      const chunk = new Uint8Array(32_768).map((_, i) => i % 251);
      const talk = async (stream: TlsStream): Promise<void> => {
        await openNursery(async (nursery) => {
          nursery.startSoon(async () => {
            for (let i = 0; i < 30; i++) await stream.sendAll(chunk);
          });
          nursery.startSoon(async () => {
            for (let i = 0; i < 60; i++) {
              const half = await receiveExactly(stream, 16_384);
              assert.deepEqual(half, chunk.subarray((i % 2) * 16_384, (i % 2) * 16_384 + 16_384));
            }
          });
          nursery.startSoon(() => stream.doHandshake());
          nursery.startSoon(() => stream.doHandshake());
        });
      };
      await Promise.all([talk(client), talk(server)]);
    },
  );

  tls('TLS-9 two calls at once in one direction: the second is busy, also during the handshake', async () => {
    const [client, server] = tlsPair(version);
    const early = client.receiveSome();
    await assert.rejects(client.receiveSome(), BusyResourceError);
    await handshaken([client, server]);
    await assert.rejects(client.receiveSome(), BusyResourceError);
    await server.sendAll(bytes('x'));
    assert.equal(text(await early), 'x');
  });

  tls('TLS-10 waiting until a send might not block asks the transport and does no handshake', async () => {
    const [clientSide, serverSide] = memoryStreamPair();
    const asked: string[] = [];
    clientSide.sendStream.waitSendAllMightNotBlockHook = async () => {
      asked.push('wait');
    };
    clientSide.sendStream.sendAllHook = async () => {
      asked.push('send');
    };
    const [client] = tlsOver(version, [clientSide, serverSide]);
    await client.waitSendAllMightNotBlock();
    assert.deepEqual(asked, ['wait']);
  });

  tls('TLS-12 an empty send is no end and nothing on the wire', async () => {
    const [client, server] = await handshaken(tlsPair(version));
    let sends = 0;
    const { sendStream } = client.transportStream;
    const pump = sendStream.sendAllHook;
    sendStream.sendAllHook = async () => {
      sends++;
      await pump?.();
    };
    await client.sendAll(bytes(''));
    await client.sendAll([]);
    await client.sendAll([bytes(''), bytes('')]);
    assert.equal(sends, 0);
    await client.sendAll(bytes('x'));
    assert.equal(text(await server.receiveSome()), 'x');
  });

  tls('TLS-14 unwrap gives the transport back with exactly what came after the end of TLS', async () => {
    const [client, server] = await handshaken(tlsPair(version));
    const [fromServer] = await Promise.all([
      server.unwrap(),
      (async () => {
        assert.equal(await client.receiveSome(), null);
        const { transport, trailing } = await client.unwrap();
        assert.equal(trailing.length, 0);
        await transport.sendAll(bytes('trailing'));
      })(),
    ]);
    const rest = fromServer.trailing.length < 8 ? await fromServer.transport.receiveSome() : null;
    const seen = `${text(fromServer.trailing)}${text(rest) ?? ''}`;
    assert.equal(seen, 'trailing');
    await assert.rejects(server.receiveSome(), ClosedResourceError);
    await server.close();
    await fromServer.transport.sendAll(bytes('the transport is open'));
    assert.throws(() => server.transportStream, ClosedResourceError);
  });

  tls('TLS-14 what follows the close_notify in the same chunk is trailing, to the byte', async () => {
    const [client, server] = await handshaken(tlsPair(version));
    const { sendStream } = client.transportStream;
    const pump = sendStream.sendAllHook;
    // Hold back, so that the close_notify and what follows arrive together.
    sendStream.sendAllHook = undefined;
    const left = client.unwrap();
    await waitAllTasksBlocked();
    await sendStream.sendAll(bytes('clear text'));
    await pump?.();
    const { trailing } = await server.unwrap();
    assert.equal(text(trailing), 'clear text');
    await left;
  });

  tls('TLS-15 after a close every call is a ClosedResourceError, and another close is fine', async () => {
    const [client, server] = await handshaken(tlsPair(version));
    await client.close();
    await client.close();
    for (const call of [
      () => client.sendAll(bytes('x')),
      () => client.receiveSome(),
      () => client.unwrap(),
      () => client.doHandshake(),
      () => client.waitSendAllMightNotBlock(),
    ])
      await assert.rejects(call(), ClosedResourceError);
    assert.equal(await server.receiveSome(), null);
    assert.equal(await server.receiveSome(), null);
  });

  tls('TLS-16 a close before any handshake does one, and the peer sees a proper end', async () => {
    const [client, server] = tlsPair(version);
    const [, end] = await Promise.all([client.close(), server.receiveSome()]);
    assert.equal(end, null);
  });

  tls('TLS-18 TLS inside TLS', async () => {
    const below = tlsPair(version);
    const [client, server] = tlsOver(version, below);
    await Promise.all([
      client.sendAll(bytes('deep')),
      server.receiveSome().then((got) => assert.equal(text(got), 'deep')),
    ]);
    await client.close();
    assert.equal(await server.receiveSome(), null);
    assert.equal(await below[1].receiveSome(), null);
  });

  tls(
    'TLS-19 a peer that vanishes is a broken stream and no end of file, in both directions and at every call',
    async () => {
      const [client, server] = await handshaken(tlsPair(version));
      client.abort();
      for (let i = 0; i < 3; i++) await assert.rejects(server.receiveSome(), BrokenResourceError);
      await assert.rejects(server.sendAll(bytes('x')), BrokenResourceError);
      await server.close();
    },
  );

  tls('TLS-20 in the https-compatible mode it is an end of file, again and again; sending is broken', async () => {
    const [client, server] = await handshaken(tlsPair(version, { server: { httpsCompatible: true } }));
    client.abort();
    for (let i = 0; i < 3; i++) assert.equal(await server.receiveSome(), null);
    await assert.rejects(server.sendAll(bytes('x')), BrokenResourceError);
    await server.close();
  });

  tls('TLS-23 a peer that closes without saying so is a truncation for a strict one', async () => {
    const [client, server] = await handshaken(tlsPair(version, { client: { httpsCompatible: true } }));
    await client.sendAll(bytes('x'));
    await client.close();
    assert.equal(text(await server.receiveSome()), 'x');
    await assert.rejects(server.receiveSome(), (error) => {
      assert.ok(error instanceof BrokenResourceError && /close_notify/.test(error.message));
      return true;
    });
  });

  tls(
    'TLS-24 a peer that is gone before the handshake: end of file in the https-compatible mode, else broken',
    async () => {
      const [goneClient, compatible] = tlsPair(version, { server: { httpsCompatible: true } });
      goneClient.transportStream.abort();
      for (let i = 0; i < 2; i++) assert.equal(await compatible.receiveSome(), null);
      const [gone, strict] = tlsPair(version);
      gone.transportStream.abort();
      await assert.rejects(strict.receiveSome(), BrokenResourceError);
    },
  );

  tls('TLS-27 facts need the handshake; afterwards both ends agree on the bindings', async () => {
    const [client, server] = tlsPair(version);
    for (const stream of [client, server]) {
      assert.throws(() => stream.alpnProtocol, NeedHandshakeError);
      assert.throws(() => stream.channelBinding('tls-exporter'), NeedHandshakeError);
      assert.throws(() => stream.exportKeyingMaterial(16, 'EXPERIMENTAL x'), NeedHandshakeError);
    }
    await handshaken([client, server]);
    assert.equal(client.alpnProtocol, null);
    for (const type of ['tls-exporter', 'tls-server-end-point'] as const) {
      const binding = client.channelBinding(type);
      assert.ok(binding !== null && binding.length >= 32);
      assert.deepEqual(server.channelBinding(type), binding);
    }
    assert.deepEqual(
      client.exportKeyingMaterial(20, 'EXPERIMENTAL x', bytes('context')),
      server.exportKeyingMaterial(20, 'EXPERIMENTAL x', bytes('context')),
    );
  });

  tls('TLS-28 the client sees the certificate of the server, the server sees none', async () => {
    const [client, server] = await handshaken(tlsPair(version));
    assert.match(client.peerCertificates[0]?.subjectAltName ?? '', /DNS:localhost/);
    assert.deepEqual(client.peer.chain, certificates.good.chain);
    assert.deepEqual([server.peerCertificates.length, server.authentication], [0, 'anonymous']);
    assert.equal(server.serverName, 'localhost');
  });

  tls('a refused peer is a CertificateError, and the other side sees a connection that was cut off', async () => {
    const verify = pinned([certificates.expired.pin]);
    const [client, server] = tlsPair(version, { clientContext: { verify } });
    const refused = client.doHandshake();
    const served = server.receiveSome();
    await assert.rejects(refused, CertificateError);
    await assert.rejects(served, BrokenResourceError);
    await assert.rejects(client.sendAll(bytes('secret')), CertificateError);
  });

  tls('D1 everybody who waits for a failing handshake is woken, with the cause', async () => {
    const [client, server] = tlsPair(version);
    const waiting = [client.doHandshake(), client.receiveSome(), client.sendAll(bytes('x')), client.doHandshake()];
    server.transportStream.abort();
    for (const outcome of await Promise.allSettled(waiting)) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof BrokenResourceError);
    }
  });

  tls('D6 a cancelled send breaks nothing: both directions go on', async () => {
    const [client, server] = await handshaken(tlsOver(version, memoryStreamPair({ capacityBytes: 1000 })));
    await moveOnAfter(10, () => client.sendAll(new Uint8Array(5000)));
    await openNursery(async (nursery) => {
      nursery.startSoon(() => server.sendAll(bytes('back')));
      assert.equal(text(await client.receiveSome()), 'back');
    });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => client.sendAll(bytes('end')));
      const all = await receiveExactly(server, 5003);
      assert.equal(text(all.subarray(5000)), 'end');
    });
  });

  tls('D5 a close behind a sender that is stuck ends within its grace, and looks cut off to the peer', async () => {
    const [client, server] = await handshaken(tlsOver(version, memoryStreamPair({ capacityBytes: 100 })));
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assert.rejects(client.sendAll(new Uint8Array(100_000)), ClosedResourceError));
      await sleep(1);
      await client.close();
    });
    await assert.rejects(async () => {
      while ((await server.receiveSome()) !== null);
    }, BrokenResourceError);
  });

  tls('sending goes on after the close_notify of the peer', async () => {
    const [client, server] = await handshaken(tlsPair(version));
    const closing = client.unwrap();
    assert.equal(await server.receiveSome(), null);
    await Promise.all([server.unwrap(), closing]);
    const [a, b] = await handshaken(tlsPair(version));
    if (version === '1.2') {
      await assert.rejects(a.sendEof(), MisuseError);
      return;
    }
    await a.sendEof();
    await a.sendEof();
    assert.equal(await b.receiveSome(), null);
    await b.sendAll(bytes('late'));
    assert.equal(text(await a.receiveSome()), 'late');
  });

  tls('a handshake that takes too long is cut off', async () => {
    const [clientSide] = memoryStreamPair();
    const client = TlsStream.client(clientSide, clientOf(version), {
      serverName: 'localhost',
      handshakeTimeoutMs: 500,
    });
    await assert.rejects(client.doHandshake(), /not done after 500 ms/);
    await assert.rejects(clientSide.sendAll(bytes('x')), ClosedResourceError);
    void serverOf(version);
  });
}
