import assert from 'node:assert/strict';
import test from 'node:test';

import { BusyResourceError, ClosedResourceError, WouldBlock } from 'bowline/core';
import { moveOnAfter, withClock } from 'bowline/tasks';
import { MockClock, waitAllTasksBlocked } from 'bowline/testing';
import fc from 'fast-check';

import { ByteQueue } from '#src/testing/byte-queue.js';
import { MemoryByteQueue } from '#src/testing/memory-byte-queue.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));

test('MEM-1 what is put can be got, with and without a limit', async () => {
  const queue = new MemoryByteQueue();
  assert.throws(() => queue.getNowait(), WouldBlock);
  assert.throws(() => queue.getNowait(10), WouldBlock);
  queue.put(bytes('1234'));
  assert.equal(text(queue.getNowait(1)), '1');
  assert.equal(text(queue.getNowait()), '234');
  assert.throws(() => queue.put('string' as never), TypeError);
  queue.put([bytes('56'), bytes(''), bytes('78')]);
  assert.equal(text(await queue.get(3)), '567');
  assert.equal(text(await queue.get()), '8');
  assert.throws(() => queue.getNowait(0), RangeError);
  await assert.rejects(queue.get(1.5), TypeError);
});

test('MEM-1 of two gets the second is told that the queue is busy, and the first is not disturbed', async () => {
  const queue = new MemoryByteQueue();
  const first = queue.get();
  await assert.rejects(queue.get(), BusyResourceError);
  assert.throws(() => queue.getNowait(), BusyResourceError);
  queue.put(bytes('x'));
  assert.equal(text(await first), 'x');
});

test('MEM-1 a closed queue takes no more, drains, and then gives null', async () => {
  const queue = new MemoryByteQueue();
  queue.put(bytes('ab'));
  queue.close();
  queue.close();
  assert.throws(() => queue.put(bytes('c')), ClosedResourceError);
  assert.equal(text(await queue.get(1)), 'a');
  assert.equal(text(queue.getNowait()), 'b');
  assert.equal(queue.getNowait(), null);
  assert.equal(await queue.get(), null);
});

test('MEM-4 closing wakes the getter; closing and wiping drops what is there', async () => {
  const queue = new MemoryByteQueue();
  const waiting = queue.get();
  queue.close();
  assert.equal(await waiting, null);
  const wiped = new MemoryByteQueue();
  wiped.put(bytes('lost'));
  wiped.closeAndWipe();
  assert.equal(await wiped.get(), null);
});

test('MEM-1 a cancelled get takes nothing', async () => {
  await withClock(new MockClock(), async () => {
    const queue = new MemoryByteQueue();
    assert.equal(await moveOnAfter(10, () => queue.get()), undefined);
    queue.put(bytes('x'));
    assert.equal(text(await queue.get()), 'x');
    await waitAllTasksBlocked();
  });
});

test('a byte queue gives back any bytes in order, whatever is taken, filled or withdrawn', () => {
  const step = fc.oneof(
    fc.record({ op: fc.constant('push' as const), data: fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 4 }) }),
    fc.record({ op: fc.constant('take' as const), size: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ op: fc.constant('into' as const), size: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ op: fc.constant('truncate' as const), size: fc.integer({ min: 0, max: 8 }) }),
    fc.record({ op: fc.constant('clear' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      for (const s of steps) {
        if (s.op === 'push') {
          queue.push(s.data);
          for (const piece of s.data) model.push(...piece);
        } else if (s.op === 'take') {
          assert.deepEqual([...queue.take(s.size)], model.splice(0, s.size));
        } else if (s.op === 'into') {
          const buffer = new Uint8Array(s.size);
          const filled = queue.takeInto(buffer);
          assert.deepEqual([...buffer.subarray(0, filled)], model.splice(0, s.size));
        } else if (s.op === 'truncate') {
          queue.truncate(s.size);
          model = model.slice(0, s.size);
        } else {
          queue.clear();
          model = [];
        }
        assert.equal(queue.size, model.length);
      }
      assert.deepEqual([...queue.take(Infinity)], model);
    }),
    { numRuns: 300 },
  );
});
