import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';

import type { HalfCloseableStream, Network, SocketStream } from 'bowline/core';
import { AddressError, BowlineError, ConnectError, TooSlowError } from 'bowline/core';
import type { EndpointListener, Scheme } from 'bowline/endpoints';
import {
  builtInSchemes,
  connect,
  defineGrammar,
  defineScheme,
  file,
  formatAddress,
  listen,
  ListenError,
  parseAddress,
  redactAddress,
  secret,
  serve,
} from 'bowline/endpoints';
import { Cancelled, CancelScope, openNursery, sleepForever, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A proxy with a password that notes who was dialled through it. */
function proxyScheme(log: string[]): Scheme {
  return defineScheme(
    defineGrammar({
      name: 'proxy',
      form: 'proxy:name',
      roles: ['via'],
      options: { password: secret('a password'), keyFile: file('a file') },
      parseTarget: (name) => name,
      formatTarget: (name) => name,
    }),
    {
      connector:
        (name, { password }, dial) =>
        async (target) => {
          log.push(`${name}(${password ?? ''}) -> ${target.host}:${target.port}`);
          return await dial({ host: name, port: 1080 });
        },
    },
  );
}

/** A network that notes what is dialled and gives streams in memory. */
function memoryNetwork(log: string[]): Network {
  const unused = (): never => assert.fail('not to be used here');
  return {
    connectTcp: async ({ host, port }) => {
      log.push(`${host}:${port}`);
      return memoryStreamPair()[0] as unknown as SocketStream;
    },
    listenTcp: unused,
    bindUdp: unused,
    connectUdp: unused,
    lookup: async (host) => [{ family: 4, host: host === 'target' ? '192.0.2.9' : '192.0.2.1', port: 0 }],
  };
}

/** What `body` is rejected with. */
async function failure(body: Promise<unknown>): Promise<Error> {
  try {
    await body;
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.doesNotMatch(error.message, /\n/);
    return error;
  }
  assert.fail('it did not fail');
}

test('an address that is wrong for its use is refused before anything is opened', async () => {
  for (const address of ['example.org:80', 'tcp::80', 'tcp:h:0', 'tcp:h:80?backlog=1', 'nope:x']) {
    assert.ok((await failure(connect(address))) instanceof AddressError, address);
    // Parsing for no role in particular is lenient; using it is not.
    if (address.startsWith('tcp')) assert.ok((await failure(connect(parseAddress(address)))) instanceof AddressError);
  }
  for (const address of ['tcp:h:80?localAddress=::1', 'tcp:h:80?via=x:y']) {
    assert.ok((await failure(listen(address))) instanceof AddressError, address);
  }
  assert.ok((await failure(connect(80 as unknown as string))) instanceof TypeError);
  assert.ok((await failure(serve('no handler' as never, 'tcp:127.0.0.1:0'))) instanceof TypeError);
});

test('what needs a permission is refused unless it is named, in proxies too', async () => {
  const log: string[] = [];
  const schemes = [...builtInSchemes, proxyScheme(log)];
  const network = memoryNetwork(log);
  const address = 'tcp:target:80?via=proxy:near%3FkeyFile%3D/etc/key';
  const error = await failure(connect(address, { schemes, network }));
  assert.match(error.message, /reading files is not allowed here; code allows it with \{ allow: \['file'\] \}$/);
  assert.ok(error instanceof AddressError);
  assert.ok((await failure(connect(address, { schemes, network, allow: ['unix', 'exec'] }))) instanceof AddressError);
  assert.ok((await failure(connect(address, { allow: 'file' as unknown as [] }))) instanceof TypeError);
  assert.deepEqual(log, []);
  await using stream = await connect(address, { schemes, network, allow: ['file'] });
  assert.ok(stream);
});

test('connects and serves over TCP, half-close included', async () => {
  await openNursery(async (nursery) => {
    const echo = async (stream: HalfCloseableStream): Promise<void> => {
      for await (const chunk of stream) await stream.sendAll(chunk);
    };
    const [listener] = await nursery.start<EndpointListener[]>((started) =>
      serve(echo, 'tcp:127.0.0.1:0?backlog=5', { started }),
    );
    assert.ok(listener?.address?.family === 4);
    await using stream = await connect(`tcp://127.0.0.1:${listener.address.port}?noDelay=1`);
    await stream.sendAll(bytes('over and '));
    await stream.sendAll(bytes('out'));
    await stream.sendEof();
    let received = '';
    for await (const chunk of stream) received += text(chunk) ?? '';
    assert.equal(received, 'over and out');
    nursery.cancelScope.cancel();
  });
});

test('listening on every interface gives a port', async () => {
  const [listener] = await listen('tcp::0');
  assert.ok(listener?.address !== undefined && listener.address.family !== 'unix' && listener.address.port > 0);
  await listener.close();
});

test('a refused connection is a ConnectError in one line that names the address and the cause', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const error = await failure(connect(`tcp:127.0.0.1:${port}?noDelay=0`));
  assert.ok(error instanceof ConnectError);
  assert.match(error.message, new RegExp(`^tcp:127\\.0\\.0\\.1:${port}\\?noDelay=0: .*ECONNREFUSED`));
  assert.equal(error.attempts.length, 1);
  assert.ok(error.cause instanceof ConnectError);
});

test('a port that is taken is a ListenError in one line that names the address and the cause', async () => {
  const [listener] = await listen('tcp:127.0.0.1:0');
  assert.ok(listener?.address?.family === 4);
  const address = `tcp:127.0.0.1:${listener.address.port}`;
  const error = await failure(listen(address));
  assert.ok(error instanceof ListenError && error instanceof BowlineError);
  assert.match(error.message, new RegExp(`^${address}: .*EADDRINUSE`));
  await listener.close();
});

test('goes through the proxies of the address, the nearest first', async () => {
  const log: string[] = [];
  const schemes = [...builtInSchemes, proxyScheme(log)];
  const address = 'tcp:target:80?via=proxy:near%3Fpassword%3Dhunter2&via=proxy:far';
  await using stream = await connect(address, { schemes, network: memoryNetwork(log) });
  assert.ok(stream);
  assert.deepEqual(log, ['far() -> target:80', 'near(hunter2) -> far:1080', '192.0.2.1:1080']);
});

test('what goes wrong behind a proxy shows no password', async () => {
  const network: Network = {
    ...memoryNetwork([]),
    connectTcp: async () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
  };
  const schemes = [...builtInSchemes, proxyScheme([])];
  const error = await failure(connect('tcp:target:80?via=proxy:near%3Fpassword%3Dhunter2', { schemes, network }));
  assert.ok(error instanceof ConnectError);
  assert.match(error.message, /^tcp:target:80\?via=proxy:near%3Fpassword%3D\*\*\*: /);
});

test('timeoutMs gives up, and names the address', async () => {
  const network: Network = { ...memoryNetwork([]), connectTcp: () => sleepForever() };
  await withClock(new MockClock(), async () => {
    const error = await failure(connect('tcp:target:80?timeoutMs=1500', { network }));
    assert.ok(error instanceof ConnectError && error.cause instanceof TooSlowError);
    assert.match(error.message, /^tcp:target:80\?timeoutMs=1500: the operation took longer than 1500 ms$/);
    assert.equal(error.attempts[0]?.durationMs, 1500);
  });
});

test('cancellation passes through untouched', async () => {
  const network: Network = { ...memoryNetwork([]), connectTcp: () => sleepForever() };
  const scope = new CancelScope();
  const seen: unknown[] = [];
  await scope.run(async () => {
    const pending = connect('tcp:target:80', { network });
    scope.cancel();
    await pending.catch((error: unknown) => {
      seen.push(error);
      throw error;
    });
  });
  assert.equal(seen.length, 1);
  assert.ok(seen[0] instanceof Cancelled);
});

test('a scheme without the opener that its grammar promises is an AddressError', async () => {
  const empty = defineScheme(
    defineGrammar({
      name: 'empty',
      form: 'empty:',
      roles: ['connect', 'listen', 'via'],
      takesVia: true,
      options: {},
      parseTarget: () => null,
      formatTarget: () => '',
    }),
    {},
  );
  const schemes = [...builtInSchemes, empty];
  assert.match((await failure(connect('empty:', { schemes }))).message, /^empty:: cannot be connected to$/);
  assert.match((await failure(listen('empty:', { schemes }))).message, /^empty:: cannot be listened on$/);
  const viaEmpty = connect('tcp:target:80?via=empty:', { schemes, network: memoryNetwork([]) });
  assert.match((await failure(viaEmpty)).message, /^empty:: is not a proxy$/);
});

test('an address keeps its schemes when it is written and used again', async () => {
  const log: string[] = [];
  const own = defineScheme(
    defineGrammar({
      name: 'own',
      form: 'own:name',
      roles: ['connect'],
      options: { token: secret('a token') },
      parseTarget: (name) => name,
      formatTarget: (name) => name,
    }),
    {
      connect: async (name, { token }) => {
        log.push(`${name} ${token}`);
        return memoryStreamPair()[0];
      },
    },
  );
  const address = parseAddress('own:x?token=a%26b', { schemes: [own] });
  assert.equal(formatAddress(address), 'own:x?token=a%26b');
  assert.equal(redactAddress(address), 'own:x?token=***');
  await using stream = await connect(address);
  assert.ok(stream);
  assert.deepEqual(log, ['x a&b']);
});
