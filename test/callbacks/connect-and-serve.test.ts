/** Connections and servers of protocols, over TCP and Unix sockets; protocols inside tasks. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';

import { connectAcceptedStream, createConnection, createServer, runProtocol } from 'bowline/callbacks';
import type { CreateServerOptions, Protocol, ProtocolServer, ServerTarget, Transport } from 'bowline/callbacks';
import { BrokenResourceError, ConnectError, MisuseError } from 'bowline/core';
import type { Listener, Stream } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import { openTcpStream } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { CancelScope, Cancelled, openMemoryChannel, openNursery, sleepForever, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';

import { bytes, text } from '../framing/decode.js';
import { runScript } from '../support/run-script.js';
import { RecordingProtocol } from './recording-protocol.js';

class Echo implements Protocol {
  transport: Transport | undefined;

  connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  dataReceived(chunk: Uint8Array): void {
    void this.transport?.write(chunk);
  }
}

async function serve(
  t: TestContext,
  factory: () => Protocol,
  target: ServerTarget = { host: '127.0.0.1', port: 0 },
  options: CreateServerOptions = {},
): Promise<ProtocolServer> {
  const server = await createServer(factory, target, options);
  t.after(() => server.abort());
  return server;
}

function portOf(server: ProtocolServer): number {
  assert.ok(server.port !== undefined);
  return server.port;
}

/** A listener that gives what is put into it. */
function memoryListener(): { readonly listener: Listener<Stream>; connect: () => Promise<Stream> } {
  const [send, receive] = openMemoryChannel<Stream>(10);
  const listener: Listener<Stream> = {
    accept: () => receive.receive(),
    close: () => receive.close(),
    abort: () => receive.abort(),
    [Symbol.asyncDispose]: () => receive.close(),
  };
  return {
    listener,
    connect: async () => {
      const [near, far] = memoryStreamPair();
      await send.send(far);
      return near;
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('003-4 a client and a server of the same kind of protocol talk over TCP', async (t) => {
  const server = await serve(t, () => new Echo());
  const { protocol, transport } = await createConnection(() => new RecordingProtocol(), {
    host: '127.0.0.1',
    port: portOf(server),
  });
  assert.deepEqual(protocol.events, ['made']);
  await transport.write(bytes('over and back'));
  await protocol.heard('data over and back');
  await transport.close();
  assert.deepEqual(protocol.events, ['made', 'data over and back', 'lost']);
  await server.drain();
});

test(
  'over a Unix socket, and through a function that opens the stream',
  { skip: process.platform === 'win32' && 'no socket files' },
  async (t) => {
    const path = join(mkdtempSync(join(tmpdir(), 'bl-')), 's');
    await serve(t, () => new Echo(), { path });
    for (const target of [
      { path },
      () => import('bowline/sockets').then(({ openUnixSocket }) => openUnixSocket(path)),
    ]) {
      const { protocol, transport } = await createConnection(() => new RecordingProtocol(), target);
      await transport.write(bytes('hello'));
      await protocol.heard('data hello');
      transport.abort();
    }
  },
);

test('a connector dials in place of TCP', async () => {
  const [near, far] = memoryStreamPair();
  const targets: unknown[] = [];
  const { transport } = await createConnection(
    () => ({}),
    { host: 'inner.example', port: 7 },
    {
      connect: async (target) => {
        targets.push(target);
        return near;
      },
    },
  );
  await transport.write(bytes('through'));
  assert.equal(text((await far.receiveSome()) as Uint8Array), 'through');
  assert.deepEqual(targets, [{ host: 'inner.example', port: 7 }]);
});

test('a connection that fails rejects, and makes no protocol', async (t) => {
  const server = await serve(t, () => new Echo());
  const port = portOf(server);
  server.abort();
  let made = 0;
  await assert.rejects(
    createConnection(
      () => {
        made++;
        return {};
      },
      { host: '127.0.0.1', port },
    ),
    ConnectError,
  );
  assert.equal(made, 0);
  await assert.rejects(createConnection('no' as never, { host: '127.0.0.1', port }), TypeError);
});

test('004-2 a connect can be called off, and makes no protocol then; nobody has to await it', async () => {
  const scope = new CancelScope();
  let made = 0;
  await scope.run(async () => {
    void createConnection(
      () => {
        made++;
        return {};
      },
      () => sleepForever(),
    );
    await turn();
    scope.cancel();
  });
  await turn();
  assert.equal(made, 0);
});

test('a server that does not start at once accepts after start(), and not after stop()', async () => {
  const { listener, connect } = memoryListener();
  const made: RecordingProtocol[] = [];
  const server = await createServer(
    () => {
      const protocol = new RecordingProtocol();
      made.push(protocol);
      return protocol;
    },
    listener,
    { startServing: false },
  );
  await connect();
  await turn();
  assert.equal(server.isServing, false);
  assert.equal(made.length, 0);
  server.start();
  server.start();
  await turn();
  assert.equal(server.isServing, true);
  assert.equal(made.length, 1);
  assert.equal(server.transports.size, 1);
  server.stop();
  assert.equal(server.isServing, false);
  assert.throws(() => server.start(), MisuseError);
  await turn();
  assert.equal(server.transports.size, 1, 'connections go on');
  server.abort();
  await turn();
  assert.equal(server.transports.size, 0);
});

test('drain waits for connections to end by themselves, and aborts what is left after its time', () =>
  withClock(new MockClock(), async () => {
    const { listener, connect } = memoryListener();
    const made: RecordingProtocol[] = [];
    const server = await createServer(() => {
      const protocol = new RecordingProtocol();
      made.push(protocol);
      return protocol;
    }, [listener]);
    const quick = await connect();
    await connect();
    await turn();
    const drained = server.drain(3000);
    await quick.close();
    await drained;
    assert.deepEqual(
      made.map(({ events }) => events),
      [
        ['made', 'eof', 'lost'],
        ['made', 'lost'],
      ],
    );
    assert.equal(server.transports.size, 0);
    await assert.rejects(server.drain(-1), RangeError);
  }));

test('close() closes every connection gracefully; in a cancelled scope it aborts', async () => {
  const { listener, connect } = memoryListener();
  const server = await createServer(
    () => ({ connectionMade: (transport) => void transport.write(bytes('goodbye')) }),
    listener,
  );
  const client = await connect();
  await turn();
  await server.close();
  assert.equal(text((await client.receiveSome()) as Uint8Array), 'goodbye');
  assert.equal(await client.receiveSome(), null);
  const again = memoryListener();
  const other = await createServer(() => ({}), again.listener);
  await again.connect();
  await turn();
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(() => other.close());
  await turn();
  assert.equal(other.transports.size, 0);
});

test('maxConnections: others wait until one has ended', async () => {
  const { listener, connect } = memoryListener();
  const server = await createServer(() => new Echo(), listener, { maxConnections: 1 });
  const one = await connect();
  const two = await connect();
  await turn();
  assert.equal(server.transports.size, 1);
  await one.close();
  await two.sendAll(bytes('my turn'));
  assert.equal(text((await two.receiveSome()) as Uint8Array), 'my turn');
  await assert.rejects(
    createServer(() => ({}), listener, { maxConnections: 0 }),
    RangeError,
  );
  server.abort();
});

test('a factory or a callback that throws ends its connection only, and is reported', async () => {
  const reports: unknown[] = [];
  const before = setReporter((event) => void reports.push(event.kind === 'handler-error' ? event.error : event));
  try {
    const { listener, connect } = memoryListener();
    let made = 0;
    const server = await createServer(() => {
      if (++made === 1) throw new Error('factory');
      return {
        dataReceived() {
          throw new Error('callback');
        },
      };
    }, listener);
    const refused = await connect();
    const failing = await connect();
    const healthy = await connect();
    await failing.sendAll(bytes('x'));
    await turn();
    assert.deepEqual(
      reports.map((error) => (error as Error).message),
      ['factory', 'callback'],
    );
    assert.equal(server.transports.size, 1);
    await assert.rejects(refused.sendAll(bytes('x')), BrokenResourceError);
    await assert.rejects(failing.sendAll(bytes('x')), BrokenResourceError);
    await healthy.close();
    server.abort();
  } finally {
    setReporter(before);
  }
});

test('a sink that throws changes nothing', async () => {
  const reports: unknown[] = [];
  const before = setReporter((event) => void reports.push(event));
  try {
    const [near] = memoryStreamPair();
    connectAcceptedStream(
      () => ({
        connectionMade() {
          throw new Error('one');
        },
      }),
      near,
      {
        onError() {
          throw new Error('two');
        },
      },
    );
    await turn();
    assert.equal(reports.length, 1);
  } finally {
    setReporter(before);
  }
});

test('runProtocol returns with the connection, and rejects with what broke it', async () => {
  const [near, far] = memoryStreamPair();
  const protocol = new RecordingProtocol();
  const running = runProtocol(near, protocol);
  await far.sendAll(bytes('hi'));
  await far.close();
  await running;
  assert.deepEqual(protocol.events, ['made', 'data hi', 'eof', 'lost']);
  const [one, other] = memoryStreamPair();
  await other.sendAll(bytes('x'));
  const thrown = new Error('of the program');
  await assert.rejects(
    runProtocol(one, {
      dataReceived() {
        throw thrown;
      },
    }),
    thrown,
  );
});

test('runProtocol: cancelling its scope aborts the connection, and connectionLost comes first', async () => {
  const [near, far] = memoryStreamPair();
  const protocol = new RecordingProtocol();
  const scope = new CancelScope();
  const order: string[] = [];
  await openNursery(async (nursery) => {
    nursery.startSoon(() =>
      scope.run(async () => {
        try {
          await runProtocol(near, protocol);
        } catch (error) {
          order.push(...protocol.events, (error as Error).name);
          assert.ok(error instanceof Cancelled);
          throw error;
        }
      }),
    );
    await protocol.heard('made');
    scope.cancel();
  });
  assert.deepEqual(order, ['made', 'lost', 'AbortError']);
  await assert.rejects(far.sendAll(bytes('x')), BrokenResourceError);
  const [unused, end] = memoryStreamPair();
  const cancelled = new CancelScope();
  cancelled.cancel();
  await cancelled.run(() => runProtocol(unused, protocol));
  await assert.rejects(end.sendAll(bytes('x')), BrokenResourceError);
});

test('runProtocol: callbacks run in the scope of its caller, and may start tasks there', async () => {
  const [near, far] = memoryStreamPair();
  const started: string[] = [];
  await openNursery(async (nursery) => {
    nursery.startSoon(() =>
      runProtocol(near, {
        dataReceived: (chunk) => nursery.startSoon(async () => void started.push(text(chunk))),
      }),
    );
    await far.sendAll(bytes('task'));
    await far.close();
  });
  assert.deepEqual(started, ['task']);
});

test('both faces mix: a protocol reads the greeting, a task the rest', async () => {
  const [near, far] = memoryStreamPair();
  await far.sendAll(bytes('GREETING'));
  const { stream, rest } = await new Promise<{ stream: Stream; rest: Uint8Array }>((resolve, reject) => {
    let transport: Transport;
    connectAcceptedStream(
      () => ({
        connectionMade: (made) => (transport = made),
        dataReceived: () => void transport.detach().then(resolve, reject),
      }),
      near,
    );
  });
  const buffered = new BufferedStream(stream);
  buffered.unread(rest);
  await far.sendAll(bytes('the rest\n'));
  assert.equal(await buffered.receiveLine(), 'the rest');
});

test('EADDRINUSE is what createServer rejects with', async (t) => {
  const server = await serve(t, () => ({}));
  await assert.rejects(
    createServer(() => ({}), { host: '127.0.0.1', port: portOf(server) }),
    { code: 'EADDRINUSE' },
  );
});

test('004-9 an open connection lives without a reference of the program, and is let go when it is closed', async () => {
  const { status, stderr } = await runScript(
    `
    import assert from 'node:assert/strict';
    import { createConnection, createServer } from 'bowline/callbacks';
    const collected = new Set();
    const registry = new FinalizationRegistry((name) => collected.add(name));
    let answer;
    const server = await createServer(() => {
      const protocol = { made: 0, connectionMade(t) { this.t = t; }, dataReceived(chunk) { this.t.write(chunk); } };
      registry.register(protocol, 'server');
      return protocol;
    }, { host: '127.0.0.1', port: 0 });
    const connect = async () => {
      const { transport } = await createConnection(() => {
        const protocol = { dataReceived: () => answer() };
        registry.register(protocol, 'client');
        return protocol;
      }, { host: '127.0.0.1', port: server.port });
      return new WeakRef(transport);
    };
    const transport = await connect();
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); } };
    await settle();
    assert.equal(collected.size, 0);
    await new Promise((resolve) => { answer = resolve; transport.deref().write(Uint8Array.of(1)); });
    await transport.deref().close();
    await server.drain();
    for (let i = 0; i < 50 && collected.size < 2; i++) await settle();
    assert.equal(collected.size, 2);
    `,
    { nodeArgs: ['--expose-gc'] },
  );
  assert.equal(stderr, '');
  assert.equal(status, 0);
});

test('a client that connects and is never read does not keep others waiting', async (t) => {
  const server = await serve(t, () => new Echo());
  const slow = await openTcpStream('127.0.0.1', portOf(server));
  void slow.sendAll(new Uint8Array(3_000_000)).catch(() => undefined);
  const quick = await openTcpStream('127.0.0.1', portOf(server));
  await quick.sendAll(bytes('quick'));
  assert.equal(text((await quick.receiveSome()) as Uint8Array), 'quick');
  slow.abort();
  quick.abort();
});
