/** Listening for TLS, and TLS over TCP in one call; against node:tls and the openssl program as peers. */
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
  MisuseError,
} from 'bowline/core';
import type { SocketAddress, SocketStream } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { openTcpListeners, serveListeners } from 'bowline/sockets';
import { openNursery, withClock } from 'bowline/tasks';
import { MockClock } from 'bowline/testing';
import { openTlsOverTcpListeners, openTlsOverTcpStream, serveTlsOverTcp, TlsListener } from 'bowline/tls';
import type { TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki } from 'bowline/trust';

import { bytes, certificates, clientOf, receiveExactly, serverOf, text, versions } from './support.js';

const { roots } = certificates;

function portOf(address: SocketAddress | undefined): number {
  assert.ok(address !== undefined && address.family !== 'unix');
  return address.port;
}

/** An echo server for the time of the body. */
async function withEcho(
  options: Parameters<typeof serveTlsOverTcp>[3],
  body: (port: number, listener: TlsListener<SocketStream>) => Promise<void>,
  context = serverOf('1.3', { minVersion: '1.2' }),
): Promise<void> {
  await openNursery(async (nursery) => {
    const listener = await nursery.start<TlsListener<SocketStream>>((started) =>
      serveTlsOverTcp(echo, 0, context, {
        host: '127.0.0.1',
        drainMs: 0,
        ...options,
        started: ([first]) => started(first as TlsListener<SocketStream>),
      }),
    );
    await body(portOf(listener.address), listener);
    nursery.cancelScope.cancel();
  });
}

async function echo(stream: TlsStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** The reports of the body. */
async function reported(body: () => Promise<void>): Promise<ReportEvent[]> {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => events.push(event));
  try {
    await body();
  } finally {
    setReporter(before);
  }
  return events;
}

test('HLP-1 the default context trusts the system and so refuses a private authority', async () => {
  await withEcho({ onHandshakeFailed: () => undefined }, async (port) => {
    await reported(async () => {
      await assert.rejects(openTlsOverTcpStream('localhost', port), (error: unknown) => {
        // A machine without any roots says that, which is a refusal too.
        assert.ok(error instanceof CertificateError || (error as Error).name === 'TrustStoreError');
        return true;
      });
    });
  });
});

test('HLP-2 the right authority and the wrong name is refused', async () => {
  await withEcho({}, async (port) => {
    await reported(async () => {
      await assert.rejects(
        openTlsOverTcpStream('127.0.0.1', port, {
          context: clientContext({ verify: pki({ roots }) }),
          serverName: 'wrong.example',
        }),
        CertificateError,
      );
    });
  });
});

for (const version of versions) {
  test(`HLP-3 the right authority and the right name, by name and by address (TLS ${version})`, async () => {
    await withEcho({}, async (port) => {
      const context = clientContext({ verify: pki({ roots }), maxVersion: version });
      for (const host of ['localhost', '127.0.0.1']) {
        const stream = await openTlsOverTcpStream(host, port, { context });
        await stream.sendAll(bytes('hello'));
        assert.equal(text(await receiveExactly(stream, 5)), 'hello');
        assert.equal(stream.version, version);
        await stream.close();
      }
    });
  });

  test(`TLS-1 a client of node:tls gets its echo, proper ends included (TLS ${version})`, async () => {
    await withEcho({}, async (port) => {
      const socket = tls.connect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: [...roots],
        maxVersion: `TLSv${version}`,
      });
      await once(socket, 'secureConnect');
      const big = Buffer.alloc(300_000, 'x');
      socket.end(big);
      let received = 0;
      for await (const chunk of socket) received += (chunk as Buffer).length;
      assert.equal(received, big.length);
    });
  });
}

test('HLP-4 the https flag reaches both ends', async () => {
  const [listener] = (await openTlsOverTcpListeners(0, serverOf('1.3'), {
    host: '127.0.0.1',
    httpsCompatible: true,
  })) as [TlsListener<SocketStream>];
  const [client, server] = await Promise.all([
    openTlsOverTcpStream('127.0.0.1', portOf(listener.address), {
      context: clientOf('1.3'),
      httpsCompatible: true,
    }),
    listener.accept(),
  ]);
  assert.ok(client.httpsCompatible && server.httpsCompatible);
  client.abort();
  server.abort();
  await listener.close();
});

test('TLS-29 accept gives streams that are through the handshake; closing closes the inner listener', async () => {
  const [inner] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(inner !== undefined);
  const listener = new TlsListener(inner, serverOf('1.3'));
  const accepting = listener.accept();
  await assert.rejects(listener.accept(), BusyResourceError);
  const client = await openTlsOverTcpStream('127.0.0.1', inner.address.family === 'unix' ? 0 : inner.address.port, {
    context: clientOf('1.3'),
  });
  const server = await accepting;
  assert.equal(server.version, '1.3');
  await server.close();
  assert.equal(await client.receiveSome(), null);
  await client.close();
  const pending = listener.accept();
  await listener.close();
  await assert.rejects(pending, ClosedResourceError);
  await assert.rejects(listener.accept(), ClosedResourceError);
  await assert.rejects(inner.accept(), ClosedResourceError);
});

test('an onHandshakeFailed that throws is reported, and the listener goes on', async () => {
  const mistake = new Error('a mistake of the program');
  const events = await reported(() =>
    withEcho(
      {
        onHandshakeFailed: () => {
          throw mistake;
        },
      },
      async (port) => {
        for (let i = 0; i < 3; i++) {
          const plain = net.connect(port, '127.0.0.1').on('error', () => undefined);
          plain.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
          await once(plain.resume(), 'close');
        }
      },
    ),
  );
  const errors = events.filter(({ kind }) => kind === 'handler-error');
  assert.equal(errors.length, 3);
  assert.ok(errors.every((event) => 'error' in event && event.error === mistake));
});

test('clients that say nothing, talk plaintext or are refused keep nobody waiting, and never reach the handler', async () => {
  let handled = 0;
  const failures: unknown[] = [];
  const events = await reported(async () => {
    await openNursery(async (nursery) => {
      const [listener] = (await openTlsOverTcpListeners(0, serverOf('1.3'), {
        host: '127.0.0.1',
        onHandshakeFailed: (error) => failures.push(error),
      })) as [TlsListener<SocketStream>];
      nursery.startSoon(() =>
        serveListeners(
          async (stream: TlsStream) => {
            handled++;
            await echo(stream);
          },
          [listener],
          { drainMs: 0 },
        ),
      );
      const port = portOf(listener.address);
      const silent = Array.from({ length: 20 }, () => net.connect(port, '127.0.0.1').on('error', () => undefined));
      const plain = net.connect(port, '127.0.0.1');
      plain.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      // OpenSSL has no alert for what is no TLS at all; the end comes all the same.
      for await (const chunk of plain) assert.fail(`an answer to plaintext: ${String(chunk)}`);
      const old = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
      const [refused] = (await once(old, 'error')) as [Error];
      assert.match(refused.message, /alert protocol version/);
      const stream = await openTlsOverTcpStream('127.0.0.1', port, { context: clientOf('1.3') });
      await stream.sendAll(bytes('x'));
      assert.equal(text(await stream.receiveSome()), 'x');
      await stream.close();
      assert.deepEqual([listener.statistics().handshaking, listener.statistics().failed], [20, 2]);
      for (const socket of silent) socket.destroy();
      nursery.cancelScope.cancel();
    });
  });
  assert.equal(handled, 1);
  assert.ok(failures.length >= 2 && failures.every((error) => error instanceof BrokenResourceError));
  assert.ok(events.some(({ kind }) => kind === 'tls-handshake-failed'));
});

test('a limit on handshakes: new connections wait until one is done or given up', () =>
  withClock(new MockClock({ autojumpThresholdMs: Infinity }), async () => {
    const [listener] = (await openTlsOverTcpListeners(0, serverOf('1.3'), { host: '127.0.0.1', maxHandshakes: 2 })) as [
      TlsListener<SocketStream>,
    ];
    const port = portOf(listener.address);
    const silent = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    const accepting = listener.accept();
    while (listener.statistics().handshaking < 2) await new Promise((resolve) => setImmediate(resolve));
    const opening = openTlsOverTcpStream('127.0.0.1', port, { context: clientOf('1.3') });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(listener.statistics().handshaking, 2);
    await reported(async () => {
      silent[0]?.destroy();
      const [client, server] = await Promise.all([opening, accepting]);
      client.abort();
      server.abort();
    });
    silent[1]?.destroy();
    listener.abort();
  }));

test('a name is needed before anything is connected', async () => {
  await assert.rejects(
    openTlsOverTcpStream('127.0.0.1', 1, { context: clientContext({ verify: pki({ roots }) }), serverName: null }),
    MisuseError,
  );
});

test('an expired certificate of a server is refused, and the server hears of a connection that was cut off', async () => {
  const expired = Identity.from(
    { cert: certificates.expired.cert, key: certificates.expired.key },
    { insecureAllowInvalidDates: true },
  );
  const failures: unknown[] = [];
  await reported(() =>
    withEcho(
      { onHandlerError: (error) => void failures.push(error) },
      async (port) => {
        await assert.rejects(
          openTlsOverTcpStream('localhost', port, { context: clientContext({ verify: pki({ roots }) }) }),
          (error: unknown) => error instanceof CertificateError && error.reason === 'expired',
        );
      },
      serverOf('1.3', { identity: expired }),
    ),
  );
});
