import assert from 'node:assert/strict';
import test from 'node:test';

import type { HalfCloseableStream, Stream } from 'bowline/core';
import { BufferedStream, CountedStream, IdleTimeoutStream, receiveInto, StapledStream } from 'bowline/streams';
import { CancelScope, withClock } from 'bowline/tasks';
import {
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  lockstepStreamOneWayPair,
  lockstepStreamPair,
  memoryStreamOneWayPair,
  memoryStreamPair,
  MockClock,
} from 'bowline/testing';

type Pair = readonly [HalfCloseableStream, HalfCloseableStream];

const transports: Readonly<Record<string, () => Promise<Pair>>> = {
  'memory streams': async () => memoryStreamPair(),
  'memory streams of 10 bytes': async () => memoryStreamPair({ capacityBytes: 10 }),
  'lockstep streams': async () => lockstepStreamPair(),
};

const wrappers: Readonly<Record<string, (stream: HalfCloseableStream) => HalfCloseableStream>> = {
  StapledStream: (stream) => new StapledStream(stream, stream),
  BufferedStream: (stream) => new BufferedStream(stream),
  IdleTimeoutStream: (stream) => new IdleTimeoutStream(stream, 1e9),
  CountedStream: (stream) => new CountedStream(stream),
  'all wrappers on top of each other': (stream) =>
    new CountedStream(new IdleTimeoutStream(new BufferedStream(new StapledStream(stream, stream)), 1e9)),
};

for (const [name, wrap] of Object.entries(wrappers)) {
  for (const [below, makeBelow] of Object.entries(transports)) {
    const maker = async (): Promise<Pair> => {
      const [a, b] = await makeBelow();
      return [wrap(a), wrap(b)];
    };
    test(`${name} over ${below} keeps the half-closeable contract`, () =>
      withClock(new MockClock(), () =>
        checkHalfCloseableStream(maker, below === 'lockstep streams' ? maker : undefined),
      ));
  }
}

/** Hides that a stream can be half-closed. */
function withoutSendEof(stream: Stream): Stream {
  return new Proxy(stream, {
    get: (target, key) => {
      if (key === 'sendEof') return undefined;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

for (const [name, wrap] of Object.entries({
  BufferedStream: (stream: Stream) => new BufferedStream(stream),
  IdleTimeoutStream: (stream: Stream) => new IdleTimeoutStream(stream, 1e9),
  CountedStream: (stream: Stream) => new CountedStream(stream),
})) {
  test(`${name} over a stream that cannot be half-closed keeps the two-way contract, and has no sendEof`, async (t) => {
    const maker = async (): Promise<readonly [Stream, Stream]> => {
      const [a, b] = lockstepStreamPair();
      return [wrap(withoutSendEof(a)), wrap(withoutSendEof(b))];
    };
    await withClock(new MockClock(), async () => {
      const [a] = await maker();
      t.assert?.equal((a as Partial<HalfCloseableStream>).sendEof, undefined);
      await checkTwoWayStream(maker, maker);
    });
  });
}

test('the halves of a StapledStream keep the one-way contract through it', () =>
  withClock(new MockClock(), async () => {
    for (const makePair of [memoryStreamOneWayPair, lockstepStreamOneWayPair]) {
      await checkOneWayStream(async () => {
        const [send, receive] = makePair();
        const [unusedSend, unusedReceive] = makePair();
        return [new StapledStream(send, unusedReceive), new StapledStream(unusedSend, receive)] as const;
      });
    }
  }));

const operations: Readonly<Record<string, (stream: HalfCloseableStream) => Promise<unknown>>> = {
  receiveSome: (stream) => stream.receiveSome(),
  receiveInto: (stream) => receiveInto(stream, new Uint8Array(10)),
  'a step of an iteration': (stream) => stream[Symbol.asyncIterator]().next(),
  sendAll: (stream) => stream.sendAll(new Uint8Array(100_000)),
  waitSendAllMightNotBlock: (stream) => stream.waitSendAllMightNotBlock(),
  sendEof: (stream) => stream.sendEof(),
};

test('operations of any stream that nobody awaits do not end the process when they are cancelled', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  try {
    for (const [name, wrap] of Object.entries(wrappers)) {
      for (const makeBelow of Object.values(transports)) {
        for (const [what, operation] of Object.entries(operations)) {
          for (const when of ['before', 'after']) {
            const [below, peer] = await makeBelow();
            const stream = wrap(below);
            const scope = new CancelScope();
            await scope.run(async () => {
              if (when === 'before') scope.cancel();
              void operation(stream);
              await Promise.resolve();
              scope.cancel();
              await new Promise((resolve) => setImmediate(resolve));
            });
            stream.abort();
            peer.abort();
            await new Promise((resolve) => setImmediate(resolve));
            assert.deepEqual(unhandled, [], `${what} of ${name}, cancelled ${when} it began`);
          }
        }
      }
    }
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
});
