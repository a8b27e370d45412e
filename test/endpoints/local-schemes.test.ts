import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { HalfCloseableStream } from 'bowline/core';
import { AddressError, ConnectError } from 'bowline/core';
import { connect, listen, ListenError, serve } from 'bowline/endpoints';
import { openNursery } from 'bowline/tasks';

const skip = process.platform === 'win32' && 'the commands are those of POSIX';
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

async function receiveAll(stream: HalfCloseableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += Buffer.from(chunk).toString('latin1');
  return all;
}

test('exec:, stdio: and unix: are refused in code unless allow names them', async () => {
  for (const address of ['exec:cat', 'stdio:', 'unix:/nowhere']) {
    const scheme = address.slice(0, address.indexOf(':'));
    const refusal = new RegExp(
      `${scheme}: addresses are not allowed here; code allows it with \\{ allow: \\['${scheme}'\\] \\}`,
    );
    for (const open of [connect, listen]) {
      await assert.rejects(
        open(address),
        (error: Error) => error instanceof AddressError && refusal.test(error.message),
      );
    }
  }
});

test('exec: sends to the command and receives from it, without a shell', { skip }, async () => {
  await using stream = await connect(`exec:sh -c 'cat; echo "$1|$2"' sh '$HOME *' "a ? b"`, { allow: ['exec'] });
  await stream.sendAll(bytes('in '));
  await stream.sendEof();
  assert.equal(await receiveAll(stream), 'in $HOME *|a ? b\n');
});

test('exec: takes a working directory', { skip }, async () => {
  await using stream = await connect('exec:pwd?cwd=%2F', { allow: ['exec'] });
  assert.equal(await receiveAll(stream), '/\n');
});

test('exec: a command that cannot be started is one line without its arguments', { skip }, async () => {
  for (const open of [connect, listen]) {
    await assert.rejects(open('exec:/nowhere/prog hunter2', { allow: ['exec'] }), (error: Error) => {
      assert.ok(error instanceof (open === connect ? ConnectError : ListenError));
      assert.match(error.message, /^exec:\/nowhere\/prog …: .*(ENOENT|no such program)/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

test('exec: closing the stream sees the process out', { skip }, async () => {
  const stream = await connect(`exec:sh -c 'echo $$; exec cat'`, { allow: ['exec'] });
  const pid = Number(Buffer.from((await stream.receiveSome()) ?? []).toString());
  process.kill(pid, 0);
  await stream.close();
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('exec: a listener gives the one connection, and its server ends with it', { skip }, async () => {
  let received = '';
  const handler = async (stream: HalfCloseableStream): Promise<void> => {
    received += await receiveAll(stream);
  };
  await serve(handler, 'exec:echo once', { allow: ['exec'] });
  assert.equal(received, 'once\n');
});

test('unix: connects and serves, with the mode that was asked for', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-endpoints-'));
  const path = join(folder, 'a?b%.sock');
  const address = `unix:${path.replaceAll('%', '%25').replaceAll('?', '%3F')}`;
  try {
    await openNursery(async (nursery) => {
      const echo = async (stream: HalfCloseableStream): Promise<void> => {
        for await (const chunk of stream) await stream.sendAll(chunk);
      };
      await nursery.start((started) =>
        serve(echo, `${address}?mode=600`, { allow: ['unix'], started: () => started() }),
      );
      assert.equal(statSync(path).mode & 0o777, 0o600);
      await using stream = await connect(address, { allow: ['unix'] });
      await stream.sendAll(bytes('over'));
      await stream.sendEof();
      assert.equal(await receiveAll(stream), 'over');
      nursery.cancelScope.cancel();
    });
    await assert.rejects(connect(address, { allow: ['unix'] }), (error: Error) => {
      assert.ok(error instanceof ConnectError);
      return error.message.startsWith(`${address}: `) && /ENOENT/.test(error.message);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('unix: the abstract namespace of Linux', { skip: process.platform !== 'linux' && 'Linux only' }, async () => {
  const address = `unix:@bowline-endpoints-${process.pid}`;
  const [listener] = await listen(address, { allow: ['unix'] });
  assert.ok(listener !== undefined);
  await using stream = await connect(address, { allow: ['unix'] });
  await using accepted = await listener.accept();
  await stream.sendAll(bytes('x'));
  assert.equal(Buffer.from((await accepted.receiveSome(1)) ?? []).toString(), 'x');
  await listener.close();
});

test('stdio: is the standard streams of the program, to connect to and to serve', { skip }, () => {
  const program = `
    import { connect, serve } from 'bowline/endpoints';
    const double = async (stream) => {
      for await (const chunk of stream) await stream.sendAll([chunk, chunk]);
    };
    if (process.argv[1] === 'connect') {
      const stream = await connect('-', { allow: ['stdio'] });
      await double(stream);
      await stream.close();
    } else {
      await serve(double, 'stdio:', { allow: ['stdio'] });
    }
  `;
  for (const way of ['connect', 'serve']) {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program, way], {
      input: 'ab',
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'abab', stderr: '' }, way);
  }
});
