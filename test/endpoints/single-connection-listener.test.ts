import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attributeKey, attributeOf, attributes, BusyResourceError, ClosedResourceError } from 'bowline/core';
import { serveListeners } from 'bowline/sockets';
import { CancelScope, moveOnAfter, openNursery, sleep, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock, waitAllTasksBlocked } from 'bowline/testing';
import { SingleConnectionListener } from '#src/endpoints/single-connection-listener.js';

const virtually = (body: () => Promise<void>) => (): Promise<void> => withClock(new MockClock(), body);

test(
  'two accepts at once: the second is busy, the first is not disturbed',
  virtually(async () => {
    const listener = new SingleConnectionListener(memoryStreamPair()[0]);
    const stream = await listener.accept();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await assert.rejects(listener.accept(), ClosedResourceError);
      });
      await waitAllTasksBlocked();
      await assert.rejects(listener.accept(), BusyResourceError);
      await stream.close();
    });
  }),
);

test(
  'the second accept waits for the end of the connection, and the listener ends with it',
  virtually(async () => {
    for (const end of ['close', 'abort'] as const) {
      const listener = new SingleConnectionListener(memoryStreamPair()[0]);
      const stream = await listener.accept();
      assert.equal(await moveOnAfter(1000, () => listener.accept()), undefined);
      await stream[end]();
      await assert.rejects(listener.accept(), ClosedResourceError);
    }
  }),
);

test(
  'closing the listener closes what nobody accepted, and leaves what somebody did',
  virtually(async () => {
    for (const end of ['close', 'abort'] as const) {
      const [inner] = memoryStreamPair();
      const listener = new SingleConnectionListener(inner);
      await listener[end]();
      await assert.rejects(inner.receiveSome(), ClosedResourceError);
      await assert.rejects(listener.accept(), ClosedResourceError);
      await listener.close();

      const [accepted, peer] = memoryStreamPair();
      const other = new SingleConnectionListener(accepted);
      const stream = await other.accept();
      await other[end]();
      await stream.sendAll(new Uint8Array([1]));
      assert.deepEqual([...((await peer.receiveSome()) ?? [])], [1]);
      await assert.rejects(other.accept(), ClosedResourceError);
    }
  }),
);

test(
  'a cancelled accept does not lose the connection',
  virtually(async () => {
    const listener = new SingleConnectionListener(memoryStreamPair()[0]);
    const scope = new CancelScope();
    scope.cancel();
    assert.equal(await scope.run(() => listener.accept()), undefined);
    assert.ok(await listener.accept());
  }),
);

test(
  'a server on it ends when its one handler has ended, however long that takes',
  virtually(async () => {
    const [inner, peer] = memoryStreamPair();
    let received = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await serveListeners(
          async (stream) => {
            for await (const chunk of stream) received += chunk.length;
          },
          [new SingleConnectionListener(inner)],
          { drainMs: 10 },
        );
      });
      await waitAllTasksBlocked();
      await sleep(60_000);
      await peer.sendAll(new Uint8Array(7));
      await peer.sendEof();
    });
    assert.equal(received, 7);
  }),
);

test('facts of the connection shine through', async () => {
  const key = attributeKey<string>('colour');
  const [inner] = memoryStreamPair();
  Object.assign(inner, { [attributes]: (asked: unknown) => (asked === key ? 'red' : undefined) });
  const stream = await new SingleConnectionListener(inner).accept();
  assert.equal(attributeOf(stream, key), 'red');
});
