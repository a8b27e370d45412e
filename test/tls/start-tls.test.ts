/** Beginning TLS on a connection that has talked in clear, as either side. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';

import {
  BrokenResourceError,
  BusyResourceError,
  CertificateError,
  ClosedResourceError,
  ProtocolError,
} from 'bowline/core';
import type { SocketStream, Stream } from 'bowline/core';
import { openTcpListeners, openTcpStream } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { CancelScope, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import { pinned } from 'bowline/trust';

import { bytes, certificates, clientOf, receiveExactly, serverOf, text, versions } from './support.js';

/** Two ends of a TCP connection. */
async function tcpPair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(listener !== undefined && listener.address.family !== 'unix');
  const [client, server] = await Promise.all([openTcpStream('127.0.0.1', listener.address.port), listener.accept()]);
  await listener.close();
  return [client, server];
}

for (const version of versions) {
  test(`both sides upgrade after a dialogue, and the old objects are closed (TLS ${version})`, async () => {
    const [clientSide, serverSide] = await tcpPair();
    const client = new BufferedStream(clientSide);
    const server = new BufferedStream(serverSide);
    const [secured, served] = await Promise.all([
      (async () => {
        await client.sendAll(bytes('STARTTLS\r\n'));
        assert.equal(await client.receiveLine(), '220 go ahead');
        return startTls(client, clientOf(version), { serverName: 'localhost' });
      })(),
      (async () => {
        assert.equal(await server.receiveLine(), 'STARTTLS');
        await server.sendAll(bytes('220 go ahead\r\n'));
        return startTls(server, serverOf(version));
      })(),
    ]);
    for (const old of [client, server, clientSide, serverSide] as Stream[]) {
      await assert.rejects(old.sendAll(bytes('in clear')), ClosedResourceError);
      await assert.rejects(old.receiveSome(), ClosedResourceError);
      await old.close();
      old.abort();
    }
    await secured.sendAll(bytes('secret'));
    assert.equal(text(await receiveExactly(served, 6)), 'secret');
    await served.close();
    assert.equal(await secured.receiveSome(), null);
    await secured.close();
  });

  test(`a server of node:tls upgrades for our client, and a client for our server (TLS ${version})`, async () => {
    const server = net.createServer((socket) => {
      socket.once('data', () => {
        socket.write('OK\n', () => {
          const { cert, key } = certificates.good;
          const secured = new tls.TLSSocket(socket, { isServer: true, cert, key, maxVersion: `TLSv${version}` });
          secured.on('data', (chunk) => secured.end(chunk));
        });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const stream = new BufferedStream(await openTcpStream('127.0.0.1', port));
    await stream.sendAll(bytes('STARTTLS\n'));
    assert.equal(await stream.receiveLine(), 'OK');
    const secured = await startTls(stream, clientOf(version), { serverName: 'localhost' });
    await secured.sendAll(bytes('there and back'));
    assert.equal(text(await receiveExactly(secured, 14)), 'there and back');
    assert.equal(await secured.receiveSome(), null);
    await secured.close();
    server.close();

    const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
    assert.ok(listener !== undefined && listener.address.family !== 'unix');
    const socket = net.connect(listener.address.port, '127.0.0.1');
    const ours = await listener.accept();
    await listener.close();
    const client = tls.connect({
      socket,
      servername: 'localhost',
      ca: [...certificates.roots],
      maxVersion: `TLSv${version}`,
    });
    const served = await startTls(ours, serverOf(version));
    client.end('to the server');
    assert.equal(text(await receiveExactly(served, 13)), 'to the server');
    assert.equal(await served.receiveSome(), null);
    await served.close();
  });
}

test('plaintext that came before TLS is refused, on either side, and the connection is gone', async () => {
  const [clientSide, serverSide] = memoryStreamPair();
  const client = new BufferedStream(clientSide);
  await serverSide.sendAll(bytes('220 go ahead\r\n250 injected\r\n'));
  assert.equal(await client.receiveLine(), '220 go ahead');
  await assert.rejects(startTls(client, clientOf('1.3'), { serverName: 'localhost' }), ProtocolError);
  await assert.rejects(serverSide.sendAll(bytes('x')), BrokenResourceError);

  const [otherSide, listening] = memoryStreamPair();
  const server = new BufferedStream(listening);
  await otherSide.sendAll(bytes('STARTTLS\r\nRCPT TO:<victim@example.org>\r\n'));
  assert.equal(await server.receiveLine(), 'STARTTLS');
  await assert.rejects(startTls(server, serverOf('1.3')), ProtocolError);
});

test('plaintext that comes between the word and TLS makes the handshake fail, and is never delivered', async () => {
  const [clientSide, serverSide] = memoryStreamPair();
  const client = new BufferedStream(clientSide);
  await serverSide.sendAll(bytes('220 go ahead\r\n'));
  assert.equal(await client.receiveLine(), '220 go ahead');
  await serverSide.sendAll(bytes('250 injected\r\n'));
  await assert.rejects(startTls(client, clientOf('1.3'), { serverName: 'localhost' }), BrokenResourceError);
});

test('bytes that are known to be TLS can be handed over: a ClientHello that was pipelined', async () => {
  const [clientSide, serverSide] = memoryStreamPair();
  const server = new BufferedStream(serverSide);
  await clientSide.sendAll(bytes('STARTTLS\n'));
  const securing = startTls(clientSide, clientOf('1.3'), { serverName: 'localhost' });
  assert.equal(await server.receiveLine(), 'STARTTLS');
  while (server.bufferedBytes === 0) {
    await server.receiveExactly(0);
    server.unread((await server.receiveSome()) ?? new Uint8Array(0));
  }
  const [client, served] = await Promise.all([securing, startTls(server, serverOf('1.3'), { pipelined: 'tls' })]);
  await client.sendAll(bytes('x'));
  assert.equal(text(await served.receiveSome()), 'x');
});

test('someone who is sending or receiving is not interrupted: the upgrade is refused and nothing has changed', async () => {
  const [client, server] = await tcpPair();
  const receiving = client.receiveSome();
  await assert.rejects(startTls(client, clientOf('1.3'), { serverName: 'localhost' }), BusyResourceError);
  await server.sendAll(bytes('still in clear'));
  assert.equal(text(await receiving), 'still in clear');
  client.abort();
  server.abort();
});

test('wrong options are found while the stream is still in clear', async () => {
  const [client, server] = memoryStreamPair();
  await assert.rejects(
    startTls(client, clientOf('1.3'), { serverName: 'localhost', pipelined: 'no' as 'tls' }),
    TypeError,
  );
  await assert.rejects(startTls(client, clientOf('1.3'), { serverName: '' }), TypeError);
  await client.sendAll(bytes('x'));
  assert.equal(text(await server.receiveSome()), 'x');
});

test('a refused server, a peer that says nothing and a cancel leave nothing open', () =>
  withClock(new MockClock(), async () => {
    const [a, b] = memoryStreamPair();
    const served = startTls(b, serverOf('1.3'));
    await assert.rejects(
      startTls(a, clientOf('1.3', { verify: pinned([certificates.expired.pin]) }), { serverName: 'localhost' }),
      CertificateError,
    );
    // In TLS 1.3 the server is through with the handshake before it can hear of the refusal.
    await assert.rejects(
      served.then((stream) => stream.receiveSome()),
      BrokenResourceError,
    );

    const [c, d] = memoryStreamPair();
    await assert.rejects(startTls(c, clientOf('1.3'), { serverName: 'localhost', handshakeTimeoutMs: 50 }), /50 ms/);
    await assert.rejects(d.sendAll(bytes('x')), BrokenResourceError);

    const [e, f] = memoryStreamPair();
    const scope = new CancelScope({ timeoutMs: 10 });
    await scope.run(() => startTls(e, clientOf('1.3'), { serverName: 'localhost' }));
    assert.ok(scope.cancelledCaught);
    await assert.rejects(f.sendAll(bytes('x')), BrokenResourceError);
  }));
