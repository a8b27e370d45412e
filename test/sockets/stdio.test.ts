/**
 * The standard streams of a process, as pipes, sockets, files and a terminal. Each case is a small program that is run
 * with the real thing on both sides; it says what it saw on standard error.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import type { ReceiveStream } from 'bowline/core';
import { openProcess, runProcess } from 'bowline/sockets';
import type { RunProcessOptions } from 'bowline/sockets';

const PRELUDE = `
import { stdioStream } from '#src/sockets/stdio.js';
const say = (text) => process.stderr.write(text + '\\n');
const stdio = stdioStream();
`;

const ECHO = `${PRELUDE}
for await (const chunk of stdio) await stdio.sendAll(chunk);
await stdio.sendEof();
say('eof ' + (await stdio.receiveSome()));
await stdio.close();
`;

function script(body: string): string[] {
  return ['--input-type=module', '-e', body];
}

async function run(body: string, options: RunProcessOptions = {}): Promise<{ out: string; err: string }> {
  const result = await runProcess(process.execPath, script(body), {
    captureStdout: options.stdout === undefined,
    captureStderr: true,
    check: false,
    ...options,
  });
  const err = Buffer.from(result.stderr).toString();
  assert.deepEqual([result.exitCode, result.signal], [0, null], err);
  return { out: Buffer.from(result.stdout).toString('latin1'), err };
}

function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-'));
  return body(folder).finally(() => {
    rmSync(folder, { recursive: true });
  });
}

test('a program in between echoes 1 MiB and passes the end on, in both directions', async () => {
  const input = Buffer.alloc(1024 * 1024, 'stdio ');
  const { out, err } = await run(ECHO, { input });
  assert.ok(input.equals(Buffer.from(out, 'latin1')));
  assert.equal(err, 'eof null\n');
});

test('files as input and output', async () => {
  await withFolder(async (folder) => {
    const content = Buffer.alloc(300_000, 'file ');
    writeFileSync(join(folder, 'in'), content);
    const stdin = openSync(join(folder, 'in'), 'r');
    const stdout = openSync(join(folder, 'out'), 'w');
    try {
      assert.equal((await run(ECHO, { stdin, stdout })).err, 'eof null\n');
    } finally {
      closeSync(stdin);
      closeSync(stdout);
    }
    assert.ok(content.equals(readFileSync(join(folder, 'out'))));
  });
});

test('sendEof ends a pipe while the program lives on, and nothing else can get into its place', async () => {
  const body = `${PRELUDE}
    import { openSync, writeSync } from 'node:fs';
    await stdio.sendAll(Buffer.from('before '));
    await stdio.sendEof();
    await stdio.sendEof();
    await stdio.sendAll(Buffer.from('x')).catch((error) => say(error.code));
    console.log('to nobody');
    say('new descriptor above 2: ' + (openSync('/dev/null', 'r') > 2));
    say('input still works: ' + Buffer.from(await stdio.receiveSome()));
    await stdio.close();
  `;
  // A shell makes real pipes; Node's own are sockets.
  const pipeline = ['-c', '"$0" "$@" | { cat; echo ended; }', process.execPath, ...script(body)];
  const child = await openProcess('sh', pipeline, { stderr: 'pipe' });
  let seen = '';
  while (!seen.endsWith('ended\n')) seen += Buffer.from((await child.stdout?.receiveSome()) as Uint8Array).toString();
  assert.equal(seen, 'before ended\n');
  await child.stdin?.sendAll(Buffer.from('after the end'));
  const said: Uint8Array[] = [];
  for await (const chunk of child.stderr as ReceiveStream) said.push(chunk);
  assert.deepEqual(Buffer.concat(said).toString().trim().split('\n'), [
    'ERR_BOWLINE_CLOSED',
    'new descriptor above 2: true',
    'input still works: after the end',
  ]);
  assert.equal(await child.stdout?.receiveSome(), null);
  await child.close();
});

test('sendEof ends a socket', async () => {
  const body = `${PRELUDE}
    await stdio.sendAll([Buffer.from('one '), Buffer.from('two')]);
    await stdio.sendEof();
    say(Buffer.from(await stdio.receiveSome()).toString());
  `;
  const child = await openProcess(process.execPath, script(body), { stderr: 'pipe' });
  const received: Uint8Array[] = [];
  for await (const chunk of child.stdout as ReceiveStream) received.push(chunk);
  assert.equal(Buffer.concat(received).toString(), 'one two');
  assert.equal(child.exit, undefined);
  await child.stdin?.sendAll(Buffer.from('thanks'));
  assert.equal(Buffer.from((await child.stderr?.receiveSome()) as Uint8Array).toString(), 'thanks\n');
  await child.close();
  assert.deepEqual(child.exit, { exitCode: 0, signal: null });
});

test('a reader of the output that has gone is BrokenResourceError with EPIPE', async () => {
  const body = `${PRELUDE}
    try {
      for (;;) await stdio.sendAll(new Uint8Array(65536));
    } catch (error) {
      say(error.code + ' ' + error.cause.code);
    }
    await stdio.sendAll(new Uint8Array(1)).catch((error) => say(error.code));
    await stdio.close();
  `;
  const child = await openProcess('sh', ['-c', '"$0" "$@" | head -c 1 >/dev/null', process.execPath, ...script(body)], {
    stderr: 'pipe',
  });
  const said: Uint8Array[] = [];
  for await (const chunk of child.stderr as ReceiveStream) said.push(chunk);
  assert.equal(Buffer.concat(said).toString(), 'ERR_BOWLINE_BROKEN EPIPE\nERR_BOWLINE_BROKEN\n');
  await child.close();
});

test(
  'a full disk is BrokenResourceError as well',
  { skip: process.platform !== 'linux' && 'needs /dev/full' },
  async () => {
    const stdout = openSync('/dev/full', 'w');
    try {
      const body = `${PRELUDE}
      await stdio.sendAll(Buffer.from('x')).catch((error) => say(error.code + ' ' + error.cause.code));
      await stdio.close();
    `;
      assert.equal((await run(body, { stdout })).err, 'ERR_BOWLINE_BROKEN ENOSPC\n');
    } finally {
      closeSync(stdout);
    }
  },
);

test('there is one at a time; closing makes room and lets the process end', async () => {
  const body = `${PRELUDE}
    try { stdioStream() } catch (error) { say(error.code) }
    const waiting = stdio.receiveSome().catch((error) => say('receive ' + error.code));
    await stdio.close();
    await waiting;
    const again = stdioStream();
    stdio.abort();
    try { stdioStream() } catch (error) { say('still ' + error.code) }
    again.abort();
    await again.receiveSome().catch((error) => say('receive ' + error.code));
  `;
  // Its input stays open: only a process that let go of it can end.
  const child = await openProcess(process.execPath, script(body), { stderr: 'pipe' });
  const said: Uint8Array[] = [];
  for await (const chunk of child.stderr as ReceiveStream) said.push(chunk);
  assert.equal(
    Buffer.concat(said).toString(),
    'ERR_BOWLINE_BUSY\nreceive ERR_BOWLINE_CLOSED\nstill ERR_BOWLINE_BUSY\nreceive ERR_BOWLINE_CLOSED\n',
  );
  assert.deepEqual(await child.wait(), { exitCode: 0, signal: null });
});

test('back-pressure: a slow reader holds the sender, and the event loop goes on', async () => {
  const body = `${PRELUDE}
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    const first = Buffer.from(await stdio.receiveSome()).toString();
    const sending = stdio.sendAll(new Uint8Array(4 * 1024 * 1024)).then(() => 'sent');
    const blocked = await Promise.race([sending, new Promise((resolve) => setTimeout(resolve, 20, 'blocked'))]);
    say(first + ' ' + blocked + ' ' + (turns > 2));
    say(await sending);
    clearInterval(counting);
    await stdio.close();
  `;
  const child = await openProcess(process.execPath, script(body), { stderr: 'pipe' });
  await child.stdin?.sendAll(Buffer.from('go'));
  const said = Buffer.from((await child.stderr?.receiveSome()) as Uint8Array).toString();
  assert.equal(said, 'go blocked true\n');
  let total = 0;
  for await (const chunk of child.stdout as ReceiveStream) total += chunk.length;
  assert.equal(total, 4 * 1024 * 1024);
  await child.close();
});

const hasScript = spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0;

test(
  'a terminal: lines come in, output goes out, and sendEof leaves it usable',
  { skip: !hasScript && 'needs script(1)' },
  async () => {
    await withFolder(async (folder) => {
      const program = join(folder, 'program.mjs');
      const body = PRELUDE.replace('#src/', new URL('../../../dist/', import.meta.url).href);
      writeFileSync(
        program,
        `${body}
      await stdio.sendAll(Buffer.from('tty ' + process.stdin.isTTY + ' ' + process.stdout.isTTY + '\\n'));
      const line = Buffer.from(await stdio.receiveSome()).toString().trim();
      await stdio.sendAll(Buffer.from('got ' + line + '\\n'));
      await stdio.sendEof();
      console.log('still here');
      await stdio.close();
    `,
      );
      const child = await openProcess('script', ['-qec', `"${process.execPath}" "${program}"`, '/dev/null']);
      let seen = '';
      let answered = false;
      for await (const chunk of child.stdout as ReceiveStream) {
        seen += Buffer.from(chunk).toString();
        if (!answered && seen.includes('tty true true')) {
          answered = true;
          await child.stdin?.sendAll(Buffer.from('hello\n'));
        }
      }
      assert.match(seen, /got hello/);
      assert.match(seen, /still here/);
      await child.close();
    });
  },
);
