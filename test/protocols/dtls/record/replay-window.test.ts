import assert from 'node:assert/strict';
import test from 'node:test';

import fc from 'fast-check';

import { REPLAY_WINDOW, ReplayWindow } from '#src/protocols/dtls/record/replay-window.js';

test('pitfall 42: a number is fresh once, and asking does not take it', () => {
  const window = new ReplayWindow();
  assert.equal(window.isFresh(5), true);
  assert.equal(window.isFresh(5), true);
  window.accept(5);
  assert.equal(window.isFresh(5), false);
  assert.equal(window.isFresh(4), true);
  assert.equal(window.highest, 5);
});

test('what is older than the window is not fresh, and its edge is', () => {
  const window = new ReplayWindow();
  window.accept(1000);
  assert.equal(window.isFresh(1000 - REPLAY_WINDOW + 1), true);
  assert.equal(window.isFresh(1000 - REPLAY_WINDOW), false);
});

test('pitfall 43: numbers of 48 bits work', () => {
  const window = new ReplayWindow();
  const last = 2 ** 48 - 1;
  window.accept(last - 1);
  assert.equal(window.isFresh(last - 1), false);
  assert.equal(window.isFresh(last - 2), true);
  window.accept(last);
  assert.equal(window.isFresh(last), false);
  assert.equal(window.isFresh(last - 300), false);
});

test('any order of numbers: as a set of all numbers would say, within the window', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 2 ** 40, max: 2 ** 40 + 700 })));
  fc.assert(
    fc.property(steps, (numbers) => {
      const window = new ReplayWindow();
      const taken = new Set<number>();
      let highest = -1;
      for (const number of numbers) {
        const expected = !taken.has(number) && number > highest - REPLAY_WINDOW;
        assert.equal(window.isFresh(number), expected, `${number} after ${highest}`);
        if (!expected) continue;
        window.accept(number);
        taken.add(number);
        highest = Math.max(highest, number);
      }
    }),
  );
});
