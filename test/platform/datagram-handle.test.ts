import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { test } from 'node:test';

import { datagramHandle } from '#src/platform/datagram-handle.js';
import type { QueuedSend } from '#src/platform/datagram-handle.js';

const nothing = new Uint8Array(0);

async function bound(type: 'udp4' | 'udp6'): Promise<readonly [Socket, number]> {
  const socket = createSocket(type);
  await new Promise<void>((resolve) => socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1', resolve));
  return [socket, socket.address().port];
}

function settled(result: undefined | Error | QueuedSend): Promise<Error | undefined> {
  if (result === undefined || result instanceof Error) return Promise.resolve(result);
  return new Promise((resolve) => {
    result.settle = resolve;
  });
}

test('every Node that is supported says at once what became of a datagram, from the second send of the process on', async () => {
  const [first, port] = await bound('udp4');
  assert.equal(await settled(datagramHandle(first, false).send(nothing, port, '127.0.0.1')), undefined);
  const [second, port6] = await bound('udp6');
  const handle = datagramHandle(second, false);
  assert.equal(handle.send(nothing, port6, '::1'), undefined);
  assert.equal(handle.send(new Uint8Array(10), port6, '::1'), undefined);
  const refused = handle.send(new Uint8Array(70_000), port6, '::1');
  assert.ok(refused instanceof Error);
  assert.equal((refused as NodeJS.ErrnoException).code, 'EMSGSIZE');
  assert.equal((refused as NodeJS.ErrnoException).syscall, 'send');
  first.close();
  second.close();
});

test('a connected socket names no address', async () => {
  const [server, port] = await bound('udp4');
  const [client] = await bound('udp4');
  await new Promise<void>((resolve) => client.connect(port, '127.0.0.1', resolve));
  const heard = new Promise<string>((resolve) => server.once('message', (data) => resolve(data.toString())));
  const handle = datagramHandle(client, true);
  assert.equal(await settled(handle.send(Buffer.from('x'), 0, undefined)), undefined);
  assert.equal(await heard, 'x');
  server.close();
  client.close();
});

test('where Node keeps its handle elsewhere, the public send does it, with its errors', async () => {
  const calls: unknown[][] = [];
  const foreign = {
    send(...args: unknown[]): void {
      calls.push(args);
      const done = args.at(-1) as (error: Error | null) => void;
      setImmediate(done, calls.length === 1 ? null : new Error('of the system'));
    },
  } as unknown as Socket;
  const handle = datagramHandle(foreign, false);
  assert.equal(await settled(handle.send(nothing, 7, '192.0.2.1')), undefined);
  assert.equal((await settled(handle.send(nothing, 7, '192.0.2.1')))?.message, 'of the system');
  assert.equal(
    await settled(datagramHandle(foreign, true).send(nothing, 0, undefined)).then(String),
    'Error: of the system',
  );
  assert.deepEqual(
    calls.map((args) => args.length),
    [4, 4, 2],
  );
});
