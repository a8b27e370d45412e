import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ConnectError } from 'bowline/core';
import { connect } from 'bowline/endpoints';

import { bowline } from '../support/bowline-process.js';
import { rawServer, readAll } from '../support/raw-tcp.js';
import { smallHttpProxy, smallSocksProxy } from '../support/small-proxies.js';

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));

test('an address goes through its proxies, the nearest first, and names are resolved by the last', async (t) => {
  const port = await rawServer(t, (socket) => socket.pipe(socket));
  const [near, far] = [await smallSocksProxy(t), await smallHttpProxy(t)];
  const address = `tcp:inside.test:${port}?via=socks5://joe:hunter2@127.0.0.1:${near.port}&via=http://far.test:${far.port}`;
  await using stream = await connect(address);
  await stream.sendAll(bytes('hello'));
  assert.equal(text(await stream.receiveSome()), 'hello');
  assert.deepEqual(near.asked, [`joe:hunter2@far.test:${far.port}`]);
  assert.deepEqual(far.asked, [`inside.test:${port}`]);
  await stream.sendEof();
  assert.equal(await stream.receiveSome(), null);
});

test('an HTTP proxy gets the password only where nobody on the way can read it', async (t) => {
  const port = await rawServer(t, (socket) => socket.pipe(socket));
  const [near, far] = [await smallSocksProxy(t), await smallHttpProxy(t)];
  const way = `tcp:inside.test:${port}?via=socks5://127.0.0.1:${near.port}&via=http://joe:hunter2@far.test:${far.port}`;
  await assert.rejects(connect(way), (error: unknown) => {
    assert.ok(error instanceof ConnectError);
    assert.match(error.message, /would be readable on the way/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
  assert.deepEqual(far.asked, []);
  await using stream = await connect(`${way}%23allowCleartext`);
  assert.deepEqual(far.asked, [`joe:hunter2@inside.test:${port}`]);
  stream.abort();
  await using direct = await connect(`tcp:inside.test:${port}?via=http://joe@127.0.0.1:${far.port}`);
  assert.equal(far.asked[1], `joe:@inside.test:${port}`);
  direct.abort();
});

test('the command goes through proxies, and says in one line which one refuses', async (t) => {
  const port = await rawServer(t, (socket) => void readAll(socket).then((all) => socket.end(all)));
  const proxy = await smallSocksProxy(t);
  const way = `tcp:inside.test:${port}?via=socks5://joe:hunter2@127.0.0.1:${proxy.port}`;
  const { status, stdout } = await bowline(t, ['connect', way], 'hello');
  assert.deepEqual([status, stdout], [0, 'hello']);
  const refusing = await rawServer(t, (socket) => socket.once('data', () => socket.end(Buffer.of(5, 0xff))));
  const refused = await bowline(t, ['connect', `tcp:inside.test:1?via=socks5://joe:hunter2@127.0.0.1:${refusing}`]);
  assert.equal(refused.status, 1);
  assert.equal(
    refused.stderr,
    `bowline: tcp:inside.test:1?via=socks5:***@127.0.0.1:${refusing}: cannot connect: ` +
      `the SOCKS proxy 127.0.0.1:${refusing} wants another kind of authentication\n`,
  );
});
