import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { BusyResourceError, ClosedResourceError, ConnectError } from 'bowline/core';
import type { Listener, SocketListener, Stream } from 'bowline/core';
import { openTcpListeners, openUnixListener } from 'bowline/sockets';
import { openMemoryChannel, withClock } from 'bowline/tasks';
import { checkListener, ContractError, memoryStreamPair, MockClock, openStreamToSocketListener } from 'bowline/testing';
import type { MadeListener } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function overSockets(open: () => Promise<SocketListener>): Promise<MadeListener> {
  const listener = await open();
  return { listener, connect: () => openStreamToSocketListener(listener) };
}

async function openOne(host: string | null): Promise<SocketListener> {
  const [first, ...others] = await openTcpListeners(0, { host });
  for (const other of others) other.abort();
  assert.ok(first !== undefined);
  return first;
}

const unixPath = (): string => join(tmpdir(), `bowline-${randomUUID()}.sock`);

test('LIST-2 TCP listeners keep the contract', () => checkListener(() => overSockets(() => openOne('127.0.0.1'))));

test('LIST-2 Unix listeners keep the contract', () =>
  checkListener(() => overSockets(() => openUnixListener(unixPath()))));

test('openStreamToSocketListener reaches listeners on one address, on all addresses and on a path', async () => {
  for (const open of [
    () => openOne('127.0.0.1'),
    () => openOne('0.0.0.0'),
    () => openOne(null),
    () => openUnixListener(unixPath()),
  ]) {
    const listener = await open();
    const near = await openStreamToSocketListener(listener);
    const far = await listener.accept();
    await near.sendAll(bytes('x'));
    assert.equal((await far.receiveSome())?.length, 1);
    for (const resource of [listener, near, far]) resource.abort();
    await assert.rejects(openStreamToSocketListener(listener), ConnectError);
  }
});

/** The smallest listener there can be: connections in memory through a channel; `flaw` breaks one rule. */
function inMemory(flaw?: 'loses the connection of a cancelled accept' | 'closes its connections'): MadeListener {
  const [dialled, queue] = openMemoryChannel<Stream>(10);
  const accepted: Stream[] = [];
  let isBusy = false;
  const accept = async (): Promise<Stream> => {
    if (isBusy) throw new BusyResourceError();
    isBusy = true;
    try {
      const stream = await queue.receive();
      accepted.push(stream);
      if (flaw === 'loses the connection of a cancelled accept') {
        accept.count++;
        if (accept.count % 2 === 0) return await queue.receive();
      }
      return stream;
    } finally {
      isBusy = false;
    }
  };
  accept.count = 0;
  const abort = (): void => {
    queue.abort();
    if (flaw === 'closes its connections') for (const stream of accepted) stream.abort();
  };
  const listener: Listener<Stream> = {
    accept,
    abort,
    close: async () => abort(),
    [Symbol.asyncDispose]: async () => abort(),
  };
  return {
    listener,
    connect: async () => {
      const [near, far] = memoryStreamPair();
      await dialled.send(far);
      return near;
    },
  };
}

test('a listener in memory keeps the contract, on virtual time', () =>
  withClock(new MockClock(), () => checkListener(async () => inMemory())));

for (const [flaw, caughtBy] of [
  ['loses the connection of a cancelled accept', /\b2 connections that came before/],
  ['closes its connections', /\b10 closing the listener leaves/],
] as const) {
  test(`a listener with a defect is found out: it ${flaw}`, () =>
    withClock(new MockClock(), () =>
      assert.rejects(
        checkListener(async () => inMemory(flaw)),
        (error: Error) => {
          const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
          assert.ok(first instanceof ContractError);
          assert.match(error.message, caughtBy);
          return true;
        },
      ),
    ));
}

test('what a check leaves open is aborted at its end', async () => {
  const opened: Stream[] = [];
  await withClock(new MockClock(), () =>
    checkListener(async () => {
      const { listener, connect } = inMemory();
      return {
        listener,
        connect: async () => {
          const stream = await connect();
          opened.push(stream);
          return stream;
        },
      };
    }),
  );
  assert.ok(opened.length > 5);
  for (const stream of opened) await assert.rejects(stream.receiveSome(), ClosedResourceError);
});
