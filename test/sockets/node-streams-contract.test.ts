/** The pipes of a process keep the contract of streams: `cat` is a one-way pair. */
import { test } from 'node:test';

import type { ReceiveStream, SendStream } from 'bowline/core';
import { openProcess } from 'bowline/sockets';
import { checkOneWayStream } from 'bowline/testing';
import { moveOnAfter } from 'bowline/tasks';

const made: (() => void)[] = [];

async function catPair(): Promise<readonly [SendStream, ReceiveStream]> {
  const process = await openProcess('cat', [], { stderr: 'ignore' });
  made.push(() => {
    process.abort();
  });
  return [process.stdin as SendStream, process.stdout as ReceiveStream];
}

test('PROC pipes keep the contract of one-way streams', async () => {
  try {
    await checkOneWayStream(catPair, async () => {
      const [send, receive] = await catPair();
      while ((await moveOnAfter(15, () => send.sendAll(new Uint8Array(512 * 1024)).then(() => true))) === true);
      return [send, receive];
    });
  } finally {
    for (const end of made) end();
  }
});
