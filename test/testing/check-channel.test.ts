import assert from 'node:assert/strict';
import test from 'node:test';

import type { ReceiveChannel, SendChannel } from 'bowline/core';
import { openMemoryChannel, withClock } from 'bowline/tasks';
import { checkChannel, MockClock } from 'bowline/testing';

type Ends = readonly [SendChannel<string>, ReceiveChannel<string>];

const messages = ['one', 'two', '', 'four'];

for (const capacity of [0, 1, Infinity]) {
  test(`memory channels with room for ${capacity} keep the contract`, () =>
    withClock(new MockClock(), () => checkChannel(async () => openMemoryChannel<string>(capacity), messages)));
}

test('messages may be bytes, which are compared by content', () =>
  withClock(new MockClock(), () =>
    checkChannel(async () => openMemoryChannel<Uint8Array>(1), [Uint8Array.of(1, 2), Uint8Array.of(3)]),
  ));

test('there must be messages to send', async () => {
  await assert.rejects(
    checkChannel(async () => openMemoryChannel<string>(0), ['one']),
    RangeError,
  );
});

const defects: readonly (readonly [string, RegExp, (good: Ends) => Ends])[] = [
  [
    'two messages arrive as one',
    /\b1 messages arrive whole/,
    ([send, receive]) => [
      send,
      over(receive, { receive: async () => (await receive.receive()) + (await receive.receive()) }),
    ],
  ],
  [
    'the end looks like a failure',
    /\b2 after the sender was closed/,
    ([send, receive]) => [
      send,
      over(receive, {
        receive: () =>
          receive.receive().catch((error: Error) => {
            throw error.name === 'EndOfChannel' ? new Error('gone') : error;
          }),
      }),
    ],
  ],
  [
    'closing twice throws',
    /\b4 after an end was closed/,
    ([send, receive]) => {
      let closed = 0;
      return [
        over(send, { close: async () => (closed++ > 0 ? Promise.reject(new Error('closed')) : send.close()) }),
        receive,
      ];
    },
  ],
];

for (const [name, caughtBy, defect] of defects) {
  test(`a channel with a defect is found out: ${name}`, () =>
    withClock(new MockClock(), () =>
      assert.rejects(
        checkChannel(async () => defect(openMemoryChannel<string>(1)), messages, { checkTimeoutMs: 200 }),
        caughtBy,
      ),
    ));
}

function over<T extends object>(good: T, flaw: Partial<T>): T {
  return new Proxy(good, {
    get: (target, key) => {
      const value: unknown = Reflect.get(flaw, key) ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
