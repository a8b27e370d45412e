import assert from 'node:assert/strict';
import test from 'node:test';

import { attributeKey, attributeOf, attributes, ClosedResourceError } from 'bowline/core';
import type { AttributeKey, Bytes } from 'bowline/core';
import { StapledStream } from 'bowline/streams';

class RecordingSend {
  readonly calls: unknown[] = [];
  closeError: Error | undefined;
  async sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    this.calls.push(['sendAll', data]);
  }
  async waitSendAllMightNotBlock(): Promise<void> {
    this.calls.push('waitSendAllMightNotBlock');
  }
  async close(): Promise<void> {
    this.calls.push('close');
    if (this.closeError !== undefined) throw this.closeError;
  }
  abort(): void {
    this.calls.push('abort');
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class RecordingHalfCloseableSend extends RecordingSend {
  async sendEof(): Promise<void> {
    this.calls.push('sendEof');
  }
}

class RecordingReceive {
  readonly calls: unknown[] = [];
  closeError: Error | undefined;
  async receiveSome(maxBytes?: number): Promise<Bytes | null> {
    this.calls.push(['receiveSome', maxBytes]);
    return this.calls.length < 3 ? new Uint8Array([1]) : null;
  }
  async *[Symbol.asyncIterator](): AsyncIterator<Bytes> {
    yield* [];
  }
  async close(): Promise<void> {
    this.calls.push('close');
    if (this.closeError !== undefined) throw this.closeError;
  }
  abort(): void {
    this.calls.push('abort');
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

test('STAPLE-1 each call goes to its half', async () => {
  const send = new RecordingHalfCloseableSend();
  const receive = new RecordingReceive();
  const stapled = new StapledStream(send, receive);
  assert.equal(stapled.sendStream, send);
  assert.equal(stapled.receiveStream, receive);
  const data = [new Uint8Array([1]), new Uint8Array([2])];
  await stapled.sendAll(data);
  await stapled.waitSendAllMightNotBlock();
  assert.deepEqual(send.calls, [['sendAll', data], 'waitSendAllMightNotBlock']);
  assert.equal((send.calls[0] as unknown[])[1], data, 'the array is passed down unchanged');
  assert.deepEqual(receive.calls, []);
  stapled.abort();
  assert.deepEqual([send.calls.at(-1), receive.calls.at(-1)], ['abort', 'abort']);
});

test('STAPLE-2 sendEof uses the half’s own, and falls back to closing it', async () => {
  const able = new StapledStream(new RecordingHalfCloseableSend(), new RecordingReceive());
  await able.sendEof();
  assert.deepEqual(able.sendStream.calls, ['sendEof']);
  const unable = new StapledStream(new RecordingSend(), new RecordingReceive());
  await unable.sendEof();
  assert.deepEqual(unable.sendStream.calls, ['close']);
  assert.deepEqual(unable.receiveStream.calls, []);
});

test('STAPLE-2 after close() sendEof is refused, unless it was done before', async () => {
  const closed = new StapledStream(new RecordingSend(), new RecordingReceive());
  await closed.close();
  await assert.rejects(closed.sendEof(), ClosedResourceError);
  const ended = new StapledStream(new RecordingSend(), new RecordingReceive());
  await ended.sendEof();
  await ended.close();
  await ended.sendEof();
});

test('STAPLE-3 maxBytes is passed through, iterating leaves it out, receiveInto gives the length', async () => {
  const stapled = new StapledStream(new RecordingSend(), new RecordingReceive());
  await stapled.receiveSome(10);
  for await (const chunk of stapled) assert.equal(chunk.length, 1);
  assert.equal(await stapled.receiveInto(new Uint8Array(7)), null);
  assert.deepEqual(stapled.receiveStream.calls, [
    ['receiveSome', 10],
    ['receiveSome', undefined],
    ['receiveSome', undefined],
    ['receiveSome', 7],
  ]);
});

test('STAPLE-4 both halves are closed whatever happens, and no error is lost', async () => {
  const make = (sendError?: Error, receiveError?: Error): StapledStream<RecordingSend, RecordingReceive> => {
    const stapled = new StapledStream(new RecordingSend(), new RecordingReceive());
    stapled.sendStream.closeError = sendError;
    stapled.receiveStream.closeError = receiveError;
    return stapled;
  };
  const [first, second] = [new Error('send half'), new Error('receive half')];
  const outcomes: [Error | undefined, Error | undefined, (error: unknown) => boolean][] = [
    [first, undefined, (error) => error === first],
    [undefined, second, (error) => error === second],
    [
      first,
      second,
      (error) => error instanceof AggregateError && error.errors[0] === first && error.errors[1] === second,
    ],
  ];
  for (const [sendError, receiveError, expected] of outcomes) {
    const stapled = make(sendError, receiveError);
    await assert.rejects(stapled.close(), expected);
    assert.deepEqual([stapled.sendStream.calls, stapled.receiveStream.calls], [['close'], ['close']]);
  }
});

test('attributes are answered by the sending half first, then by the receiving half', () => {
  const fact = attributeKey<string>('fact');
  const other = attributeKey<string>('other');
  const send = Object.assign(new RecordingSend(), {
    [attributes]: (key: AttributeKey<unknown>) => (key === fact ? 'sent' : undefined),
  });
  const receive = Object.assign(new RecordingReceive(), { [attributes]: () => 'received' });
  const stapled = new StapledStream(send, receive);
  assert.equal(attributeOf(stapled, fact), 'sent');
  assert.equal(attributeOf(stapled, other), 'received');
});
