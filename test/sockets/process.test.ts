/** Child processes. Contract: PROC (process, streams side). Programs used are those of any POSIX system. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { BrokenResourceError, BusyResourceError, ClosedResourceError, ConnectError, MisuseError } from 'bowline/core';
import type { ReceiveStream } from 'bowline/core';
import { CancelScope, failAfter, gather, moveOnAfter, openNursery, ScopeExitedError, withClock } from 'bowline/tasks';
import { setReporter } from 'bowline/observe';
import { openProcess, ProcessError, runProcess } from 'bowline/sockets';
import type { Process } from 'bowline/sockets';

async function readAll(stream: ReceiveStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A process whose output says that it is ready: from then on its signal handlers are in place. */
async function openReady(script: string, options = {}): Promise<Process> {
  const process = await openProcess('sh', ['-c', script], options);
  const chunk = await process.stdout?.receiveSome();
  assert.equal(text(chunk as Uint8Array), 'ready\n');
  return process;
}

const IGNORES_SIGTERM = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
const OBEYS_SIGTERM = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";

test('PROC-1 exit codes and signals are told apart, and stay', async () => {
  const { stdin, stdout, stderr } = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const;
  const [ok, bad, killed] = await gather([
    () => openProcess('true', [], { stdin, stdout, stderr }),
    () => openProcess('sh', ['-c', 'exit 3'], { stdin, stdout, stderr }),
    () => openProcess('sleep', ['100'], { stdin, stdout, stderr }),
  ]);
  assert.equal(killed.exit, undefined);
  assert.equal(killed.kill('SIGKILL'), true);
  assert.deepEqual(await ok.wait(), { exitCode: 0, signal: null });
  assert.deepEqual(await bad.wait(), { exitCode: 3, signal: null });
  assert.deepEqual(await killed.wait(), { exitCode: null, signal: 'SIGKILL' });
  assert.deepEqual(killed.exit, { exitCode: null, signal: 'SIGKILL' });
  assert.equal(killed.kill(), false);
  assert.deepEqual([ok.stdin, ok.stdout, ok.stderr], [null, null, null]);
  assert.throws(() => ok.stdio, MisuseError);
});

test('PROC-2 several callers wait; one that is cancelled disturbs nothing', async () => {
  const process = await openProcess('cat');
  await openNursery(async (nursery) => {
    const codes: (number | null)[] = [];
    for (let i = 0; i < 3; i++) {
      nursery.startSoon(async () => {
        codes.push((await process.wait()).exitCode);
      });
    }
    assert.equal(await moveOnAfter(1, () => process.wait()), undefined);
    await process.stdin?.close();
    assert.deepEqual(await process.wait(), { exitCode: 0, signal: null });
    assert.deepEqual(codes, [0, 0, 0]);
  });
  await process.close();
});

test('PROC-3 an interactive conversation through stdio, ended by sendEof', async () => {
  const process = await openProcess('cat');
  const { stdio } = process;
  assert.equal(process.stdio, stdio);
  for (const line of ['one\n', 'two\n', 'three\n']) {
    await stdio.sendAll(bytes(line));
    assert.equal(text((await stdio.receiveSome()) as Uint8Array), line);
  }
  await stdio.sendEof();
  assert.equal(await stdio.receiveSome(), null);
  assert.equal(await stdio.receiveSome(), null);
  assert.deepEqual(await process.wait(), { exitCode: 0, signal: null });
  await process.close();
});

test('PROC-4 256 KiB go through and come back, held up by both pipes on the way', async () => {
  const sent = Buffer.alloc(256 * 1024, 'bowline ');
  const process = await openProcess('cat');
  const [received] = await gather([
    () => readAll(process.stdout as ReceiveStream),
    async () => {
      await process.stdin?.sendAll(sent);
      await process.stdin?.close();
    },
  ]);
  assert.ok(sent.equals(received));
  assert.deepEqual(await process.wait(), { exitCode: 0, signal: null });
});

test('PROC-4 a send that the child does not read blocks, is cancelled, and goes out before the next', async () => {
  const process = await openReady('echo ready; read line; echo "$line"; cat | wc -c');
  const stdin = process.stdin as NonNullable<typeof process.stdin>;
  const large = new Uint8Array(4 * 1024 * 1024);
  large[0] = 10;
  assert.equal(await moveOnAfter(20, () => stdin.sendAll(large)), undefined);
  await gather([
    async () => {
      await stdin.sendAll(bytes('end'));
      await stdin.close();
    },
    async () =>
      assert.equal(text(await readAll(process.stdout as ReceiveStream)).trim(), `\n${large.length + 2}`.trim()),
  ]);
  await process.close();
});

test('PROC-5 a child that closes its input early breaks the sender and nothing else', async () => {
  const process = await openProcess('sh', ['-c', 'exec 0<&-; echo closed; exec sleep 100']);
  assert.equal(text((await process.stdout?.receiveSome()) as Uint8Array), 'closed\n');
  const stdin = process.stdin as NonNullable<typeof process.stdin>;
  const large = new Uint8Array(128 * 1024);
  await assert.rejects(stdin.sendAll(large), (error: BrokenResourceError) => {
    assert.ok(error instanceof BrokenResourceError);
    assert.match((error.cause as NodeJS.ErrnoException).code as string, /EPIPE|ECONNRESET/);
    return true;
  });
  await assert.rejects(stdin.sendAll(bytes('x')), BrokenResourceError);
  await stdin.close();
  await assert.rejects(stdin.sendAll(bytes('x')), ClosedResourceError);
  process.abort();
  assert.deepEqual(await process.wait(), { exitCode: null, signal: 'SIGKILL' });
});

test('PROC-5 runProcess does not mind a child that leaves 128 KiB of its input', async () => {
  const result = await runProcess('head', ['-c', '3'], { input: Buffer.alloc(128 * 1024, 'a'), captureStdout: true });
  assert.equal(text(result.stdout), 'aaa');
  assert.equal(result.exitCode, 0);
});

test('PROC-6 output is there to read after the exit', async () => {
  const process = await openProcess('sh', ['-c', 'echo out; echo err >&2'], { stderr: 'pipe' });
  await process.wait();
  await new Promise(setImmediate);
  assert.equal(text(await readAll(process.stdout as ReceiveStream)), 'out\n');
  assert.equal(text(await readAll(process.stderr as ReceiveStream)), 'err\n');
  await process.close();
});

test('PROC-6 a descriptor of ours can be the output of the child', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-'));
  const fd = openSync(join(folder, 'log'), 'w');
  try {
    await runProcess('sh', ['-c', 'echo out; echo err >&2'], { stdout: fd, stderr: fd });
    assert.equal(readFileSync(join(folder, 'log'), 'utf8'), 'out\nerr\n');
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});

test('PROC-7 one caller a direction: the second is busy, the first goes on', async () => {
  const process = await openProcess('cat');
  const { stdio } = process;
  const first = stdio.receiveSome();
  await assert.rejects(stdio.receiveSome(), BusyResourceError);
  const sending = stdio.sendAll(new Uint8Array(8 * 1024 * 1024));
  await assert.rejects(stdio.sendAll(bytes('x')), BusyResourceError);
  await assert.rejects(stdio.waitSendAllMightNotBlock(), BusyResourceError);
  assert.ok((await first) !== null);
  const closed = assert.rejects(sending, ClosedResourceError);
  process.abort();
  await closed;
  await assert.rejects(stdio.receiveSome(), ClosedResourceError);
  await process.wait();
});

test('PROC-7 wrong arguments are told before anything else', async () => {
  await assert.rejects(openProcess(''), TypeError);
  await assert.rejects(openProcess(undefined as never), TypeError);
  await assert.rejects(openProcess('ls', 'a b' as never), TypeError);
  await assert.rejects(openProcess('ls', [1 as never]), TypeError);
  await assert.rejects(openProcess('ls', ['a\0b']), TypeError);
  await assert.rejects(openProcess('ls', [], { graceMs: -1 }), RangeError);
  await assert.rejects(openProcess('ls', [], { stdin: 'ipc' as never }), TypeError);
  await assert.rejects(runProcess('ls', [], { captureStdout: true, stdout: 'ignore' }), TypeError);
  await assert.rejects(runProcess('ls', [], { input: 'text' as never }), TypeError);
  const process = await openProcess('cat');
  process.abort();
  await assert.rejects(process.stdio.receiveSome(0), RangeError);
  await assert.rejects(process.stdio.receiveSome(1.5), TypeError);
  await assert.rejects(process.stdio.sendAll('text' as never), TypeError);
  assert.throws(() => process.kill('SIGNOTHING' as never), TypeError);
  await process.wait();
});

test('PROC-8 arguments reach the program as they are: there is no shell', async () => {
  const odd = ['$HOME', '; echo gone', '`id`', '*', ' two  words ', "'", '"', ''];
  const { stdout } = await runProcess('printf', ['%s|', ...odd], { captureStdout: true });
  assert.equal(text(stdout), odd.map((arg) => `${arg}|`).join(''));
});

test('PROC-8 the environment and the working directory are those asked for', async () => {
  const env = { PATH: process.env['PATH'], A: 'b', GONE: undefined };
  const { stdout } = await runProcess('sh', ['-c', 'echo $A $GONE; pwd'], { env, cwd: '/', captureStdout: true });
  assert.equal(text(stdout), 'b\n/\n');
});

test('PROC-9 a program that cannot be started is a ConnectError that names it, and no argument of it', async () => {
  const secret = 'hunter2';
  const cases: [command: string, options: object, expected: RegExp][] = [
    ['no-such-program-here', {}, /cannot start no-such-program-here: no such program \(ENOENT\)/],
    ['/dev/null', {}, /cannot start \/dev\/null: not executable, or not permitted \(EACCES\)/],
    ['true', { cwd: '/no/such/folder' }, /cannot start true: there is no directory \/no\/such\/folder \(ENOENT\)/],
  ];
  for (const [command, options, expected] of cases) {
    await assert.rejects(openProcess(command, [secret], options), (error: ConnectError) => {
      assert.ok(error instanceof ConnectError);
      assert.match(error.message, expected);
      assert.equal(error.attempts[0]?.address, `exec:${command}`);
      assert.doesNotMatch(JSON.stringify({ ...(error.cause as object) }) + String(error.stack), /hunter2/);
      return true;
    });
  }
  await assert.rejects(openProcess('true', ['x'.repeat(4 * 1024 * 1024)]), /cannot start true: .* \(E2BIG\)/);
});

test(
  'PROC-9 neither starting nor failing to start leaks descriptors',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const round = async (): Promise<void> => {
      await openProcess('no-such-program-here').catch(() => undefined);
      await runProcess('true', [], { captureStdout: true, captureStderr: true, input: bytes('x') });
      const process = await openProcess('cat', [], { stderr: 'pipe' });
      await process.close();
    };
    await round();
    const before = count();
    for (let i = 0; i < 10; i++) await round();
    await new Promise(setImmediate);
    assert.ok(count() <= before, `${count()} descriptors, before ${before}`);
  },
);

test('PROC-10 a cancelled scope terminates its process: SIGTERM, which the process may answer', async () => {
  let child: Process | undefined;
  const scope = new CancelScope();
  await scope.run(async () => {
    child = await openReady(OBEYS_SIGTERM);
    scope.cancel();
    await child.wait();
  });
  assert.equal(scope.cancelledCaught, true);
  assert.deepEqual(await child?.wait(), { exitCode: 7, signal: null });
});

test('PROC-10 a process that ignores SIGTERM gets SIGKILL when the grace is over', async () => {
  let child: Process | undefined;
  const scope = new CancelScope();
  await scope.run(async () => {
    child = await openReady(IGNORES_SIGTERM, { graceMs: 30 });
    scope.cancel();
    await child.wait();
  });
  assert.deepEqual(await child?.wait(), { exitCode: null, signal: 'SIGKILL' });
});

test('PROC-10 the grace is on the clock the process was opened under', async () => {
  let fire: (() => void) | undefined;
  const timers: number[] = [];
  const clock = {
    now: () => 1000,
    setTimer: (at: number, fn: () => void): (() => void) => {
      timers.push(at);
      fire = fn;
      return () => {
        fire = undefined;
      };
    },
  };
  await withClock(clock, async () => {
    const child = await openReady(IGNORES_SIGTERM);
    child.terminate();
    child.terminate();
    assert.deepEqual(timers, [6000]);
    await new Promise(setImmediate);
    assert.equal(child.exit, undefined);
    const events: object[] = [];
    const before = setReporter((event) => events.push(event));
    fire?.();
    setReporter(before);
    assert.deepEqual(await child.wait(), { exitCode: null, signal: 'SIGKILL' });
    assert.deepEqual(events, [{ kind: 'process-killed', command: 'sh', pid: child.pid, graceMs: 5000 }]);
  });
});

test('PROC-10 when its scope ends the process belongs to the scope around it', async () => {
  const outer = new CancelScope();
  let child: Process | undefined;
  await outer.run(async () => {
    child = await failAfter(10_000, () => failAfter(10_000, () => openReady(OBEYS_SIGTERM)));
    await new Promise(setImmediate);
    assert.equal(child.exit, undefined);
    outer.cancel();
    await child.wait();
  });
  assert.deepEqual(await child?.wait(), { exitCode: 7, signal: null });
});

test('PROC-10 outside of all scopes a process lives on after the one it was opened in has ended', async () => {
  const child = await failAfter(10_000, () => openReady('echo ready; cat'));
  await new Promise(setImmediate);
  await child.stdio.sendAll(bytes('here'));
  assert.equal(text((await child.stdio.receiveSome()) as Uint8Array), 'here');
  await child.close();
  assert.deepEqual(child.exit, { exitCode: 0, signal: null });
});

test('PROC-10 nothing is started in a cancelled scope', async () => {
  const scope = new CancelScope();
  scope.cancel();
  let opened = false;
  await scope.run(async () => {
    await openProcess('true');
    opened = true;
  });
  assert.equal(opened, false);
});

test(
  'PROC-10 a process whose scope ended while it was being started is not left behind',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async () => {
    const children = (): string => readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
    const before = children();
    let opening: Promise<Process> | undefined;
    await new CancelScope().run(async () => {
      opening = openProcess('sleep', ['100']);
      for (let i = 0; children() === before && i < 100; i++) await Promise.resolve();
    });
    assert.notEqual(children(), before);
    await assert.rejects(opening as Promise<Process>, ScopeExitedError);
    while (children() !== before) await new Promise(setImmediate);
  },
);

test('PROC-11 close() ends the input and waits; who does not go is asked, then made to', async () => {
  const polite = await openProcess('cat');
  await polite.close();
  assert.deepEqual(polite.exit, { exitCode: 0, signal: null });
  await polite.close();
  const deaf = await openReady(OBEYS_SIGTERM, { graceMs: 500 });
  await deaf.close();
  assert.deepEqual(deaf.exit, { exitCode: 7, signal: null });
  const stubborn = await openReady(IGNORES_SIGTERM, { graceMs: 10 });
  const closing = [stubborn.close(), stubborn.close()];
  await assert.rejects(stubborn.stdio.sendAll(bytes('x')), ClosedResourceError);
  await Promise.all(closing);
  assert.deepEqual(stubborn.exit, { exitCode: null, signal: 'SIGKILL' });
});

test('PROC-11 close() in a cancelled scope does not wait, and the process ends all the same', async () => {
  const child = await openReady(OBEYS_SIGTERM);
  const scope = new CancelScope();
  await scope.run(async () => {
    scope.cancel();
    await child.close();
    assert.equal(child.exit, undefined);
    await assert.rejects(Promise.reject(new Error('kept')), /kept/);
  });
  await assert.rejects(child.stdio.receiveSome(), ClosedResourceError);
  assert.deepEqual(await child.wait(), { exitCode: 7, signal: null });
});

test('PROC-11 a cancelled close() goes on in the background', async () => {
  const child = await openReady(IGNORES_SIGTERM, { graceMs: 10 });
  await moveOnAfter(1, () => child.close());
  assert.deepEqual(await child.wait(), { exitCode: null, signal: 'SIGKILL' });
});

test('PROC-12 runProcess returns the status and what was captured', async () => {
  const result = await runProcess('sh', ['-c', 'cat; echo problem >&2; exit 4'], {
    input: [bytes('in'), bytes('put')],
    captureStdout: true,
    captureStderr: true,
    check: false,
  });
  assert.deepEqual(
    { ...result, stdout: text(result.stdout), stderr: text(result.stderr) },
    { exitCode: 4, signal: null, stdout: 'input', stderr: 'problem\n' },
  );
});

test('PROC-12 a bad end is a ProcessError with what was captured', async () => {
  const run = runProcess('sh', ['-c', 'echo some; echo why >&2; kill -9 $$'], {
    captureStdout: true,
    captureStderr: true,
  });
  await assert.rejects(run, (error: ProcessError) => {
    assert.ok(error instanceof ProcessError);
    assert.equal(error.code, 'ERR_BOWLINE_PROCESS');
    assert.equal(error.message, 'sh was ended by SIGKILL');
    assert.deepEqual([error.command, error.exitCode, error.signal], ['sh', null, 'SIGKILL']);
    assert.deepEqual([text(error.stdout), text(error.stderr)], ['some\n', 'why\n']);
    return true;
  });
  await assert.rejects(runProcess('false'), /false exited with status 1/);
});

test('PROC-12 runProcess without input gives the child an empty one', async () => {
  assert.equal((await runProcess('cat', [], { captureStdout: true })).stdout.length, 0);
});

test('PROC-12 cancelled, runProcess has seen the process end before it lets go', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-'));
  const marker = join(folder, 'ended');
  try {
    const trap = `trap 'sleep 0.05; echo done > ${marker}; exit 0' TERM`;
    const script = `${trap}; echo $$ > ${marker}.pid; while :; do sleep 0.01; done`;
    const scope = new CancelScope();
    await scope.run(async () => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => runProcess('sh', ['-c', script]));
        for (;;) {
          try {
            if (readFileSync(`${marker}.pid`, 'utf8').endsWith('\n')) break;
          } catch {
            // Not there yet.
          }
          await new Promise(setImmediate);
        }
        scope.cancel();
      });
    });
    assert.equal(readFileSync(marker, 'utf8'), 'done\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('PROC-12 a child that writes without end is stopped at the limit', async () => {
  await assert.rejects(runProcess('yes', [], { captureStdout: true, maxOutputBytes: 1000 }), (error: ProcessError) => {
    assert.match(error.message, /wrote more than 1000 bytes/);
    assert.equal(error.stdout.length, 1000);
    return true;
  });
});

test('PROC-13 output that nobody reads stays with the child: memory does not grow', async () => {
  const process = await openProcess('yes');
  assert.ok(((await process.stdout?.receiveSome(1)) as Uint8Array).length === 1);
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  const before = globalThis.process.memoryUsage().arrayBuffers;
  await runProcess('sleep', ['0.05']);
  assert.ok(globalThis.process.memoryUsage().arrayBuffers - before < 1024 * 1024);
  process.abort();
  await process.wait();
});

test('PROC-13 bytes given out are the receiver’s own', async () => {
  const process = await openProcess('printf', ['abcdef']);
  const first = (await process.stdout?.receiveSome(3)) as Uint8Array;
  first.fill(0);
  const into = new Uint8Array(8);
  const stdout = process.stdout as Required<ReceiveStream>;
  assert.equal(await stdout.receiveInto(into), 3);
  assert.equal(text(into.subarray(0, 3)), 'def');
  assert.equal(await stdout.receiveInto(into), null);
  await assert.rejects(stdout.receiveInto(new Uint8Array(0)), RangeError);
  await process.close();
});

test('PROC-14 a signal for a process group of its own', async () => {
  const child = await openReady('echo ready; exec cat', { detached: true });
  process.kill(-child.pid, 'SIGINT');
  assert.deepEqual(await child.wait(), { exitCode: null, signal: 'SIGINT' });
  await child.close();
});

test('a cancel in the very moment of the start is a cancel, and no child is left behind', async () => {
  for (let microtasks = 0; microtasks < 4; microtasks++) {
    const scope = new CancelScope();
    let child: Process | undefined;
    const running = scope.tryRun(async () => {
      child = await openProcess('sleep', ['100']);
    });
    for (let i = 0; i < microtasks; i++) await Promise.resolve();
    scope.cancel();
    assert.deepEqual(await running, child === undefined ? { cancelled: true } : { cancelled: false, value: undefined });
    await (child as Process | undefined)?.close();
    // Node lets go of a process that has ended a turn later.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(process.getActiveResourcesInfo().includes('ProcessWrap'), false);
  }
});
