/**
 * Sends, receives, cancellations and closes in random order, over every wrapper: no byte may be lost, doubled or moved.
 *
 * Every byte that is offered to a send carries the next number of a counter. A send that was cancelled may have sent any
 * beginning of its bytes and nothing else; so what is received must read as the concatenation of all completed sends and of
 * some beginning of each cancelled one. Sends are shorter than the counter's period, so there is one way to read it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import { BrokenResourceError, ClosedResourceError, IncompleteRead } from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import {
  BufferedStream,
  CountedStream,
  IdleTimeoutStream,
  receiveInto,
  relayStreams,
  StapledStream,
} from 'bowline/streams';
import { CancelScope, checkpoint, failAfter, openNursery, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock, lockstepStreamPair } from 'bowline/testing';
import fc from 'fast-check';

const PERIOD = 251;
const LARGEST_SEND = 40;

const wrappers = {
  stapled: (stream: HalfCloseableStream): HalfCloseableStream => new StapledStream(stream, stream),
  buffered: (stream: HalfCloseableStream): HalfCloseableStream => new BufferedStream(stream),
  idle: (stream: HalfCloseableStream): HalfCloseableStream => new IdleTimeoutStream(stream, 1e12),
  counted: (stream: HalfCloseableStream): HalfCloseableStream => new CountedStream(stream),
};

type Room = 'none' | 'unlimited' | number;

function connect(room: Room): readonly [HalfCloseableStream, HalfCloseableStream] {
  if (room === 'none') return lockstepStreamPair();
  return room === 'unlimited' ? memoryStreamPair() : memoryStreamPair({ capacityBytes: room });
}

/** How long something waits before it happens: reactions, then turns of the event loop. */
const delay = fc.record({ reactions: fc.nat(4), turns: fc.nat(2) });
type Delay = { reactions: number; turns: number };

async function pass({ reactions, turns }: Delay): Promise<void> {
  for (let i = 0; i < turns; i++) await checkpoint();
  for (let i = 0; i < reactions; i++) await Promise.resolve();
}

const send = fc.record({
  pieces: fc.array(fc.nat(LARGEST_SEND / 4), { minLength: 1, maxLength: 4 }),
  before: delay,
  cancelAfter: fc.option(delay, { freq: 2 }),
});

const receive = fc.record({
  kind: fc.constantFrom('some' as const, 'into' as const, 'exactly' as const, 'until' as const),
  size: fc.integer({ min: 1, max: 50 }),
  before: delay,
  cancelAfter: fc.option(delay, { freq: 2 }),
});

const scenario = fc.record({
  room: fc.constantFrom<Room>('none', 'unlimited', 1, 7, 1000),
  stack: fc.array(fc.constantFrom(...(Object.keys(wrappers) as (keyof typeof wrappers)[])), { maxLength: 3 }),
  sends: fc.array(send, { maxLength: 12 }),
  receives: fc.array(receive, { maxLength: 12 }),
  end: fc.constantFrom('close' as const, 'sendEof' as const, 'abort' as const),
  viaRelay: fc.boolean(),
});

interface Sent {
  readonly data: Uint8Array;
  readonly isComplete: boolean;
}

/** Runs `body`, cancelling it after a while if so told; `undefined` if it was cut off. */
async function cancellable<T>(after: Delay | null, body: () => Promise<T>): Promise<{ value: T } | undefined> {
  const scope = new CancelScope();
  let result: { value: T } | undefined;
  await openNursery(async (nursery) => {
    if (after !== null) {
      nursery.startSoon(async () => {
        await pass(after);
        scope.cancel();
      });
    }
    const outcome = await scope.tryRun(body);
    if (!outcome.cancelled) result = { value: outcome.value };
    nursery.cancelScope.cancel();
  });
  return result;
}

async function sendAllOf(
  stream: HalfCloseableStream,
  sends: readonly { pieces: number[]; before: Delay; cancelAfter: Delay | null }[],
  log: Sent[],
): Promise<void> {
  let counter = 0;
  for (const { pieces, before, cancelAfter } of sends) {
    await pass(before);
    const data = pieces.map((length) => Uint8Array.from({ length }, () => counter++ % PERIOD));
    const copy = Uint8Array.from(data.flatMap((piece) => [...piece]));
    const entry = { data: copy, isComplete: false };
    log.push(entry);
    const done = await cancellable(cancelAfter, () => stream.sendAll(data));
    entry.isComplete = done !== undefined;
    // The memory is ours again, unless the send was cancelled.
    if (done !== undefined) for (const piece of data) piece.fill(255);
  }
}

async function receiveAllOf(
  stream: HalfCloseableStream,
  receives: readonly {
    kind: 'some' | 'into' | 'exactly' | 'until';
    size: number;
    before: Delay;
    cancelAfter: Delay | null;
  }[],
  received: number[],
): Promise<void> {
  const buffered = stream instanceof BufferedStream ? stream : undefined;
  for (const { kind, size, before, cancelAfter } of receives) {
    await pass(before);
    const result = await cancellable(cancelAfter, async (): Promise<readonly number[] | null> => {
      const memory = new Uint8Array(size).fill(254);
      try {
        if (kind === 'exactly' && buffered !== undefined) return [...(await buffered.receiveExactly(size))];
        if (kind === 'until' && buffered !== undefined) {
          const delimiter = Uint8Array.of(size, size + 1);
          return [...(await buffered.receiveUntil(delimiter)), ...delimiter];
        }
      } catch (error) {
        // What there was stays in the buffer.
        if (error instanceof IncompleteRead) return [];
        throw error;
      }
      if (kind === 'some') return toNumbers(await stream.receiveSome(size));
      const length = await receiveInto(stream, memory);
      assert.ok(
        memory.subarray(length ?? 0).every((byte) => byte === 254),
        'wrote beyond what it says',
      );
      return length === null ? null : [...memory.subarray(0, length)];
    });
    if (result === undefined) continue;
    if (result.value === null) return;
    received.push(...result.value);
  }
  for await (const chunk of stream) received.push(...chunk);
}

function toNumbers(chunk: Uint8Array | null): readonly number[] | null {
  return chunk === null ? null : [...chunk];
}

/** Reads what was received as the sends that made it, and says what does not fit. */
function explain(received: readonly number[], sent: readonly Sent[], mayBeCutOff: boolean): string | undefined {
  let at = 0;
  for (const [index, { data, isComplete }] of sent.entries()) {
    let matched = 0;
    while (matched < data.length && received[at] === data[matched]) {
      at++;
      matched++;
    }
    if (matched === data.length || !isComplete) continue;
    if (mayBeCutOff && at === received.length) return undefined;
    return `send ${index} was completed, but only ${matched} of its ${data.length} bytes were received, at ${at}`;
  }
  return at === received.length
    ? undefined
    : `${received.length - at} bytes were received that do not belong to any send`;
}

test('random sends, receives, cancellations and closes lose, double and move no byte, over any stack of wrappers', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ room, stack, sends, receives, end, viaRelay }) => {
      const sent: Sent[] = [];
      const received: number[] = [];
      await withClock(new MockClock({ watchdogMs: 5000 }), () =>
        failAfter(1000, async () => {
          const wrap = (stream: HalfCloseableStream): HalfCloseableStream =>
            stack.reduce((inner, name) => wrappers[name](inner), stream);
          const [a, middleA] = connect(room);
          const [middleB, b] = viaRelay ? connect(room) : [undefined, middleA];
          const [sender, receiver] = [wrap(a), wrap(b)];
          await openNursery(async (nursery) => {
            if (middleB !== undefined) {
              nursery.startSoon(async () => {
                await relayStreams(wrap(middleA), wrap(middleB));
              });
            }
            nursery.startSoon(async () => {
              await sendAllOf(sender, sends, sent);
              if (end === 'close') await sender.close();
              else if (end === 'sendEof') await sender.sendEof();
              else sender.abort();
            });
            await receiveAllOf(receiver, receives, received);
            await receiver.sendEof();
            sender.abort();
            receiver.abort();
          });
        }),
      );
      assert.equal(explain(received, sent, end === 'abort' && viaRelay), undefined);
    }),
    { numRuns: 400 },
  );
});

test('random closing of either side ends every call, with the error that says who did it', async () => {
  const closer = fc.record({
    side: fc.constantFrom(0, 1),
    how: fc.constantFrom('close' as const, 'abort' as const),
    after: delay,
  });
  await fc.assert(
    fc.asyncProperty(scenario, closer, async ({ room, stack, sends, receives }, { side, how, after }) => {
      const sent: Sent[] = [];
      const received: number[] = [];
      await withClock(new MockClock({ watchdogMs: 5000 }), () =>
        failAfter(1000, async () => {
          const wrap = (stream: HalfCloseableStream): HalfCloseableStream =>
            stack.reduce((inner, name) => wrappers[name](inner), stream);
          const [a, b] = connect(room);
          const [sender, receiver] = [wrap(a), wrap(b)];
          let sendError: unknown;
          let receiveError: unknown;
          await openNursery(async (nursery) => {
            nursery.startSoon(async () => {
              try {
                await sendAllOf(sender, sends, sent);
                for (;;) await sender.sendAll(new Uint8Array(0x10));
              } catch (error) {
                sendError = error;
              }
            });
            nursery.startSoon(async () => {
              try {
                await receiveAllOf(receiver, receives, received);
              } catch (error) {
                receiveError = error;
              }
            });
            await pass(after);
            const closed = side === 0 ? sender : receiver;
            if (how === 'close') await closed.close();
            else closed.abort();
          });
          if (side === 0) {
            assert.ok(sendError instanceof ClosedResourceError, String(sendError));
            assert.equal(receiveError, undefined);
          } else {
            assert.ok(receiveError instanceof ClosedResourceError, String(receiveError));
            assert.ok(sendError instanceof BrokenResourceError, String(sendError));
          }
        }),
      );
    }),
    { numRuns: 200 },
  );
});
