import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addCosts, addTotals, costOfThisProcess, Statistics } from '#src/cli/statistics.js';

test('totals count open connections as they go, and ended ones once', () => {
  let now = 1000;
  const statistics = new Statistics(() => now);
  const first = statistics.begin('a', 'b');
  const second = statistics.begin('c', 'b');
  first.forwardBytes += 10;
  second.backwardBytes += 5;
  assert.deepEqual(statistics.totals(), {
    connections: 2,
    open: 2,
    peakOpen: 2,
    failed: 0,
    idle: 0,
    cut: 0,
    forwardBytes: 10,
    backwardBytes: 5,
  });
  now = 1250;
  assert.deepEqual(statistics.end(first, 'ok'), {
    event: 'connection',
    id: 1,
    from: 'a',
    to: 'b',
    outcome: 'ok',
    seconds: 0.25,
    forwardBytes: 10,
    backwardBytes: 0,
  });
  assert.equal(statistics.end(second, 'failed', 'connection refused').error, 'connection refused');
  statistics.end(second, 'failed');
  const { open, failed, peakOpen, connections, backwardBytes } = statistics.totals();
  assert.deepEqual(
    { open, failed, peakOpen, connections, backwardBytes },
    {
      open: 0,
      failed: 1,
      peakOpen: 2,
      connections: 2,
      backwardBytes: 5,
    },
  );
});

test('each outcome has its own count', () => {
  const statistics = new Statistics(() => 0);
  for (const outcome of ['ok', 'failed', 'idle', 'cut', 'cut'] as const) {
    statistics.end(statistics.begin('a', 'b'), outcome);
  }
  const { connections, failed, idle, cut } = statistics.totals();
  assert.deepEqual([connections, failed, idle, cut], [5, 1, 1, 2]);
});

test('the totals and the cost of several processes are added up', () => {
  const statistics = new Statistics(() => 0);
  statistics.begin('a', 'b').forwardBytes = 7;
  const sum = addTotals([statistics.totals(), statistics.totals()]);
  assert.deepEqual([sum.connections, sum.open, sum.forwardBytes], [2, 2, 14]);
  assert.deepEqual(
    addCosts([
      { cpuSeconds: 0.1, peakMemoryBytes: 3 },
      { cpuSeconds: 0.2, peakMemoryBytes: 4 },
    ]),
    {
      cpuSeconds: 0.3,
      peakMemoryBytes: 7,
    },
  );
});

test('the cost of this process is in seconds and bytes', () => {
  const { cpuSeconds, peakMemoryBytes } = costOfThisProcess();
  assert.ok(cpuSeconds > 0 && cpuSeconds < 3600, String(cpuSeconds));
  assert.ok(peakMemoryBytes > 10e6 && peakMemoryBytes < 100e9, String(peakMemoryBytes));
});
