import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { bowline, BowlineProcess } from '../support/bowline-process.js';
import { rawClient, rawServer, readAll } from '../support/raw-tcp.js';

/** Bytes in which a shift by one shows. */
function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
}

function lastJson(text: string): Record<string, unknown> {
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

function socketPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 's.sock');
}

/** A server that answers with what it got, when it has got all of it. */
function answerAtTheEnd(t: TestContext): Promise<number> {
  return rawServer(t, (socket) => void readAll(socket).then((all) => socket.end(all)));
}

test('a command line that makes no sense costs one line on standard error and status 2', async (t) => {
  const cases: [string[], RegExp][] = [
    [['relay', 'tcp::1', 'tcp:x:1', '--frobnicate'], /^bowline: unknown option '--frobnicate'/],
    [['relay', 'localhost:80', 'tcp:x:1'], /^bowline: "localhost:80": there is no scheme/],
    [['connect', 'tcp:localhost'], /^bowline: tcp:localhost: .*port/],
    [['relay', 'tcp::1', 'stdio:'], /^bowline: stdio: is for one connection/],
    [['relay', '-', 'tcp:x:1', '--workers', '2'], /^bowline: no --workers here: stdio: is a single connection/],
    [['relay', 'tcp::1', 'exec:cat', '--through', 'cat'], /^bowline: --through needs an address that is not exec:/],
    [['serve', 'stdio:', '--echo'], /^bowline: serve listens on a network or a Unix socket/],
    [['serve', 'tcp::0', '--exec', "cat 'x"], /^bowline: .*quote is not closed/],
  ];
  await Promise.all(
    cases.map(async ([words, expected]) => {
      const { status, stdout, stderr } = await bowline(t, words);
      assert.match(stderr, expected);
      assert.match(stderr, /^[^\n]*\n$/);
      assert.deepEqual([status, stdout], [2, '']);
    }),
  );
});

test('passwords of an address are not in the message that refuses it', async (t) => {
  const { stderr } = await bowline(t, ['connect', 'tcp:user:hunter2@example.org:99999']);
  assert.match(stderr, /^bowline: /);
  assert.doesNotMatch(stderr, /hunter2/);
});

test('help and version go to standard output, with status 0', async (t) => {
  const [help, version] = await Promise.all([bowline(t, ['help', 'relay']), bowline(t, ['--version'])]);
  assert.match(help.stdout, /^Usage: bowline relay /);
  const { version: expected } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  assert.deepEqual(version, { status: 0, stdout: `bowline ${expected}\n`, stderr: '' });
});

test('relay: half a connection ends, the other half goes on, and every byte arrives', async (t) => {
  const relay = new BowlineProcess(t, [
    'relay',
    'tcp:127.0.0.1:0',
    `tcp:127.0.0.1:${await answerAtTheEnd(t)}`,
    '--json',
    '-v',
  ]);
  const client = await rawClient(t, await relay.port());
  const sent = pattern(300_000);
  client.end(sent);
  assert.ok((await readAll(client)).equals(sent));
  relay.child.kill('SIGTERM');
  const { status, stdout, stderr } = await relay.ended;
  assert.equal(status, 0, stderr);
  const [connection, end, ...rest] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(rest, []);
  assert.ok(connection !== undefined && end !== undefined);
  const { event, id, outcome, forwardBytes, backwardBytes } = connection;
  assert.deepEqual([event, id, outcome, forwardBytes, backwardBytes], ['connection', 1, 'ok', 300_000, 300_000]);
  assert.match(String(connection['from']), /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(
    [end['event'], end['command'], end['status'], end['connections'], end['open'], end['failed'], end['forwardBytes']],
    ['end', 'relay', 0, 1, 0, 0, 300_000],
  );
  for (const field of ['cpuSeconds', 'peakMemoryBytes', 'seconds']) assert.ok(Number(end[field]) > 0, field);
});

test('relay: from a Unix socket to a command, and the socket file is gone at the end', async (t) => {
  const path = socketPath(t);
  const relay = new BowlineProcess(t, ['relay', `unix:${path}`, 'exec:tr a-z A-Z', '--json']);
  await relay.said(/listening on unix:/);
  const connected = await bowline(t, ['connect', `unix:${path}`], 'over a pipe\n');
  assert.deepEqual(connected, { status: 0, stdout: 'OVER A PIPE\n', stderr: '' });
  assert.ok(existsSync(path));
  relay.child.kill('SIGINT');
  const { status, stdout } = await relay.ended;
  assert.equal(status, 0);
  assert.equal(lastJson(stdout)['peakChildren'], 1);
  assert.ok(!existsSync(path));
});

test('relay: --max-children lets further connections wait for their turn', async (t) => {
  const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', 'exec:cat', '--max-children', '1', '--json']);
  const port = await relay.port();
  const clients = await Promise.all([rawClient(t, port), rawClient(t, port), rawClient(t, port)]);
  for (const client of clients) client.write('x');
  await relay.said(/1 commands are running \(--max-children\): further connections wait/);
  const answers = await Promise.all(
    clients.map(async (client) => {
      client.end('y');
      return (await readAll(client)).toString();
    }),
  );
  assert.deepEqual(answers, ['xy', 'xy', 'xy']);
  relay.child.kill('SIGTERM');
  const { peakChildren, peakOpen, connections } = lastJson((await relay.ended).stdout);
  assert.deepEqual([peakChildren, peakOpen, connections], [1, 3, 3]);
});

test('relay: --through passes what goes forward through a command, and nothing else', async (t) => {
  const far = await answerAtTheEnd(t);
  const relay = new BowlineProcess(t, [
    ...['relay', 'tcp:127.0.0.1:0', `tcp:127.0.0.1:${far}`],
    ...['--through', 'tr a-z A-Z', '--max-children', '2', '--json'],
  ]);
  const port = await relay.port();
  const answers = await Promise.all(
    ['one', 'two', 'three', 'four', 'five'].map(async (text) => {
      const client = await rawClient(t, port);
      client.end(text);
      return (await readAll(client)).toString();
    }),
  );
  assert.deepEqual(answers, ['ONE', 'TWO', 'THREE', 'FOUR', 'FIVE']);
  relay.child.kill('SIGTERM');
  const { connections, peakChildren, failed } = lastJson((await relay.ended).stdout);
  assert.deepEqual([connections, peakChildren, failed], [5, 2, 0]);
});

test('relay: a filter need not read all its input, but has to end with status 0', async (t) => {
  const far = `tcp:127.0.0.1:${await answerAtTheEnd(t)}`;
  const [partial, failing] = await Promise.all([
    bowline(t, ['relay', '-', far, '--through', 'head -1'], 'first\n'.repeat(100_000)),
    bowline(t, ['relay', '-', far, '--through', "sh -c 'cat; exit 3'"], 'all'),
  ]);
  assert.deepEqual(partial, { status: 0, stdout: 'first\n', stderr: '' });
  assert.deepEqual(failing, { status: 1, stdout: 'all', stderr: 'bowline: exec:sh …: ended with status 3\n' });
});

test('relay: a command that fails is told with its connection, and the relay goes on', async (t) => {
  const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', "exec:sh -c 'echo partial; exit 3'"]);
  const port = await relay.port();
  assert.equal((await readAll(await rawClient(t, port))).toString(), 'partial\n');
  await relay.said(/^bowline: connection 1 from 127\.0\.0\.1:\d+: exec:sh …: ended with status 3$/m);
  assert.equal((await readAll(await rawClient(t, port))).toString(), 'partial\n');
  relay.child.kill('SIGTERM');
  assert.equal((await relay.ended).status, 0);
});

test('relay: --max-connections handles so many, the others wait', async (t) => {
  const port = await rawServer(t, (socket) => {
    socket.write('hello');
    socket.on('data', () => undefined).on('end', () => socket.end());
  });
  const relay = new BowlineProcess(t, [
    'relay',
    'tcp:127.0.0.1:0',
    `tcp:127.0.0.1:${port}`,
    '--max-connections',
    '1',
    '-v',
  ]);
  const relayPort = await relay.port();
  const first = await rawClient(t, relayPort);
  await once(first, 'data');
  const second = await rawClient(t, relayPort);
  let isServed = false;
  const served = once(second, 'data').then(() => (isServed = true));
  // The first one comes back through the relay, so the second would have been noticed by then.
  first.write('x');
  await relay.said(/connection 1 /);
  assert.equal(isServed, false);
  first.end();
  await served;
  await relay.said(/connection 2 /);
});

test('relay: nobody at the far end is told with the address and the reason, and the relay goes on', async (t) => {
  const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', 'tcp:127.0.0.1:1']);
  const port = await relay.port();
  await readAll(await rawClient(t, port));
  await relay.said(/^bowline: connection 1 from \S+: tcp:127\.0\.0\.1:1: cannot connect: connection refused$/m);
  await readAll(await rawClient(t, port));
  await relay.said(/connection 2 /);
});

test('relay: the first SIGTERM stops accepting and lets connections end', async (t) => {
  const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', `tcp:127.0.0.1:${await answerAtTheEnd(t)}`, '-v']);
  const port = await relay.port();
  const client = await rawClient(t, port);
  client.write('before ');
  await relay.said(/connection 1 /);
  relay.child.kill('SIGTERM');
  for (;;) {
    const refused = await rawClient(t, port).then(
      (late) => readAll(late.end()).then(() => false),
      () => true,
    );
    if (refused) break;
  }
  client.end('and after');
  assert.equal((await readAll(client)).toString(), 'before and after');
  assert.equal((await relay.ended).status, 0);
});

test('relay: the second signal cuts what is open, and its number is in the status', async (t) => {
  const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', 'exec:cat', '-v', '--json']);
  const client = await rawClient(t, await relay.port());
  client.write('x');
  await once(client, 'data');
  relay.child.kill('SIGINT');
  await relay.said(/stopping: a second signal cuts what is still open/);
  relay.child.kill('SIGTERM');
  const { status, stdout } = await relay.ended;
  assert.equal(status, 143);
  assert.equal(lastJson(stdout)['cut'], 1);
});

test('relay: when the time to drain is over, what is left is cut', async (t) => {
  const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', 'exec:cat', '-v', '--drain', '50ms']);
  const client = await rawClient(t, await relay.port());
  client.write('x');
  await once(client, 'data');
  relay.child.kill('SIGINT');
  const { status, stderr } = await relay.ended;
  assert.equal(status, 130);
  assert.match(stderr, /connection 1 from \S+ was cut/);
});

test('relay: an address in use is told in one line, with status 1', async (t) => {
  const port = await rawServer(t, () => undefined);
  for (const options of [[], ['--workers', '2']]) {
    const { status, stderr } = await bowline(t, ['relay', `tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:1', ...options]);
    assert.equal(stderr, `bowline: tcp:127.0.0.1:${port}: cannot listen: address already in use\n`);
    assert.equal(status, 1);
  }
});

test('relay: --idle-timeout ends a silent connection, and one that is busy goes on', async (t) => {
  const port = await rawServer(t, (socket) => void socket.pipe(socket));
  const relay = new BowlineProcess(t, [
    'relay',
    'tcp:127.0.0.1:0',
    `tcp:127.0.0.1:${port}`,
    '--idle-timeout',
    '300ms',
    '-v',
  ]);
  const relayPort = await relay.port();
  const [silent, busy] = await Promise.all([rawClient(t, relayPort), rawClient(t, relayPort)]);
  busy.write('x');
  busy.on('data', () => setTimeout(() => busy.write('x'), 50));
  await readAll(silent);
  assert.equal(busy.readable, true);
  await relay.said(/was idle for too long after/);
});

test(
  'a relay that runs out of file descriptors goes on, says so, and recovers',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const port = await rawServer(t, (socket) => void socket.pipe(socket));
    const relay = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', `tcp:127.0.0.1:${port}`], {
      shell: 'ulimit -n 64',
    });
    const relayPort = await relay.port();
    const flood = await Promise.all(Array.from({ length: 60 }, () => rawClient(t, relayPort)));
    await relay.said(/bowline: .*(refused|connections)/);
    for (const client of flood) client.destroy();
    // Those that waited in the queue are seen off first.
    for (;;) {
      const client = await rawClient(t, relayPort);
      client.end('still there');
      if ((await readAll(client)).toString() === 'still there') break;
    }
    relay.child.kill('SIGTERM');
    assert.equal((await relay.ended).status, 0);
  },
);

test('connect: the input goes out, its end is passed on, and the answer comes in', async (t) => {
  const sent = pattern(200_000).toString('latin1');
  const { status, stdout, stderr } = await bowline(
    t,
    ['connect', `tcp:127.0.0.1:${await answerAtTheEnd(t)}`, '--json'],
    sent,
  );
  assert.equal(status, 0, stderr);
  assert.equal(stdout, sent);
  assert.equal(lastJson(stderr)['forwardBytes'], Buffer.byteLength(sent));
});

test('connect: a peer that is killed in the middle costs one line and status 1', async (t) => {
  const port = await rawServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const { status, stderr } = await bowline(t, ['connect', `tcp:127.0.0.1:${port}`], pattern(5_000_000));
  assert.match(stderr, /^bowline: tcp:127\.0\.0\.1:\d+: (receiving|sending) failed: [^\n]+\n$/);
  assert.equal(status, 1);
});

test('connect: a failure is one line; -vv adds the causes, and no stack', async (t) => {
  const [brief, long] = await Promise.all([
    bowline(t, ['connect', 'tcp:127.0.0.1:1']),
    bowline(t, ['connect', 'tcp:127.0.0.1:1', '-vv']),
  ]);
  assert.deepEqual(brief, {
    status: 1,
    stdout: '',
    stderr: 'bowline: tcp:127.0.0.1:1: cannot connect: connection refused\n',
  });
  assert.equal(long.status, 1);
  assert.match(long.stderr, /^ {2}Error: connect ECONNREFUSED/m);
  assert.doesNotMatch(long.stderr, /^\s+at /m);
});

test('connect: a reader of the output that has gone ends it quietly', async (t) => {
  const port = await rawServer(t, (socket) => {
    const send = (): void => {
      while (socket.writable && socket.write('line\n'.repeat(1000)));
    };
    socket.on('drain', send);
    send();
  });
  const connect = new BowlineProcess(t, ['connect', `tcp:127.0.0.1:${port}`]);
  await once(connect.child.stdout, 'data');
  connect.child.stdout.destroy();
  const { status, stderr } = await connect.ended;
  assert.deepEqual([status, stderr], [0, '']);
});

test('connect: a peer that says nothing for --idle-timeout costs one line and status 1', async (t) => {
  const port = await rawServer(t, () => undefined);
  assert.deepEqual(await bowline(t, ['connect', `tcp:127.0.0.1:${port}`, '--idle-timeout', '30ms']), {
    status: 1,
    stdout: '',
    stderr: `bowline: tcp:127.0.0.1:${port}: no byte in either direction for 30 ms\n`,
  });
});

test('output that cannot be written is a failure, whatever it was', { skip: !existsSync('/dev/full') }, async (t) => {
  const port = await rawServer(t, (socket) => socket.end('data'));
  const [help, data] = await Promise.all(
    [['--help'], ['connect', `tcp:127.0.0.1:${port}`]].map(
      (words) => new BowlineProcess(t, words, { shell: 'exec >/dev/full </dev/null' }).ended,
    ),
  );
  assert.deepEqual(help, { status: 1, stdout: '', stderr: 'bowline: standard output: no space left on device\n' });
  assert.equal(data?.status, 1);
  assert.match(data?.stderr ?? '', /^bowline: standard output: sending failed: no space left on device\n$/);
});

test('connect: SIGINT ends the input; a peer that then ends as well makes it a success', async (t) => {
  const connect = new BowlineProcess(t, ['connect', `tcp:127.0.0.1:${await answerAtTheEnd(t)}`, '-v']);
  connect.child.stdin.write('so far');
  await connect.said(/connection 1 /);
  connect.child.kill('SIGINT');
  const { status } = await connect.ended;
  assert.equal(status, 0);
});

test('connect: SIGINT and a peer that never ends is status 130', async (t) => {
  const port = await rawServer(t, (socket) => socket.write('hello'));
  const connect = new BowlineProcess(t, ['connect', `tcp:127.0.0.1:${port}`, '--drain', '20ms']);
  await once(connect.child.stdout, 'data');
  connect.child.kill('SIGINT');
  assert.equal((await connect.ended).status, 130);
});

test('relay: standard input through a command', async (t) => {
  const [good, bad, missing] = await Promise.all([
    bowline(t, ['relay', '-', 'exec:tr a-z A-Z'], 'filter'),
    bowline(t, ['relay', 'stdio:', "exec:sh -c 'exit 3'"], 'unread'),
    bowline(t, ['relay', 'stdio:', 'exec:/nonexistent/program secret']),
  ]);
  assert.deepEqual(good, { status: 0, stdout: 'FILTER', stderr: '' });
  assert.deepEqual(bad, { status: 1, stdout: '', stderr: 'bowline: exec:sh …: ended with status 3\n' });
  assert.equal(missing.status, 1);
  assert.equal(missing.stderr, 'bowline: exec:/nonexistent/program …: cannot start: command not found\n');
});

test('serve: echo, discard, source and exec', async (t) => {
  const run = async (service: string[], input: string): Promise<string> => {
    const server = new BowlineProcess(t, ['serve', 'tcp:127.0.0.1:0', ...service, '--json']);
    const client = await rawClient(t, await server.port());
    client.end(input);
    const answer = await readAll(client);
    server.child.kill('SIGTERM');
    const { forwardBytes, backwardBytes, connections } = lastJson((await server.ended).stdout);
    assert.deepEqual([connections, backwardBytes], [1, answer.length]);
    if (service[0] !== '--exec') assert.equal(forwardBytes, input.length);
    return answer.toString('latin1');
  };
  const [echoed, discarded, sourced, executed] = await Promise.all([
    run(['--echo'], 'hello'),
    run(['--discard'], 'hello'),
    run(['--source', '100KB'], 'ignored'),
    run(['--exec', 'echo what?'], ''),
  ]);
  assert.deepEqual([echoed, discarded, executed], ['hello', '', 'what?\n']);
  assert.equal(sourced, '\0'.repeat(100_000));
});
