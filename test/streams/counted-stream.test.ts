import assert from 'node:assert/strict';
import test from 'node:test';

import { CountedStream } from 'bowline/streams';
import { CancelScope, sleep, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';

test('bytes are counted both ways, by every kind of call, and only those that moved', async () => {
  const [a, b] = memoryStreamPair();
  const counted = new CountedStream(a);
  await counted.sendAll(new Uint8Array(3));
  await counted.sendAll([new Uint8Array(2), new Uint8Array(0), new Uint8Array(5)]);
  assert.equal(counted.bytesSent, 10);
  await b.sendAll(new Uint8Array(7));
  await counted.receiveSome(2);
  await counted.receiveInto(new Uint8Array(4));
  for await (const chunk of counted) {
    assert.equal(chunk.length, 1);
    break;
  }
  assert.equal(counted.bytesReceived, 7);
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(() => counted.sendAll(new Uint8Array(100)));
  await b.close();
  assert.equal(await counted.receiveSome(), null);
  assert.equal(await counted.receiveInto(new Uint8Array(1)), null);
  await assert.rejects(counted.sendAll(new Uint8Array(100)));
  assert.deepEqual([counted.bytesReceived, counted.bytesSent], [7, 10]);
});

test('rates are averages between two questions', () =>
  withClock(new MockClock(), async () => {
    const [a, b] = memoryStreamPair();
    const counted = new CountedStream(a);
    assert.deepEqual(counted.takeRates(), { received: 0, sent: 0, overMs: 0 });
    await counted.sendAll(new Uint8Array(1000));
    await b.sendAll(new Uint8Array(300));
    await counted.receiveSome();
    await sleep(500);
    assert.deepEqual(counted.takeRates(), { received: 600, sent: 2000, overMs: 500 });
    await sleep(500);
    assert.deepEqual(counted.takeRates(), { received: 0, sent: 0, overMs: 500 });
  }));
