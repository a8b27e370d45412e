/** Web streams both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, ClosedResourceError } from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import { fromWebStreams, toWebStreams } from 'bowline/adapters';
import { CancelScope, moveOnAfter } from 'bowline/tasks';
import { checkHalfCloseableStream, memoryStreamPair } from 'bowline/testing';

import { settle } from '../support/scripted-clock.js';

type Pair = readonly [HalfCloseableStream, HalfCloseableStream];

const text = (bytes: Uint8Array | null | undefined): string => (bytes ? Buffer.from(bytes).toString() : 'EOF');
const bytes = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

async function clog(pair: Pair): Promise<Pair> {
  for (;;) {
    const sent = await moveOnAfter(10, () => pair[0].sendAll(new Uint8Array(65_536)).then(() => true));
    if (sent === undefined) return pair;
  }
}

test('fromWebStreams(toWebStreams(…)) over memory keeps the contract of half-closeable streams', async () => {
  const make = async (): Promise<Pair> => {
    const [a, b] = memoryStreamPair({ capacityBytes: 4096 });
    return [fromWebStreams(toWebStreams(a)), fromWebStreams(toWebStreams(b))];
  };
  await checkHalfCloseableStream(make, async () => clog(await make()));
});

test('fromWebStreams over TransformStreams keeps it as well', async () => {
  const make = async (): Promise<Pair> => {
    const [there, back] = [
      new TransformStream<Uint8Array, Uint8Array>(),
      new TransformStream<Uint8Array, Uint8Array>(),
    ];
    return [
      fromWebStreams({ readable: back.readable, writable: there.writable }),
      fromWebStreams({ readable: there.readable, writable: back.writable }),
    ];
  };
  await checkHalfCloseableStream(make, async () => clog(await make()));
});

test('bytes both ways; when both sides have ended the stream is closed', async () => {
  const [near, far] = memoryStreamPair();
  const { readable, writable } = toWebStreams(near);
  const writer = writable.getWriter();
  await writer.write(bytes('ping'));
  await writer.write(bytes('!').buffer as never);
  await writer.close();
  let got = '';
  for await (const chunk of far) got += text(chunk);
  assert.equal(got, 'ping!');
  await far.sendAll(bytes('pong'));
  await far.sendEof();
  assert.equal(await new Response(readable).text(), 'pong');
  await settle();
  await assert.rejects(near.receiveSome(), ClosedResourceError);
});

test('nothing is received before it is read, and nothing ahead of it', async () => {
  const [near, far] = memoryStreamPair({ capacityBytes: 1 });
  const { readable } = toWebStreams(near);
  assert.equal(await moveOnAfter(5, () => far.sendAll(bytes('ab')).then(() => true)), undefined);
  const reader = readable.getReader();
  assert.equal(text((await reader.read()).value), 'a');
});

test('a BYOB reader receives into its own memory', async () => {
  const [near, far] = memoryStreamPair();
  const targets: number[] = [];
  const spy: HalfCloseableStream = Object.assign(Object.create(near) as HalfCloseableStream, {
    receiveSome: () => near.receiveSome(),
    receiveInto: (buffer: Uint8Array) => {
      targets.push(buffer.length);
      return near.receiveInto(buffer);
    },
    sendEof: () => near.sendEof(),
    close: () => near.close(),
    abort: () => near.abort(),
  });
  const { readable } = toWebStreams(spy);
  const reader = readable.getReader({ mode: 'byob' });
  await far.sendAll(bytes('abcdef'));
  const first = await reader.read(new Uint8Array(4));
  assert.equal(text(first.value), 'abcd');
  const second = await reader.read(new Uint8Array(4));
  assert.equal(text(second.value), 'ef');
  assert.deepEqual(targets, [4, 4]);
  await far.sendEof();
  const third = await reader.read(new Uint8Array(4));
  assert.deepEqual([third.done, third.value?.length], [true, 0]);
});

test('a chunk that is read may be transferred away without harm to others', async () => {
  const [near, far] = memoryStreamPair();
  const { readable } = toWebStreams(near);
  const reader = readable.getReader();
  await far.sendAll(bytes('one'));
  const first = (await reader.read()).value as Uint8Array<ArrayBuffer>;
  structuredClone(first, { transfer: [first.buffer] });
  await far.sendAll(bytes('two'));
  assert.equal(text((await reader.read()).value), 'two');
});

test('a broken stream fails the read, then the write, with its own error', async () => {
  const [near, far] = memoryStreamPair();
  const { readable, writable } = toWebStreams(near);
  far.abort();
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  await assert.rejects(writer.write(bytes('x')), BrokenResourceError);
  await assert.rejects(readable.getReader().read(), BrokenResourceError);
  await settle();
  await assert.rejects(near.sendAll(bytes('x')), ClosedResourceError);
});

test('aborting the writable aborts the stream; cancelling the readable and closing the writable closes it', async () => {
  const [near, far] = memoryStreamPair();
  const aborted = toWebStreams(near);
  await aborted.writable.abort(new Error('enough'));
  await settle();
  await assert.rejects(near.receiveSome(), ClosedResourceError);
  await assert.rejects(aborted.readable.getReader().read(), /enough/);
  await assert.rejects(far.sendAll(bytes('x')), BrokenResourceError);
  const [near2, far2] = memoryStreamPair();
  const closed = toWebStreams(near2);
  await closed.readable.cancel();
  assert.equal(await moveOnAfter(1, () => far2.receiveSome()), undefined);
  await closed.writable.close();
  assert.equal(await far2.receiveSome(), null);
  await assert.rejects(near2.receiveSome(), ClosedResourceError);
});

test('a chunk that is not bytes is a TypeError', async () => {
  const writer = toWebStreams(memoryStreamPair()[0]).writable.getWriter();
  writer.closed.catch(() => undefined);
  await assert.rejects(writer.write('text' as never), TypeError);
});

test('they outlive the scope they were made in', async () => {
  const [near, far] = memoryStreamPair();
  const scope = new CancelScope();
  let writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  await scope.run(async () => {
    writer = toWebStreams(near).writable.getWriter();
    scope.cancel();
    await Promise.resolve();
  });
  await writer?.write(bytes('x'));
  assert.equal(text(await far.receiveSome()), 'x');
});

test('fromWebStreams: an error of the web stream breaks the stream; the cause is kept', async () => {
  const cause = new Error('gone');
  let fail: (error: Error) => void = () => undefined;
  const stream = fromWebStreams({
    readable: new ReadableStream({ start: (controller) => void (fail = (error) => controller.error(error)) }),
    writable: new WritableStream({ write: () => Promise.reject(cause) }),
  });
  const receiving = stream.receiveSome();
  fail(cause);
  for (const failing of [() => receiving, () => stream.sendAll(bytes('x')), () => stream.receiveSome()]) {
    await assert.rejects(failing(), (error: Error) => error instanceof BrokenResourceError && error.cause === cause);
  }
  stream.abort();
});

test('fromWebStreams: a cancelled receive loses nothing, and memory that was sent is free again', async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const stream = fromWebStreams({ readable, writable });
  assert.equal(await moveOnAfter(1, () => stream.receiveSome()), undefined);
  const data = bytes('kept');
  await stream.sendAll(data);
  data.fill(0);
  assert.equal(text(await stream.receiveSome()), 'kept');
  stream.abort();
});

test('fromWebStreams: what is no pair of free web streams is refused', () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  assert.throws(() => fromWebStreams({ readable: undefined as never, writable }), TypeError);
  assert.throws(() => fromWebStreams({ readable, writable: {} as never }), TypeError);
  readable.getReader();
  assert.throws(() => fromWebStreams({ readable, writable }), TypeError);
  assert.throws(() => toWebStreams({} as never), TypeError);
});

test('fromWebStreams: chunks that are not bytes break the stream', async () => {
  const { readable, writable } = new TransformStream<Uint8Array, string>({
    transform: (_chunk, controller) => controller.enqueue('text'),
  });
  const stream = fromWebStreams({ readable: readable as never, writable });
  const receiving = stream.receiveSome();
  await stream.sendAll(bytes('x'));
  await assert.rejects(receiving, /string values and not bytes/);
  stream.abort();
});
