import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { test } from 'node:test';

import { BusyResourceError, ClosedResourceError, ConnectError, MisuseError } from 'bowline/core';
import type { InetAddress, ListenTcpOptions, Network, SocketListener, SocketStream } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { openTcpListeners, openTcpStream } from 'bowline/sockets';
import { Cancelled, CancelScope, suspend } from 'bowline/tasks';

import { supportsReusePort } from '#src/platform/features.js';
import { ServerListener } from '#src/sockets/socket-listener.js';

async function listen(
  options: Parameters<typeof openTcpListeners>[1] = {},
): Promise<{ listener: SocketListener; port: number }> {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1', ...options });
  assert.ok(listener !== undefined && listener.address.family !== 'unix');
  return { listener, port: listener.address.port };
}

async function serverOnLoopback(): Promise<{ server: Server; listener: ServerListener; port: number }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address: InetAddress = { family: 4, host: '127.0.0.1', port };
  return { server, port, listener: new ServerListener(server, { address, acceptQueue: 8, maxConnections: Infinity }) };
}

/** Collects reports while `body` runs. */
async function reportsOf(body: () => Promise<void>): Promise<ReportEvent[]> {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => void events.push(event));
  try {
    await body();
  } finally {
    setReporter(before);
  }
  return events;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !condition(); i++) await turn();
  assert.ok(condition());
}

test('LIST-2 accept gives a stream whose addresses match the client’s', async () => {
  const { listener, port } = await listen();
  const client = await openTcpStream('127.0.0.1', port);
  const server = await listener.accept();
  assert.deepEqual(server.localAddress, listener.address);
  assert.deepEqual(server.remoteAddress, client.localAddress);
  client.abort();
  server.abort();
  await listener.close();
});

test('LIST-3 close may be repeated, and accept after it is Closed', async () => {
  const { listener } = await listen();
  await listener.close();
  await listener.close();
  listener.abort();
  await assert.rejects(listener.accept(), ClosedResourceError);
});

test('LIST-4 a blocked accept gets Closed from close, and when the server below is closed', async () => {
  const { listener } = await listen();
  const blocked = listener.accept();
  await listener.close();
  await assert.rejects(blocked, ClosedResourceError);
  const below = await serverOnLoopback();
  const blockedBelow = below.listener.accept();
  below.server.close();
  await assert.rejects(blockedBelow, ClosedResourceError);
  await assert.rejects(below.listener.accept(), ClosedResourceError);
});

test('LIST-5 lost connections are skipped, other failures come out of accept one by one with their errno', async () => {
  const { server, listener, port } = await serverOnLoopback();
  const fail = (code: string): void => void server.emit('error', Object.assign(new Error(code), { code }));
  const hasCode = (code: string) => (error: unknown) => (error as NodeJS.ErrnoException).code === code;
  fail('ECONNABORTED');
  fail('EPERM');
  fail('EPROTO');
  const first = await openTcpStream('127.0.0.1', port);
  const firstAccepted = await listener.accept();
  fail('EMFILE');
  fail('EFAULT');
  fail('ENOBUFS');
  await assert.rejects(listener.accept(), hasCode('EMFILE'));
  await assert.rejects(listener.accept(), hasCode('EFAULT'));
  await assert.rejects(listener.accept(), hasCode('ENOBUFS'));
  const blocked = listener.accept();
  fail('ENFILE');
  await assert.rejects(blocked, hasCode('ENFILE'));
  const second = await openTcpStream('127.0.0.1', port);
  const secondAccepted = await listener.accept();
  for (const stream of [first, firstAccepted, second, secondAccepted]) stream.abort();
  await listener.close();
});

test('a failure that repeats while nobody accepts comes out once', async () => {
  const { server, listener, port } = await serverOnLoopback();
  for (let i = 0; i < 1000; i++) server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  const client = await openTcpStream('127.0.0.1', port);
  await assert.rejects(listener.accept(), { code: 'EMFILE' });
  const accepted = await listener.accept();
  for (const stream of [client, accepted]) stream.abort();
  await listener.close();
});

test('a second accept is Busy, a cancelled one loses no connection', async () => {
  const { listener, port } = await listen();
  const scope = new CancelScope();
  const first = scope.run(() => listener.accept());
  await assert.rejects(listener.accept(), BusyResourceError);
  scope.cancel();
  assert.equal(await first, undefined);
  const client = await openTcpStream('127.0.0.1', port);
  const cancelled = new CancelScope();
  cancelled.cancel();
  await cancelled.run(() => assert.rejects(listener.accept(), Cancelled));
  const accepted = await listener.accept();
  assert.deepEqual(accepted.remoteAddress, client.localAddress);
  client.abort();
  accepted.abort();
  await listener.close();
});

test('close closes what nobody has claimed', async () => {
  const { listener, port } = await listen();
  const client = await openTcpStream('127.0.0.1', port);
  await turn();
  await listener.close();
  const ending = await client.receiveSome().then(
    (chunk) => chunk,
    (error: unknown) => (error as Error).name,
  );
  assert.ok(ending === null || ending === 'BrokenResourceError');
  client.abort();
});

test('the accept queue is bounded: what is over is closed at once and reported, and the listener goes on', async () => {
  const { listener, port } = await listen({ acceptQueue: 2 });
  const clients: SocketStream[] = [];
  const events = await reportsOf(async () => {
    for (let i = 0; i < 5; i++) clients.push(await openTcpStream('127.0.0.1', port));
    const endings = clients.map((client) =>
      client.receiveSome().then(
        () => 'ended',
        () => 'ended',
      ),
    );
    await Promise.all(endings.slice(2));
  });
  assert.deepEqual(
    events.map((event) => event.kind === 'accept-refused' && [event.reason, event.refused]),
    [
      ['acceptQueue', 1],
      ['acceptQueue', 2],
    ],
  );
  const accepted = [await listener.accept(), await listener.accept()];
  clients.push(await openTcpStream('127.0.0.1', port));
  accepted.push(await listener.accept());
  for (const stream of [...clients, ...accepted]) stream.abort();
  await listener.close();
});

test('maxConnections counts open connections, warns at 90 % once, refuses above, and takes new ones when some have ended', async () => {
  const { listener, port } = await listen({ maxConnections: 10 });
  const clients: SocketStream[] = [];
  const accepted: SocketStream[] = [];
  const connect = async (): Promise<void> => {
    clients.push(await openTcpStream('127.0.0.1', port));
    accepted.push(await listener.accept());
  };
  const events = await reportsOf(async () => {
    for (let i = 0; i < 10; i++) await connect();
    const eleventh = await openTcpStream('127.0.0.1', port);
    await eleventh.receiveSome().catch(() => null);
    eleventh.abort();
  });
  assert.deepEqual(
    events.map((event) =>
      event.kind === 'descriptor-budget'
        ? [event.connections, event.maxConnections]
        : event.kind === 'accept-refused' && event.reason,
    ),
    [[9, 10], 'maxConnections'],
  );
  accepted[0]?.abort();
  await connect();
  for (const stream of [...clients, ...accepted]) stream.abort();
  await listener.close();
});

test('OTL-1 host null listens on IPv4 and IPv6 on one port, chosen by the system for port 0 (D19)', async () => {
  const listeners = await openTcpListeners(0, { backlog: 2 });
  assert.equal(listeners.length, 1);
  const [listener] = listeners as [SocketListener];
  assert.ok(listener.address.family !== 'unix' && listener.address.port > 0);
  const { port } = listener.address;
  for (const host of ['127.0.0.1', '::1']) {
    const client = await openTcpStream(host, port);
    const server = await listener.accept();
    // An IPv4 peer is IPv4, though the socket is not.
    assert.equal(server.remoteAddress?.family === 'unix' ? '' : server.remoteAddress?.host, host);
    client.abort();
    server.abort();
  }
  await listener.close();
});

test('OTL-2 a host and a port are taken as they are', async () => {
  const first = await listen();
  await first.listener.close();
  const [listener] = await openTcpListeners(first.port, { host: '127.0.0.1' });
  assert.deepEqual(listener?.address, { family: 4, host: '127.0.0.1', port: first.port });
  await listener?.close();
});

test('OTL-3 a listener on an IPv6 address takes no IPv4', async () => {
  const [listener] = await openTcpListeners(0, { host: '::1' });
  assert.ok(listener?.address.family === 6);
  await assert.rejects(openTcpStream('127.0.0.1', listener.address.port), ConnectError);
  await listener.close();
  const [wildcard] = await openTcpListeners(0, { host: '::' });
  assert.ok(wildcard?.address.family === 6);
  await assert.rejects(openTcpStream('127.0.0.1', wildcard.address.port), ConnectError);
  await wildcard.close();
});

test('OTL-4 a port can be listened on again after close with connections open, and not while it is in use', async () => {
  const { listener, port } = await listen();
  const client = await openTcpStream('127.0.0.1', port);
  const server = await listener.accept();
  await assert.rejects(openTcpListeners(port, { host: '127.0.0.1' }), { code: 'EADDRINUSE' });
  await listener.close();
  const [again] = await openTcpListeners(port, { host: '127.0.0.1' });
  await server.close();
  await client.close();
  await again?.close();
  // Now with a connection in TIME_WAIT.
  const [third] = await openTcpListeners(port, { host: '127.0.0.1' });
  await third?.close();
});

/** A network on which each address listens, or fails, as told. */
class ScriptedNetwork implements Network {
  readonly asked: { address: InetAddress; options: ListenTcpOptions }[] = [];
  readonly closed: string[] = [];
  readonly #addresses: InetAddress[];
  readonly #failures: Record<string, string>;
  /** Ports that the system gives for port 0, in order. */
  readonly #ports: number[];

  constructor(addresses: InetAddress[], failures: Record<string, string> = {}, ports = [5000, 5001, 5002, 5003]) {
    this.#addresses = addresses;
    this.#failures = failures;
    this.#ports = [...ports];
  }

  listenTcp(address: InetAddress, options: ListenTcpOptions): Promise<SocketListener> {
    this.asked.push({ address, options });
    const code = this.#failures[address.host] ?? this.#failures[`${address.host}:${address.port}`];
    if (code !== undefined) return Promise.reject(Object.assign(new Error(code), { code }));
    const port = address.port === 0 ? (this.#ports.shift() as number) : address.port;
    return Promise.resolve({
      address: { ...address, port },
      abort: () => void this.closed.push(address.host),
    } as unknown as SocketListener);
  }

  lookup(): Promise<InetAddress[]> {
    return Promise.resolve(this.#addresses);
  }

  connectTcp(): never {
    throw new Error('not scripted');
  }

  bindUdp(): never {
    throw new Error('not scripted');
  }

  connectUdp(): never {
    throw new Error('not scripted');
  }
}

const v4 = (host: string): InetAddress => ({ family: 4, host, port: 0 });
const v6 = (host: string): InetAddress => ({ family: 6, host, port: 0 });

test('OTL-5 when the third of three fails, the other two are closed and its error comes out', async () => {
  const network = new ScriptedNetwork([v4('192.0.2.1'), v4('192.0.2.2'), v4('192.0.2.3')], { '192.0.2.3': 'EACCES' });
  await assert.rejects(openTcpListeners(80, { host: 'a.example', network }), { code: 'EACCES' });
  assert.deepEqual(network.closed, ['192.0.2.1', '192.0.2.2']);
});

test('OTL-6 the port is an integer from 0 to 65535, whatever the host', async () => {
  for (const host of [null, '127.0.0.1']) {
    for (const port of ['80', null, undefined, new Uint8Array(1)]) {
      await assert.rejects(openTcpListeners(port as unknown as number, { host }), TypeError);
    }
    for (const port of [-1, 65_536, 1.5, NaN]) await assert.rejects(openTcpListeners(port, { host }), RangeError);
  }
});

test('OTL-7 a family that this machine does not have is left out, unless there is no other', async () => {
  const both = [v6('2001:db8::1'), v4('192.0.2.1')];
  for (const code of ['EAFNOSUPPORT', 'EADDRNOTAVAIL']) {
    const no6 = await openTcpListeners(80, {
      host: 'a.example',
      network: new ScriptedNetwork(both, { '2001:db8::1': code }),
    });
    assert.deepEqual(
      no6.map(({ address }) => address.family),
      [4],
    );
    const no4 = await openTcpListeners(80, {
      host: 'a.example',
      network: new ScriptedNetwork(both, { '192.0.2.1': code }),
    });
    assert.deepEqual(
      no4.map(({ address }) => address.family),
      [6],
    );
    const network = new ScriptedNetwork(both, { '192.0.2.1': code, '2001:db8::1': code });
    await assert.rejects(openTcpListeners(80, { host: 'a.example', network }), (error: NodeJS.ErrnoException) => {
      assert.equal(error.code, code);
      assert.ok(error.cause instanceof AggregateError && error.cause.errors.length === 2);
      return true;
    });
  }
  const everywhere = new ScriptedNetwork([], { '::': 'EAFNOSUPPORT' });
  const [listener] = await openTcpListeners(80, { network: everywhere });
  assert.deepEqual(listener?.address, { family: 4, host: '0.0.0.0', port: 80 });
});

test('OTL-8 one missing family and one real failure: the real failure comes out as it is', async () => {
  const failures = { '2001:db8::1': 'EAFNOSUPPORT', '192.0.2.1': 'EINVAL' };
  const network = new ScriptedNetwork([v6('2001:db8::1'), v4('192.0.2.1')], failures);
  await assert.rejects(openTcpListeners(80, { host: 'a.example', network }), (error: NodeJS.ErrnoException) => {
    assert.equal(error.code, 'EINVAL');
    assert.equal(error.cause, undefined);
    return true;
  });
});

test('OTL-9 the backlog is as long as can be by default, and never longer than kernels can count', async () => {
  for (const [given, asked] of [
    [undefined, 65_535],
    [99_999_999, 65_535],
    [10, 10],
    [1, 1],
  ] as const) {
    const network = new ScriptedNetwork([]);
    await openTcpListeners(80, { network, backlog: given });
    assert.equal(network.asked[0]?.options.backlog, asked);
  }
});

test('OTL-10 bad options are refused before anything is opened', async () => {
  const network = new ScriptedNetwork([]);
  for (const bad of [1.5, '10', NaN]) {
    await assert.rejects(openTcpListeners(80, { network, backlog: bad as number }), TypeError);
    await assert.rejects(openTcpListeners(80, { network, acceptQueue: bad as number }), TypeError);
    await assert.rejects(openTcpListeners(80, { network, maxConnections: bad as number }), TypeError);
  }
  await assert.rejects(openTcpListeners(80, { network, backlog: 0 }), RangeError);
  await assert.rejects(openTcpListeners(80, { network, host: '' }), RangeError);
  await assert.rejects(openTcpListeners(80, { network, host: 5 as unknown as string }), TypeError);
  await assert.rejects(openTcpListeners(80, { network, reusePort: 1 as unknown as boolean }), TypeError);
  await assert.rejects(openTcpListeners(80, { network, keepAliveMs: -1 }), RangeError);
  assert.deepEqual(network.asked, []);
});

test('port 0 on several addresses becomes one common port, found by trying again (D19)', async () => {
  const network = new ScriptedNetwork([v6('2001:db8::1'), v4('192.0.2.1')], { '192.0.2.1:5000': 'EADDRINUSE' });
  const listeners = await openTcpListeners(0, { host: 'a.example', network });
  assert.deepEqual(
    listeners.map(({ address }) => address.family !== 'unix' && address.port),
    [5001, 5001],
  );
  assert.deepEqual(network.closed, ['2001:db8::1']);
  const always = new ScriptedNetwork(
    [v6('2001:db8::1'), v4('192.0.2.1')],
    { '192.0.2.1': 'EADDRINUSE' },
    [...Array(20).keys()].map((i) => 5000 + i),
  );
  await assert.rejects(openTcpListeners(0, { host: 'a.example', network: always }), { code: 'EADDRINUSE' });
  assert.equal(always.closed.length, 10);
});

test('reusePort lets two listeners share a port where this Node can, and says so where it cannot', async () => {
  if (!supportsReusePort) {
    await assert.rejects(openTcpListeners(0, { host: '127.0.0.1', reusePort: true }), (error) => {
      assert.ok(error instanceof MisuseError);
      assert.match(error.message, /22\.12/);
      return true;
    });
    return;
  }
  const first = await listen({ reusePort: true });
  const [second] = await openTcpListeners(first.port, { host: '127.0.0.1', reusePort: true });
  assert.deepEqual(second?.address, first.listener.address);
  await first.listener.close();
  await second?.close();
});

test('CONN-1 what is not a host or a port is refused before anything is opened', async () => {
  const open = openTcpStream as (host: unknown, port: unknown, options?: object) => Promise<SocketStream>;
  for (const host of [undefined, null, 5, ['127.0.0.1', 80]]) await assert.rejects(open(host, 80), TypeError);
  for (const host of ['', 'a b', '[::1]', 'a\0b', 'user@host', 'http://host'])
    await assert.rejects(open(host, 80), RangeError);
  for (const port of ['80', undefined, null]) await assert.rejects(open('127.0.0.1', port), TypeError);
  for (const port of [0, -1, 65_536, 1.5]) await assert.rejects(open('127.0.0.1', port), RangeError);
  await assert.rejects(open('127.0.0.1', 80, { localAddress: 'localhost' }), RangeError);
  await assert.rejects(open('127.0.0.1', 80, { happyEyeballsDelayMs: -1 }), RangeError);
  await assert.rejects(open('127.0.0.1', 80, { happyEyeballsDelayMs: '1' }), TypeError);
});

test('CONN-2 cancelled before the start, nothing is opened', async () => {
  const { listener, port } = await listen();
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(() => assert.rejects(openTcpStream('127.0.0.1', port), Cancelled));
  const client = await openTcpStream('127.0.0.1', port);
  const accepted = await listener.accept();
  assert.deepEqual(accepted.remoteAddress, client.localAddress);
  client.abort();
  accepted.abort();
  await listener.close();
});

test('CONN-3 cancelled between start and completion, the socket is closed', async () => {
  const { listener, port } = await listen();
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  const scope = new CancelScope();
  const connecting = scope.run(() => openTcpStream('127.0.0.1', port));
  await Promise.resolve();
  scope.cancel();
  assert.equal(await connecting, undefined);
  await until(() => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length <= before);
  await listener.close();
});

test('CONN-4 a refused connection names the address and the reason', async () => {
  const { listener, port } = await listen();
  await listener.close();
  await assert.rejects(openTcpStream('127.0.0.1', port), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.message, `cannot connect to 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  });
});

test('CONN-5 cancelled during the look-up, nothing is opened afterwards', async () => {
  const network = new ScriptedNetwork([]);
  let answer: ((addresses: InetAddress[]) => void) | undefined;
  const resolve = (): Promise<InetAddress[]> =>
    suspend<InetAddress[]>((waiter) => {
      answer = (addresses) => waiter.resolve(addresses);
    });
  const scope = new CancelScope();
  const connecting = scope.run(() => openTcpStream('a.example', 80, { network, resolve }));
  scope.cancel();
  assert.equal(await connecting, undefined);
  // The scripted network throws if it is asked to connect.
  answer?.([v4('192.0.2.1')]);
  await turn();
});

test('names are looked up in ASCII, addresses never', async () => {
  const asked: string[] = [];
  const resolve = async (host: string): Promise<InetAddress[]> => {
    asked.push(host);
    return [];
  };
  await assert.rejects(openTcpStream('bücher.example', 80, { resolve }), ConnectError);
  assert.deepEqual(asked, ['xn--bcher-kva.example']);
  const { listener, port } = await listen();
  const stream = await openTcpStream('127.0.0.1', port, { resolve });
  assert.equal(asked.length, 1);
  stream.abort();
  await listener.close();
});

test('a name that does not exist is a ConnectError that names it', async () => {
  await assert.rejects(openTcpStream('name.invalid', 80), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.match(error.message, /name\.invalid/);
    return true;
  });
});
