/**
 * Random programs of scopes, nurseries, shields, cancels, deadlines, failures and starts behave as the model says: who is
 * cut, when, who catches, what comes out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { execute } from './model/library.js';
import { programs } from './model/program.js';
import type { Trace } from './model/program.js';
import { simulate } from './model/reference.js';

const numRuns = Number(process.env['BOWLINE_MODEL_RUNS'] ?? 200);
const seed = process.env['BOWLINE_MODEL_SEED'];

test('random programs end as the model says', async () => {
  await fc.assert(
    fc.asyncProperty(programs, async (program) => {
      const actual = await execute(program);
      assert.deepEqual(byId(actual), byId(simulate(program)));
    }),
    { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
});

function byId(trace: Trace): unknown {
  return [...trace].sort(([a], [b]) => a - b);
}
