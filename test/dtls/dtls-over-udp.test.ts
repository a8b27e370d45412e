import assert from 'node:assert/strict';
import test from 'node:test';

import type { InetAddress } from 'bowline/core';
import { BrokenResourceError, ConnectError } from 'bowline/core';
import { DtlsEndpoint, openDtlsChannel, serveDtls } from 'bowline/dtls';
import { openUdpSocket } from 'bowline/sockets';
import { checkpoint, openNursery } from 'bowline/tasks';
import { clientContext, pki, serverContext } from 'bowline/trust';

import { bytes, certificates, clientSide, echo, serverSide, text } from './world.js';

/** A server on the loopback for the time of `body`. */
async function withServer(context: typeof serverSide, body: (address: InetAddress) => Promise<void>): Promise<void> {
  await openNursery(async (nursery) => {
    const address = await nursery.start<InetAddress>((started) =>
      serveDtls(echo, 0, context, {
        host: '127.0.0.1',
        started: ([listener]) => {
          assert.ok(listener !== undefined);
          started(listener.address);
        },
      }),
    );
    await body(address);
    nursery.cancelScope.cancel();
  });
}

test('openDtlsChannel and serveDtls talk over real sockets, on both versions of IP', async () => {
  await withServer(serverSide, async ({ host, port }) => {
    const channel = await openDtlsChannel(host, port, clientSide);
    for (const message of ['over', 'and out']) {
      await channel.send(bytes(message));
      assert.equal(text(await channel.receive()), message);
    }
    assert.equal(channel.serverName, '127.0.0.1');
    await channel.close();
    assert.equal(channel.endpoint.statistics().associations, 0);
  });
});

test('ALPN, SRTP and exporters of both ends agree', async () => {
  const alpnProtocols = ['coap'];
  const server = serverContext({ identity: certificates.good.identity, alpnProtocols });
  const client = clientContext({ verify: pki({ roots: certificates.roots }), alpnProtocols });
  await withServer(server, async ({ host, port }) => {
    const channel = await openDtlsChannel(host, port, client, { serverName: 'localhost' });
    await channel.doHandshake();
    assert.equal(channel.alpnProtocol, 'coap');
    assert.equal(channel.exportKeyingMaterial(20, 'EXPERIMENTAL a').length, 20);
    assert.throws(() => channel.exportKeyingMaterial(0, 'EXPERIMENTAL a'), RangeError);
    await channel.close();
  });
});

test('a name without addresses is a ConnectError, and wrong options are found before anything is opened', async () => {
  await assert.rejects(openDtlsChannel('nowhere.invalid', 1, clientSide, { resolve: async () => [] }), ConnectError);
  await assert.rejects(openDtlsChannel('127.0.0.1', 1, clientSide, { ciphertextMtu: 5 }), RangeError);
  await assert.rejects(openDtlsChannel('127.0.0.1', 1, serverSide as never), TypeError);
  await assert.rejects(serveDtls(echo, 0, clientSide as never), TypeError);
});

test('DTLS-24 and DTLS-25 a socket that is closed before anything was received, or while a hello is answered, crashes nothing', async () => {
  for (const answersFirst of [false, true]) {
    const socket = await openUdpSocket({ host: '127.0.0.1' });
    const endpoint = new DtlsEndpoint(socket);
    const listener = endpoint.listen(serverSide);
    const accepting = assert.rejects(listener.accept(), BrokenResourceError);
    const channel = await openDtlsChannel('127.0.0.1', endpoint.socket.address.port, clientSide);
    const doing = assert.rejects(channel.doHandshake(), BrokenResourceError);
    if (answersFirst) await waitFor(() => endpoint.statistics().cookiesSent > 0);
    socket.abort();
    await accepting;
    channel.endpoint.socket.abort();
    await doing;
    await channel.close();
  }
});

/** Gives the event loop turns until the condition holds. */
async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await checkpoint();
}

test('DTLS-28 sends to closed ports of this machine do not disturb another association', async () => {
  await withServer(serverSide, async ({ host, port }) => {
    const endpoint = new DtlsEndpoint(await openUdpSocket({ host: '127.0.0.1' }));
    const address = { family: 4, host, port } as const;
    const channel = endpoint.connect(address, clientSide, { serverName: 'localhost' });
    await channel.doHandshake();
    for (let closed = 1; closed < 10; closed++)
      await endpoint.socket.send({ data: bytes('nobody'), address: { ...address, port: closed } });
    await channel.send(bytes('still here'));
    assert.equal(text(await channel.receive()), 'still here');
    await endpoint.close();
  });
});
