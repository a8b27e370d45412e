/** Foreign Duplexes as streams: what badly behaved ones do must come out as the contract says. */
import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';

import { BrokenResourceError, BusyResourceError, ClosedResourceError } from 'bowline/core';
import { fromNodeDuplex } from 'bowline/adapters';
import { CancelScope, moveOnAfter, withClock } from 'bowline/tasks';

import { ScriptedClock, settle } from '../support/scripted-clock.js';
import { ReentrantDuplex } from './reentrant-pair.js';

const text = (bytes: Uint8Array | null): string => (bytes === null ? 'EOF' : Buffer.from(bytes).toString());
const bytes = (value: string): Buffer => Buffer.from(value);

type Callback = (error?: Error | null) => void;

/** Does what it is told and nothing by itself. */
class Puppet extends Duplex {
  readonly writes: { data: string; done: Callback }[] = [];
  finish: Callback | undefined;

  override _read(): void {
    // The test pushes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.writes.push({ data: String(chunk), done });
  }

  override _final(done: Callback): void {
    this.finish = done;
  }
}

function puppet(): { duplex: Puppet; stream: ReturnType<typeof fromNodeDuplex> } {
  const duplex = new Puppet({ allowHalfOpen: false });
  return { duplex, stream: fromNodeDuplex(duplex) };
}

const brokenBy = (cause: unknown) => (error: unknown) => {
  assert.ok(error instanceof BrokenResourceError);
  assert.equal(error.cause, cause);
  return true;
};

test('an error is told after what came before it, to both directions, again and again', async () => {
  const { duplex, stream } = puppet();
  const reset = new Error('reset');
  await settle();
  const sending = stream.sendAll(bytes('x'));
  duplex.push('before ');
  duplex.push('it');
  duplex.destroy(reset);
  await assert.rejects(sending, brokenBy(reset));
  let got = '';
  while (got.length < 9) got += text(await stream.receiveSome());
  assert.equal(got, 'before it');
  for (let i = 0; i < 2; i++) {
    await assert.rejects(stream.receiveSome(), brokenBy(reset));
    await assert.rejects(stream.sendAll(bytes('x')), brokenBy(reset));
    await assert.rejects(stream.sendEof(), brokenBy(reset));
  }
  await stream.close();
  await assert.rejects(stream.receiveSome(), ClosedResourceError);
  await assert.rejects(stream.sendAll(bytes('x')), ClosedResourceError);
});

test('close without end is being cut off, not the end of file', async () => {
  const { duplex, stream } = puppet();
  const receiving = stream.receiveSome();
  duplex.destroy();
  await assert.rejects(receiving, /destroyed before its end/);
  await assert.rejects(stream.sendAll(bytes('x')), BrokenResourceError);
  stream.abort();
});

test('end, then a late error: the end stays the end, and nothing crashes', async () => {
  const { duplex, stream } = puppet();
  duplex.push(null);
  assert.equal(await stream.receiveSome(), null);
  duplex.emit('error', new Error('late'));
  assert.equal(await stream.receiveSome(), null);
  stream.abort();
  duplex.emit('error', new Error('later'));
  duplex.emit('error', new Error('latest'));
});

test('what is wrapped after it ended, failed or was destroyed says so', async () => {
  const ended = new PassThrough();
  ended.resume().end();
  await settle();
  const afterEnd = fromNodeDuplex(ended);
  assert.equal(await afterEnd.receiveSome(), null);
  await assert.rejects(afterEnd.sendAll(bytes('x')), BrokenResourceError);
  const failed = new Puppet();
  const cause = new Error('before');
  failed.on('error', () => undefined).destroy(cause);
  await assert.rejects(fromNodeDuplex(failed).receiveSome(), brokenBy(cause));
  const destroyed = new Puppet();
  destroyed.destroy();
  await assert.rejects(fromNodeDuplex(destroyed).receiveSome(), BrokenResourceError);
});

test('the peer’s end of file does not end our sending, whatever allowHalfOpen was', async () => {
  const { duplex, stream } = puppet();
  assert.equal(duplex.allowHalfOpen, true);
  duplex.push(null);
  assert.equal(await stream.receiveSome(), null);
  const sending = stream.sendAll([bytes('still '), bytes('here')]);
  assert.equal(duplex.writes[0]?.data, 'still here');
  duplex.writes[0]?.done();
  await sending;
  stream.abort();
});

test('the sending side ended by somebody else is broken, not closed by us', async () => {
  const { duplex, stream } = puppet();
  duplex.end();
  duplex.finish?.();
  await settle();
  await assert.rejects(stream.sendAll(bytes('x')), /ended by somebody else/);
  stream.abort();
});

test('a send waits for the callback; a cancelled one goes out first, then the next', async () => {
  const { duplex, stream } = puppet();
  assert.equal(await moveOnAfter(1, () => stream.sendAll(bytes('one')).then(() => true)), undefined);
  let isReady = false;
  const ready = stream.waitSendAllMightNotBlock().then(() => (isReady = true));
  await settle();
  assert.equal(isReady, false);
  duplex.writes[0]?.done();
  await ready;
  const sending = stream.sendAll(bytes('two'));
  await assert.rejects(stream.sendAll(bytes('three')), BusyResourceError);
  await assert.rejects(stream.waitSendAllMightNotBlock(), BusyResourceError);
  await assert.rejects(stream.sendEof(), BusyResourceError);
  duplex.writes[1]?.done();
  await sending;
  assert.deepEqual(
    duplex.writes.map(({ data }) => data),
    ['one', 'two'],
  );
  stream.abort();
});

test('sendEof waits for what is under way and for finish; then it is silent, and sending is closed', async () => {
  const { duplex, stream } = puppet();
  await moveOnAfter(1, () => stream.sendAll(bytes('rest')));
  const ending = stream.sendEof();
  await settle();
  assert.equal(duplex.writableEnded, false);
  duplex.writes[0]?.done();
  await settle();
  assert.equal(duplex.writableEnded, true);
  await assert.rejects(stream.sendAll(bytes('x')), ClosedResourceError);
  duplex.finish?.();
  await ending;
  await stream.sendEof();
  await assert.rejects(stream.sendAll(bytes('x')), ClosedResourceError);
  stream.abort();
  await stream.sendEof();
});

test('a write that throws within write() is broken with that error', async () => {
  const cause = new Error('no');
  const stream = fromNodeDuplex(
    new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, callback) => callback(cause),
    }),
  );
  await assert.rejects(stream.sendAll(bytes('x')), brokenBy(cause));
  await assert.rejects(stream.sendAll(bytes('x')), brokenBy(cause));
  stream.abort();
});

test('close() ends, waits for finish two seconds and no longer, and destroys', async () => {
  const clock = new ScriptedClock();
  await withClock(clock, async () => {
    const { duplex, stream } = puppet();
    const receiving = stream.receiveSome();
    const closing = stream.close();
    await assert.rejects(receiving, ClosedResourceError);
    await settle();
    assert.deepEqual([duplex.writableEnded, duplex.destroyed], [true, false]);
    await clock.advance(1999);
    assert.equal(duplex.destroyed, false);
    await clock.advance(1);
    await closing;
    assert.equal(duplex.destroyed, true);
    const quick = puppet();
    const closed = quick.stream.close();
    await settle();
    quick.duplex.finish?.();
    await closed;
    assert.equal(quick.duplex.destroyed, true);
    assert.equal(clock.timers, 0);
  });
});

test('close() in a cancelled scope is abort()', async () => {
  const { duplex, stream } = puppet();
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    await stream.close();
  });
  assert.equal(duplex.destroyed, true);
});

test('chunks that go on being used by the Duplex do not change in the receiver’s hands', async () => {
  const { duplex, stream } = puppet();
  const shared = Buffer.from('abc');
  duplex.push(shared);
  const got = (await stream.receiveSome()) as Uint8Array;
  shared.fill('x');
  assert.equal(text(got), 'abc');
  const mine = Buffer.from('def');
  const [near, far] = ReentrantDuplex.pair();
  const sender = fromNodeDuplex(near);
  await sender.sendAll(mine);
  mine.fill('x');
  assert.equal(text(await fromNodeDuplex(far).receiveSome()), 'def');
  stream.abort();
});

test('a Duplex that turns to objects or text is broken; one that begins with them is refused', async () => {
  const { duplex, stream } = puppet();
  const receiving = stream.receiveSome();
  duplex.emit('data', 'text');
  await assert.rejects(receiving, /string values and not bytes/);
  assert.throws(() => fromNodeDuplex(new PassThrough({ objectMode: true })), TypeError);
  assert.throws(() => fromNodeDuplex(new PassThrough({ encoding: 'utf8' })), TypeError);
  assert.throws(() => fromNodeDuplex(undefined as never), TypeError);
  assert.throws(() => fromNodeDuplex({} as never), TypeError);
  stream.abort();
});

test('a Duplex that does not care about pause() loses nothing and is asked again only when there is room', async () => {
  const { duplex, stream } = puppet();
  const first = stream.receiveSome();
  for (let i = 0; i < 40; i++) duplex.emit('data', Buffer.alloc(4096, i));
  assert.equal(duplex.isPaused(), true);
  let total = (await first)?.length ?? 0;
  while (total < 40 * 4096) total += (await stream.receiveSome())?.length ?? 0;
  assert.equal(total, 40 * 4096);
  assert.equal(duplex.isPaused(), false);
  stream.abort();
});
