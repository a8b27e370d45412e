import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  attributeOf,
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  localAddress,
  remoteAddress,
} from 'bowline/core';
import {
  adoptSocket,
  openProcess,
  openTcpListeners,
  openTcpStream,
  openUnixListener,
  openUnixSocket,
} from 'bowline/sockets';
import { Cancelled, CancelScope, openNursery } from 'bowline/tasks';

import { clog, closeBoth, rawPair, receiveAll, socketPair } from '../support/socket-pair.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : Buffer.from(chunk).toString());

/** Lets the event loop turn, and goes on, if a direction is in use. */
async function rethrowUnlessBusy(error: unknown): Promise<void> {
  if (!(error instanceof BusyResourceError)) throw error;
  await new Promise((resolve) => setImmediate(resolve));
}

test('SOCK-1 what is not a connected net.Socket is refused', () => {
  assert.throws(() => adoptSocket({} as net.Socket), TypeError);
  assert.throws(() => adoptSocket(null as unknown as net.Socket), TypeError);
  assert.throws(() => adoptSocket(new net.Socket()), ClosedResourceError);
  const destroyed = new net.Socket();
  destroyed.destroy();
  assert.throws(() => adoptSocket(destroyed), ClosedResourceError);
});

test('SOCK-2 noDelay and keepAlive can be switched, and bad values are refused', async () => {
  const pair = await socketPair();
  pair.client.setNoDelay(false);
  pair.client.setNoDelay(true);
  pair.client.setKeepAlive(30_000);
  pair.client.setKeepAlive(null);
  assert.throws(() => pair.client.setNoDelay(1 as unknown as boolean), TypeError);
  assert.throws(() => pair.client.setKeepAlive('x' as unknown as number), TypeError);
  assert.throws(() => pair.client.setKeepAlive(0), RangeError);
  closeBoth(pair);
});

test('SOCK-3 10 MB arrive in order through a late reader, then end of file', async () => {
  const { client, server } = await socketPair();
  const size = 10_000_000;
  const data = new Uint8Array(size).map((_, i) => (i * 7) % 251);
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      await client.sendAll(data);
      await client.sendEof();
    });
    const received = await receiveAll(server);
    assert.equal(received.compare(data), 0);
    assert.equal(await server.receiveSome(), null);
    assert.equal(server.bytesReceived, size);
    assert.equal(client.bytesSent, size);
  });
  closeBoth({ client, server });
});

test('SOCK-4 the memory is the caller’s again after sendAll', async () => {
  const { client, server } = await socketPair();
  const data = bytes('first');
  await client.sendAll(data);
  data.fill(0x78);
  await client.sendAll(data);
  await client.sendEof();
  assert.equal((await receiveAll(server)).toString(), 'firstxxxxx');
  closeBoth({ client, server });
});

test('SOCK-6 a stream whose peer has closed already gives the data, then end of file for ever', async () => {
  const { stream, peer } = await rawPair();
  peer.end('last words');
  await once(peer, 'finish');
  assert.equal(text(await stream.receiveSome()), 'last words');
  assert.equal(await stream.receiveSome(), null);
  assert.equal(await stream.receiveSome(), null);
  assert.equal(await stream.receiveInto(new Uint8Array(4)), null);
  peer.destroy();
  stream.abort();
});

test('SOCK-7 blocked send and receive get Closed when the socket is destroyed below the stream', async () => {
  const listener = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const peer = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  peer.pause();
  const [socket] = (await accepted) as [net.Socket];
  const stream = adoptSocket(socket);
  await clog(stream);
  const blocked = [stream.waitSendAllMightNotBlock(), stream.receiveSome()];
  socket.destroy();
  for (const operation of blocked) await assert.rejects(operation, ClosedResourceError);
  await assert.rejects(stream.receiveSome(), ClosedResourceError);
  peer.destroy();
  listener.close();
});

test('blocked operations get Closed from close() and from abort()', async () => {
  for (const how of ['close', 'abort'] as const) {
    const { client, server } = await socketPair();
    await clog(client);
    const blocked = [client.waitSendAllMightNotBlock(), client.receiveSome()];
    const closing = how === 'close' ? client.close() : client.abort();
    for (const operation of blocked) await assert.rejects(operation, ClosedResourceError);
    client.abort();
    server.abort();
    await closing;
  }
});

test('bad arguments are refused before anything else, and reject instead of throwing', async () => {
  const { client, server } = await socketPair();
  await client.close();
  await assert.rejects(client.receiveSome(0), RangeError);
  await assert.rejects(client.receiveSome(-1), RangeError);
  await assert.rejects(client.receiveSome(1.5), TypeError);
  await assert.rejects(client.receiveSome('1' as unknown as number), TypeError);
  await assert.rejects(client.receiveInto(new Uint8Array(0)), RangeError);
  await assert.rejects(client.receiveInto([] as unknown as Uint8Array), TypeError);
  await assert.rejects(client.sendAll('text' as unknown as Uint8Array), TypeError);
  await assert.rejects(client.sendAll([bytes('a'), 'b' as unknown as Uint8Array]), TypeError);
  await assert.rejects(client.sendAll(null as unknown as Uint8Array), TypeError);
  server.abort();
});

test('after close every operation is refused; close and abort may be repeated', async () => {
  const { client, server } = await socketPair();
  await client.close();
  await client.close();
  client.abort();
  await assert.rejects(client.sendAll(bytes('x')), ClosedResourceError);
  await assert.rejects(client.sendAll(new Uint8Array(0)), ClosedResourceError);
  await assert.rejects(client.waitSendAllMightNotBlock(), ClosedResourceError);
  await assert.rejects(client.sendEof(), ClosedResourceError);
  await assert.rejects(client.receiveSome(), ClosedResourceError);
  assert.equal(await server.receiveSome(), null);
  await server.close();
});

test('sendEof may be repeated, also after close, and ends sending only', async () => {
  const { client, server } = await socketPair();
  await client.sendEof();
  await client.sendEof();
  await assert.rejects(client.sendAll(bytes('x')), ClosedResourceError);
  await assert.rejects(client.sendAll(new Uint8Array(0)), ClosedResourceError);
  await client.waitSendAllMightNotBlock();
  assert.equal(await server.receiveSome(), null);
  await server.sendAll(bytes('still here'));
  assert.equal(text(await client.receiveSome()), 'still here');
  await server.sendEof();
  assert.equal(await client.receiveSome(), null);
  await client.close();
  await client.sendEof();
  await server.close();
});

test('each direction takes one caller at a time, and the first is not disturbed', async () => {
  const { client, server } = await socketPair();
  const first = client.receiveSome(1);
  await assert.rejects(client.receiveSome(1), BusyResourceError);
  await assert.rejects(client.receiveInto(new Uint8Array(1)), BusyResourceError);
  await server.sendAll(bytes('ab'));
  assert.equal(text(await first), 'a');
  assert.equal(text(await client.receiveSome(5)), 'b');
  await clog(client);
  const waiting = client.waitSendAllMightNotBlock();
  await assert.rejects(client.waitSendAllMightNotBlock(), BusyResourceError);
  await assert.rejects(client.sendAll(bytes('x')), BusyResourceError);
  await assert.rejects(client.sendEof(), BusyResourceError);
  closeBoth({ client, server });
  await assert.rejects(waiting, ClosedResourceError);
});

test('the send that waits for an earlier one keeps the direction busy between its waits', async () => {
  const { client, server } = await socketPair();
  await clog(client);
  const sending = client.sendAll(bytes('x'));
  await assert.rejects(client.sendAll(bytes('y')), BusyResourceError);
  closeBoth({ client, server });
  await assert.rejects(sending, ClosedResourceError);
});

test('maxBytes is kept to and what is over stays for the next call', async () => {
  const { client, server } = await socketPair();
  const waiting = server.receiveSome(3);
  await client.sendAll(bytes('abcdefgh'));
  assert.equal(text(await waiting), 'abc');
  assert.equal(text(await server.receiveSome(2)), 'de');
  const into = new Uint8Array(2);
  assert.equal(await server.receiveInto(into), 2);
  assert.equal(text(into), 'fg');
  assert.equal(text(await server.receiveSome()), 'h');
  closeBoth({ client, server });
});

test('receiveInto writes to the start of the buffer and leaves the rest of it alone', async () => {
  const { client, server } = await socketPair();
  const into = new Uint8Array(6).fill(0x2e);
  const waiting = server.receiveInto(into);
  await client.sendAll(bytes('abc'));
  assert.equal(await waiting, 3);
  assert.equal(text(into), 'abc...');
  closeBoth({ client, server });
});

test('received bytes are the caller’s to keep and to change', async () => {
  const { client, server } = await socketPair();
  for (const size of [10, 1000, 20_000]) {
    await client.sendAll(new Uint8Array(size).fill(1));
    const first = (await server.receiveSome(5)) as Uint8Array;
    await client.sendAll(new Uint8Array(size).fill(1));
    const second = (await server.receiveSome(5)) as Uint8Array;
    first.fill(9);
    assert.deepEqual([...second], [1, 1, 1, 1, 1]);
    let left = 2 * size - 10;
    while (left > 0) {
      const chunk = (await server.receiveSome()) as Uint8Array;
      assert.ok(chunk.every((byte) => byte === 1));
      left -= chunk.length;
    }
  }
  closeBoth({ client, server });
});

test('the pieces of one call arrive in order, whatever their sizes', async () => {
  const { client, server } = await socketPair();
  const sizes = [0, 1, 3000, 2000, 0, 5000, 1, 100_000, 1, 1, 0, 4096, 4097];
  const pieces = sizes.map((size, i) => new Uint8Array(size).fill(i));
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      await client.sendAll(pieces);
      await client.sendAll([]);
      await client.sendAll([new Uint8Array(0), new Uint8Array(0)]);
      await client.sendEof();
    });
    assert.equal((await receiveAll(server)).compare(Buffer.concat(pieces)), 0);
  });
  closeBoth({ client, server });
});

test('a peer that reads late is held back by the kernel, not by our memory', async () => {
  const { stream, peer } = await rawPair();
  await new Promise((resolve) => peer.write('x', resolve));
  assert.equal(text(await stream.receiveSome()), 'x');
  // Nobody receives now: the stream may queue one mark and one read more, and then stops reading.
  const chunk = Buffer.alloc(1_048_576);
  while (peer.writableLength === 0) {
    peer.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(stream.bytesReceived <= 1 + 65_536 + 65_536, `${stream.bytesReceived} bytes were read for nobody`);
  assert.ok(peer.writableLength > 0);
  peer.destroy();
  stream.abort();
});

test('a cancelled receive loses nothing', async () => {
  const { client, server } = await socketPair();
  const scope = new CancelScope();
  const receiving = scope.run(() => server.receiveSome());
  scope.cancel();
  assert.equal(await receiving, undefined);
  await client.sendAll(bytes('abc'));
  assert.equal(text(await server.receiveSome()), 'abc');
  closeBoth({ client, server });
});

test('a value that arrived before the cancel is kept', async () => {
  const { client, server } = await socketPair();
  await client.sendAll(bytes('abc'));
  await server.receiveSome(1);
  const scope = new CancelScope();
  const received = await scope.run(async () => {
    const chunk = server.receiveSome();
    scope.cancel();
    return await chunk;
  });
  assert.equal(text(received as Uint8Array), 'bc');
  closeBoth({ client, server });
});

test('in a cancelled scope send and receive throw Cancelled with no effect, and the stream is usable afterwards', async () => {
  const { client, server } = await socketPair();
  await client.sendAll(bytes('before'));
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(async () => {
    await assert.rejects(client.sendAll(bytes('never')), Cancelled);
    await assert.rejects(client.sendEof(), Cancelled);
    await assert.rejects(server.receiveSome(), Cancelled);
  });
  await client.sendAll(bytes(' after'));
  await client.sendEof();
  assert.equal((await receiveAll(server)).toString(), 'before after');
  await client.close();
  await server.close();
});

test('a send that is cancelled half-way leaves its rest in the queue, and the next send comes after it', async () => {
  const { client, server } = await socketPair();
  const clogged = await clog(client);
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      await client.sendAll(bytes('end'));
      await client.sendEof();
    });
    const received = await receiveAll(server);
    assert.equal(received.length, clogged + 3);
    assert.equal(received.subarray(clogged).toString(), 'end');
  });
  closeBoth({ client, server });
});

test('of a large send that is cancelled at most a slice is still to go out, and the rest is withdrawn', async () => {
  const { client, server } = await socketPair();
  const scope = new CancelScope();
  const size = 64 * 1_048_576;
  const sending = scope.run(() => client.sendAll(new Uint8Array(size)));
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  scope.cancel();
  await sending;
  await openNursery(async (nursery) => {
    nursery.startSoon(() => client.sendEof());
    const received = await receiveAll(server);
    assert.ok(received.length < size / 2, `${received.length} bytes went out`);
  });
  closeBoth({ client, server });
});

test('what a cancelled send leaves of a small piece is a copy: the memory may be changed at once', async () => {
  const { client, server } = await socketPair();
  // Fill the kernel, so that small sends are left over.
  const clogged = await clog(client);
  const received = { bytes: 0 };
  while (received.bytes < clogged) received.bytes += ((await server.receiveSome()) as Uint8Array).length;
  let sent = 0;
  const piece = new Uint8Array(4096).fill(1);
  for (;;) {
    const scope = new CancelScope();
    let isDone = false;
    const sending = scope.run(async () => {
      await client.sendAll(piece);
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    scope.cancel();
    await sending;
    sent += piece.length;
    if (!isDone) break;
  }
  piece.fill(2);
  await openNursery(async (nursery) => {
    nursery.startSoon(() => client.sendEof());
    const all = await receiveAll(server);
    assert.equal(all.length, sent);
    assert.ok(all.every((byte) => byte === 1));
  });
  closeBoth({ client, server });
});

test('in a cancelled scope close() aborts and resolves', async () => {
  const { client, server } = await socketPair();
  await clog(client);
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(() => client.close());
  await assert.rejects(client.receiveSome(), ClosedResourceError);
  await assert.rejects(receiveAll(server), BrokenResourceError);
  server.abort();
});

test('a close() that waits for a clogged peer ends when it is cancelled', async () => {
  const { client, server } = await socketPair();
  await clog(client);
  const scope = new CancelScope();
  const closing = scope.run(() => client.close());
  await Promise.resolve();
  scope.cancel();
  await closing;
  await assert.rejects(receiveAll(server), BrokenResourceError);
  server.abort();
});

test('close() lets everything arrive that was sent, also what a cancelled send left behind', async () => {
  const { client, server } = await socketPair();
  const clogged = await clog(client);
  await openNursery(async (nursery) => {
    nursery.startSoon(() => client.close());
    assert.equal((await receiveAll(server)).length, clogged);
  });
  await server.close();
});

test('an answer is not lost though the client is still sending when the server closes', async () => {
  const { client, server } = await socketPair();
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      // A request body that nobody reads: without the linger the server’s kernel would answer it with an RST.
      for (let i = 0; i < 8; i++) await client.sendAll(new Uint8Array(65_536));
    });
    await server.receiveSome();
    await server.sendAll(bytes('413 too large'));
    await server.close();
  });
  assert.equal(text(await client.receiveSome()), '413 too large');
  assert.equal(await client.receiveSome(), null);
  await client.close();
});

test('a reset is Broken with the errno, again and again, after the data that came before it', async () => {
  const { stream, peer } = await rawPair();
  await new Promise((resolve) => peer.write('last words', resolve));
  assert.equal(text(await stream.receiveSome(4)), 'last');
  const isReset = (error: unknown): boolean =>
    error instanceof BrokenResourceError && (error.cause as NodeJS.ErrnoException).code === 'ECONNRESET';
  const closed = once(peer, 'close');
  peer.resetAndDestroy();
  await closed;
  assert.equal(text(await stream.receiveSome()), ' words');
  await assert.rejects(stream.receiveSome(), isReset);
  await assert.rejects(stream.receiveSome(), isReset);
  await assert.rejects(stream.receiveInto(new Uint8Array(1)), isReset);
  await assert.rejects(stream.sendAll(bytes('x')), isReset);
  await assert.rejects(stream.sendEof(), isReset);
  assert.equal(stream.remoteAddress?.family, 4);
  await stream.close();
  await assert.rejects(stream.receiveSome(), ClosedResourceError);
});

test('a blocked receive and a blocked send hear of a reset', async () => {
  const { stream, peer } = await rawPair();
  await clog(stream);
  const blocked = [stream.waitSendAllMightNotBlock(), stream.receiveSome()];
  peer.resetAndDestroy();
  for (const operation of blocked) await assert.rejects(operation, BrokenResourceError);
  stream.abort();
});

test('after a failed write what the peer had sent is still received, and then the failure and not a clean end', async () => {
  const { stream, peer } = await rawPair();
  const closed = once(peer, 'close');
  await new Promise((resolve) => peer.write('early answer', resolve));
  // Close with unread data: the kernel answers with an RST, and the write after it fails.
  await stream.sendAll(bytes('request'));
  peer.resetAndDestroy();
  await closed;
  await assert.rejects(async () => {
    for (;;) await stream.sendAll(new Uint8Array(65_536));
  }, BrokenResourceError);
  assert.equal(text(await stream.receiveSome()), 'early answer');
  await assert.rejects(stream.receiveSome(), BrokenResourceError);
  await assert.rejects(stream.sendAll(bytes('x')), BrokenResourceError);
  await stream.close();
});

test('operations that nobody awaits do not end the process when the peer resets or the stream is closed', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  try {
    for (const how of ['reset', 'close', 'cancel'] as const) {
      const { stream, peer } = await rawPair();
      await clog(stream);
      const scope = new CancelScope();
      const start = async (): Promise<void> => {
        void stream.receiveSome();
        void stream.sendAll(bytes('x'));
        scope.cancel();
      };
      if (how === 'cancel') await scope.run(start);
      else await start();
      if (how === 'reset') {
        const closed = once(peer, 'close');
        peer.resetAndDestroy();
        await closed;
        await assert.rejects(async () => {
          while (stream.remoteAddress !== undefined) await stream.waitSendAllMightNotBlock().catch(rethrowUnlessBusy);
        }, BrokenResourceError);
      }
      if (how === 'reset') void stream.sendAll(bytes('x'));
      stream.abort();
      void stream.receiveSome();
      void stream.sendAll(bytes('x'));
      peer.destroy();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(unhandled, []);
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
});

test('abort() is seen as an error by the peer, not as the end of the data', async () => {
  const { client, server } = await socketPair();
  await client.sendAll(bytes('half of it'));
  assert.equal(text(await server.receiveSome()), 'half of it');
  client.abort();
  await assert.rejects(server.receiveSome(), BrokenResourceError);
  server.abort();
});

test('iteration ends at the end of file; a cancelled step can be repeated and break leaves the stream open', async () => {
  const { client, server } = await socketPair();
  const iterator = server[Symbol.asyncIterator]();
  const scope = new CancelScope();
  const step = scope.run(() => iterator.next());
  scope.cancel();
  assert.equal(await step, undefined);
  await client.sendAll(bytes('one'));
  assert.equal(text((await iterator.next()).value as Uint8Array), 'one');
  await client.sendAll(bytes('two'));
  for await (const chunk of server) {
    assert.equal(text(chunk), 'two');
    break;
  }
  await client.sendEof();
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  closeBoth({ client, server });
});

test('both ends know both addresses, also as attributes, and the peer after close', async () => {
  const { client, server } = await socketPair();
  assert.deepEqual(client.remoteAddress, server.localAddress);
  assert.deepEqual(client.localAddress, server.remoteAddress);
  assert.equal(client.remoteAddress?.family, 4);
  assert.deepEqual(attributeOf(client, remoteAddress), client.remoteAddress);
  assert.deepEqual(attributeOf(client, localAddress), client.localAddress);
  const address = server.remoteAddress;
  await client.close();
  await server.close();
  assert.deepEqual(server.remoteAddress, address);
  assert.notEqual(client.remoteAddress, undefined);
});

test('asyncDispose is close', async () => {
  const { client, server } = await socketPair();
  await client[Symbol.asyncDispose]();
  await assert.rejects(client.receiveSome(), ClosedResourceError);
  server.abort();
});

test('memory that is detached while receiveInto waits is a TypeError of that call, and no byte is lost', async () => {
  const { client, server } = await socketPair();
  // Small chunks are handed over in another way than large ones.
  for (const size of [3, 20_000]) {
    const memory = new Uint8Array(32_768);
    const receiving = server.receiveInto(memory);
    structuredClone(memory, { transfer: [memory.buffer] });
    await client.sendAll(new Uint8Array(size).fill(7));
    await assert.rejects(receiving, TypeError);
    for (let left = size; left > 0;) left -= ((await server.receiveSome(left)) as Uint8Array).length;
  }
  closeBoth({ client, server });
});

test('a peer that sends single bytes which nobody receives is held back after 1024 of them, and none is lost', async () => {
  const { stream, peer } = await rawPair();
  peer.setNoDelay(true);
  peer.write('x');
  await stream.receiveSome();
  let sent = 1;
  for (let isRead = true; isRead && sent < 5000;) {
    peer.write('x');
    sent++;
    isRead = false;
    for (let turn = 0; turn < 50 && !isRead; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      isRead = stream.bytesReceived === sent;
    }
  }
  assert.equal(stream.bytesReceived, 1 + 1024);
  peer.end();
  assert.equal((await receiveAll(stream)).length, sent - 1);
  stream.abort();
});

test('openers that nobody awaits do not end the process when they are cancelled', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  try {
    for (const open of [
      () => openTcpStream('127.0.0.1', 9),
      () => openTcpListeners(0),
      () => openUnixSocket('/nonexistent/socket'),
      () => openUnixListener(join(tmpdir(), 'bowline-unawaited')),
      () => openProcess('true'),
    ]) {
      const scope = new CancelScope();
      scope.cancel();
      await scope.run(async () => {
        void open();
        for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      });
      assert.deepEqual(unhandled, [], open.toString());
    }
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
});
