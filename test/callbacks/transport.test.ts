/** The transport's state machine, over streams that push and streams that are pulled. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';

import { connectAcceptedStream } from 'bowline/callbacks';
import type { ConnectionOptions, Protocol, Transport } from 'bowline/callbacks';
import { BrokenResourceError, BusyResourceError, ClosedResourceError, MisuseError } from 'bowline/core';
import type { HalfCloseableStream, SocketStream, Stream } from 'bowline/core';
import { CountedStream } from 'bowline/streams';
import { withClock } from 'bowline/tasks';
import { lockstepStreamPair, memoryStreamPair, MockClock } from 'bowline/testing';

import { handedOver } from '#src/streams/hand-over.js';

import { bytes, text } from '../framing/decode.js';
import { socketPair } from '../support/socket-pair.js';
import { RecordingProtocol } from './recording-protocol.js';

type Pair = readonly [HalfCloseableStream, HalfCloseableStream];

async function sockets(): Promise<readonly [SocketStream, SocketStream]> {
  const { client, server } = await socketPair();
  return [client, server];
}

const transports: Readonly<Record<string, (t: TestContext) => Promise<Pair>>> = {
  memory: async () => memoryStreamPair(),
  lockstep: async () => lockstepStreamPair(),
  'a socket, pushed': sockets,
  'a socket, pulled': async () => {
    const [near, far] = await sockets();
    return [new CountedStream(near) as unknown as HalfCloseableStream, far];
  },
};

interface Both {
  readonly protocol: RecordingProtocol;
  readonly transport: Transport;
  readonly far: HalfCloseableStream;
  readonly errors: unknown[];
}

async function both(pair: Pair, on: Partial<Protocol> = {}, options: ConnectionOptions = {}): Promise<Both> {
  const [near, far] = pair;
  const errors: unknown[] = [];
  const { protocol, transport } = connectAcceptedStream(() => new RecordingProtocol(on), near, {
    onError: (error) => void errors.push(error),
    ...options,
  });
  return { protocol, transport, far, errors };
}

async function receiveAll(stream: Stream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += text(chunk);
  return all;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

for (const [name, makePair] of Object.entries(transports)) {
  test(`${name}: made, data, eof, lost, each in its place, and the end is clean`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    assert.deepEqual(protocol.events, ['made']);
    await far.sendAll(bytes('hello'));
    await protocol.heard('data hello');
    await far.sendEof();
    await protocol.heard('lost');
    assert.deepEqual(protocol.events, ['made', 'data hello', 'eof', 'lost']);
    assert.equal(protocol.lost, null);
    assert.equal(transport.isClosing(), true);
    await far.close();
  });

  test(`${name}: eofReceived that says true keeps the transport open for writing`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t), { eofReceived: () => true });
    await far.sendEof();
    await protocol.heard('eof');
    assert.equal(transport.isClosing(), false);
    const sent = transport.write(bytes('still here'));
    void transport.close();
    assert.equal(await receiveAll(far), 'still here');
    await sent;
    await protocol.heard('lost');
    assert.deepEqual(protocol.events, ['made', 'eof', 'lost']);
    await far.close();
  });

  test(`${name}: writeEof ends one direction, and what was written comes first`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    assert.equal(transport.canWriteEof(), true);
    void transport.write(bytes('x'.repeat(1000)));
    const ended = transport.writeEof();
    await assert.rejects(transport.write(bytes('more')), ClosedResourceError);
    assert.equal((await receiveAll(far)).length, 1000);
    await ended;
    await transport.writeEof();
    await far.sendAll(bytes('answer'));
    await far.close();
    await protocol.heard('lost');
    assert.deepEqual(protocol.events, ['made', 'data answer', 'eof', 'lost']);
  });

  test(`${name}: what was written before close() arrives, and a write after it rejects, also while data waits`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    const data = bytes('y'.repeat(3_000_000));
    void transport.write(data);
    const closed = transport.close();
    // asyncio accepts and sends this.
    await assert.rejects(transport.write(bytes('late')), ClosedResourceError);
    await assert.rejects(transport.writeLines([bytes('late')]), ClosedResourceError);
    assert.equal((await receiveAll(far)).length, 3_000_000);
    await far.close();
    await closed;
    await assert.rejects(transport.write(bytes('later')), ClosedResourceError);
    assert.deepEqual(
      protocol.events.filter((event) => event !== 'pause' && event !== 'resume'),
      ['made', 'lost'],
    );
    assert.equal(protocol.lost, null);
  });

  test(`${name}: abort tells connectionLost once, not inside the call; close and abort may come again in any state`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    transport.abort();
    assert.deepEqual(protocol.events, ['made']);
    transport.abort();
    await transport.close();
    transport.abort();
    void transport.close();
    await turn();
    assert.deepEqual(protocol.events, ['made', 'lost']);
    far.abort();
  });

  test(`${name}: no data after close()`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t), { dataReceived: () => void transport.close() });
    await far.sendAll(bytes('one'));
    await protocol.heard('lost');
    await far.sendAll(bytes('two')).catch(() => undefined);
    await turn();
    assert.deepEqual(protocol.events, ['made', 'data one', 'lost']);
    far.abort();
  });

  test(`${name}: while reading is paused nothing is told, and all of it afterwards`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    transport.pauseReading();
    transport.pauseReading();
    assert.equal(transport.isReading(), false);
    const sent = far.sendAll(bytes('held')).then(() => far.sendEof());
    await turn();
    await turn();
    assert.deepEqual(protocol.events, ['made']);
    transport.resumeReading();
    transport.resumeReading();
    await sent;
    await protocol.heard('lost');
    assert.deepEqual(protocol.events, ['made', 'data held', 'eof', 'lost']);
    await far.close();
  });

  test(`${name}: detach gives the stream back, and bytes that nobody was told of`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    transport.pauseReading();
    const sent = far.sendAll(bytes('unread'));
    await turn();
    await turn();
    void transport.write(bytes('written'));
    const receiving = far.receiveSome();
    const { stream, rest } = await transport.detach();
    assert.equal(text((await receiving) as Uint8Array), 'written');
    let all = text(rest);
    while (all.length < 6) all += text((await stream.receiveSome()) as Uint8Array);
    assert.equal(all, 'unread');
    await sent;
    await assert.rejects(transport.write(bytes('x')), ClosedResourceError);
    await assert.rejects(transport.detach(), ClosedResourceError);
    const [, received] = await Promise.all([stream.sendAll(bytes('by stream')), far.receiveSome()]);
    assert.equal(text(received as Uint8Array), 'by stream');
    transport.abort();
    await transport.close();
    assert.deepEqual(protocol.events, ['made']);
    await Promise.all([stream.close(), far.close()]);
  });

  for (const callback of ['connectionMade', 'dataReceived', 'eofReceived', 'connectionLost'] as const) {
    test(`${name}: an exception in ${callback} ends this connection, and is told to the sink and connectionLost`, async (t) => {
      const thrown = new Error('of the program');
      const { protocol, far, errors } = await both(await makePair(t), {
        [callback]: () => {
          throw thrown;
        },
      });
      await far.sendAll(bytes('data')).catch(() => undefined);
      await far.sendEof().catch(() => undefined);
      await protocol.heard('lost');
      await turn();
      assert.deepEqual(errors, [thrown]);
      if (callback !== 'connectionLost') assert.equal(protocol.lost, thrown);
      assert.equal(protocol.events.filter((event) => event.startsWith('lost')).length, 1);
      far.abort();
    });
  }

  test(`${name}: bytes go into the protocol's own memory, however small it is`, async (t) => {
    const [near, far] = await makePair(t);
    const memory = new Uint8Array(3);
    let received = '';
    let hints = 0;
    let lost = (): void => undefined;
    const ended = new Promise<void>((resolve) => (lost = resolve));
    connectAcceptedStream(
      () => ({
        getBuffer(sizeHint: number) {
          hints = Math.max(hints, sizeHint);
          return memory;
        },
        bufferUpdated: (length: number) => void (received += text(memory.subarray(0, length))),
        dataReceived: () => assert.fail('there is getBuffer'),
        connectionLost: () => lost(),
      }),
      near,
    );
    await far.sendAll(bytes('0123456789'));
    await far.sendAll(bytes('x'.repeat(20_000)));
    await far.sendEof();
    await ended;
    assert.equal(received, `0123456789${'x'.repeat(20_000)}`);
    assert.ok(hints > 3);
    far.abort();
  });

  test(`${name}: pauseWriting and resumeWriting come in pairs while a peer is slow`, async (t) => {
    const { protocol, transport, far } = await both(await makePair(t));
    const piece = bytes('z'.repeat(100_000));
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 100; i++) writes.push(transport.write(piece));
    assert.deepEqual(protocol.events, ['made', 'pause']);
    assert.ok(transport.getWriteBufferSize() > 65_536);
    void Promise.all(writes).then(() => transport.close());
    assert.equal((await receiveAll(far)).length, 10_000_000);
    await far.close();
    await protocol.heard('lost');
    assert.deepEqual(protocol.events, ['made', 'pause', 'resume', 'lost']);
  });
}

test('a peer that resets is a BrokenResourceError, after what it had sent', async () => {
  for (const wrap of [(stream: Stream) => stream, (stream: Stream) => new CountedStream(stream)]) {
    const [near, far] = await sockets();
    const protocol = new RecordingProtocol();
    const { transport } = connectAcceptedStream(() => protocol, wrap(near));
    await far.sendAll(bytes('last words'));
    await protocol.heard('data last words');
    far.abort();
    await protocol.heard('lost');
    assert.deepEqual(protocol.events, ['made', 'data last words', 'lost BrokenResourceError']);
    await assert.rejects(transport.write(bytes('x')), BrokenResourceError);
  }
});

/** A stream that writes down what it is given, and lets a send finish when told. */
class SpyStream implements Stream {
  readonly sent: unknown[] = [];
  readonly #finish: (() => void)[] = [];
  isAborted = false;

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    this.sent.push(data);
    return new Promise((resolve) => this.#finish.push(resolve));
  }

  async finishOne(): Promise<void> {
    this.#finish.shift()?.();
    await turn();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return Promise.resolve();
  }

  receiveSome(): Promise<never> {
    return new Promise(() => undefined);
  }

  [Symbol.asyncIterator](): never {
    throw new Error('unused');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abort(): void {
    this.isAborted = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

test('004-6 written chunks reach the lower layer as given: the same objects, one call each', async () => {
  const spy = new SpyStream();
  const { transport } = connectAcceptedStream(() => ({}), spy);
  const written = [bytes('one'), bytes('two'), [bytes('three'), bytes('four')]] as const;
  void transport.write(written[0]);
  void transport.write(written[1]);
  void transport.writeLines(written[2]);
  void transport.write(bytes(''));
  for (let i = 0; i < 3; i++) await spy.finishOne();
  assert.equal(spy.sent.length, 3);
  written.forEach((chunk, index) => assert.equal(spy.sent[index], chunk));
});

test('write marks: paused strictly above high, resumed at low, in pairs, inside the call that crosses', async () => {
  const spy = new SpyStream();
  const protocol = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => protocol, spy, { writeBufferLimits: { high: 10, low: 4 } });
  const write = (length: number): void => void transport.write(new Uint8Array(length));
  write(4);
  write(6);
  assert.deepEqual(protocol.events, ['made'], 'exactly high is not over it');
  write(1);
  assert.deepEqual(protocol.events, ['made', 'pause']);
  write(3);
  assert.equal(transport.getWriteBufferSize(), 14);
  assert.deepEqual(protocol.events, ['made', 'pause'], 'once');
  await spy.finishOne();
  await Promise.resolve();
  assert.deepEqual(protocol.events, ['made', 'pause'], '10 are waiting');
  await spy.finishOne();
  assert.deepEqual(protocol.events, ['made', 'pause', 'resume'], 'exactly low is low enough');
  assert.deepEqual(transport.getWriteBufferLimits(), { high: 10, low: 4 });
});

test('write marks: 0 pauses whenever anything waits; low above high is refused', async () => {
  const spy = new SpyStream();
  const protocol = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => protocol, spy);
  assert.deepEqual(transport.getWriteBufferLimits(), { high: 65_536, low: 16_384 });
  transport.setWriteBufferLimits({ high: 0 });
  void transport.write(bytes('x'));
  assert.deepEqual(protocol.events, ['made', 'pause']);
  await spy.finishOne();
  assert.deepEqual(protocol.events, ['made', 'pause', 'resume']);
  assert.throws(() => transport.setWriteBufferLimits({ high: 1, low: 2 }), RangeError);
  assert.throws(() => transport.setWriteBufferLimits({ high: -1 }), RangeError);
  assert.throws(() => transport.setWriteBufferLimits({ low: 0.5 }), TypeError);
  transport.setWriteBufferLimits({ low: 8 });
  assert.deepEqual(transport.getWriteBufferLimits(), { high: 32, low: 8 });
});

test('each write resolves when its own last byte has gone', async () => {
  const spy = new SpyStream();
  const { transport } = connectAcceptedStream(() => ({}), spy);
  const done: number[] = [];
  for (const i of [1, 2]) void transport.write(new Uint8Array(i)).then(() => done.push(i));
  void transport.flush().then(() => done.push(3));
  await turn();
  assert.deepEqual(done, []);
  await spy.finishOne();
  assert.deepEqual(done, [1]);
  await spy.finishOne();
  assert.deepEqual(done, [1, 2, 3]);
  await transport.flush();
});

test('a close() whose data nobody takes is cut off, and not before', () =>
  withClock(new MockClock(), async () => {
    const [near, far] = memoryStreamPair({ capacityBytes: 10 });
    const protocol = new RecordingProtocol();
    const { transport } = connectAcceptedStream(() => protocol, near, { closeTimeoutMs: 5000 });
    void transport.write(new Uint8Array(100));
    await transport.close();
    assert.equal(protocol.events.at(-1), 'lost BrokenResourceError');
    assert.match(String(protocol.lost?.message), /5000 ms/);
    far.abort();
  }));

test('a peer so slow that maxWriteBufferBytes are waiting is given up', async () => {
  const spy = new SpyStream();
  const protocol = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => protocol, spy, { maxWriteBufferBytes: 10 });
  void transport.write(new Uint8Array(10));
  await assert.rejects(transport.write(new Uint8Array(1)), BrokenResourceError);
  assert.equal(spy.isAborted, true);
  await turn();
  assert.match(String(protocol.lost?.message), /maxWriteBufferBytes = 10/);
});

test('resuming inside dataReceived does not enter it again', async () => {
  const [near, far] = memoryStreamPair();
  let depth = 0;
  let deepest = 0;
  const protocol = new RecordingProtocol({
    dataReceived() {
      deepest = Math.max(deepest, ++depth);
      protocol.transport.pauseReading();
      protocol.transport.resumeReading();
      depth--;
    },
  });
  connectAcceptedStream(() => protocol, near);
  for (const word of ['a', 'b', 'c']) await far.sendAll(bytes(word));
  await protocol.heard('data abc');
  assert.equal(deepest, 1);
});

test('reading may be paused in connectionMade', async () => {
  const [near, far] = memoryStreamPair();
  const protocol = new RecordingProtocol({ connectionMade: (transport) => transport.pauseReading() });
  connectAcceptedStream(() => protocol, near);
  await far.sendAll(bytes('later'));
  await turn();
  assert.deepEqual(protocol.events, ['made']);
  protocol.transport.resumeReading();
  await protocol.heard('data later');
});

test('004-8 a protocol without any method runs', async () => {
  const [near, far] = memoryStreamPair();
  const { transport } = connectAcceptedStream(() => ({}), near);
  await far.sendAll(bytes('data'));
  void transport.write(new Uint8Array(200_000));
  await far.sendEof();
  assert.equal((await receiveAll(far)).length, 200_000);
});

test('another protocol may take over, and is not told that the connection was made', async () => {
  const [near, far] = memoryStreamPair();
  const second = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => ({ dataReceived: () => transport.setProtocol(second) }), near);
  await far.sendAll(bytes('one'));
  await turn();
  assert.equal(transport.getProtocol(), second);
  await far.sendAll(bytes('two'));
  await second.heard('data two');
  await far.close();
  await second.heard('lost');
  assert.deepEqual(second.events, ['data two', 'eof', 'lost']);
});

test('a protocol that gives no memory is ended', async () => {
  const [near, far] = memoryStreamPair();
  const errors: unknown[] = [];
  connectAcceptedStream(() => ({ getBuffer: () => new Uint8Array(0) }), near, {
    onError: (error) => void errors.push(error),
  });
  await far.sendAll(bytes('x'));
  await turn();
  assert.ok(errors[0] instanceof MisuseError);
});

test('arguments: bytes only, functions only', async () => {
  const [near] = memoryStreamPair();
  const { transport } = connectAcceptedStream(() => ({}), near);
  await assert.rejects(transport.write('text' as never), TypeError);
  await assert.rejects(transport.writeLines(['text'] as never), TypeError);
  assert.throws(() => connectAcceptedStream('no' as never, near), TypeError);
  assert.throws(() => connectAcceptedStream(() => ({}), near, { onError: 1 as never }), TypeError);
  assert.throws(() => connectAcceptedStream(() => ({}), near, { closeTimeoutMs: -1 }), RangeError);
  assert.throws(() => connectAcceptedStream(() => ({}), near, { maxWriteBufferBytes: -1 }), RangeError);
});

test('a factory that fails leaves no stream open', () => {
  const spy = new SpyStream();
  assert.throws(
    () =>
      connectAcceptedStream(() => {
        throw new Error('no protocol today');
      }, spy),
    /no protocol today/,
  );
  assert.equal(spy.isAborted, true);
});

test('001-7 a stream that a transport has cannot be used, or taken, from beside it', async () => {
  const [near, far] = await sockets();
  const { transport } = connectAcceptedStream(() => ({}), near);
  assert.throws(() => handedOver(near), BusyResourceError);
  assert.throws(() => connectAcceptedStream(() => ({}), handedOver(near)), BusyResourceError);
  // Aborting it from beside is heard.
  near.abort();
  await turn();
  assert.equal(transport.isClosing(), true);
  far.abort();
});

test('extra info: addresses by the names of asyncio, everything else by key', async () => {
  const [near, far] = await sockets();
  const { transport } = connectAcceptedStream(() => ({}), new CountedStream(near));
  assert.deepEqual(transport.getExtraInfo('peername'), far.localAddress);
  assert.deepEqual(transport.getExtraInfo('sockname'), far.remoteAddress);
  transport.abort();
  far.abort();
});
