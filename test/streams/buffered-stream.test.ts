import assert from 'node:assert/strict';
import test from 'node:test';

import { BusyResourceError, ClosedResourceError, DelimiterNotFound, FramingError, IncompleteRead } from 'bowline/core';
import { BufferedStream, StapledStream } from 'bowline/streams';
import { moveOnAfter, openNursery, withClock } from 'bowline/tasks';
import {
  MemoryReceiveStream,
  MemorySendStream,
  memoryStreamPair,
  MockClock,
  waitAllTasksBlocked,
} from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';
import fc from 'fast-check';

import { ReadBuffer } from '#src/framing/read-buffer.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));

/** A buffered stream, and what feeds it. */
function make(...chunks: string[]): {
  buffered: BufferedStream<MemoryStream>;
  source: MemoryReceiveStream;
  sink: MemorySendStream;
} {
  const source = new MemoryReceiveStream();
  const sink = new MemorySendStream();
  if (chunks.length > 0) feedOneByOne(source, chunks);
  return { buffered: new BufferedStream(new StapledStream(sink, source)), source, sink };
}

/** Gives one chunk to each receive, then the end of file. */
function feedOneByOne(source: MemoryReceiveStream, chunks: readonly string[]): void {
  const rest = [...chunks];
  source.receiveSomeHook = async () => {
    const chunk = rest.shift();
    if (chunk === undefined) source.putEof();
    else source.putData(bytes(chunk));
  };
}

test('receiveExactly joins chunks, and leaves the rest for the next call', async () => {
  const { buffered } = make('abcd', 'efgh');
  assert.equal(text(await buffered.receiveExactly(6)), 'abcdef');
  assert.equal(buffered.bufferedBytes, 2);
  assert.equal(text(await buffered.receiveExactly(2)), 'gh');
  assert.equal((await buffered.receiveExactly(0)).length, 0);
});

test('receiveExactly at the end of file: IncompleteRead has what there was, and it can still be received', async () => {
  const { buffered } = make('abc');
  await assert.rejects(
    buffered.receiveExactly(8),
    (error) => error instanceof IncompleteRead && text(error.partial) === 'abc',
  );
  assert.equal(text(await buffered.receiveExactly(3)), 'abc');
  await assert.rejects(
    buffered.receiveExactly(1),
    (error) => error instanceof IncompleteRead && error.partial.length === 0,
  );
  assert.equal(await buffered.receiveSome(), null);
});

test('receiveUntil finds a delimiter across chunks, consumes it, and goes on behind it', async () => {
  const { buffered } = make('ab\r', '\ncd', '\r\n\r', '\n');
  assert.equal(text(await buffered.receiveUntil('\r\n')), 'ab');
  assert.equal(text(await buffered.receiveUntil(bytes('\r\n'))), 'cd');
  assert.equal(text(await buffered.receiveUntil('\r\n')), '');
  await assert.rejects(buffered.receiveUntil('\r\n'), IncompleteRead);
});

test('receiveUntil at the end of file keeps the bytes', async () => {
  const { buffered } = make('ab', 'c\r');
  await assert.rejects(
    buffered.receiveUntil('\r\n'),
    (error) => error instanceof IncompleteRead && text(error.partial) === 'abc\r',
  );
  assert.equal(text(await buffered.receiveSome()), 'abc\r');
});

test('receiveUntil gives up at its limit and keeps the bytes', async () => {
  const { buffered } = make('abcdef\n');
  await assert.rejects(
    buffered.receiveUntil('\n', { maxBytes: 5 }),
    (error) => error instanceof DelimiterNotFound && error.maxBytes === 5,
  );
  assert.equal(text(await buffered.receiveUntil('\n', { maxBytes: 6 })), 'abcdef');
});

test('receiveUntil does not wait for more bytes than it needs to know that the limit is passed', async () => {
  await withClock(new MockClock(), async () => {
    const { buffered, source } = make();
    source.putData(bytes('abc'));
    // The fourth byte could not begin the delimiter any more if the third had to.
    await assert.rejects(buffered.receiveUntil('\r\n', { maxBytes: 2 }), DelimiterNotFound);
    const other = make();
    other.source.putData(bytes('ab\r'));
    assert.equal(
      await moveOnAfter(10, () => other.buffered.receiveUntil('\r\n', { maxBytes: 2 })),
      undefined,
      'it may still come',
    );
    other.source.putData(bytes('\n'));
    assert.equal(text(await other.buffered.receiveUntil('\r\n', { maxBytes: 2 })), 'ab');
  });
});

test('receiveLine: LF and CR LF end a line, the end of file between lines is null, inside of one it is not', async () => {
  const { buffered } = make('one\ntw', 'o\r\n\nthr\ree\n€\nrest');
  for (const line of ['one', 'two', '', 'thr\ree', '€']) assert.equal(await buffered.receiveLine(), line);
  await assert.rejects(
    buffered.receiveLine(),
    (error) => error instanceof IncompleteRead && text(error.partial) === 'rest',
  );
  assert.equal(text(await buffered.receiveSome()), 'rest');
  assert.equal(await buffered.receiveLine(), null);
  assert.equal(await buffered.receiveLine(), null);
});

test('receiveLine: a line that is too long, or is not UTF-8, stays in the buffer', async () => {
  const { buffered, source } = make();
  source.putData(new Uint8Array([0x61, 0xff, 0x62, 0x0a]));
  await assert.rejects(buffered.receiveLine({ maxBytes: 2 }), DelimiterNotFound);
  await assert.rejects(buffered.receiveLine(), FramingError);
  assert.deepEqual([...(await buffered.receiveUntil('\n'))], [0x61, 0xff, 0x62]);
});

test('receiveSome and receiveInto give buffered bytes first, within their limits, and then pass through', async () => {
  const { buffered } = make('a\nbcdef', 'ghi', 'jkl');
  assert.equal(text(await buffered.receiveUntil('\n')), 'a');
  assert.equal(text(await buffered.receiveSome(2)), 'bc');
  const memory = bytes('....');
  assert.equal(await buffered.receiveInto(memory.subarray(0, 2)), 2);
  assert.equal(text(memory), 'de..');
  assert.equal(text(await buffered.receiveSome()), 'f');
  assert.equal(await buffered.receiveInto(memory), 3);
  assert.equal(text(memory), 'ghi.');
  assert.equal(text(await buffered.receiveSome(1)), 'j');
});

test('unread puts bytes back in front, also more than were ever there', async () => {
  const { buffered } = make('abc\ndef', 'ghi\n');
  assert.equal(text(await buffered.receiveUntil('\n')), 'abc');
  const back = bytes('12345678\n');
  buffered.unread(back);
  back.fill(0);
  assert.equal(await buffered.receiveLine(), '12345678');
  buffered.unread(bytes('x'));
  buffered.unread(bytes('w'));
  assert.equal(await buffered.receiveLine(), 'wxdefghi');
});

test('detach gives the stream below back with what was received from it', async () => {
  const { buffered, source } = make('header\nbody');
  assert.equal(await buffered.receiveLine(), 'header');
  const { stream, rest } = buffered.detach();
  assert.equal(text(rest), 'body');
  await buffered.close();
  buffered.abort();
  for (const call of [
    () => buffered.receiveLine(),
    () => buffered.receiveSome(),
    () => buffered.sendAll(bytes('x')),
    () => buffered.waitSendAllMightNotBlock(),
    () => buffered.sendEof(),
  ]) {
    await assert.rejects(call, ClosedResourceError);
  }
  assert.throws(() => buffered.detach(), ClosedResourceError);
  assert.throws(() => buffered.unread(rest), ClosedResourceError);
  source.receiveSomeHook = undefined;
  source.putData(bytes('more'));
  assert.equal(text(await stream.receiveSome()), 'more');
  await stream.sendAll(bytes('still open'));
});

test('one receive at a time; unread and detach have to wait as well; sending goes on', async () => {
  await withClock(new MockClock(), () =>
    openNursery(async (nursery) => {
      const { buffered, source, sink } = make();
      nursery.startSoon(async () => {
        assert.equal(text(await buffered.receiveExactly(2)), 'ab');
      });
      await waitAllTasksBlocked();
      for (const call of [
        () => buffered.receiveExactly(1),
        () => buffered.receiveUntil('\n'),
        () => buffered.receiveLine(),
        () => buffered.receiveSome(),
        () => buffered.receiveInto(new Uint8Array(1)),
      ]) {
        await assert.rejects(call, BusyResourceError);
      }
      assert.throws(() => buffered.unread(bytes('x')), BusyResourceError);
      assert.throws(() => buffered.detach(), BusyResourceError);
      await buffered.sendAll(bytes('out'));
      assert.equal(text(sink.getDataNowait()), 'out');
      source.putData(bytes('ab'));
    }),
  );
});

test('closing drops the buffer: nothing can be received from a closed stream', async () => {
  const { buffered } = make('abc\ndef');
  await buffered.receiveLine();
  await buffered.close();
  await assert.rejects(buffered.receiveExactly(3), ClosedResourceError);
  await assert.rejects(buffered.receiveLine(), ClosedResourceError);
  assert.throws(() => buffered.unread(bytes('x')), ClosedResourceError);
  assert.equal(buffered.bufferedBytes, 0);
});

test('half-closing ends the sending direction only, closing ends both', async () => {
  const [a, b] = memoryStreamPair();
  const buffered = new BufferedStream(a);
  await buffered.sendEof();
  assert.equal(await b.receiveSome(), null);
  await b.sendAll(bytes('late\n'));
  assert.equal(await buffered.receiveLine(), 'late');
  await buffered.close();
  await assert.rejects(a.receiveSome(), ClosedResourceError);
});

test('a call that is cancelled again and again loses nothing, whatever it had read', async () => {
  await withClock(new MockClock(), async () => {
    const { buffered, source } = make();
    const message = 'the quick brown fox\n';
    for (const letter of message) {
      source.putData(bytes(letter));
      const line = await moveOnAfter(10, () => buffered.receiveLine());
      const exact = letter === '\n' ? undefined : await moveOnAfter(10, () => buffered.receiveExactly(100));
      assert.equal(exact, undefined);
      assert.equal(line, letter === '\n' ? message.trimEnd() : undefined);
    }
  });
});

test('arguments are checked, before the state', async () => {
  const { buffered } = make();
  for (const state of ['open', 'closed']) {
    await assert.rejects(buffered.receiveExactly(-1), RangeError, state);
    await assert.rejects(buffered.receiveExactly(1.5), TypeError, state);
    await assert.rejects(buffered.receiveUntil(''), RangeError, state);
    await assert.rejects(buffered.receiveUntil(5 as never), TypeError, state);
    await assert.rejects(buffered.receiveUntil('x', { maxBytes: -1 }), RangeError, state);
    await assert.rejects(buffered.receiveLine({ maxBytes: 0.5 }), TypeError, state);
    assert.throws(() => buffered.unread('x' as never), TypeError, state);
    await buffered.close();
  }
});

/** Cuts `data` into chunks at the given places. */
function cut(data: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((at) => at % (data.length + 1)))].sort((x, y) => x - y);
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const to of [...places, data.length]) {
    if (to > from) chunks.push(data.subarray(from, to));
    from = to;
  }
  return chunks;
}

const operation = fc.oneof(
  fc.record({
    kind: fc.constant('until' as const),
    delimiter: fc.constantFrom('b', 'ab', 'aab', 'abab'),
    maxBytes: fc.nat(12),
  }),
  fc.record({ kind: fc.constant('exactly' as const), count: fc.nat(12) }),
  fc.record({ kind: fc.constant('line' as const), maxBytes: fc.nat(12) }),
);

test('what the calls give follows from the bytes alone, however they are cut into chunks', async () => {
  const alphabet = fc.constantFrom('a', 'a', 'b', '\n');
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: alphabet, maxLength: 60 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.array(operation, { maxLength: 12 }),
      async (content, cuts, operations) => {
        const runs: string[][] = [];
        for (const chunks of [cut(bytes(content), []), cut(bytes(content), cuts)]) {
          const source = new MemoryReceiveStream();
          feedOneByOne(
            source,
            chunks.map((chunk) => text(chunk) as string),
          );
          const buffered = new BufferedStream(new StapledStream(new MemorySendStream(), source));
          const results: string[] = [];
          for (const step of operations) {
            const call =
              step.kind === 'until'
                ? buffered.receiveUntil(step.delimiter, { maxBytes: step.maxBytes }).then(text)
                : step.kind === 'exactly'
                  ? buffered.receiveExactly(step.count).then(text)
                  : buffered.receiveLine({ maxBytes: step.maxBytes });
            results.push(await call.then(JSON.stringify, (error: Error) => error.name));
          }
          const rest: string[] = [];
          for await (const chunk of buffered) rest.push(text(chunk) as string);
          results.push(rest.join(''));
          runs.push(results);
        }
        assert.deepEqual(runs[0], runs[1]);
      },
    ),
    { numRuns: 150 },
  );
});

test('a delimiter is searched for in linear time: no byte is looked at again', (t) => {
  const buffer = new ReadBuffer();
  const pattern = bytes('\r\n\r\n');
  let looked = 0;
  t.mock.method(Uint8Array.prototype, 'indexOf', function (this: Uint8Array, value: number, from = 0) {
    const at = Array.prototype.indexOf.call(this, value, from);
    looked += (at < 0 ? this.length : at + 1) - from;
    return at;
  });
  const total = 100_000;
  for (let received = 0; received < total; received += 10) {
    buffer.room(0).set(bytes('xxxxxxxx\r\n'));
    buffer.filled(10);
    assert.equal(buffer.indexOf(pattern), -1);
  }
  assert.ok(looked < 2 * total, `looked at ${looked} bytes to search ${total}`);
});

test('a large receiveExactly allocates as the bytes arrive, and hands the memory over', () => {
  const buffer = new ReadBuffer();
  const wanted = 1_000_000;
  let largest = 0;
  for (let received = 0; received < wanted;) {
    const room = buffer.room(wanted);
    largest = Math.max(largest, room.buffer.byteLength);
    assert.ok(
      room.buffer.byteLength <= Math.max(8192, 2 * received + 131_072),
      `${room.buffer.byteLength} for ${received}`,
    );
    const count = Math.min(room.length, 5000, wanted - received);
    room.fill(7, 0, count);
    buffer.filled(count);
    received += count;
  }
  const taken = buffer.take(wanted);
  assert.equal(taken.length, wanted);
  assert.equal(taken.buffer.byteLength, wanted, 'no more memory than was asked for');
  assert.ok(taken.every((byte) => byte === 7));
  assert.equal(buffer.size, 0);
});
