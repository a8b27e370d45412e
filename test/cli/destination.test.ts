import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Network } from 'bowline/core';
import { parseAddress } from 'bowline/endpoints';
import { sleepForever, withClock, withNetwork } from 'bowline/tasks';
import { MockClock } from 'bowline/testing';

import type { Children } from '#src/cli/children.js';
import { destinationOf } from '#src/cli/destination.js';
import { describeFailure } from '#src/cli/failure.js';

/** A network on which nobody ever answers. */
const silence = { connectTcp: () => sleepForever() } as unknown as Network;

function attempt(connectTimeoutMs: number | undefined): Promise<void> {
  const noChildren = undefined as unknown as Children;
  const destination = destinationOf(parseAddress('tcp:192.0.2.1:9'), connectTimeoutMs, noChildren);
  return withClock(new MockClock({ autojumpThresholdMs: 0 }), () =>
    withNetwork(silence, () => destination(() => assert.fail('connected'))),
  );
}

test('an address that does not answer is given up after --connect-timeout, in one line that says how long', async () => {
  await assert.rejects(attempt(30_000), (error) => {
    assert.equal(describeFailure(error), 'tcp:192.0.2.1:9: cannot connect: no answer within 30.0 s');
    return true;
  });
});
