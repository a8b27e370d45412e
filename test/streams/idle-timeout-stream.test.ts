import assert from 'node:assert/strict';
import test from 'node:test';

import {
  attributeKey,
  attributeOf,
  attributes,
  BrokenResourceError,
  ClosedResourceError,
  TooSlowError,
} from 'bowline/core';
import { IdleTimeoutStream } from 'bowline/streams';
import { currentTime, openNursery, sleep, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const virtual = (body: () => Promise<void>): Promise<void> => withClock(new MockClock(), body);

function isTooSlow(error: unknown): boolean {
  return error instanceof BrokenResourceError && error.cause instanceof TooSlowError;
}

test('silence breaks the stream at its time: a waiting receive, and everything later', () =>
  virtual(async () => {
    const [a, b] = memoryStreamPair();
    const idle = new IdleTimeoutStream(a, 1000);
    await assert.rejects(idle.receiveSome(), isTooSlow);
    assert.equal(currentTime(), 1000);
    await assert.rejects(idle.receiveSome(), isTooSlow);
    await assert.rejects(idle.sendAll(bytes('x')), isTooSlow);
    await assert.rejects(idle.waitSendAllMightNotBlock(), isTooSlow);
    await assert.rejects(idle.receiveSome(0), RangeError, 'arguments come first');
    assert.equal(await b.receiveSome(), null, 'the stream below was aborted');
    await idle.close();
    await assert.rejects(idle.receiveSome(), ClosedResourceError, 'now the program has closed it');
  }));

test('silence breaks the stream also while nobody waits', () =>
  virtual(async () => {
    const [a] = memoryStreamPair();
    const idle = new IdleTimeoutStream(a, 1000);
    await sleep(1500);
    await assert.rejects(idle.receiveSome(), isTooSlow);
    await assert.rejects(a.receiveSome(), ClosedResourceError);
  }));

test('bytes in either direction keep it alive', () =>
  virtual(async () => {
    const [a, b] = memoryStreamPair();
    const idle = new IdleTimeoutStream(a, 1000);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await assert.rejects(idle.receiveSome(), isTooSlow);
      });
      for (let i = 0; i < 5; i++) {
        await sleep(900);
        await idle.sendAll(bytes('x'));
      }
      assert.equal((await b.receiveSome())?.length, 5);
    });
    assert.equal(currentTime(), 4500 + 1000);
  }));

test('a send that is stuck is given up; one that moves is not, however long it takes', () =>
  virtual(async () => {
    const [a, b] = memoryStreamPair({ capacityBytes: 10 });
    const idle = new IdleTimeoutStream(a, 1000);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await idle.sendAll(new Uint8Array(200_000));
        assert.ok(currentTime() >= 2000);
        await assert.rejects(idle.sendAll(new Uint8Array(100)), isTooSlow);
      });
      for (let received = 0; received < 200_000;) {
        await sleep(900);
        for (let part = 0; part < 65_536 && received < 200_000;) {
          const chunk = await b.receiveSome();
          part += chunk?.length ?? 0;
          received += chunk?.length ?? 0;
        }
      }
    });
  }));

test('the end of file and half-closing count as movement', () =>
  virtual(async () => {
    const [a, b] = memoryStreamPair();
    const idle = new IdleTimeoutStream(a, 1000);
    await sleep(900);
    await b.sendEof();
    assert.equal(await idle.receiveSome(), null);
    await sleep(900);
    await idle.sendEof();
    await sleep(900);
    assert.equal(await idle.receiveSome(), null);
    await sleep(1000);
    await assert.rejects(idle.receiveSome(), isTooSlow);
  }));

test('closing stops the watch; an error of the stream below is not renamed', () =>
  virtual(async () => {
    const [a, b] = memoryStreamPair();
    const idle = new IdleTimeoutStream(a, 1000);
    await idle.close();
    await sleep(5000);
    await assert.rejects(idle.receiveSome(), ClosedResourceError);
    const [c, d] = memoryStreamPair();
    const other = new IdleTimeoutStream(c, 1000);
    await d.close();
    await assert.rejects(
      other.sendAll(bytes('x')),
      (error) => error instanceof BrokenResourceError && !isTooSlow(error),
    );
    other.abort();
    b.abort();
  }));

test('Infinity never breaks it, and other values are checked', () =>
  virtual(async () => {
    const [a] = memoryStreamPair();
    for (const idleMs of [0, -1, NaN]) assert.throws(() => new IdleTimeoutStream(a, idleMs), RangeError);
    assert.throws(() => new IdleTimeoutStream(a, '1' as never), TypeError);
    const idle = new IdleTimeoutStream(a, Infinity);
    await sleep(1e9);
    await idle.sendAll(bytes('x'));
  }));

test('attributes of the stream below are answered through the wrapper', () =>
  virtual(async () => {
    const key = attributeKey<string>('fact');
    const [a] = memoryStreamPair();
    const idle = new IdleTimeoutStream(Object.assign(a, { [attributes]: () => 'below' }), 10);
    assert.equal(attributeOf(idle, key), 'below');
    idle.abort();
  }));
