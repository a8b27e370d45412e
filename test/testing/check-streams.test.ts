import assert from 'node:assert/strict';
import test from 'node:test';

import type { Bytes, HalfCloseableStream } from 'bowline/core';
import { BrokenResourceError } from 'bowline/core';
import { cancelRequested, runDetached, suspend, withClock } from 'bowline/tasks';
import {
  checkHalfCloseableStream,
  checkOneWayStream,
  checkTwoWayStream,
  ContractError,
  lockstepStreamOneWayPair,
  lockstepStreamPair,
  memoryStreamOneWayPair,
  memoryStreamPair,
  MockClock,
} from 'bowline/testing';

/** A pair whose first direction is full. */
async function cloggedPair(): Promise<[HalfCloseableStream, HalfCloseableStream]> {
  const [a, b] = memoryStreamPair({ capacityBytes: 1 });
  await a.sendAll(new Uint8Array(1));
  return [a, b];
}

test('MEM-8 memory streams keep the one-way contract', () =>
  withClock(new MockClock(), () => checkOneWayStream(async () => memoryStreamOneWayPair())));

test('MEM-8 memory streams keep the half-closeable contract', () =>
  withClock(new MockClock(), () => checkHalfCloseableStream(async () => memoryStreamPair())));

test('MEM-8 memory streams with a capacity keep the half-closeable contract, clogged and not', () =>
  withClock(new MockClock(), () =>
    checkHalfCloseableStream(async () => memoryStreamPair({ capacityBytes: 10 }), cloggedPair),
  ));

test('MEM-8 lockstep streams keep the one-way contract, themselves being the clogged form', () =>
  withClock(new MockClock(), () =>
    checkOneWayStream(
      async () => lockstepStreamOneWayPair(),
      async () => lockstepStreamOneWayPair(),
    ),
  ));

test('MEM-8 lockstep streams keep the two-way contract, themselves being the clogged form', () =>
  withClock(new MockClock(), () =>
    checkTwoWayStream(
      async () => lockstepStreamPair(),
      async () => lockstepStreamPair(),
    ),
  ));

test('lockstep streams keep the half-closeable contract as well', () =>
  withClock(new MockClock(), () =>
    checkHalfCloseableStream(
      async () => lockstepStreamPair(),
      async () => lockstepStreamPair(),
    ),
  ));

/** A stream that does everything right but what `defect` replaces. */
function flawed(
  defect: (good: HalfCloseableStream) => Partial<HalfCloseableStream>,
): () => Promise<[HalfCloseableStream, HalfCloseableStream]> {
  return () => wrapPair(memoryStreamPair({ capacityBytes: 10 }), defect);
}

function flawedClogged(
  defect: (good: HalfCloseableStream) => Partial<HalfCloseableStream>,
): () => Promise<[HalfCloseableStream, HalfCloseableStream]> {
  return async () => wrapPair(await cloggedPair(), defect);
}

async function wrapPair(
  pair: readonly [HalfCloseableStream, HalfCloseableStream],
  defect: (good: HalfCloseableStream) => Partial<HalfCloseableStream>,
): Promise<[HalfCloseableStream, HalfCloseableStream]> {
  return [withDefect(pair[0], defect), withDefect(pair[1], defect)];
}

function withDefect(
  good: HalfCloseableStream,
  defect: (good: HalfCloseableStream) => Partial<HalfCloseableStream>,
): HalfCloseableStream {
  const flaw = defect(good);
  return new Proxy(good, {
    get: (target, key) => {
      const value: unknown = Reflect.get(flaw, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const never = (): Promise<never> => new Promise(() => undefined);

const defects: readonly (readonly [
  name: string,
  caughtBy: RegExp,
  defect: (good: HalfCloseableStream) => Partial<HalfCloseableStream>,
])[] = [
  [
    'sendAll() says how much it sent',
    /\b2 a byte/,
    (good) => ({ sendAll: async (data) => (await good.sendAll(data), 1 as never) }),
  ],
  [
    'the end of file is an empty chunk',
    /\b14 what was sent/,
    (good) => ({ receiveSome: async (max) => (await good.receiveSome(max)) ?? new Uint8Array(0) }),
  ],
  [
    'maxBytes is ignored',
    /\b6 maxBytes/,
    (good) => ({ receiveSome: (max) => good.receiveSome(max === 2 ? 100 : max) }),
  ],
  [
    'maxBytes is not checked',
    /\b5 wrong arguments/,
    (good) => ({ receiveSome: (max) => good.receiveSome(max === 0 ? 1 : max) }),
  ],
  ['a byte is lost', /duplex/, (good) => ({ receiveSome: loseOneByteIn(100, good) })],
  [
    'a second receive waits in line',
    /\b7 of two receives/,
    (good) => ({ receiveSome: inLine((max: number | undefined) => good.receiveSome(max)) }),
  ],
  [
    'sends never break',
    /\b9, 10 after/,
    (good) => ({ sendAll: swallow(BrokenResourceError, (data) => good.sendAll(data)) }),
  ],
  [
    'a close in a cancelled scope does not close',
    /\b17 in a cancelled scope/,
    (good) => ({ close: () => (cancelRequested() ? Promise.resolve() : good.close()) }),
  ],
  [
    'cancellation is not checked at entry',
    /\b18 in a cancelled scope/,
    (good) => ({ sendAll: (data) => runDetached(() => good.sendAll(data)) }),
  ],
  [
    'a receive that is cancelled loses bytes',
    /\b18a a receive/,
    (good) => ({ receiveSome: (max) => receiveDetached(good, max) }),
  ],
  [
    'receiveInto() fills more than it says',
    /\b18b receiveInto/,
    (good) => ({
      receiveInto: (buffer) => (
        buffer instanceof Uint8Array && buffer.length === 6 && buffer.fill(33),
        good.receiveInto?.(buffer) ?? never()
      ),
    }),
  ],
  [
    'closing again throws',
    /\b12 closing the receiver again/,
    (good) => ({ close: failSecondTime(() => good.close()) }),
  ],
  ['a waiting receive is not woken by abort()', /\b19 a receive that waits/, () => ({ abort: () => undefined })],
  ['sendEof() does nothing', /sendEof\(\) ends one direction/, () => ({ sendEof: async () => undefined })],
  [
    'breaking out of a loop closes the stream',
    /\b14a iterating/,
    (good) => ({ [Symbol.asyncIterator]: () => closingIterator(good) }),
  ],
];

for (const [name, caughtBy, defect] of defects) {
  test(`a stream with a defect is found out, hang or not: ${name}`, async () => {
    await withClock(new MockClock(), () =>
      assert.rejects(
        checkHalfCloseableStream(flawed(defect), flawedClogged(defect), { checkTimeoutMs: 100 }),
        (error: Error) => {
          const failures = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
          for (const failure of failures) assert.ok(failure instanceof ContractError, String(failure));
          assert.match(error.message, caughtBy);
          return true;
        },
      ),
    );
  });
}

test('a stream without any defect passes in the same wrapping', () =>
  withClock(new MockClock(), () =>
    checkHalfCloseableStream(
      flawed(() => ({})),
      flawedClogged(() => ({})),
    ),
  ));

test('a stream that does not react to cancellation is given up, and the report says so', async () => {
  const check = checkOneWayStream(
    async () => {
      const [send, receive] = memoryStreamOneWayPair();
      return [send, Object.assign(receive, { close: never })] as const;
    },
    undefined,
    { checkTimeoutMs: 20 },
  );
  await assert.rejects(check, /12 closing .*does not react to cancellation/s);
});

test('a maker that fails is told from a stream that does', async () => {
  await assert.rejects(
    checkOneWayStream(() => Promise.reject(new Error('no such host'))),
    (error: AggregateError) => {
      const first = error.errors[0] as ContractError;
      assert.match(first.message, /making the objects to check failed/);
      assert.equal((first.cause as Error).message, 'no such host');
      return true;
    },
  );
});

function loseOneByteIn(count: number, good: HalfCloseableStream): (max?: number) => Promise<Bytes | null> {
  let received = 0;
  return async (max) => {
    const chunk = await good.receiveSome(max);
    received++;
    return received === count && chunk !== null && chunk.length > 1 ? chunk.subarray(1) : chunk;
  };
}

function inLine<A, R>(call: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (argument) => {
    const result = last.then(() => call(argument));
    last = result.catch(() => undefined);
    return result;
  };
}

function swallow<A>(
  what: typeof BrokenResourceError,
  call: (argument: A) => Promise<void>,
): (argument: A) => Promise<void> {
  let swallowed = 0;
  return async (argument) => {
    try {
      await call(argument);
    } catch (error) {
      if (!(error instanceof what) || ++swallowed > 1000) throw error;
      await new Promise(setImmediate);
    }
  };
}

/** Takes bytes from the stream whether or not anybody still wants them. */
function receiveDetached(good: HalfCloseableStream, max: number | undefined): Promise<Bytes | null> {
  if (cancelRequested() || !(max === undefined || max >= 1)) return good.receiveSome(max);
  const chunk = runDetached(() => good.receiveSome(max));
  return suspend<Bytes | null>((waiter) => {
    chunk.then(
      (value) => waiter.resolve(value),
      (error: unknown) => waiter.reject(error),
    );
  });
}

function failSecondTime(call: () => Promise<void>): () => Promise<void> {
  let calls = 0;
  return async () => {
    if (++calls > 1) throw new Error('closed already');
    await call();
  };
}

async function* closingIterator(good: HalfCloseableStream): AsyncGenerator<Bytes, undefined> {
  try {
    for (let chunk = await good.receiveSome(); chunk !== null; chunk = await good.receiveSome()) yield chunk;
  } finally {
    await good.close();
  }
  return undefined;
}
