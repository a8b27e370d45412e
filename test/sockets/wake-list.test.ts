import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { wakeSoon } from '#src/sockets/wake-list.js';

/** Joins the list `count` times; the names of those that are woken go into `woken`. */
function join(woken: string[], name: string, count = 1): void {
  for (let i = 0; i < count; i++) wakeSoon({ wake: () => void woken.push(name) });
}

test('readers of one turn are woken together after it, in order', async () => {
  const woken: string[] = [];
  join(woken, 'first');
  join(woken, 'second');
  assert.deepEqual(woken, []);
  await nextTurn();
  assert.deepEqual(woken, ['first', 'second']);
});

test('a reader that joins while others are being woken waits for the next turn', async () => {
  const woken: string[] = [];
  wakeSoon({ wake: () => join(woken, 'late') });
  join(woken, 'early');
  await nextTurn();
  assert.deepEqual(woken, ['early']);
  await nextTurn();
  assert.deepEqual(woken, ['early', 'late']);
});

test('after a reader that was alone the next fifteen are woken at once, and then together again', async () => {
  const woken: string[] = [];
  // Whatever the tests before have left: this uses it up and is followed by a turn with two readers.
  join(woken, 'earlier', 17);
  await nextTurn();
  woken.length = 0;

  join(woken, 'alone');
  await nextTurn();
  join(woken, 'at once', 15);
  assert.deepEqual(woken, ['alone', ...Array<string>(15).fill('at once')]);
  woken.length = 0;
  join(woken, 'together', 2);
  assert.deepEqual(woken, []);
  await nextTurn();
  assert.deepEqual(woken, ['together', 'together']);
});
