/** Cutting records, and reading the name of a ClientHello: however the bytes come, and whatever they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { ClientHelloReader, requestedName } from '#src/tls/link/client-hello.js';
import { RecordFeeder } from '#src/tls/link/record-feeder.js';
import { memoryStreamPair } from 'bowline/testing';
import { TlsStream } from 'bowline/tls';

import { clientOf, handshaken, tlsPair } from './support.js';

type Bytes = Uint8Array<ArrayBuffer>;

function record(type: number, length: number): Bytes {
  const whole = new Uint8Array(5 + length).fill(length & 0xff);
  whole.set([type, 3, 3, length >> 8, length & 0xff]);
  return whole;
}

function concat(pieces: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(pieces));
}

/** Cuts at the given places and feeds; what comes out, in order. */
function fed(bytes: Bytes, cuts: readonly number[], feeder = new RecordFeeder()): Bytes[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const out: Bytes[] = [];
  let start = 0;
  for (const end of [...places, bytes.length]) {
    feeder.add(bytes.slice(start, end));
    for (let next = feeder.next(); next !== undefined; next = feeder.next()) out.push(next);
    start = end;
  }
  return out;
}

const cuts = fc.array(fc.nat(100_000), { maxLength: 20 });

test('whatever is added comes out, in order and once; what does not is the rest', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), cuts, (given, places) => {
      const bytes = new Uint8Array(given);
      const feeder = new RecordFeeder();
      const out = fed(bytes, places, feeder);
      assert.deepEqual(concat([...out, feeder.rest()]), bytes);
      assert.ok(out.every(({ length }) => length > 0));
    }),
  );
});

test('a record that may be an alert is fed alone and whole, however the bytes were cut', () => {
  const records = fc.array(
    fc.tuple(fc.constantFrom(20, 21, 22, 23), fc.oneof(fc.nat(300), fc.integer({ min: 16_000, max: 16_640 }))),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(records, cuts, (list, places) => {
      const whole = list.map(([type, length]) => record(type, length));
      const out = fed(concat(whole), places);
      const short = whole.filter(({ length }) => length <= 5 + 256);
      const alone = out.filter((chunk) => short.some((one) => Buffer.compare(one, chunk) === 0));
      assert.ok(alone.length >= short.length);
      assert.deepEqual(concat(out), concat(whole));
    }),
    { numRuns: 300 },
  );
});

test('long records in one chunk are fed together, without a copy', () => {
  const bytes = concat([record(23, 16_000), record(23, 16_000), record(23, 300)]);
  const feeder = new RecordFeeder();
  feeder.add(bytes);
  assert.equal(feeder.next(), bytes);
  assert.equal(feeder.next(), undefined);
});

test('where alerts say that they are alerts, short records of data go together', () => {
  const feeder = new RecordFeeder();
  feeder.alertsAreVisible = true;
  const data = concat([record(23, 10), record(23, 20)]);
  const alert = record(21, 2);
  feeder.add(concat([data, alert, record(23, 5)]));
  assert.deepEqual(feeder.next(), data);
  assert.deepEqual(feeder.next(), alert);
  assert.deepEqual(feeder.next(), record(23, 5));
});

async function clientHello(): Promise<Bytes> {
  const [clientSide] = memoryStreamPair();
  clientSide.sendStream.sendAllHook = undefined;
  const client = TlsStream.client(clientSide, clientOf('1.3'), { serverName: 'Some.Name.Example' });
  const handshake = client.doHandshake().catch(() => undefined);
  const hello = (await clientSide.sendStream.getData()) as Bytes;
  client.abort();
  await handshake;
  return hello;
}

test('the name of a ClientHello is read whatever records it comes in', async () => {
  const message = (await clientHello()).subarray(5);
  for (const sizes of [[1], [3], [4], [1, 1, 1], [1, 1, 1, 1], [2, 5, 100]]) {
    const reader = new ClientHelloReader();
    let name: string | null | undefined;
    let at = 0;
    for (const size of [...sizes, message.length - sizes.reduce((sum, one) => sum + one, 0)]) {
      assert.equal(name, undefined, 'it was not all there');
      name = reader.add(concat([Uint8Array.of(22, 3, 1, size >> 8, size & 0xff), message.subarray(at, at + size)]));
      at += size;
    }
    assert.equal(name, 'some.name.example', `first ${sizes.join(', ')} bytes`);
  }
});

test('what no host is called is no name', async () => {
  for (const text of [
    '',
    '.',
    '..',
    '../etc/passwd',
    'a/b',
    'a\\b',
    'a b',
    'a\nb',
    'a\0b',
    '.a',
    'a..b',
    'ä.example',
    '::1',
    'a'.repeat(256),
  ])
    assert.equal(requestedName(text), null, JSON.stringify(text));
  for (const text of ['localhost', 'a-b.example', '_x.example.', '192.0.2.1', 'xn--4ca.example'])
    assert.equal(requestedName(text), text);
  const [client, server] = await handshaken(tlsPair('1.3', { client: { serverName: '../etc/passwd' } }));
  assert.equal(server.serverName, null);
  client.abort();
  server.abort();
});

test('the name of a ClientHello is read however it is cut, and nothing that is sent breaks the reader', async () => {
  const hello = await clientHello();
  fc.assert(
    fc.property(cuts, (places) => {
      const reader = new ClientHelloReader();
      let name: string | null | undefined;
      let start = 0;
      for (const end of [...places.map((cut) => cut % hello.length).sort((a, b) => a - b), hello.length]) {
        if (end > start) name ??= reader.add(hello.slice(start, end));
        start = Math.max(start, end);
      }
      assert.equal(name, 'some.name.example');
      assert.deepEqual(new Uint8Array(reader.taken), hello);
    }),
  );
  fc.assert(
    fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 300 }), (at, value, garbage) => {
      const changed = hello.slice();
      changed[at] = value;
      const name = new ClientHelloReader().add(changed);
      assert.ok(name === null || name === undefined || typeof name === 'string');
      new ClientHelloReader().add(new Uint8Array(garbage));
    }),
  );
});
