/** A connection that is cut off at any byte is never taken for one that has ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError } from 'bowline/core';
import type { Stream } from 'bowline/core';
import { StapledStream } from 'bowline/streams';
import { memoryStreamPair } from 'bowline/testing';
import { TlsStream } from 'bowline/tls';

import { bytes, clientOf, serverOf, versions } from './support.js';
import type { Version } from './support.js';

/** Lets so many bytes through from what is below, then the end. Counts what comes. */
class Cutter {
  received = 0;
  readonly #below: Stream;
  readonly #limit: number;

  constructor(below: Stream, limit: number) {
    this.#below = below;
    this.#limit = limit;
  }

  get stream(): Stream {
    const below = this.#below;
    return new StapledStream(below, {
      receiveSome: async (maxBytes?: number) => {
        const left = this.#limit - this.received;
        if (left === 0) return null;
        const chunk = await below.receiveSome(Math.min(left, maxBytes ?? left));
        this.received += chunk?.length ?? 0;
        return chunk;
      },
      close: () => Promise.resolve(),
      abort: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('not used')) }),
    });
  }
}

const contexts = {
  '1.3': { client: clientOf('1.3'), server: serverOf('1.3') },
  '1.2': { client: clientOf('1.2'), server: serverOf('1.2') },
};

const MESSAGE = bytes('the last message');

/** Every byte of the data and of the ends of both messages around it; of the long middle of a handshake every seventh. */
function stepAt(limit: number, length: number): number {
  return limit < 32 || limit >= length - 150 ? 1 : 7;
}

/** The client talks and says goodbye; the one end hears it through the cutter. Returns what that end saw. */
async function run(
  version: Version,
  cut: 'client' | 'server',
  limit: number,
): Promise<{ seen: string; received: number }> {
  const [clientSide, serverSide] = memoryStreamPair();
  const cutter = new Cutter(cut === 'client' ? clientSide : serverSide, limit);
  const client = TlsStream.client(cut === 'client' ? cutter.stream : clientSide, contexts[version].client, {
    serverName: 'localhost',
  });
  const server = TlsStream.server(cut === 'server' ? cutter.stream : serverSide, contexts[version].server);
  const [victim, other] = cut === 'client' ? [client, server] : [server, client];
  const talking = (async () => {
    await other.sendAll(MESSAGE);
    await other.close();
  })().catch(() => undefined);
  let length = 0;
  let seen: string;
  try {
    for (;;) {
      const chunk = await victim.receiveSome();
      if (chunk === null) break;
      length += chunk.length;
    }
    seen = `end after ${length}`;
  } catch (error) {
    assert.ok(error instanceof BrokenResourceError, String(error));
    // For good: asking again does not make an end of it.
    await assert.rejects(victim.receiveSome(), BrokenResourceError);
    seen = 'broken';
  }
  victim.abort();
  other.abort();
  await talking;
  return { seen, received: cutter.received };
}

for (const version of versions) {
  for (const cut of ['client', 'server'] as const) {
    test(`a ${cut} whose connection is cut off at any byte of the handshake or the data says so (TLS ${version})`, async () => {
      const whole = await run(version, cut, Number.MAX_SAFE_INTEGER);
      assert.equal(whole.seen, `end after ${MESSAGE.length}`);
      const ends: number[] = [];
      for (let limit = 0; limit < whole.received; limit += stepAt(limit, whole.received)) {
        const { seen } = await run(version, cut, limit);
        if (seen !== 'broken') ends.push(limit);
      }
      // The lengths of handshakes differ by a few bytes (ECDSA signatures), so the last bytes may have been enough.
      assert.ok(
        ends.every((limit) => limit >= whole.received - 4),
        `taken for an end at ${ends.join(', ')} of ${whole.received}`,
      );
    });
  }
}
