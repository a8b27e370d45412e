/** A stream as a socket: what libraries written for net.Socket rely on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';

import { attributeOf, BrokenResourceError, remoteAddress } from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import { toNodeDuplex } from 'bowline/adapters';
import type { SocketDuplex } from 'bowline/adapters';
import { openTcpListeners, openTcpStream } from 'bowline/sockets';
import { CancelScope, moveOnAfter, withClock } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';

import { runNode } from '../support/run-node.js';
import { ScriptedClock, settle } from '../support/scripted-clock.js';

/** Not `events.once`, which an 'error' before it rejects. */
const closing = (duplex: SocketDuplex): Promise<unknown> => new Promise((resolve) => duplex.once('close', resolve));

const text = (bytes: Uint8Array | null): string => (bytes === null ? 'EOF' : Buffer.from(bytes).toString());
const bytes = (value: string): Buffer => Buffer.from(value);

type Recorded = { stream: HalfCloseableStream; calls: string[] };

/** A stream that notes what is asked of it. */
function recording(stream: HalfCloseableStream): Recorded {
  const calls: string[] = [];
  const recorder = new Proxy(stream, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const [data] = args;
        calls.push(name === 'sendAll' && Array.isArray(data) ? `sendAll[${data.length}]` : String(name));
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { stream: recorder, calls };
}

async function tcpPair(): Promise<[SocketDuplex, HalfCloseableStream]> {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(listener !== undefined && listener.address.family !== 'unix');
  const [a, b] = await Promise.all([openTcpStream('127.0.0.1', listener.address.port), listener.accept()]);
  await listener.close();
  return [toNodeDuplex(a), b];
}

async function readAll(duplex: SocketDuplex): Promise<string> {
  let all = '';
  duplex.on('data', (chunk: Buffer) => (all += String(chunk)));
  await once(duplex, 'end');
  return all;
}

test('bytes go both ways, the end of each side is told, and close comes last', async () => {
  const [near, far] = memoryStreamPair();
  const duplex = toNodeDuplex(near, { allowHalfOpen: true });
  duplex.write('ping');
  assert.equal(text(await far.receiveSome()), 'ping');
  await far.sendAll(bytes('pong'));
  await far.sendEof();
  assert.equal(await readAll(duplex), 'pong');
  assert.equal(duplex.destroyed, false);
  const closed = closing(duplex);
  duplex.end('bye');
  assert.equal(text(await far.receiveSome()), 'bye');
  assert.equal(await far.receiveSome(), null);
  await closed;
  assert.deepEqual([duplex.bytesRead, duplex.bytesWritten], [4, 7]);
});

test('without allowHalfOpen the end of the peer ends the socket, as with net.Socket', async () => {
  const [near, far] = memoryStreamPair();
  const duplex = toNodeDuplex(near);
  duplex.resume();
  await far.sendEof();
  await closing(duplex);
  assert.equal(await far.receiveSome(), null);
});

test('an end that nobody reads is noticed all the same', async () => {
  const [near, far] = memoryStreamPair();
  const duplex = toNodeDuplex(near);
  duplex.on('readable', () => undefined);
  await far.sendEof();
  await once(duplex, 'end');
});

test('bytes arrive in a later turn, never within write()', async () => {
  const [near, far] = memoryStreamPair();
  const [a, b] = [toNodeDuplex(near), toNodeDuplex(far)];
  let isWriting = true;
  const arrived = once(b, 'data').then(() => isWriting);
  b.on('data', () => assert.equal(isWriting, false));
  a.write('x');
  isWriting = false;
  assert.equal(await arrived, false);
  a.destroy();
  b.destroy();
});

test('what is queued behind a write goes out as one sendAll', async () => {
  const [near, far] = memoryStreamPair({ capacityBytes: 1 });
  const { stream, calls } = recording(near);
  const duplex = toNodeDuplex(stream);
  duplex.write('1');
  duplex.write('22');
  duplex.write('333');
  duplex.end('4444');
  let all = '';
  for await (const chunk of far) all += text(chunk);
  assert.equal(all, '1223334444');
  assert.deepEqual(
    calls.filter((call) => call.startsWith('send')),
    ['sendAll', 'sendAll[3]', 'sendEof'],
  );
  duplex.destroy();
});

test('back-pressure: a socket that nobody reads stops receiving, and write() says when to stop', async () => {
  const [near, far] = memoryStreamPair({ capacityBytes: 65_536 });
  const duplex = toNodeDuplex(near);
  let sent = 0;
  await moveOnAfter(50, async () => {
    for (;;) {
      await far.sendAll(Buffer.alloc(16_384));
      sent += 16_384;
    }
  });
  assert.ok(sent <= 65_536 * 3, `${sent} bytes were taken`);
  let isAccepted = true;
  for (let i = 0; isAccepted && i < 100; i++) isAccepted = duplex.write(Buffer.alloc(16_384));
  assert.equal(isAccepted, false);
  const drained = once(duplex, 'drain');
  while (duplex.writableLength > 0) await far.receiveSome();
  await drained;
  duplex.destroy();
});

test('a reset is an error with ECONNRESET and the cause, then close; nothing is thrown', async () => {
  const [duplex, far] = await tcpPair();
  duplex.resume();
  const failed = once(duplex, 'error');
  const closed = closing(duplex);
  far.abort();
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.deepEqual([error.message, error.code, error.syscall], ['read ECONNRESET', 'ECONNRESET', 'read']);
  assert.ok((error.errno as number) < 0);
  assert.ok(error.cause instanceof BrokenResourceError);
  await closed;
});

test('a write that fails is an error of that write, of the socket, and then close', async () => {
  const [near, far] = memoryStreamPair({ capacityBytes: 10 });
  const duplex = toNodeDuplex(near);
  far.abort();
  const failed = once(duplex, 'error');
  let isWithin = true;
  const written = new Promise<NodeJS.ErrnoException>((resolve) => {
    duplex.write('x'.repeat(100), (error) => {
      assert.equal(isWithin, false);
      resolve(error as NodeJS.ErrnoException);
    });
  });
  isWithin = false;
  assert.equal((await written).code, 'EPIPE');
  assert.equal(((await failed) as [Error])[0].message, 'write EPIPE');
  assert.equal(duplex.destroyed, true);
});

test('a stream that somebody else closes is ECONNABORTED', async () => {
  const [near] = memoryStreamPair();
  const duplex = toNodeDuplex(near);
  duplex.resume();
  const failed = once(duplex, 'error');
  near.abort();
  assert.equal(((await failed) as [NodeJS.ErrnoException])[0].code, 'ECONNABORTED');
});

test('an exception of a listener is the program’s, not an error of the socket', () => {
  const result = runNode(`
    import { toNodeDuplex } from 'bowline/adapters';
    import { memoryStreamPair } from 'bowline/testing';
    const [near, far] = memoryStreamPair();
    const duplex = toNodeDuplex(near);
    process.on('uncaughtException', (error) => { console.log('uncaught', error.message, duplex.destroyed); process.exit() });
    duplex.on('error', () => console.log('error'));
    duplex.on('data', () => { throw new Error('mine') });
    await far.sendAll(Buffer.from('x'));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  `);
  assert.equal(result.stdout.trim(), 'uncaught mine false');
});

test('destroy() closes, and lets out what was handed on; destroy(error) and resetAndDestroy() abort', async () => {
  for (const [end, expected] of [
    [(d: SocketDuplex) => d.destroy(), 'close'],
    [(d: SocketDuplex) => d.destroy(new Error('mine')), 'abort'],
    [(d: SocketDuplex) => d.resetAndDestroy(), 'abort'],
    [(d: SocketDuplex) => d.destroySoon(), 'close'],
  ] as const) {
    const [near, far] = memoryStreamPair();
    const { stream, calls } = recording(near);
    const duplex = toNodeDuplex(stream);
    duplex.on('error', (error: Error) => assert.equal(error.message, 'mine'));
    duplex.write('last words');
    const closed = closing(duplex);
    end(duplex);
    await closed;
    assert.equal(calls.at(-1), expected);
    if (expected === 'close') assert.equal(text(await far.receiveSome()), 'last words');
    assert.equal(duplex.readyState, 'closed');
  }
});

test('destroying while a write is blocked: its callback gets an error, close follows', async () => {
  const clock = new ScriptedClock();
  await withClock(clock, async () => {
    const [near] = memoryStreamPair({ capacityBytes: 1 });
    const duplex = toNodeDuplex(near);
    const outcome = new Promise((resolve) => {
      duplex.write(Buffer.alloc(100), resolve);
    });
    await settle();
    duplex.destroy();
    const closed = closing(duplex);
    await clock.advance(2000);
    assert.ok((await outcome) instanceof Error);
    await closed;
    assert.equal(clock.timers, 0);
  });
});

test('setTimeout fires after inactivity, again after the next one, and not when it is off', async () => {
  const clock = new ScriptedClock();
  await withClock(clock, async () => {
    const [near, far] = memoryStreamPair();
    const duplex = toNodeDuplex(near);
    duplex.resume();
    let fired = 0;
    assert.equal(
      duplex.setTimeout(100, () => fired++),
      duplex,
    );
    assert.equal(duplex.timeout, 100);
    duplex.on('timeout', () => fired++);
    await clock.advance(60);
    await far.sendAll(bytes('x'));
    await once(duplex, 'data');
    await clock.advance(60);
    assert.equal(fired, 0);
    await clock.advance(40);
    assert.equal(fired, 2);
    await clock.advance(1000);
    assert.equal(fired, 2);
    duplex.write('y');
    await far.receiveSome();
    await clock.advance(100);
    assert.equal(fired, 3);
    duplex.setTimeout(0);
    duplex.write('z');
    await far.receiveSome();
    await clock.advance(1000);
    assert.equal(fired, 3);
    duplex.setTimeout(50);
    duplex.destroy();
    await closing(duplex);
    assert.equal(clock.timers, 0);
  });
  assert.throws(() => toNodeDuplex(memoryStreamPair()[0]).setTimeout('1' as never), TypeError);
  assert.throws(() => toNodeDuplex(memoryStreamPair()[0]).setTimeout(-1), RangeError);
});

test('connect() is answered with connect and ready in a later turn', async () => {
  const duplex = toNodeDuplex(memoryStreamPair()[0]);
  assert.deepEqual([duplex.connecting, duplex.pending, duplex.readyState], [false, false, 'open']);
  const seen: string[] = [];
  duplex.once('ready', () => seen.push('ready'));
  duplex.connect(5432, 'db.example', () => seen.push('connect'));
  assert.deepEqual(seen, []);
  await once(duplex, 'ready');
  assert.deepEqual(seen, ['connect', 'ready']);
  duplex.destroy();
});

test('addresses and options of a TCP stream below are passed through', async () => {
  const [duplex, far] = await tcpPair();
  assert.deepEqual(
    [duplex.remoteAddress, duplex.remoteFamily, duplex.localAddress],
    ['127.0.0.1', 'IPv4', '127.0.0.1'],
  );
  assert.deepEqual(duplex.address(), { address: '127.0.0.1', family: 'IPv4', port: duplex.localPort });
  assert.equal(attributeOf(duplex, remoteAddress)?.family, 4);
  assert.equal(
    duplex.setNoDelay().setNoDelay(false).setKeepAlive(true, 5000).setKeepAlive(true).setKeepAlive().ref().unref(),
    duplex,
  );
  duplex.destroy();
  await closing(duplex);
  duplex.setNoDelay(true);
  far.abort();
  const memory = toNodeDuplex(memoryStreamPair()[0]);
  assert.deepEqual([memory.remoteAddress, memory.remotePort, memory.address()], [undefined, undefined, {}]);
  assert.equal(memory.setNoDelay().setKeepAlive(true), memory);
  memory.destroy();
});

test('it outlives the scope it was made in', async () => {
  const [near, far] = memoryStreamPair();
  let duplex: SocketDuplex | undefined;
  const scope = new CancelScope();
  await scope.run(async () => {
    duplex = toNodeDuplex(near);
    duplex.write('in');
    scope.cancel();
    await Promise.resolve();
  });
  duplex?.write('out');
  assert.equal(text(await far.receiveSome()) + text(await far.receiveSome()), 'inoutEOF'.slice(0, 5));
  duplex?.destroy();
});

test('wrong arguments are refused', () => {
  assert.throws(() => toNodeDuplex(undefined as never), TypeError);
  assert.throws(() => toNodeDuplex({} as never), TypeError);
  assert.throws(() => toNodeDuplex(memoryStreamPair()[0], { allowHalfOpen: 1 as never }), TypeError);
});

test('node:http, server and client, with keep-alive, over memory', async () => {
  const server = http.createServer((request, response) => {
    request.setEncoding('utf8');
    let body = '';
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => response.end(`${request.method} ${request.url} ${body.length}`));
  });
  let connections = 0;
  class MemoryAgent extends http.Agent {
    override createConnection(): SocketDuplex {
      connections++;
      const [near, far] = memoryStreamPair({ capacityBytes: 65_536 });
      server.emit('connection', toNodeDuplex(far));
      return toNodeDuplex(near);
    }
  }
  const agent = new MemoryAgent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 3; i++) {
    const request = http.request({ agent, path: `/${i}`, method: 'POST' });
    request.end('x'.repeat(200_000));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += String(chunk);
    assert.equal(body, `POST /${i} 200000`);
  }
  assert.equal(connections, 1);
  agent.destroy();
  server.close();
});

test('a net.Socket member that a library may look for is there', () => {
  const duplex = toNodeDuplex(memoryStreamPair()[0]);
  const missing = [
    'address',
    'connect',
    'destroySoon',
    'ref',
    'resetAndDestroy',
    'setKeepAlive',
    'setNoDelay',
    'setTimeout',
    'unref',
  ].filter(
    (name) =>
      typeof (duplex as unknown as Record<string, unknown>)[name] !==
      typeof (net.Socket.prototype as unknown as Record<string, unknown>)[name],
  );
  assert.deepEqual(missing, []);
  duplex.destroy();
});
