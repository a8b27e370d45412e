import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { budgetFor } from '#src/cli/connection-budget.js';

test('whatever the limit of descriptors, what is taken leaves a quarter of them free', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 100_000 }),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 2 }),
      (free, maxChildren, descriptorsEach) => {
        const { handled, waiting, children } = budgetFor(free, {
          maxConnections: undefined,
          maxChildren,
          descriptorsEach,
        });
        assert.ok(handled >= 1 && waiting >= 1 && children <= maxChildren);
        const used = maxChildren === 0 ? handled * descriptorsEach : handled + children * 4;
        assert.ok(used + waiting <= free * 0.75, `${used} + ${waiting} of ${free}`);
      },
    ),
  );
});

test('what the user has said is kept, and an unknown limit means none', () => {
  const asked = budgetFor(50, { maxConnections: 1000, maxChildren: 0, descriptorsEach: 2 });
  assert.equal(asked.handled, 1000);
  const unlimited = budgetFor(Infinity, { maxConnections: undefined, maxChildren: 32, descriptorsEach: 2 });
  assert.deepEqual(unlimited, { handled: Infinity, waiting: 128, children: 32 });
});
