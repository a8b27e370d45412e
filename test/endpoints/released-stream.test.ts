import { test } from 'node:test';

import type { HalfCloseableStream } from 'bowline/core';
import { withClock } from 'bowline/tasks';
import { checkHalfCloseableStream, memoryStreamPair, MockClock } from 'bowline/testing';

import { SingleConnectionListener } from '#src/endpoints/single-connection-listener.js';

type Pair = readonly [HalfCloseableStream, HalfCloseableStream];

/** The connections that two listeners of one connection give. */
async function acceptedPair(capacityBytes: number): Promise<Pair> {
  const [a, b] = memoryStreamPair({ capacityBytes });
  return [await new SingleConnectionListener(a).accept(), await new SingleConnectionListener(b).accept()];
}

async function cloggedPair(): Promise<Pair> {
  const pair = await acceptedPair(1);
  await pair[0].sendAll(new Uint8Array(1));
  return pair;
}

test('the connection of a listener of one keeps the half-closeable contract, clogged and not', () =>
  withClock(new MockClock(), () => checkHalfCloseableStream(() => acceptedPair(10), cloggedPair)));
