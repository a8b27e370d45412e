/** Local listeners in front of connectors. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';

import { ConnectError } from 'bowline/core';
import type { Connector, HalfCloseableStream, SocketStream } from 'bowline/core';
import { forwardToLoopback } from 'bowline/adapters';
import { setReporter } from 'bowline/observe';
import { openTcpStream, openUnixSocket } from 'bowline/sockets';
import { CancelScope } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

async function all(stream: HalfCloseableStream): Promise<string> {
  let got = '';
  for await (const chunk of stream) got += Buffer.from(chunk).toString();
  return got;
}

/** Dials memory; answers in capitals after the end of the question. */
function shoutingConnector(): { connector: Connector; dialled: string[] } {
  const dialled: string[] = [];
  const connector: Connector = ({ host, port }) => {
    dialled.push(`${host}:${port}`);
    const [near, far] = memoryStreamPair({ capacityBytes: 4096 });
    void all(far).then(async (question) => {
      await far.sendAll(bytes(question.toUpperCase()));
      await far.close();
    });
    return Promise.resolve(near);
  };
  return { connector, dialled };
}

async function ask(stream: SocketStream, question: string): Promise<string> {
  await stream.sendAll(bytes(question));
  await stream.sendEof();
  const answer = await all(stream);
  await stream.close();
  return answer;
}

test('over a Unix socket that only this user can reach, removed at the end', async () => {
  const { connector, dialled } = shoutingConnector();
  const forward = await forwardToLoopback(connector, { host: 'db.internal', port: 5432 });
  const path = forward.path as string;
  assert.deepEqual([forward.port, forward.address], [undefined, { family: 'unix', path }]);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const answers = await Promise.all(['one', 'two'].map(async (word) => ask(await openUnixSocket(path), word)));
  assert.deepEqual(answers, ['ONE', 'TWO']);
  assert.deepEqual(dialled, ['db.internal:5432', 'db.internal:5432']);
  await forward.close();
  assert.equal(existsSync(dirname(path)), false);
  await assert.rejects(openUnixSocket(path), ConnectError);
  await forward.close();
});

test('over TCP on loopback, with 1 MiB both ways', async () => {
  const { connector } = shoutingConnector();
  const forward = await forwardToLoopback(connector, { host: 'x', port: 1 }, { listen: 'tcp' });
  assert.equal(forward.path, undefined);
  const stream = await openTcpStream('127.0.0.1', forward.port as number);
  const question = 'ab'.repeat(512 * 1024);
  const sending = stream.sendAll(bytes(question)).then(() => stream.sendEof());
  const [answer] = await Promise.all([all(stream), sending]);
  assert.ok(answer === question.toUpperCase());
  await stream.close();
  await forward[Symbol.asyncDispose]();
  await assert.rejects(openTcpStream('127.0.0.1', forward.port as number), ConnectError);
});

test('dialling that fails is reported, ends that connection, and the next is tried', async () => {
  const events: unknown[] = [];
  const before = setReporter((event) => events.push(event));
  const { connector } = shoutingConnector();
  let tries = 0;
  const failing: Connector = (target) =>
    tries++ === 0 ? Promise.reject(new ConnectError('no route', [])) : connector(target);
  const forward = await forwardToLoopback(failing, { host: 'x', port: 1 });
  try {
    const first = await openUnixSocket(forward.path as string);
    await first.receiveSome().catch(() => null);
    first.abort();
    assert.equal(await ask(await openUnixSocket(forward.path as string), 'again'), 'AGAIN');
    assert.deepEqual(
      events.map((event) => (event as { kind: string }).kind),
      ['handler-error'],
    );
  } finally {
    setReporter(before);
    await forward.close();
  }
});

test('it outlives the scope it was made in; abort() ends it and its connections', async () => {
  const [near, far] = memoryStreamPair();
  const scope = new CancelScope();
  const forward = await scope.run(async () => {
    const made = await forwardToLoopback(() => Promise.resolve(near), { host: 'x', port: 1 });
    scope.cancel();
    return made;
  });
  assert.ok(forward !== undefined);
  const stream = await openUnixSocket(forward.path as string);
  await stream.sendAll(bytes('x'));
  assert.equal((await far.receiveSome())?.length, 1);
  forward.abort();
  assert.equal(await stream.receiveSome().catch(() => null), null);
  await forward.close();
  assert.equal(existsSync(forward.path as string), false);
});

test('wrong arguments are refused', async () => {
  const target = { host: 'x', port: 1 };
  const { connector } = shoutingConnector();
  await assert.rejects(forwardToLoopback(undefined as never, target), TypeError);
  await assert.rejects(forwardToLoopback(connector, target, { listen: 'udp' as never }), TypeError);
  await assert.rejects(forwardToLoopback(connector, target, { port: 1 }), TypeError);
  await assert.rejects(forwardToLoopback(connector, target, { listen: 'tcp', path: '/x' }), TypeError);
  await assert.rejects(forwardToLoopback(connector, target, { path: '/no/such/folder/socket' }));
});
