import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { BusyResourceError, ClosedResourceError, ConnectError } from 'bowline/core';
import type { SocketListener } from 'bowline/core';
import { openUnixListener, openUnixSocket, serveUnix } from 'bowline/sockets';
import { Cancelled, CancelScope, openNursery } from 'bowline/tasks';

const folder = mkdtempSync(join(tmpdir(), 'bowline-'));
after(() => rmSync(folder, { recursive: true }));

let count = 0;
function freshPath(): string {
  return join(folder, `s${count++}`);
}

const inUse = { code: 'EADDRINUSE' };

/** A socket file whose server was killed. */
async function stalePath(): Promise<string> {
  const path = freshPath();
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(lstatSync(path).isSocket());
  return path;
}

async function assertServes(listener: SocketListener, path: string): Promise<void> {
  const accepted = listener.accept();
  const client = await openUnixSocket(path);
  const server = await accepted;
  await client.sendAll(Buffer.from('hello'));
  assert.equal((await server.receiveSome())?.length, 5);
  await client.close();
  assert.equal(await server.receiveSome(), null);
  await server.close();
}

test('HLP-5 a path that nobody listens on is a ConnectError that names it', async () => {
  const path = freshPath();
  await assert.rejects(openUnixSocket(path), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
    assert.equal(error.message, `cannot connect to unix:${path}: no such file or directory (ENOENT)`);
    assert.equal(error.attempts.length, 1);
    return true;
  });
  await assert.rejects(openUnixSocket(await stalePath()), (error) => {
    assert.equal(((error as ConnectError).cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    return true;
  });
});

test('HLP-5 what is not a path is refused', async () => {
  for (const path of [undefined, null, 5, {}, ['x']]) {
    await assert.rejects(openUnixSocket(path as unknown as string), TypeError);
    await assert.rejects(openUnixListener(path as unknown as string), TypeError);
  }
  for (const path of ['', 'a\0b']) {
    await assert.rejects(openUnixSocket(path), RangeError);
    await assert.rejects(openUnixListener(path), RangeError);
  }
  await assert.rejects(openUnixListener(freshPath(), { mode: 0o1000 }), RangeError);
  await assert.rejects(openUnixListener(freshPath(), { mode: 'rw' as unknown as number }), TypeError);
});

test('HLP-5 a string and a file: URL name the same socket, and both ends know its path', async () => {
  const path = freshPath();
  const listener = await openUnixListener(pathToFileURL(path));
  assert.deepEqual(listener.address, { family: 'unix', path });
  for (const name of [path, pathToFileURL(path)]) {
    const accepted = listener.accept();
    const client = await openUnixSocket(name);
    const server = await accepted;
    assert.deepEqual(client.remoteAddress, { family: 'unix', path });
    assert.deepEqual(client.localAddress, { family: 'unix', path: '' });
    assert.deepEqual(server.localAddress, { family: 'unix', path });
    assert.deepEqual(server.remoteAddress, { family: 'unix', path: '' });
    client.abort();
    server.abort();
  }
  await listener.close();
});

test('HLP-5 a connect that is cancelled leaves no socket open', async () => {
  const path = freshPath();
  const listener = await openUnixListener(path);
  const pipes = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap').length;
  const before = pipes();
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(() => assert.rejects(openUnixSocket(path), Cancelled));
  assert.equal(pipes(), before);
  await listener.close();
});

test('the socket file is there while the listener is, and nothing else is left in the folder', async () => {
  const path = freshPath();
  const before = readdirSync(folder).length;
  const listener = await openUnixListener(path);
  assert.ok(lstatSync(path).isSocket());
  assert.equal(readdirSync(folder).length, before + 1);
  await assertServes(listener, path);
  await listener.close();
  await listener.close();
  assert.equal(readdirSync(folder).length, before);
  await assert.rejects(listener.accept(), ClosedResourceError);
});

test('abort removes the socket file as well', async () => {
  const path = freshPath();
  const listener = await openUnixListener(path);
  const first = listener.accept();
  await assert.rejects(listener.accept(), BusyResourceError);
  listener.abort();
  await assert.rejects(first, ClosedResourceError);
  assert.equal(existsSync(path), false);
});

test('the mode is what was asked for', async () => {
  for (const mode of [0o600, 0o660, 0o666]) {
    const path = freshPath();
    const listener = await openUnixListener(path, { mode });
    assert.equal(statSync(path).mode & 0o777, mode);
    await listener.close();
  }
});

test('a stale socket file is replaced', async () => {
  const path = await stalePath();
  const before = lstatSync(path).ino;
  const listener = await openUnixListener(path, { mode: 0o600 });
  assert.notEqual(lstatSync(path).ino, before);
  await assertServes(listener, path);
  await listener.close();
  assert.equal(existsSync(path), false);
});

test('a server that is alive keeps its socket', async () => {
  const path = freshPath();
  const listener = await openUnixListener(path);
  const before = lstatSync(path).ino;
  await assert.rejects(openUnixListener(path), inUse);
  assert.equal(lstatSync(path).ino, before);
  // The probe was a connection like any other.
  const probe = await listener.accept();
  assert.equal(await probe.receiveSome(), null);
  probe.abort();
  await assertServes(listener, path);
  await listener.close();
});

test('what is not a socket is never touched', async () => {
  const file = freshPath();
  writeFileSync(file, 'precious');
  await assert.rejects(openUnixListener(file), { ...inUse, message: /not a socket/ });
  assert.equal(readFileSync(file, 'utf8'), 'precious');
  await assert.rejects(openUnixListener(folder), inUse);
  // Not even through a symbolic link to a stale socket.
  const link = freshPath();
  symlinkSync(await stalePath(), link);
  await assert.rejects(openUnixListener(link), inUse);
  assert.ok(lstatSync(link).isSymbolicLink());
});

test('a folder that is not there is said to be so', async () => {
  await assert.rejects(openUnixListener(join(folder, 'missing', 's')), { code: 'ENOENT' });
});

test('at close a file that is not ours any more is left alone', async () => {
  const path = freshPath();
  const first = await openUnixListener(path);
  const kept = freshPath();
  linkSync(path, kept);
  unlinkSync(path);
  const second = await openUnixListener(path);
  await first.close();
  assert.ok(existsSync(path));
  await assertServes(second, path);
  await second.close();
  assert.equal(existsSync(path), false);
  unlinkSync(kept);
});

test('abstract names need no file', { skip: process.platform === 'linux' ? false : 'Linux only' }, async () => {
  const name = `\0bowline-test-${process.pid}`;
  const listener = await openUnixListener(name);
  assert.deepEqual(listener.address, { family: 'unix', path: name });
  await assertServes(listener, name);
  await assert.rejects(openUnixListener(name), inUse);
  await listener.close();
});

test('serveUnix serves and removes its socket at the end', async () => {
  const path = freshPath();
  await openNursery(async (nursery) => {
    await nursery.start<SocketListener[]>((started) =>
      serveUnix((stream) => stream.sendAll(Buffer.from('hello')), path, { mode: 0o600, started }),
    );
    const client = await openUnixSocket(path);
    assert.equal((await client.receiveSome())?.length, 5);
    assert.equal(await client.receiveSome(), null);
    await client.close();
    nursery.cancelScope.cancel();
  });
  assert.equal(existsSync(path), false);
  await assert.rejects(serveUnix(undefined as never, path), TypeError);
});

/** A path of so many bytes in a folder of its own, whose last part is `name`. */
function pathOfLength(bytes: number, name: string): string {
  const path = join(folder, 'd'.repeat(bytes - Buffer.byteLength(join(folder, 'x', name)) + 1), name);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

const isLinux = { skip: process.platform === 'linux' ? false : 'the length is that of Linux' };

test('a path of the full length is listened on; a longer one is refused and never cut off', isLinux, async () => {
  const full = pathOfLength(107, 'name');
  const listener = await openUnixListener(full);
  await assertServes(listener, full);
  await listener.close();
  const tooLong = pathOfLength(108, 'name');
  await assert.rejects(openUnixListener(tooLong), RangeError);
  await assert.rejects(openUnixSocket(tooLong), RangeError);
  // Beside a name this short there is no room for the temporary one.
  const cramped = pathOfLength(107, 's');
  await assert.rejects(openUnixListener(cramped), RangeError);
  for (const path of [full, tooLong, cramped]) assert.deepEqual(readdirSync(dirname(path)), []);
});

test('a relative path is listened on whatever its temporary name, and its file is removed at close also from another working directory', async () => {
  const before = process.cwd();
  try {
    // Many times, because one name in forty was a number to Node.
    for (let i = 0; i < 200; i++) {
      process.chdir(folder);
      const listener = await openUnixListener('relative');
      process.chdir(before);
      await listener.close();
      assert.equal(existsSync(join(folder, 'relative')), false);
    }
  } finally {
    process.chdir(before);
  }
});
