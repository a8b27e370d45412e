import assert from 'node:assert/strict';
import test from 'node:test';

import { BrokenResourceError, BusyResourceError, ClosedResourceError, WouldBlock } from 'bowline/core';
import { CancelScope, Cancelled, openNursery, sleep, withClock } from 'bowline/tasks';
import {
  memoryStreamOneWayPair,
  memoryStreamPair,
  memoryStreamPump,
  MemoryReceiveStream,
  MemorySendStream,
  MockClock,
  waitAllTasksBlocked,
} from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));

/** How many of the calls ended in BusyResourceError. */
async function countBusy(calls: readonly Promise<unknown>[]): Promise<number> {
  const outcomes = await Promise.allSettled(calls);
  return outcomes.filter((outcome) => outcome.status === 'rejected' && outcome.reason instanceof BusyResourceError)
    .length;
}

test('MEM-2 what is sent can be taken, joined, with a limit, and without waiting', async () => {
  const stream = new MemorySendStream();
  await stream.sendAll(bytes('123'));
  assert.equal(text(await stream.getData(1)), '1');
  assert.equal(text(await stream.getData()), '23');
  assert.throws(() => stream.getDataNowait(), WouldBlock);
  await stream.sendAll([bytes('45'), bytes('6')]);
  assert.equal(text(stream.getDataNowait()), '456');
  await assert.rejects(stream.sendAll('text' as never), TypeError);
  await assert.rejects(stream.sendAll([bytes('a'), 1] as never), TypeError);
});

test('MEM-2 of two calls at once exactly one is told that the direction is busy', async () => {
  const stream = new MemorySendStream();
  assert.equal(await countBusy([stream.sendAll(bytes('a')), stream.sendAll(bytes('b'))]), 1);
  assert.equal(await countBusy([stream.sendAll(bytes('c')), stream.waitSendAllMightNotBlock()]), 1);
  assert.equal(await countBusy([stream.waitSendAllMightNotBlock(), stream.waitSendAllMightNotBlock()]), 1);
  assert.equal(text(stream.getDataNowait()), 'ac');
});

test('MEM-2 after close: sending is refused, the data can be taken, then comes null', async () => {
  const stream = new MemorySendStream();
  await stream.sendAll(bytes('x'));
  const pending = stream.sendAll(bytes('y'));
  await stream.close();
  await assert.rejects(pending, ClosedResourceError);
  await assert.rejects(stream.sendAll(bytes('z')), ClosedResourceError);
  await assert.rejects(stream.waitSendAllMightNotBlock(), ClosedResourceError);
  assert.equal(text(await stream.getData()), 'x');
  assert.equal(await stream.getData(), null);
});

test('MEM-2 hooks run in order, the close hook at every close, and they can be exchanged', async () => {
  const record: string[] = [];
  const stream = new MemorySendStream({
    sendAllHook: async () => {
      record.push(`sent ${text(stream.getDataNowait())}`);
    },
    waitSendAllMightNotBlockHook: async () => {
      record.push('waited');
    },
    closeHook: () => {
      record.push('closed');
    },
  });
  await stream.sendAll(bytes('a'));
  await stream.waitSendAllMightNotBlock();
  stream.sendAllHook = undefined;
  await stream.sendAll(bytes('b'));
  stream.abort();
  await stream.close();
  assert.deepEqual(record, ['sent a', 'waited', 'closed', 'closed']);
  assert.equal(text(stream.getDataNowait()), 'b');
});

test('MEM-2 a send that is cancelled at once sent nothing; one cancelled in its hook has sent', async () => {
  const stream = new MemorySendStream();
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(async () => {
    await assert.rejects(stream.sendAll(bytes('x')), Cancelled);
  });
  assert.throws(() => stream.getDataNowait(), WouldBlock);
  const inHook = new CancelScope();
  stream.sendAllHook = async () => {
    inHook.cancel();
    await sleep(1);
  };
  await inHook.run(() => stream.sendAll(bytes('y')));
  assert.equal(text(stream.getDataNowait()), 'y');
});

test('MEM-3 what is put is received, joined and with a limit; two receives at once are one too many', async () => {
  const stream = new MemoryReceiveStream();
  stream.putData(bytes('abc'));
  assert.equal(text(await stream.receiveSome(1)), 'a');
  assert.equal(text(await stream.receiveSome(undefined)), 'bc');
  stream.putData(bytes('1'));
  stream.putData(bytes('2'));
  assert.equal(text(await stream.receiveSome()), '12');
  stream.putData(bytes('3'));
  assert.equal(await countBusy([stream.receiveSome(), stream.receiveSome()]), 1);
});

test('MEM-3 after the end of file: data first, then null again and again', async () => {
  const stream = new MemoryReceiveStream();
  stream.putData(bytes('x'));
  stream.putEof();
  stream.putEof();
  assert.throws(() => stream.putData(bytes('y')), ClosedResourceError);
  assert.equal(text(await stream.receiveSome()), 'x');
  assert.equal(await stream.receiveSome(), null);
  assert.equal(await stream.receiveSome(), null);
});

test('MEM-3 the hook runs before the data is looked at', async () => {
  const stream = new MemoryReceiveStream();
  stream.putData(bytes('yyy'));
  stream.receiveSomeHook = async () => {
    stream.putData(bytes('xxx'));
  };
  assert.equal(text(await stream.receiveSome()), 'yyyxxx');
});

test('MEM-3 arguments are checked before anything else', async () => {
  const stream = new MemoryReceiveStream();
  await stream.close();
  await assert.rejects(stream.receiveSome(0), RangeError);
  await assert.rejects(stream.receiveSome(-1), RangeError);
  await assert.rejects(stream.receiveSome(1.5), TypeError);
  await assert.rejects(stream.receiveSome('1' as never), TypeError);
});

test('MEM-4 closing drops what was not received, and wakes the receiver', async () => {
  const closes: string[] = [];
  const stream = new MemoryReceiveStream({ closeHook: () => closes.push('closed') });
  stream.putData(bytes('lost'));
  await stream.close();
  await assert.rejects(stream.receiveSome(), ClosedResourceError);
  assert.throws(() => stream.putData(bytes('x')), ClosedResourceError);
  await stream.close();
  assert.equal(closes.length, 2);
  await openNursery(async (nursery) => {
    const waiting = new MemoryReceiveStream();
    nursery.startSoon(() => assert.rejects(waiting.receiveSome(), ClosedResourceError));
    await waitAllTasksBlocked();
    await waiting.close();
  });
});

test('MEM-5 the pump moves what there is, up to a limit, then the end, and says whether it moved anything', async () => {
  const send = new MemorySendStream();
  const receive = new MemoryReceiveStream();
  assert.equal(memoryStreamPump(send, receive), false);
  await send.sendAll(bytes('abc'));
  assert.equal(memoryStreamPump(send, receive, 1), true);
  assert.equal(text(await receive.receiveSome()), 'a');
  assert.equal(memoryStreamPump(send, receive), true);
  assert.equal(memoryStreamPump(send, receive), false);
  assert.equal(text(await receive.receiveSome()), 'bc');
  await send.close();
  assert.equal(memoryStreamPump(send, receive), true);
  assert.equal(await receive.receiveSome(), null);
});

test('MEM-5 pumping into a stream that was closed is a broken resource', async () => {
  const send = new MemorySendStream();
  const receive = new MemoryReceiveStream();
  await send.sendAll(bytes('x'));
  await receive.close();
  assert.throws(() => memoryStreamPump(send, receive), BrokenResourceError);
});

test('MEM-6 a one-way pair pumps on send and on close, not on receive', async () => {
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      const [send, receive] = memoryStreamOneWayPair();
      await send.sendAll(bytes('first'));
      assert.equal(text(await receive.receiveSome()), 'first');
      const pump = send.sendAllHook;
      send.sendAllHook = undefined;
      let received: string | null | undefined;
      nursery.startSoon(async () => {
        received = text(await receive.receiveSome());
      });
      await send.sendAll(bytes('abc'));
      await waitAllTasksBlocked();
      assert.equal(received, undefined, 'without the hook nothing moves');
      send.sendAllHook = pump;
      await send.sendAll(bytes('def'));
      await waitAllTasksBlocked();
      assert.equal(received, 'abcdef');
      await send.close();
      assert.equal(await receive.receiveSome(), null);
    }),
  );
});

test('MEM-6 closing delivers also what a missing hook had held back, and never complains', async () => {
  const [send, receive] = memoryStreamOneWayPair();
  send.sendAllHook = undefined;
  await send.sendAll(bytes('held'));
  await send.close();
  assert.equal(text(await receive.receiveSome()), 'held');
  assert.equal(await receive.receiveSome(), null);
  const [deaf, gone] = memoryStreamOneWayPair();
  deaf.sendAllHook = undefined;
  await deaf.sendAll(bytes('held'));
  await gone.close();
  await deaf.close();
});

test('MEM-7 a pair talks both ways, and half-closing one way leaves the other', async () => {
  const [a, b] = memoryStreamPair();
  await a.sendAll(bytes('abc'));
  assert.equal(text(await b.receiveSome()), 'abc');
  await b.sendAll(bytes('def'));
  assert.equal(text(await a.receiveSome()), 'def');
  await a.sendEof();
  assert.equal(await b.receiveSome(), null);
  await assert.rejects(a.sendAll(bytes('x')), ClosedResourceError);
  await b.sendAll(bytes('ghi'));
  assert.equal(text(await a.receiveSome()), 'ghi');
});

test('a capacity pushes back, and a cancelled send withdraws what was not accepted', async () => {
  for (const capacityBytes of [0, -1]) assert.throws(() => memoryStreamPair({ capacityBytes }), RangeError);
  assert.throws(() => memoryStreamPair({ capacityBytes: 1.5 }), TypeError);
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      const [send, receive] = memoryStreamOneWayPair({ capacityBytes: 4 });
      await send.sendAll(bytes('1234'));
      const scope = new CancelScope();
      nursery.startSoon(() => scope.run(() => send.sendAll(bytes('5678'))));
      await waitAllTasksBlocked();
      assert.equal(text(await receive.receiveSome(2)), '12');
      scope.cancel();
      await waitAllTasksBlocked();
      assert.equal(text(await receive.receiveSome()), '3456', 'accepted were as many as there was room for');
      await send.sendAll(bytes('next'));
      assert.equal(text(await receive.receiveSome()), 'next');
    }),
  );
});
