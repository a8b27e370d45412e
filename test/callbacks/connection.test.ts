/** Connections with read delimiters: 003-* and the defects of Pants, each refused here. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { connectAcceptedStream, Connection, Server } from 'bowline/callbacks';
import type { ConnectionHandlers, ReadDelimiter } from 'bowline/callbacks';
import { ClosedResourceError, FrameTooLarge, FramingError, IncompleteRead, MisuseError } from 'bowline/core';
import type { HalfCloseableStream, Stream } from 'bowline/core';
import { fixed, lengthPrefixed, lines, netstrings, struct } from 'bowline/framing';
import { memoryStreamPair } from 'bowline/testing';

import { bytes, text } from '../framing/decode.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turns(count = 8): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

interface Trial {
  readonly connection: Connection;
  readonly far: HalfCloseableStream;
  readonly messages: unknown[];
  readonly errors: unknown[];
  closed: Error | null | undefined;
}

/** A connection over memory that writes down what happens. */
function trial(handlers: ConnectionHandlers): Trial {
  const [near, far] = memoryStreamPair();
  const { onRead, onClose, ...others } = handlers;
  const errors: unknown[] = [];
  const connection = new Connection({
    ...others,
    onRead(message) {
      result.messages.push(message instanceof Uint8Array ? text(message) : message);
      onRead?.call(this, message);
    },
    onClose(error) {
      result.closed = error;
      onClose?.call(this, error);
    },
  });
  const result: Trial = { connection, far, messages: [], errors, closed: undefined };
  connectAcceptedStream(() => connection, near, { onError: (error) => void errors.push(error) });
  return result;
}

async function receiveAll(stream: Stream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += text(chunk);
  return all;
}

test('003-2 every form of read delimiter', async () => {
  const forms: [ReadDelimiter, string, unknown[]][] = [
    [null, 'as it comes', ['as it comes']],
    [3, 'abcdefgh', ['abc', 'def']],
    ['\r\n', 'a\r\nb\r\n\r\nrest', ['a', 'b', '']],
    [bytes('\0'), 'a\0b\0', ['a', 'b']],
    [/\r?\n/, 'a\r\nb\nc', ['a', 'b']],
    [
      struct('>HB'),
      '\x01\x00\x05\x00\x01\x06',
      [
        [256, 5],
        [1, 6],
      ],
    ],
    [lengthPrefixed('u16be'), '\x00\x02hi\x00\x00', ['hi', '']],
    [lines(), 'grüße\n'.replace('ü', '\xc3\xbc').replace('ß', '\xc3\x9f'), ['grüße']],
    [netstrings(), '2:ab,0:,', ['ab', '']],
  ];
  for (const [readDelimiter, data, expected] of forms) {
    for (const size of [data.length, 1]) {
      const { far, messages } = trial({ readDelimiter });
      for (let at = 0; at < data.length; at += size) {
        await far.sendAll(bytes(data.slice(at, at + size)));
        await turn();
      }
      await turns();
      if (readDelimiter === null) assert.equal(messages.join(''), data);
      else assert.deepEqual(messages, expected);
    }
  }
});

test('a delimiter that is changed inside onRead holds for the bytes that follow, in the same chunk too', async () => {
  const { far, messages } = trial({
    readDelimiter: struct('>H'),
    onRead(message) {
      this.readDelimiter = Array.isArray(message) ? (message[0] as number) : struct('>H');
    },
  });
  await far.sendAll(bytes('\x00\x05hello\x00\x02hi\x00\x01!'));
  await turns();
  assert.deepEqual(messages, [[5], 'hello', [2], 'hi', [1], '!']);
});

test('from a delimiter to none and back: what is half read comes as it is', async () => {
  const { far, messages, connection } = trial({
    readDelimiter: '\n',
    onRead(message) {
      if (text(message as Uint8Array) === 'RAW') this.readDelimiter = null;
    },
  });
  await far.sendAll(bytes('RAW\nbinary\nbytes'));
  await turns();
  assert.deepEqual(messages, ['RAW', 'binary\nbytes']);
  connection.readDelimiter = '\n';
  await far.sendAll(bytes('line\n'));
  await turns();
  assert.deepEqual(messages.slice(2), ['line']);
});

test('read(codec, handler) is typed, and holds until the delimiter is changed', async () => {
  const heard: string[] = [];
  const { far, messages } = trial({
    onConnect() {
      const onHeader = ([length]: readonly [number]): void => {
        this.read(fixed(length), (body) => {
          heard.push(text(body));
          if (heard.length < 2) this.read(struct('>B'), onHeader);
          else this.readDelimiter = '\n';
        });
      };
      this.read(struct('>B'), onHeader);
    },
  });
  await far.sendAll(bytes('\x03one\x05three'));
  await far.sendAll(bytes('to onRead\n'));
  await turns();
  assert.deepEqual(heard, ['one', 'three']);
  assert.deepEqual(messages, ['to onRead']);
});

test('read() outside of a handler sees what has arrived already', async () => {
  const { far, messages, connection } = trial({ readDelimiter: 100 });
  await far.sendAll(bytes('a line\nanother\n'));
  await turns();
  const heard: string[] = [];
  connection.read(lines(), (line) => void heard.push(line));
  assert.deepEqual(heard, [], 'not inside the call');
  await turn();
  assert.deepEqual(heard, ['a line', 'another']);
  assert.deepEqual(messages, []);
});

test('delimiters that mean nothing end the connection instead of looping or being overlooked', async () => {
  for (const [readDelimiter, error] of [
    [0, RangeError],
    [-1, RangeError],
    ['', RangeError],
    [true, TypeError],
    [{}, TypeError],
    [/a*/, RangeError],
  ] as [never, typeof Error][]) {
    const { errors } = trial({ readDelimiter });
    await turns(2);
    assert.ok(errors[0] instanceof error, String(readDelimiter));
    const late = trial({
      readDelimiter: 1,
      onRead() {
        this.readDelimiter = readDelimiter;
      },
    });
    await late.far.sendAll(bytes('abc'));
    await turns();
    assert.deepEqual(late.messages, ['a']);
    assert.ok(late.errors[0] instanceof error);
    assert.ok(late.closed instanceof error);
  }
});

test('overflow: at the limit is fine; beyond it the connection is aborted with an error that names the limit', async () => {
  const met = trial({ readDelimiter: '\n', bufferBytes: 10 } as ConnectionHandlers);
  await met.far.sendAll(bytes(`${'x'.repeat(10)}\n`));
  await turns();
  assert.equal(met.messages.length, 1);
  const crossed = trial({ readDelimiter: '\n', bufferBytes: 10 } as ConnectionHandlers);
  await crossed.far.sendAll(bytes('x'.repeat(11)));
  await turns();
  assert.ok(crossed.closed instanceof FrameTooLarge);
  assert.equal(crossed.closed.maxBytes, 10);
  assert.deepEqual(crossed.errors, [], 'a peer that sends too much is no error of the program');
});

test('overflow: an override may keep the connection; it is told again with the next data, and a new delimiter reads the bytes', async () => {
  let overflows = 0;
  const { far, messages, connection } = trial({
    readDelimiter: lines({ maxBytes: 5 }),
    onOverflow() {
      if (++overflows === 2) this.readDelimiter = '!';
    },
  });
  await far.sendAll(bytes('too long'));
  await turns();
  assert.equal(overflows, 1);
  await far.sendAll(bytes(' for it!'));
  await turns();
  assert.equal(overflows, 2);
  assert.deepEqual(messages, ['too long for it']);
  assert.equal(connection.isOpen, true);
});

test('003-3 overflow: whoever overlooks it gets no more than a bounded amount of memory filled', async () => {
  const { far, closed, connection } = trial({ readDelimiter: lines({ maxBytes: 5 }), onOverflow: () => undefined });
  assert.equal(closed, undefined);
  const chunk = bytes('x'.repeat(100_000));
  for (let i = 0; i < 20 && connection.isOpen; i++) {
    await far.sendAll(chunk).catch(() => undefined);
    await turns(2);
  }
  assert.equal(connection.isOpen, false);
});

test('bytes that are no message are told to onError, which aborts unless it is overridden', async () => {
  const refused = trial({ readDelimiter: netstrings() });
  await refused.far.sendAll(bytes('hello'));
  await turns();
  assert.ok(refused.closed instanceof FramingError);
  const heard: Error[] = [];
  const kept = trial({
    readDelimiter: netstrings(),
    onError(error) {
      heard.push(error);
      this.readDelimiter = null;
    },
  });
  await kept.far.sendAll(bytes('hello'));
  await turns();
  assert.equal(heard.length, 1);
  assert.deepEqual(kept.messages, ['hello']);
});

test('end of file: what is half read is an IncompleteRead, not dropped without a word', async () => {
  const { far, messages, ...rest } = trial({ readDelimiter: '\n' });
  await far.sendAll(bytes('one\ntw'));
  await far.sendEof();
  await turns();
  assert.deepEqual(messages, ['one']);
  void rest;
  const heard: Error[] = [];
  const other = trial({ readDelimiter: lines({ lastLine: 'deliver' }), onError: (error) => void heard.push(error) });
  await other.far.sendAll(bytes('one\ntw'));
  await other.far.sendEof();
  await turns();
  assert.deepEqual(other.messages, ['one', 'tw']);
  assert.equal(other.closed, null);
  const third = trial({ readDelimiter: 4 });
  await third.far.sendAll(bytes('abcdef'));
  await third.far.sendEof();
  await turns();
  assert.ok(third.closed instanceof IncompleteRead);
  assert.equal(text(third.closed.partial), 'ef');
});

test('end of file: what is waiting to be sent is sent, and onEof may keep the connection for writing', async () => {
  const first = trial({
    onEof() {
      void this.write('x'.repeat(500_000));
    },
  });
  await first.far.sendEof();
  assert.equal((await receiveAll(first.far)).length, 500_000);
  const second = trial({ onEof: () => true });
  await second.far.sendEof();
  await turns();
  void second.connection.write('still');
  void second.connection.close();
  assert.equal(await receiveAll(second.far), 'still');
});

test('an exception in a handler aborts that connection, with the exception in onClose and in the sink', async () => {
  const thrown = new Error('of the program');
  for (const handlers of [
    {
      onConnect() {
        throw thrown;
      },
    },
    {
      readDelimiter: '\n',
      onRead() {
        throw thrown;
      },
    },
  ] as ConnectionHandlers[]) {
    const { far, errors, ...result } = trial(handlers);
    await far.sendAll(bytes('line\n')).catch(() => undefined);
    await turns();
    assert.deepEqual(errors, [thrown]);
    assert.equal(result.connection.isOpen, false);
  }
});

test('an exception in a handler that runs because of resume() does not reach its caller', async () => {
  const { far, connection, errors } = trial({
    readDelimiter: '\n',
    onRead(message) {
      if (text(message as Uint8Array) === 'one') this.pause();
      else throw new Error('two');
    },
  });
  await far.sendAll(bytes('one\ntwo\n'));
  await turns();
  connection.resume();
  await turns();
  assert.deepEqual(
    errors.map((error) => (error as Error).message),
    ['two'],
  );
});

test('pause() holds messages back that have arrived already', async () => {
  const { far, connection, messages } = trial({
    readDelimiter: '\n',
    onRead() {
      this.pause();
    },
  });
  await far.sendAll(bytes('one\ntwo\nthree\n'));
  await turns();
  assert.deepEqual(messages, ['one']);
  connection.resume();
  await turns();
  assert.deepEqual(messages, ['one', 'two']);
});

test('003-3 writing: not connected, after close, after abort', async () => {
  const never = new Connection();
  await assert.rejects(never.write('x'), ClosedResourceError);
  await assert.rejects(never.send(lines(), 'x'), ClosedResourceError);
  await assert.rejects(never.writeFile('x'), ClosedResourceError);
  await never.close();
  never.abort();
  assert.throws(() => never.transport, MisuseError);
  const { connection } = trial({});
  const closed = connection.close();
  await assert.rejects(connection.write('x'), ClosedResourceError);
  await closed;
  await assert.rejects(connection.write('x'), ClosedResourceError);
  await assert.rejects(connection.connect({ host: '127.0.0.1', port: 1 }), MisuseError);
  const other = trial({});
  other.connection.abort();
  await assert.rejects(other.connection.write('x'), ClosedResourceError);
});

test('writeFile sends a file in its place among other writes, whole or a part of it, and close() waits for it', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'bl-')), 'file');
  const contents = randomBytes(300_000).toString('base64');
  writeFileSync(path, contents);
  const { connection, far } = trial({});
  void connection.write('before ');
  void connection.writeFile(path);
  void connection.write(' between ');
  void connection.writeFile(path, { start: 3, length: 5 });
  void connection.send(lines(), ' after');
  void connection.close();
  await assert.rejects(connection.write('late'), ClosedResourceError);
  assert.equal(await receiveAll(far), `before ${contents} between ${contents.slice(3, 8)} after\n`);
  const other = trial({});
  await assert.rejects(other.connection.writeFile(`${path}.missing`), { code: 'ENOENT' });
  await other.connection.write('goes on');
  await other.connection.flush();
  assert.equal(text((await other.far.receiveSome()) as Uint8Array), 'goes on');
  await assert.rejects(other.connection.writeFile(path, { start: -1 }), RangeError);
});

test('onDrain comes when what had been too much is gone', async () => {
  let drains = 0;
  const { connection, far } = trial({ onDrain: () => void drains++ });
  void connection.write('x'.repeat(200_000));
  void connection.close();
  assert.equal((await receiveAll(far)).length, 200_000);
  await turns();
  assert.equal(drains <= 1, true);
  const open = trial({ onDrain: () => void drains++ });
  drains = 0;
  void open.connection.write('x'.repeat(200_000));
  while (drains === 0) await open.far.receiveSome();
  assert.equal(drains, 1);
});

test('Server: subclass, function or handlers; connections know their server, and it them; broadcast', async () => {
  class Greeter extends Connection {
    override onConnect(): void {
      void this.write('hello\n');
    }
  }
  const makers = [
    Greeter,
    () => new Greeter(),
    {
      onConnect(this: Connection) {
        void this.write('hello\n');
      },
    } as ConnectionHandlers,
  ];
  for (const maker of makers) {
    const server = await new Server(maker as never).listen({ host: '127.0.0.1', port: 0 });
    assert.ok(server.port !== undefined);
    const target = { host: '127.0.0.1', port: server.port };
    const heard: string[][] = [[], []];
    const clients = await Promise.all(
      heard.map((list) =>
        new Connection({ readDelimiter: lines(), onRead: (line) => void list.push(line as string) }).connect(target),
      ),
    );
    while (heard.some((list) => list.length < 1)) await turn();
    assert.equal(server.connections.size, 2);
    const [first] = server.connections;
    assert.equal(first?.server as unknown, server);
    server.broadcast('to all\n');
    server.broadcast('to one\n', { except: first });
    while (heard.flat().length < 5) await turn();
    assert.deepEqual(heard.map((list) => list.length).sort(), [2, 3]);
    await assert.rejects(server.listen(0), MisuseError);
    assert.throws(() => server.broadcast(1 as never), TypeError);
    await clients[0]?.close();
    while (server.connections.size > 1) await turn();
    await server.close();
    assert.equal(server.connections.size, 0);
    while (clients[1]?.isOpen === true) await turn();
  }
  assert.throws(() => new Server(1 as never), TypeError);
});

test('Server: stop, drain and abort', async () => {
  const server = await new Server({}).listen({ host: '127.0.0.1', port: 0 });
  const client = await new Connection().connect({ host: '127.0.0.1', port: server.port as number });
  while (server.connections.size < 1) await turn();
  server.stop();
  await assert.rejects(new Connection().connect({ host: '127.0.0.1', port: server.port as number }));
  const drained = server.drain(60_000);
  await client.close();
  await drained;
  server.abort();
  const idle = new Server({});
  idle.stop();
  idle.abort();
  await idle.drain();
  await idle[Symbol.asyncDispose]();
  assert.deepEqual(idle.addresses, []);
});
