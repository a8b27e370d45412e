/** The Sockets API over connectors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AddressError, ClosedResourceError, ConnectError, MisuseError } from 'bowline/core';
import type { ConnectTarget, Connector, HalfCloseableStream } from 'bowline/core';
import { toSocketsApi } from 'bowline/adapters';
import { openTcpListeners, tcpConnector } from 'bowline/sockets';
import { sleepForever } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';

const text = (bytes: Uint8Array | null | undefined): string => (bytes ? Buffer.from(bytes).toString() : 'EOF');
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function overMemory(): { connector: Connector; far: HalfCloseableStream; targets: ConnectTarget[] } {
  const [near, far] = memoryStreamPair();
  const targets: ConnectTarget[] = [];
  const connector: Connector = (target) => {
    targets.push(target);
    return Promise.resolve(near);
  };
  return { connector, far, targets };
}

test('a conversation: writable before opened, readable to the end, closed', async () => {
  const { connector, far, targets } = overMemory();
  const socket = toSocketsApi(connector)({ hostname: 'example.org', port: 80 }, { allowHalfOpen: true });
  assert.deepEqual([socket.upgraded, socket.secureTransport], [false, 'off']);
  const writer = socket.writable.getWriter();
  await writer.write(bytes('hello'));
  assert.deepEqual(await socket.opened, { remoteAddress: undefined, localAddress: undefined });
  assert.deepEqual(targets, [{ host: 'example.org', port: 80 }]);
  assert.equal(text(await far.receiveSome()), 'hello');
  await far.sendAll(bytes('bye'));
  await far.sendEof();
  assert.equal(await new Response(socket.readable).text(), 'bye');
  await writer.write(bytes('still'));
  await writer.close();
  await socket.closed;
  assert.equal(text(await far.receiveSome()), 'still');
});

test('without allowHalfOpen the end of the peer ends writing and closes', async () => {
  const { connector, far } = overMemory();
  const socket = toSocketsApi(connector)('example.org:80');
  await far.sendEof();
  assert.equal(await new Response(socket.readable).text(), '');
  await socket.closed;
  await assert.rejects(socket.writable.getWriter().write(bytes('x')), ClosedResourceError);
  assert.equal(await far.receiveSome(), null);
});

test('addresses are told when opened', async () => {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(listener !== undefined && listener.address.family !== 'unix');
  const { port } = listener.address;
  const socket = toSocketsApi(tcpConnector())(`127.0.0.1:${port}`);
  assert.equal((await socket.opened).remoteAddress, `127.0.0.1:${port}`);
  await socket.close();
  await socket.closed;
  await listener.close();
});

test('a connection that fails is told by every promise, and ends no program that looks at none', async () => {
  const error = new ConnectError('nobody there', []);
  const socket = toSocketsApi(() => Promise.reject(error))('example.org:80');
  await assert.rejects(socket.opened, error);
  await assert.rejects(socket.closed, error);
  await assert.rejects(socket.readable.getReader().read(), error);
  await assert.rejects(socket.writable.getWriter().write(bytes('x')), error);
  await socket.close();
  toSocketsApi(() => Promise.reject(error))('example.org:80');
  await new Promise(setImmediate);
});

test('close() gives up connecting', async () => {
  let wasCut = false;
  const socket = toSocketsApi(async () => {
    try {
      return await sleepForever();
    } finally {
      wasCut = true;
    }
  })('example.org:80');
  const refused = assert.rejects(socket.opened, ClosedResourceError);
  await socket.close();
  await refused;
  await socket.closed;
  assert.equal(wasCut, true);
});

test('TLS is refused, and so are addresses that are none', () => {
  const { connector } = overMemory();
  const connect = toSocketsApi(connector);
  assert.throws(() => connect('example.org:443', { secureTransport: 'on' }), MisuseError);
  assert.throws(() => connect('example.org:443', { secureTransport: 'maybe' as never }), TypeError);
  const socket = connect('example.org:25', { secureTransport: 'starttls' });
  assert.equal(socket.secureTransport, 'starttls');
  assert.throws(() => socket.startTls(), MisuseError);
  assert.throws(() => connect('example.org'), AddressError);
  assert.throws(() => connect({ hostname: 'example.org', port: 70_000 }), RangeError);
  assert.throws(() => toSocketsApi(undefined as never), TypeError);
});
