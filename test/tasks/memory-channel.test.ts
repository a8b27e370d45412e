import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, ClosedResourceError, EndOfChannel, WouldBlock } from 'bowline/core';
import { CancelScope, Cancelled, checkpoint, moveOnAfter, openMemoryChannel, openNursery } from 'bowline/tasks';
import type { MemoryReceiveChannel, MemorySendChannel } from 'bowline/tasks';

import { settle, virtually } from '../support/scripted-clock.js';

test('CHAN-1 bad capacities are refused', () => {
  for (const bad of ['1', null, undefined, {}]) assert.throws(() => openMemoryChannel(bad as never), TypeError);
  for (const bad of [-1, 1.5, NaN, -Infinity]) assert.throws(() => openMemoryChannel(bad), RangeError);
});

test('CHAN-1 a buffer of two: full, first in first out, closed, drained, ended', async () => {
  const [send, receive] = openMemoryChannel<number>(2);
  assert.throws(() => receive.receiveNowait(), WouldBlock);
  send.sendNowait(1);
  await send.send(2);
  assert.throws(() => {
    send.sendNowait(3);
  }, WouldBlock);
  assert.equal(receive.receiveNowait(), 1);
  send.sendNowait(3);
  await send.close();
  await send.close();
  assert.throws(() => {
    send.sendNowait(4);
  }, ClosedResourceError);
  await assert.rejects(send.send(4), ClosedResourceError);
  assert.throws(() => send.clone(), ClosedResourceError);
  assert.equal(await receive.receive(), 2);
  assert.equal(receive.receiveNowait(), 3);
  assert.throws(() => receive.receiveNowait(), EndOfChannel);
  await assert.rejects(receive.receive(), EndOfChannel);
  await assert.rejects(receive.receive(), EndOfChannel, 'the end stays the end');
  await receive.close();
  await assert.rejects(receive.receive(), ClosedResourceError);
  assert.throws(() => receive.receiveNowait(), ClosedResourceError);
  assert.throws(() => receive.clone(), ClosedResourceError);
});

test('CHAN-2 a receive that timed out leaves no stale waiter to swallow a later value', () =>
  virtually(async () => {
    const [send, receive] = openMemoryChannel<string>(0);
    assert.equal(await moveOnAfter(1000, () => receive.receive()), undefined);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => send.send('later'));
      assert.equal(await receive.receive(), 'later');
    });
  }));

test('CHAN-3 ten producers with clones and a closed original: the loop ends with all items', async () => {
  const [send, receive] = openMemoryChannel<number>(0);
  const got: number[] = [];
  await openNursery(async (nursery) => {
    const produce = async (own: MemorySendChannel<number>, from: number): Promise<void> => {
      for (let i = 0; i < 3; i++) await own.send(from + i);
      await own.close();
    };
    for (let i = 0; i < 10; i++) nursery.startSoon(produce, send.clone(), i * 10);
    await send.close();
    for await (const value of receive) got.push(value);
  });
  const expected = Array.from({ length: 30 }, (_, i) => Math.floor(i / 3) * 10 + (i % 3));
  assert.deepEqual(
    got.sort((a, b) => a - b),
    expected,
  );
});

test('CHAN-4 five consumers: each takes part, each item arrives once', async () => {
  const [send, receive] = openMemoryChannel<number>(0);
  const by = new Map<number, number[]>();
  await openNursery(async (nursery) => {
    for (let consumer = 0; consumer < 5; consumer++) {
      nursery.startSoon(async () => {
        const got: number[] = [];
        by.set(consumer, got);
        for await (const value of receive) {
          got.push(value);
          await checkpoint();
        }
      });
    }
    await settle();
    for (let i = 0; i < 10; i++) await send.send(i);
    await send.close();
  });
  assert.equal(by.size, 5);
  for (const got of by.values()) assert.ok(got.length > 0);
  assert.deepEqual(
    [...by.values()].flat().sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

for (const [id, closeIt] of [
  ['CHAN-5', (end: MemorySendChannel<number> | MemoryReceiveChannel<number>) => end.close()],
  ['CHAN-6', (end: MemorySendChannel<number> | MemoryReceiveChannel<number>) => Promise.resolve(end.abort())],
] as const) {
  const how = id === 'CHAN-5' ? 'close()' : 'abort()';

  test(`${id} ${how} of the sender wakes its other sender for good, and the receiver sees the end`, async () => {
    const [send] = openMemoryChannel<number>(0);
    const blocked = send.send(1);
    await settle();
    await closeIt(send);
    await assert.rejects(blocked, ClosedResourceError);
    await assert.rejects(send.send(2), ClosedResourceError);

    const [send2, receive2] = openMemoryChannel<number>(0);
    const receiving = receive2.receive();
    await settle();
    await closeIt(send2);
    await assert.rejects(receiving, EndOfChannel);
    await assert.rejects(receive2.receive(), EndOfChannel);
  });

  test(`${id} ${how} of the receiver breaks a blocked sender for good, and wakes its other receiver`, async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    const sending = send.send(1);
    await settle();
    await closeIt(receive);
    await assert.rejects(sending, BrokenResourceError);
    await assert.rejects(send.send(2), BrokenResourceError);
    assert.throws(() => {
      send.sendNowait(3);
    }, BrokenResourceError);

    const [, receive2] = openMemoryChannel<number>(0);
    const receiving = receive2.receive();
    await settle();
    await closeIt(receive2);
    await assert.rejects(receiving, ClosedResourceError);
  });
}

test('CHAN-6 `using` and `await using` forms exist on both ends', async () => {
  const [send, receive] = openMemoryChannel<number>(0);
  send[Symbol.dispose]();
  await receive[Symbol.asyncDispose]();
  assert.throws(() => send.clone(), ClosedResourceError);
  assert.throws(() => receive.clone(), ClosedResourceError);
});

test('CHAN-7 sending works until the last clone of the receiver closes, then it is broken and the buffer discarded', async () => {
  const [send, receive] = openMemoryChannel<number>(10);
  const clone = receive.clone();
  send.sendNowait(10);
  await receive.close();
  send.sendNowait(20);
  assert.equal(send.statistics().currentBufferUsed, 2);
  await clone.close();
  assert.throws(() => {
    send.sendNowait(30);
  }, BrokenResourceError);
  assert.equal(send.statistics().currentBufferUsed, 0);
});

test('CHAN-8 closing one of two send handles wakes only those who wait on it', async () => {
  const [send1, receive] = openMemoryChannel<string>(0);
  const send2 = send1.clone();
  const on1 = send1.send('one');
  const on2 = send2.send('two');
  await settle();
  await send1.close();
  await assert.rejects(on1, ClosedResourceError);
  assert.equal(await receive.receive(), 'two');
  await on2;
});

test('CHAN-9 closing one of two receive handles wakes only those who wait on it', async () => {
  const [send, receive1] = openMemoryChannel<string>(0);
  const receive2 = receive1.clone();
  const on1 = receive1.receive();
  const on2 = receive2.receive();
  await settle();
  await receive1.close();
  await assert.rejects(on1, ClosedResourceError);
  await send.send('for two');
  assert.equal(await on2, 'for two');
});

test('CHAN-10 an infinite capacity never blocks, and keeps the order', () => {
  const [send, receive] = openMemoryChannel<number>(Infinity);
  for (let i = 0; i < 1000; i++) send.sendNowait(i);
  for (let i = 0; i < 1000; i++) assert.equal(receive.receiveNowait(), i);
});

test('CHAN-11 statistics follow every transition, count waiters back down on cancel, and keep the peak', async () => {
  const [send, receive] = openMemoryChannel<number>(2);
  const base = {
    currentBufferUsed: 0,
    peakBufferUsed: 0,
    maxBufferSize: 2,
    openSendChannels: 1,
    openReceiveChannels: 1,
    tasksWaitingSend: 0,
    tasksWaitingReceive: 0,
  };
  assert.deepEqual(send.statistics(), base);
  assert.deepEqual(receive.statistics(), base);
  const send2 = send.clone();
  const receive2 = receive.clone();
  assert.deepEqual(send.statistics(), { ...base, openSendChannels: 2, openReceiveChannels: 2 });
  await send2.close();
  await receive2.close();
  send.sendNowait(1);
  send.sendNowait(2);
  assert.deepEqual(send.statistics(), { ...base, currentBufferUsed: 2, peakBufferUsed: 2 });

  const scope = new CancelScope();
  await scope.run(() =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => send.send(3));
      nursery.startSoon(() => send.send(4));
      await settle();
      assert.equal(send.statistics().tasksWaitingSend, 2);
      scope.cancel();
    }),
  );
  assert.equal(send.statistics().tasksWaitingSend, 0);

  receive.receiveNowait();
  receive.receiveNowait();
  assert.deepEqual(send.statistics(), { ...base, peakBufferUsed: 2 }, 'cancelled sends sent nothing');
  const receiveScope = new CancelScope();
  await receiveScope.run(() =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => receive.receive());
      await settle();
      assert.equal(receive.statistics().tasksWaitingReceive, 1);
      receiveScope.cancel();
    }),
  );
  assert.deepEqual(receive.statistics(), { ...base, peakBufferUsed: 2 });
});

test('CHAN-12 what was sent while someone waits belongs to that one', async () => {
  const [send, receive] = openMemoryChannel<number>(1);
  const waiting = receive.receive();
  await settle();
  send.sendNowait(1);
  assert.throws(() => receive.receiveNowait(), WouldBlock);
  assert.equal(await waiting, 1);
});

test('CHAN-12 a slot that gets free while a sender waits belongs to that sender', async () => {
  const [send, receive] = openMemoryChannel<number>(1);
  send.sendNowait(1);
  const waiting = send.send(2);
  await settle();
  assert.equal(receive.receiveNowait(), 1);
  assert.throws(() => {
    send.sendNowait(3);
  }, WouldBlock);
  await waiting;
  assert.equal(receive.receiveNowait(), 2);
});

test('CHAN-13 unbuffered: nowait finds nobody on either side; a blocked send satisfies a receive', async () => {
  const [send, receive] = openMemoryChannel<number>(0);
  assert.throws(() => receive.receiveNowait(), WouldBlock);
  assert.throws(() => {
    send.sendNowait(1);
  }, WouldBlock);
  const sending = send.send(2);
  await settle();
  assert.equal(receive.receiveNowait(), 2);
  await sending;
  const sendingAgain = send.send(3);
  assert.equal(await receive.receive(), 3);
  await sendingAgain;
});

test('cancellation is checked before any effect: nothing is sent, nothing is taken, and close needs no wait', async () => {
  const [send, receive] = openMemoryChannel<number>(5);
  send.sendNowait(1);
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    await assert.rejects(send.send(2), Cancelled);
    await assert.rejects(receive.receive(), Cancelled);
    await send.close();
    await receive.close();
  });
  assert.equal(send.statistics().openSendChannels, 0);
  assert.equal(send.statistics().peakBufferUsed, 1);
});

test('a value that was handed to a receiver arrives although a cancel follows', async () => {
  const [send, receive] = openMemoryChannel<string>(0);
  const scope = new CancelScope();
  const got = await scope.run(async () => {
    const receiving = receive.receive();
    send.sendNowait('kept');
    scope.cancel();
    return receiving;
  });
  assert.equal(got, 'kept');
});

test('a wait that outlived its scope does not swallow a value', async () => {
  const [send, receive] = openMemoryChannel<string>(0);
  let escaped: Promise<unknown> | undefined;
  await new CancelScope().run(async () => {
    escaped = receive.receive();
    escaped.catch(() => undefined);
  });
  await assert.rejects(escaped as Promise<unknown>, { code: 'ERR_BOWLINE_SCOPE_EXITED' });
  assert.equal(receive.statistics().tasksWaitingReceive, 0);
  assert.throws(() => {
    send.sendNowait('not for the ghost');
  }, WouldBlock);
});

test('leaving a loop early closes nothing, and a cancelled loop can be entered again', async () => {
  const [send, receive] = openMemoryChannel<number>(3);
  for (const value of [1, 2, 3]) send.sendNowait(value);
  for await (const value of receive) {
    assert.equal(value, 1);
    break;
  }
  const iterator = receive[Symbol.asyncIterator]();
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    await iterator.next();
  });
  assert.equal(scope.cancelledCaught, true);
  assert.deepEqual(await iterator.next(), { done: false, value: 2 });
  await send.close();
  assert.deepEqual(await iterator.next(), { done: false, value: 3 });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test('undefined is a value like any other', async () => {
  const [send, receive] = openMemoryChannel<undefined>(1);
  send.sendNowait(undefined);
  assert.equal(await receive.receive(), undefined);
  await send.close();
  await assert.rejects(receive.receive(), EndOfChannel);
});

test('a long queue drains in linear time', () => {
  const [send, receive] = openMemoryChannel<number>(Infinity);
  for (let i = 0; i < 200_000; i++) send.sendNowait(i);
  let sum = 0;
  for (let i = 0; i < 200_000; i++) sum += receive.receiveNowait();
  assert.equal(sum, (199_999 * 200_000) / 2);
});
