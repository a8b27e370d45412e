/** Datagram protocols: boundaries (000-3, 004-13), errors that do not end the endpoint, limits, one end. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { createDatagramEndpoint } from 'bowline/callbacks';
import type { DatagramProtocol, DatagramTransport } from 'bowline/callbacks';
import { BrokenResourceError, ClosedResourceError, DatagramError, localAddress, MisuseError } from 'bowline/core';
import type { Channel, InetAddress } from 'bowline/core';
import { lengthPrefixed } from 'bowline/framing';
import { framed } from 'bowline/streams';
import { memoryStreamPair } from 'bowline/testing';

import { bytes, text } from '../framing/decode.js';

class Recorder implements DatagramProtocol {
  readonly events: string[] = [];
  transport!: DatagramTransport;
  lost: Error | null | undefined;
  from: InetAddress | undefined;
  onData: (data: Uint8Array, address: InetAddress | undefined) => void = () => undefined;

  connectionMade(transport: DatagramTransport): void {
    this.transport = transport;
    this.events.push('made');
  }

  datagramReceived(data: Uint8Array, address: InetAddress | undefined): void {
    this.from = address;
    this.events.push(data.length > 20 ? `data of ${data.length}` : `data ${text(data)}`);
    this.onData(data, address);
  }

  errorReceived(error: Error): void {
    this.events.push(`error ${error.name}`);
  }

  connectionLost(error: Error | null): void {
    this.lost = error;
    this.events.push('lost');
  }

  pauseWriting(): void {
    this.events.push('pause');
  }

  resumeWriting(): void {
    this.events.push('resume');
  }

  async heard(count: number): Promise<void> {
    while (this.events.length < count) await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function bound(): Promise<{ protocol: Recorder; transport: DatagramTransport; port: number }> {
  const { protocol, transport } = await createDatagramEndpoint(() => new Recorder(), { local: { host: '127.0.0.1' } });
  const address = transport.getExtraInfo(localAddress);
  assert.ok(address !== undefined && address.family !== 'unix');
  return { protocol, transport, port: address.port };
}

test('000-3 one sendTo is one datagram: two are never joined, none is split, an empty one arrives', async () => {
  const a = await bound();
  const b = await bound();
  const to = { host: '127.0.0.1', port: b.port };
  for (const data of ['abc', 'def', '']) void a.transport.sendTo(bytes(data), to);
  await a.transport.sendTo(new Uint8Array(65_507), to);
  await b.protocol.heard(5);
  assert.deepEqual(b.protocol.events, ['made', 'data abc', 'data def', 'data ', 'data of 65507']);
  assert.equal(b.protocol.from?.port, a.port);
  a.transport.close();
  b.transport.abort();
  await a.protocol.heard(2);
  assert.deepEqual(a.protocol.events, ['made', 'lost']);
  assert.equal(a.protocol.lost, null);
});

test('a connected endpoint talks to its peer only; refused datagrams are told, and it lives on', async () => {
  const server = await bound();
  server.protocol.onData = (data, address) => {
    if (address !== undefined) void server.transport.sendTo(data, address);
  };
  const remote = { host: '127.0.0.1', port: server.port };
  const { protocol, transport } = await createDatagramEndpoint(() => new Recorder(), { remote });
  await transport.sendTo(bytes('ping'));
  await protocol.heard(2);
  assert.deepEqual(protocol.events, ['made', 'data ping']);
  await assert.rejects(transport.sendTo(bytes('x'), { host: '127.0.0.1', port: 1 }), MisuseError);
  server.transport.abort();
  await turn();
  while (!protocol.events.includes('error DatagramError')) {
    void transport.sendTo(bytes('anybody?'));
    await turn();
  }
  assert.equal(transport.isClosing(), false);
  transport.close();
  transport.close();
  while (protocol.lost === undefined) await turn();
  assert.equal(protocol.events.filter((event) => event === 'lost').length, 1);
});

test('a datagram that is too long is refused, and told to errorReceived', async () => {
  const { protocol, transport, port } = await bound();
  await assert.rejects(transport.sendTo(new Uint8Array(70_000), { host: '127.0.0.1', port }), DatagramError);
  await turn();
  assert.deepEqual(protocol.events, ['made', 'error DatagramTooLargeError']);
  await transport.sendTo(bytes('fits'), { host: '127.0.0.1', port });
  await protocol.heard(3);
  assert.equal(protocol.events[2], 'data fits');
  transport.abort();
});

test('names are looked up, and datagrams keep their order meanwhile', async () => {
  const a = await bound();
  const b = await bound();
  void a.transport.sendTo(bytes('1'), { host: 'localhost', port: b.port });
  void a.transport.sendTo(bytes('2'), { host: '127.0.0.1', port: b.port });
  await b.protocol.heard(3);
  assert.deepEqual(b.protocol.events, ['made', 'data 1', 'data 2']);
  a.transport.abort();
  b.transport.abort();
});

/** A channel whose sends end when told. */
class SlowChannel implements Channel<Uint8Array, Uint8Array<ArrayBuffer>> {
  readonly sent: Uint8Array[] = [];
  readonly #finish: ((error?: Error) => void)[] = [];

  send(data: Uint8Array): Promise<void> {
    this.sent.push(data);
    return new Promise((resolve, reject) =>
      this.#finish.push((error) => (error === undefined ? resolve() : reject(error))),
    );
  }

  async finishOne(error?: Error): Promise<void> {
    this.#finish.shift()?.(error);
    await turn();
  }

  receive(): Promise<never> {
    return new Promise(() => undefined);
  }

  [Symbol.asyncIterator](): never {
    throw new Error('unused');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abort(): void {
    // Nothing is held.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

test('back-pressure counts 8 bytes more for each datagram, pauses above high and resumes at low, in order', async () => {
  const channel = new SlowChannel();
  const { protocol, transport } = await createDatagramEndpoint(
    () => new Recorder(),
    { channel },
    { writeBufferLimits: { high: 30, low: 10 } },
  );
  const data = [bytes('one'), bytes(''), bytes('three')];
  for (const datagram of data) void transport.sendTo(datagram);
  assert.equal(transport.getWriteBufferSize(), 32);
  assert.deepEqual(protocol.events, ['made', 'pause']);
  await channel.finishOne();
  await channel.finishOne(new DatagramError('not this one', 'other' as never));
  assert.deepEqual(protocol.events, ['made', 'pause', 'error DatagramError']);
  await channel.finishOne();
  assert.deepEqual(protocol.events, ['made', 'pause', 'error DatagramError', 'resume']);
  data.forEach((datagram, index) => assert.equal(channel.sent[index], datagram));
});

test('close() sends what is queued first; afterwards sending rejects; abort() drops it', async () => {
  for (const way of ['close', 'abort'] as const) {
    const channel = new SlowChannel();
    const { protocol, transport } = await createDatagramEndpoint(() => new Recorder(), { channel });
    void transport.sendTo(bytes('1'));
    const second = transport.sendTo(bytes('2'));
    transport[way]();
    await assert.rejects(transport.sendTo(bytes('3')), ClosedResourceError);
    if (way === 'close') {
      await channel.finishOne();
      await channel.finishOne();
      await second;
    } else {
      await assert.rejects(second, ClosedResourceError);
    }
    await turn();
    assert.deepEqual(protocol.events, ['made', 'lost']);
    assert.equal(channel.sent.length, way === 'close' ? 2 : 1);
  }
});

test('a channel that breaks is the end, with the reason; one that ends is a clean end', async () => {
  const channel = new SlowChannel();
  const { protocol, transport } = await createDatagramEndpoint(() => new Recorder(), { channel });
  void transport.sendTo(bytes('x'));
  await channel.finishOne(new BrokenResourceError());
  assert.ok(protocol.lost instanceof BrokenResourceError);
  // Framed messages over a stream are a channel, too.
  const [near, far] = memoryStreamPair();
  const other = await createDatagramEndpoint(() => new Recorder(), { channel: framed(near, lengthPrefixed('u8')) });
  await far.sendAll(bytes('\x02hi'));
  await far.close();
  await other.protocol.heard(3);
  assert.deepEqual(other.protocol.events, ['made', 'data hi', 'lost']);
  assert.equal(other.protocol.lost, null);
});

test('an exception in a callback ends the endpoint, and goes to the sink', async () => {
  const errors: unknown[] = [];
  const thrown = new Error('of the program');
  const protocol = new Recorder();
  protocol.onData = () => {
    throw thrown;
  };
  const [near, far] = memoryStreamPair();
  await createDatagramEndpoint(
    () => protocol,
    { channel: framed(near, lengthPrefixed('u8')) },
    { onError: (error) => void errors.push(error) },
  );
  await far.sendAll(bytes('\x01x'));
  await protocol.heard(3);
  assert.deepEqual(errors, [thrown]);
  assert.equal(protocol.lost, thrown);
});

test('arguments', async () => {
  const { transport } = await bound();
  await assert.rejects(transport.sendTo('text' as never, { host: '127.0.0.1', port: 1 }), TypeError);
  await assert.rejects(transport.sendTo(bytes('x')), TypeError);
  transport.abort();
  await assert.rejects(createDatagramEndpoint(1 as never, { local: {} }), TypeError);
});
