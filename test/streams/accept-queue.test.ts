import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BusyResourceError, ClosedResourceError } from 'bowline/core';
import { Cancelled, CancelScope, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';

import { AcceptQueue } from '#src/streams/accept-queue.js';

const virtually = (body: () => Promise<void>) => () => withClock(new MockClock(), body);

test(
  'connections that were ready are given out before the failure that came after them, which is told once',
  virtually(async () => {
    const queue = new AcceptQueue<MemoryStream>();
    const [first] = memoryStreamPair();
    const [second] = memoryStreamPair();
    const failure = new Error('out of descriptors');
    queue.deliver(first);
    queue.fail(failure);
    assert.equal(queue.hasFailure, true);
    assert.equal(await queue.accept(), first);
    await assert.rejects(queue.accept(), failure);
    assert.equal(queue.hasFailure, false);
    const waiting = queue.accept();
    queue.deliver(second);
    assert.equal(await waiting, second);
    assert.deepEqual([queue.ready, queue.accepted], [0, 2]);
  }),
);

test(
  'only who begins to wait is told to begin, and a cancelled scope begins nothing',
  virtually(async () => {
    const queue = new AcceptQueue<MemoryStream>();
    let begun = 0;
    await new CancelScope().run(async (scope) => {
      scope.cancel();
      await assert.rejects(
        queue.accept(() => begun++),
        Cancelled,
      );
    });
    assert.equal(begun, 0);
    const waiting = queue.accept(() => begun++);
    await assert.rejects(
      queue.accept(() => begun++),
      BusyResourceError,
    );
    assert.equal(begun, 1);
    queue.close();
    await assert.rejects(waiting, ClosedResourceError);
  }),
);

test(
  'an accept, room that is made, and close each wake the loop; close aborts what nobody accepted',
  virtually(async () => {
    const queue = new AcceptQueue<MemoryStream>();
    const [accepted] = memoryStreamPair();
    const [left] = memoryStreamPair();
    queue.deliver(accepted);
    queue.deliver(left);
    const wakes = [
      queue.accept.bind(queue),
      () => Promise.resolve(queue.makeRoom()),
      () => Promise.resolve(queue.close()),
    ];
    for (const wake of wakes) {
      const room = queue.waitForRoom();
      await wake();
      await room;
    }
    await assert.rejects(left.receiveSome(), ClosedResourceError);
    await accepted.close();
    await assert.rejects(queue.accept(), ClosedResourceError);
  }),
);
