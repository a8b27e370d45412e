import assert from 'node:assert/strict';
import test from 'node:test';

import { BrokenResourceError, ClosedResourceError } from 'bowline/core';
import type { Stream } from 'bowline/core';
import { BufferedStream, pump, relayStreams } from 'bowline/streams';
import { CancelScope, openNursery, withClock } from 'bowline/tasks';
import type { Nursery } from 'bowline/tasks';
import { memoryStreamOneWayPair, memoryStreamPair, MockClock, waitAllTasksBlocked } from 'bowline/testing';
import type { MemorySendStream, MemoryReceiveStream, MemoryStream } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));

const virtual = (body: (nursery: Nursery) => Promise<void>): Promise<void> =>
  withClock(new MockClock(), () => openNursery(body));

async function receiveAll(stream: Stream): Promise<string> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(text(chunk) as string);
  return chunks.join('');
}

/** `near` is for the test; the relay gets `far`. */
function endpoint(): { near: MemoryStream; far: MemoryStream } {
  const [near, far] = memoryStreamPair();
  return { near, far };
}

test('pump moves everything, says how much, and passes the end of file on', () =>
  virtual(async (nursery) => {
    const [send, source] = memoryStreamOneWayPair();
    const { near, far } = endpoint();
    const counts: number[] = [];
    nursery.startSoon(async () => {
      assert.equal(await pump(source, far, { onBytes: (count) => counts.push(count) }), 6);
    });
    await send.sendAll(bytes('abc'));
    await waitAllTasksBlocked();
    await send.sendAll(bytes('def'));
    await waitAllTasksBlocked();
    await send.close();
    assert.equal(await receiveAll(near), 'abcdef');
    assert.deepEqual(counts, [3, 3]);
    await near.sendAll(bytes('back'));
    assert.equal(text(await far.receiveSome()), 'back', 'the other direction is open');
  }));

test('pump leaves the sink open if it is told to, and closes one that cannot be half-closed', () =>
  virtual(async () => {
    const make = async (halfClose?: boolean): Promise<readonly [number, [MemorySendStream, MemoryReceiveStream]]> => {
      const [send, source] = memoryStreamOneWayPair();
      const sinkPair = memoryStreamOneWayPair();
      await send.sendAll(bytes('x'));
      await send.close();
      return [await pump(source, sinkPair[0], { halfClose }), sinkPair];
    };
    const [, [open]] = await make(false);
    await open.sendAll(bytes('y'));
    const [, [closed]] = await make();
    await assert.rejects(closed.sendAll(bytes('y')), ClosedResourceError);
  }));

test('pump takes large chunks through one buffer and small ones without', () =>
  virtual(async (nursery) => {
    const [near, far] = memoryStreamPair({ capacityBytes: 1_000_000 });
    const [sink, end] = memoryStreamPair({ capacityBytes: 1_000_000 });
    const used: string[] = [];
    const recorded: Stream = new Proxy(far, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'receiveSome' || key === 'receiveInto') {
          return (argument: never) => (used.push(key), target[key](argument));
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    nursery.startSoon(() => pump(recorded, sink));
    for (const size of [10, 20_000, 20_000, 10, 10]) {
      await near.sendAll(new Uint8Array(size).fill(size));
      const { length } = (await end.receiveSome()) ?? [];
      assert.equal(length, size);
      await waitAllTasksBlocked();
    }
    assert.deepEqual(used, ['receiveSome', 'receiveSome', 'receiveInto', 'receiveInto', 'receiveSome', 'receiveSome']);
    near.abort();
  }));

test('a relay connects both directions, and each end of file travels on by itself', () =>
  virtual(async (nursery) => {
    const a = endpoint();
    const b = endpoint();
    const seen: string[] = [];
    let result: unknown;
    nursery.startSoon(async () => {
      result = await relayStreams(a.far, b.far, { onBytes: (direction, count) => seen.push(`${direction}: ${count}`) });
    });
    await a.near.sendAll(bytes('request'));
    await a.near.sendEof();
    assert.equal(await receiveAll(b.near), 'request');
    await waitAllTasksBlocked();
    assert.equal(result, undefined, 'half of it is still going on');
    await b.near.sendAll(bytes('answer'));
    await b.near.close();
    assert.equal(await receiveAll(a.near), 'answer');
    await waitAllTasksBlocked();
    assert.deepEqual(result, { bytesAToB: 7, bytesBToA: 6 });
    assert.deepEqual(seen, ['a to b: 7', 'b to a: 6']);
    await assert.rejects(a.far.receiveSome(), ClosedResourceError, 'the relay closed what it owned');
    await assert.rejects(b.far.sendAll(bytes('x')), ClosedResourceError);
  }));

test('a side that breaks for receiving aborts both', () =>
  virtual(async (nursery) => {
    const a = endpoint();
    const b = endpoint();
    nursery.startSoon(() => assert.rejects(relayStreams(a.far, b.far), /cable/));
    await waitAllTasksBlocked();
    b.far.receiveStream.receiveSomeHook = () => Promise.reject(new BrokenResourceError('cable'));
    await b.near.sendAll(bytes('x'));
    await b.near.sendAll(bytes('y'));
    await waitAllTasksBlocked();
    await assert.rejects(a.far.receiveSome(), ClosedResourceError);
    await assert.rejects(b.far.receiveSome(), ClosedResourceError);
  }));

test('a side that takes nothing any more still gets its own last words through, then the relay fails', () =>
  virtual(async (nursery) => {
    const a = endpoint();
    const b = endpoint();
    let outcome: unknown;
    nursery.startSoon(async () => {
      outcome = await relayStreams(a.far, b.far).catch((error: unknown) => error);
    });
    b.near.receiveStream.abort();
    await a.near.sendAll(bytes('more than it wants'));
    await waitAllTasksBlocked();
    assert.equal(outcome, undefined);
    await b.near.sendAll(bytes('first line'));
    await b.near.close();
    assert.equal(await receiveAll(a.near), 'first line');
    await waitAllTasksBlocked();
    assert.ok((outcome as unknown) instanceof BrokenResourceError);
  }));

test('cancelling a relay aborts both sides', () =>
  virtual(async (nursery) => {
    const a = endpoint();
    const b = endpoint();
    const scope = new CancelScope();
    nursery.startSoon(() => scope.run(() => relayStreams(a.far, b.far)));
    await waitAllTasksBlocked();
    scope.cancel();
    await waitAllTasksBlocked();
    assert.equal(scope.cancelledCaught, true);
    for (const stream of [a.far, b.far]) await assert.rejects(stream.receiveSome(), ClosedResourceError);
  }));

test('a side that cannot be half-closed is closed at the other’s end of file, which ends the relay', () =>
  virtual(async (nursery) => {
    const a = endpoint();
    const b = endpoint();
    const whole = new BufferedStream(b.far as Stream);
    Object.defineProperty(whole, 'sendEof', { value: undefined });
    let result: unknown;
    nursery.startSoon(async () => {
      result = await relayStreams(a.far, whole);
    });
    await a.near.sendAll(bytes('x'));
    await a.near.sendEof();
    assert.equal(await receiveAll(b.near), 'x');
    await waitAllTasksBlocked();
    assert.deepEqual(result, { bytesAToB: 1, bytesBToA: 0 });
    assert.equal(await a.near.receiveSome(), null);
  }));
