/** Proxies and TLS in each other: TLS to the proxy, through the proxy, both; and behind a balancer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  attributeOf,
  attributes,
  BrokenResourceError,
  CertificateError,
  inetAddress,
  MisuseError,
  remoteAddress,
} from 'bowline/core';
import type { HalfCloseableStream, Stream } from 'bowline/core';
import { fromEnvironment, httpConnectConnector, proxyProtocol, socks5Connector } from 'bowline/proxies';
import { openNursery } from 'bowline/tasks';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';
import { TlsListener, TlsStream, tlsVersion } from 'bowline/tls';
import { clientContext, Identity, pinned, serverContext } from 'bowline/trust';
import type { Verifier } from 'bowline/trust';

import { connectRequestFormat } from '#src/protocols/http1/connect-request.js';
import { receiveMessage } from '#src/proxies/handshake.js';

import { hex, latin1 } from '../support/check-format.js';
import { MemoryListener } from '../support/memory-listener.js';
import { say } from '../support/proxy-peers.js';

const names = ['proxy.test', 'server.test'];
const certificates = testCertificates({ names });
const identity = Identity.from({ cert: certificates.good.cert, key: certificates.good.key });
const context = clientContext({ verify: pinned([certificates.good.pin]) });
const server = serverContext({ identity });
const proxy = { host: 'proxy.test', port: 443 };
const target = { host: 'server.test', port: 443 };
const credentials = { username: 'joe', password: 'hunter2' };

/** An HTTPS proxy in memory, behind which `handler` is whatever was asked for. */
async function withHttpsProxy(
  handler: (stream: HalfCloseableStream) => Promise<void>,
  body: (setting: { via: () => Promise<MemoryStream>; requests: string[] }) => Promise<void>,
): Promise<void> {
  const requests: string[] = [];
  await openNursery(async (nursery) => {
    const via = async (): Promise<MemoryStream> => {
      const [near, far] = memoryStreamPair();
      nursery.startSoon(async () => {
        const secured = TlsStream.server(far, server);
        try {
          await secured.doHandshake();
        } catch (error) {
          // The client may not like the certificate.
          if (error instanceof BrokenResourceError) return;
          throw error;
        }
        const request = await receiveMessage(secured, connectRequestFormat(4096));
        requests.push(`${request.target.host} ${request.fields.get('proxy-authorization')}`);
        await secured.sendAll(latin1('HTTP/1.1 200 OK\r\n\r\n'));
        await handler(secured);
      });
      return near;
    };
    await body({ via, requests });
    nursery.cancelScope.cancel();
  });
}

async function echo(stream: Stream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

test('over TLS to the proxy credentials may be sent, also where the handshake was not done yet', () =>
  withHttpsProxy(echo, async ({ via, requests }) => {
    for (const isDone of [true, false]) {
      const dialTls = async (): Promise<TlsStream> => {
        const stream = TlsStream.client(await via(), context, { serverName: proxy.host });
        if (isDone) await stream.doHandshake();
        return stream;
      };
      const tunnel = await httpConnectConnector({ via: dialTls, proxy, ...credentials })(target);
      assert.equal(await say(tunnel, 'hello'), 'hello');
      assert.equal(attributeOf(tunnel, tlsVersion), undefined, 'the way to the target is not encrypted');
    }
    const basic = `Basic ${Buffer.from('joe:hunter2').toString('base64')}`;
    assert.deepEqual(requests, [`server.test ${basic}`, `server.test ${basic}`]);
  }));

test('TLS in TLS: with the proxy, and through it with the target', () =>
  withHttpsProxy(
    async (stream) => await echo(TlsStream.server(stream, server)),
    async ({ via, requests }) => {
      const environment = { HTTPS_PROXY: 'https://joe:hunter2@proxy.test' };
      const dial = fromEnvironment({ environment, via, context });
      const inner = TlsStream.client(await dial(target), context, { serverName: target.host });
      assert.equal(await say(inner, 'hello'), 'hello');
      assert.equal(attributeOf(inner, tlsVersion), '1.3');
      assert.equal(requests.length, 1);
      inner.abort();
    },
  ));

test('a verifier behind a proxy is told where the target is, and not where the proxy is', async () => {
  const [near, far] = memoryStreamPair();
  const places: unknown[] = [];
  const verify: Verifier = (_, { host, port }) => {
    places.push({ host, port });
  };
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      await far.receiveSome();
      await far.sendAll(hex('05 00'));
      await far.receiveSome();
      await far.sendAll(hex('05 00 00 01 00000000 0000'));
      await TlsStream.server(far, server).close();
    });
    const tunnel = await socks5Connector({ via: () => Promise.resolve(addressed(near)), proxy })(target);
    const secured = TlsStream.client(tunnel, clientContext({ verify }), { serverName: 'server.test' });
    assert.equal(await secured.receiveSome(), null);
    secured.abort();
  });
  assert.deepEqual(places, [target]);
});

/** As a connection to the proxy that knows the proxy's address. */
function addressed(stream: MemoryStream): MemoryStream {
  return Object.assign(stream, {
    [attributes]: (key: unknown) => (key === remoteAddress ? inetAddress('192.0.2.1', 1080) : undefined),
  });
}

test('an HTTPS proxy with the wrong key is refused before it hears of target or password', () =>
  withHttpsProxy(echo, async ({ via, requests }) => {
    const wrong = clientContext({ verify: pinned([certificates.wrongHost.pin]) });
    const environment = { HTTPS_PROXY: 'https://joe:hunter2@proxy.test' };
    await assert.rejects(fromEnvironment({ environment, via, context: wrong })(target), CertificateError);
    assert.deepEqual(requests, []);
  }));

test('TLS below a tunnel does not make the tunnel private', async () => {
  const tls = async (near: MemoryStream): Promise<TlsStream> => {
    const stream = TlsStream.client(near, context, { serverName: proxy.host });
    await stream.doHandshake();
    return stream;
  };
  await openNursery(async (nursery) => {
    const [near, far] = memoryStreamPair();
    const secured = TlsStream.server(far, server);
    nursery.startSoon(async () => {
      await secured.receiveSome();
      await secured.sendAll(hex('05 00'));
      await secured.receiveSome();
      await secured.sendAll(hex('05 00 00 01 00000000 0000'));
      await assert.rejects(secured.receiveSome(), BrokenResourceError, 'no request, and no password');
    });
    const first = socks5Connector({ via: () => tls(near), proxy });
    const dial = httpConnectConnector({ via: first, proxy: { host: 'second.test', port: 3128 }, ...credentials });
    await assert.rejects(dial(target), MisuseError);
    nursery.cancelScope.cancel();
  });
});

test('a PROXY header and a ClientHello in one segment: the header is read, the handshake is whole', async () => {
  const inner = new MemoryListener();
  const listener = new TlsListener(proxyProtocol(inner, { from: ['10.0.0.0/8'] }), server);
  const client = inetAddress('192.0.2.1', 56324);
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      const accepted = await listener.accept();
      assert.deepEqual(attributeOf(accepted, remoteAddress), client);
      await echo(accepted);
    });
    const peer = await inner.connect(inetAddress('10.0.0.5', 1));
    const held: Uint8Array[] = [latin1('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n')];
    const together = Object.assign(Object.create(peer) as MemoryStream, {
      sendAll: (data: Uint8Array | readonly Uint8Array[]) =>
        peer.sendAll([...held.splice(0), ...(data instanceof Uint8Array ? [data] : data)]),
    });
    const stream = TlsStream.client(together, context, { serverName: 'server.test' });
    assert.equal(await say(stream, 'hello'), 'hello');
    nursery.cancelScope.cancel();
  });
  await listener.close();
});
