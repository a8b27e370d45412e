import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { TimerHeap } from '#src/platform/timer-heap.js';
import type { HeapTimer } from '#src/platform/timer-heap.js';

const nothing = (): void => undefined;

test('timers come out by time, ties in the order they were set', () => {
  const heap = new TimerHeap();
  assert.equal(heap.earliest, Infinity);
  assert.equal(heap.popDue(Infinity), undefined);
  const late = heap.add(5, nothing);
  const firstTie = heap.add(2, nothing);
  const secondTie = heap.add(2, nothing);
  assert.equal(heap.size, 3);
  assert.equal(heap.earliest, 2);
  assert.equal(heap.popDue(1.9), undefined, 'not before its time');
  assert.equal(heap.popDue(10), firstTie);
  assert.equal(heap.popDue(10), secondTie);
  assert.equal(heap.popDue(10), late);
  assert.equal(heap.size, 0);
});

test('removing is exact: twice, after it fired, and the only one', () => {
  const heap = new TimerHeap();
  const timer = heap.add(1, nothing);
  heap.remove(timer);
  heap.remove(timer);
  assert.equal(heap.size, 0);
  const fired = heap.add(1, nothing);
  const other = heap.add(1, nothing);
  assert.equal(heap.popDue(1), fired);
  heap.remove(fired);
  assert.equal(heap.popDue(1), other);
});

test('any sequence of adding, removing and taking agrees with a sorted array', () => {
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('add' as const), at: fc.integer({ min: 0, max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('remove' as const), pick: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('pop' as const), now: fc.integer({ min: 0, max: 20 }) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const heap = new TimerHeap();
      const made: HeapTimer[] = [];
      let sorted: HeapTimer[] = [];
      for (const step of operations) {
        if (step.op === 'add') {
          const timer = heap.add(step.at, nothing);
          made.push(timer);
          sorted.push(timer);
          sorted.sort((a, b) => a.at - b.at || a.order - b.order);
        } else if (step.op === 'remove') {
          const timer = made[step.pick % made.length];
          if (timer === undefined) continue;
          heap.remove(timer);
          sorted = sorted.filter((other) => other !== timer);
        } else {
          const first = sorted[0];
          const expected = first !== undefined && first.at <= step.now ? sorted.shift() : undefined;
          assert.equal(heap.popDue(step.now), expected);
        }
        assert.equal(heap.size, sorted.length);
        assert.equal(heap.earliest, sorted[0]?.at ?? Infinity);
      }
      for (const timer of sorted) assert.equal(heap.popDue(Infinity), timer);
    }),
  );
});
