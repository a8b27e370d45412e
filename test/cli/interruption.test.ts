import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';

import { statusOfSignal } from '#src/cli/exit-status.js';
import { followSignals, Interruption } from '#src/cli/interruption.js';

test('the first request stops, the second cuts, and the last signal names the status', () => {
  const interruption = new Interruption();
  assert.equal(interruption.signal, undefined);
  interruption.request('SIGINT');
  assert.deepEqual([interruption.stop.aborted, interruption.cut.aborted], [true, false]);
  interruption.request('SIGTERM');
  assert.deepEqual([interruption.stop.aborted, interruption.cut.aborted], [true, true]);
  assert.equal(statusOfSignal(interruption.signal ?? 'SIGINT'), 143);
  assert.equal(statusOfSignal('SIGINT'), 130);
});

test('signals are followed until that is undone', () => {
  const source = new EventEmitter();
  const requests: string[] = [];
  const undo = followSignals(source, (signal) => void requests.push(signal));
  source.emit('SIGINT', 'SIGINT');
  source.emit('SIGTERM', 'SIGTERM');
  undo();
  assert.deepEqual(requests, ['SIGINT', 'SIGTERM']);
  assert.equal(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM'), 0);
});
