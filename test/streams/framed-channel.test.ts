import assert from 'node:assert/strict';
import test from 'node:test';

import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  DelimiterNotFound,
  EndOfChannel,
  FrameTooLarge,
  IncompleteRead,
} from 'bowline/core';
import type { Stream } from 'bowline/core';
import { fixed, jsonLines, lengthPrefixed, lines, struct } from 'bowline/framing';
import type { Codec } from 'bowline/framing';
import { BufferedStream, framed } from 'bowline/streams';
import { CancelScope, openNursery, withClock } from 'bowline/tasks';
import { checkChannel, lockstepStreamPair, memoryStreamPair, MockClock, waitAllTasksBlocked } from 'bowline/testing';

import { bytes, text } from '../framing/decode.js';

/** A codec that is not one of bowline's: its decoder keeps bytes of its own. */
function foreign<S, R>(codec: Codec<S, R>): Codec<S, R> {
  return { encode: (value) => codec.encode(value), decoder: () => codec.decoder() };
}

test('a framed stream keeps the channel contract, over any stream and with any codec', () =>
  withClock(new MockClock(), async () => {
    for (const codec of [lengthPrefixed('u16be'), foreign(lengthPrefixed('varint'))]) {
      for (const makePair of [memoryStreamPair, lockstepStreamPair]) {
        await checkChannel(async () => {
          const [near, far] = makePair();
          return [framed(near, codec), framed(far, codec)] as const;
        }, [bytes('one'), bytes(''), bytes('three')]);
      }
    }
    await checkChannel(async () => {
      const [near, far] = memoryStreamPair();
      return [framed(near, jsonLines()), framed(far, jsonLines())] as const;
    }, [null, { a: [1, 2] }, 'text']);
  }));

test('a null can be a message', async () => {
  const [near, far] = memoryStreamPair();
  await near.sendAll(bytes('null\n'));
  await near.sendEof();
  const channel = framed(far, jsonLines());
  assert.equal(await channel.receive(), null);
  await assert.rejects(channel.receive(), EndOfChannel);
});

test('the codec may change after every message, with messages of several codecs in one chunk', async () => {
  const [near, far] = memoryStreamPair();
  await near.sendAll(bytes('STARTBIN\n\x00\x05hello\x00\x00\x00\x2aback\nto text'));
  await near.sendEof();
  const inLines = framed(far, lines());
  assert.equal(await inLines.receive(), 'STARTBIN');
  const inBinary = inLines.switchTo(lengthPrefixed('u16be'));
  assert.equal(inBinary as unknown, inLines);
  assert.equal(text(await inBinary.receive()), 'hello');
  assert.deepEqual(await inBinary.switchTo(struct('>I')).receive(), [42]);
  const again = inBinary.switchTo(foreign(lines()));
  assert.equal(await again.receive(), 'back');
  const { stream, rest } = again.detach();
  assert.equal(stream, far);
  assert.equal(text(rest), 'to text');
});

test('a message that waits is still one of the old codec; the next is one of the new', async () => {
  const [near, far] = memoryStreamPair();
  const channel = framed(far, lines());
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => assert.equal(await channel.receive(), 'a line'));
    await waitAllTasksBlocked();
    channel.switchTo(fixed(3));
    await near.sendAll(bytes('a line\nabc'));
  });
  assert.equal(text(await channel.switchTo(fixed(3)).receive()), 'abc');
});

test('sending: what the codec cannot encode is refused and sends nothing', async () => {
  const [near, far] = memoryStreamPair();
  const channel = framed(near, lines());
  await assert.rejects(channel.send('two\nlines'), RangeError);
  await channel.send('one line');
  assert.equal(text((await far.receiveSome()) as Uint8Array), 'one line\n');
});

test('head and body of a message go down in one call', async () => {
  const [near] = memoryStreamPair();
  const calls: unknown[] = [];
  const spy = new Proxy(near, {
    get(target, key) {
      if (key === 'sendAll') return async (data: unknown) => void calls.push(data);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const body = bytes('hello');
  await framed(spy, lengthPrefixed('u8')).send(body);
  assert.deepEqual(calls, [[Uint8Array.of(5), body]]);
  assert.equal((calls[0] as Uint8Array[])[1], body);
});

test('errors come again at every call, and the bytes can be had', async () => {
  const [near, far] = memoryStreamPair();
  await near.sendAll(bytes('\x00\xff the rest'));
  const channel = framed(far, lengthPrefixed('u16be', { maxBytes: 200 }));
  for (let i = 0; i < 2; i++) await assert.rejects(channel.receive(), FrameTooLarge);
  const { rest } = channel.detach();
  assert.equal(rest.length, 11);
  await assert.rejects(channel.receive(), ClosedResourceError);
  await assert.rejects(channel.send(bytes('')), ClosedResourceError);
  await channel.close();
  await near.sendAll(bytes('still open'));
});

test('end of file in the middle of a message is IncompleteRead, a stream that breaks is broken', async () => {
  const [near, far] = memoryStreamPair();
  await near.sendAll(bytes('whole\nhalf'));
  await near.sendEof();
  const channel = framed(far, lines());
  assert.equal(await channel.receive(), 'whole');
  for (let i = 0; i < 2; i++) {
    await assert.rejects(
      channel.receive(),
      (error) => error instanceof IncompleteRead && text(error.partial) === 'half',
    );
  }
  const [one, other] = memoryStreamPair();
  one.abort();
  await assert.rejects(framed(other, lines()).send('anybody?'), BrokenResourceError);
});

test('the last line may be delivered at the end of file', async () => {
  const [near, far] = memoryStreamPair();
  await near.sendAll(bytes('one\ntwo'));
  await near.sendEof();
  const received: string[] = [];
  for await (const line of framed(far, lines({ lastLine: 'deliver' }))) received.push(line);
  assert.deepEqual(received, ['one', 'two']);
});

test('one call receives at a time, and the second is refused without harm to the first', async () => {
  const [near, far] = memoryStreamPair();
  const channel = framed(far, lines());
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => assert.equal(await channel.receive(), 'first'));
    await waitAllTasksBlocked();
    await assert.rejects(channel.receive(), BusyResourceError);
    assert.throws(() => channel.detach(), BusyResourceError);
    await assert.rejects(channel.switchTo(fixed(1)).receive(), BusyResourceError);
    await near.sendAll(bytes('first\n'));
  });
});

test('sendEof is there exactly if the stream below has it', async () => {
  const [near, far] = memoryStreamPair();
  const channel = framed(near, lines());
  await channel.sendEof();
  await assert.rejects(framed(far, lines()).receive(), EndOfChannel);
  const without = framed({ receiveSome: () => far.receiveSome() } as unknown as Stream, lines());
  assert.equal(without.sendEof, undefined);
});

test('a frame that is cancelled while it waits is received by the next call, by any codec', async () => {
  const [near, far] = memoryStreamPair();
  const stream = new BufferedStream(far);
  for (const codec of [lengthPrefixed('u8'), foreign(lengthPrefixed('u8'))]) {
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => stream.receiveFrame(codec)));
      await near.sendAll(bytes('\x05hel'));
      await waitAllTasksBlocked();
      scope.cancel();
    });
    await near.sendAll(bytes('lo, world'));
    assert.equal(text(await stream.receiveFrame(codec)), 'hello');
    assert.equal(text(await stream.receiveUntil(' ')), ',');
    assert.equal(text(await stream.receiveFrame(fixed(2))), 'wo');
    assert.equal(text(await stream.receiveExactly(3)), 'rld');
  }
});

test('BufferedStream: frames and everything else share one buffer', async () => {
  const [near, far] = memoryStreamPair();
  const stream = new BufferedStream(far);
  await near.sendAll(bytes('line\nabcdefghij\x02xyz'));
  await near.sendEof();
  const codec = foreign(lines());
  assert.equal(await stream.receiveFrame(codec), 'line');
  // Its decoder holds the rest by now.
  assert.equal(text((await stream.receiveSome(3)) as Uint8Array), 'abc');
  assert.equal(text(await stream.receiveFrame(foreign(fixed(2)))), 'de');
  stream.unread(bytes('DE'));
  assert.equal(text(await stream.receiveFrame(fixed(4))), 'DEfg');
  const memory = new Uint8Array(3);
  assert.equal(await stream.receiveInto(memory), 3);
  assert.equal(text(memory), 'hij');
  assert.equal(text(await stream.receiveFrame(lengthPrefixed('u8'))), 'xy');
  await assert.rejects(stream.receiveFrame(lines()), IncompleteRead);
  await assert.rejects(stream.receiveFrame(lines({ maxBytes: 0 })), DelimiterNotFound);
  assert.equal(text(await stream.receiveFrame(fixed(1))), 'z');
  await assert.rejects(stream.receiveFrame(fixed(1)), EndOfChannel);
  await assert.rejects(stream.receiveFrame({} as never), TypeError);
  assert.throws(() => framed(near, {} as never), TypeError);
});
