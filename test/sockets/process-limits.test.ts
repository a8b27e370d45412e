/** What only a process of its own can show: descriptors that run out, sockets that were inherited, a process without scopes. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { SocketStream } from 'bowline/core';
import { openTcpStream } from 'bowline/sockets';

import { runScript } from '../support/run-script.js';

const linuxOnly = process.platform === 'linux' ? false : 'needs /proc';

test(
  'with 64 descriptors the server refuses what is too much, reports, survives and recovers',
  { skip: linuxOnly },
  async () => {
    const code = `
    import { serveTcp } from 'bowline/sockets';
    import { setReporter } from 'bowline/observe';
    const stop = new AbortController();
    const kinds = new Set();
    setReporter((event) => kinds.add(event.kind));
    process.on('SIGTERM', () => stop.abort());
    await serveTcp(async (stream) => { for await (const chunk of stream) await stream.sendAll(chunk); }, 0, {
      host: '127.0.0.1', stop: stop.signal, drainMs: 0,
      started: ([listener]) => console.log('PORT ' + listener.address.port + ' PID ' + process.pid),
    });
    console.log([...kinds].sort().join());
  `;
    let drive: Promise<void> | undefined;
    const { status, stdout, stderr } = await runScript(code, {
      shell: 'ulimit -n 64',
      onOutput: (output) => {
        const match = /PORT (\d+) PID (\d+)\n/.exec(output);
        if (match !== null) drive ??= overwhelm(Number(match[1]), Number(match[2]));
      },
    });
    await drive;
    assert.equal(stderr, '');
    assert.equal(status, 0);
    // Clients that reset their connections are the handlers' errors.
    assert.match(stdout, /\naccept-refused,descriptor-budget(,handler-error)?\n$/);
  },
);

/** 200 connections at a time, twice; afterwards a new one is served. */
async function overwhelm(port: number, pid: number): Promise<void> {
  try {
    for (let round = 0; round < 2; round++) {
      const clients: SocketStream[] = [];
      for (let i = 0; i < 200; i++) clients.push(await openTcpStream('127.0.0.1', port));
      let served = 0;
      for (const client of clients) if (await echoes(client)) served++;
      assert.ok(served >= 10 && served < 64, `${served} of 200 were served`);
      for (const client of clients) client.abort();
    }
    for (;;) {
      const client = await openTcpStream('127.0.0.1', port);
      const isServed = await echoes(client);
      client.abort();
      if (isServed) break;
    }
  } finally {
    process.kill(pid, 'SIGTERM');
  }
}

async function echoes(client: SocketStream): Promise<boolean> {
  try {
    await client.sendAll(Buffer.from('x'));
    return (await client.receiveSome()) !== null;
  } catch {
    return false;
  }
}

test(
  'a relay, which takes two descriptors for each connection, keeps accepting within what there is',
  { skip: linuxOnly },
  async () => {
    const code = `
    import { openTcpListeners, openTcpStream, serveListeners, serveTcp } from 'bowline/sockets';
    import { openNursery } from 'bowline/tasks';
    import { setReporter } from 'bowline/observe';
    const stop = new AbortController();
    const errors = new Set();
    setReporter((event) => { if (event.kind === 'handler-error') errors.add(event.error.code + ' ' + event.error.message); });
    process.on('SIGTERM', () => stop.abort());
    const echo = async (stream) => { for await (const chunk of stream) await stream.sendAll(chunk); };
    const pump = async (from, to) => { for await (const chunk of from) await to.sendAll(chunk); await to.sendEof(); };
    const upstream = Number(process.env.UPSTREAM);
    await serveTcp(async (stream) => {
      const other = await openTcpStream('127.0.0.1', upstream);
      try {
        await openNursery(async (nursery) => {
          nursery.startSoon(pump, stream, other);
          nursery.startSoon(pump, other, stream);
        });
      } finally {
        await other.close();
      }
    }, 0, {
      host: '127.0.0.1', stop: stop.signal, drainMs: 0,
      started: ([listener]) => console.log('PORT ' + listener.address.port + ' PID ' + process.pid),
    });
    console.log([...errors].filter((error) => /EMFILE|ENFILE/.test(error)).join());
  `;
    const upstream = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { port } = upstream.address() as AddressInfo;
    let drive: Promise<void> | undefined;
    const { status, stdout, stderr } = await runScript(code, {
      shell: 'ulimit -n 80',
      env: { UPSTREAM: String(port) },
      onOutput: (output) => {
        const match = /PORT (\d+) PID (\d+)\n/.exec(output);
        if (match !== null) drive ??= overwhelm(Number(match[1]), Number(match[2]));
      },
    });
    await drive;
    upstream.close();
    assert.equal(stderr, '');
    assert.equal(status, 0);
    // No handler ran out of descriptors on the way to the upstream.
    assert.match(stdout, /^PORT.*\n\n$/);
  },
);

/** Runs a script that was started with listening sockets as descriptors 3 and up, as a service manager does. */
async function activate(
  code: string,
  fds: readonly number[],
  variables: string,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  // LISTEN_PID is known only after the fork; `exec` keeps the process id.
  return await runScript(code, { shell: `export ${variables}`, stdio: ['ignore', 'pipe', 'pipe', ...fds] });
}

function fdOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

async function listening(): Promise<{ server: Server; port: number; fd: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, fd: fdOf(server) };
}

const REPORT_FDS = `
  import { listenFds } from 'bowline/sockets';
  const activated = await listenFds();
  console.log(JSON.stringify(activated.map(({ name, listener }) => [name, listener.address])));
  console.log(JSON.stringify(Object.keys(process.env).filter((key) => key.startsWith('LISTEN_'))));
  console.log(JSON.stringify((await listenFds()).length));
  for (const { listener } of activated) await listener.close();
`;

test('listenFds takes the sockets that the process was started with, once, and clears the environment', async () => {
  const first = await listening();
  const second = await listening();
  const { stdout, stderr, status } = await activate(
    REPORT_FDS,
    [first.fd, second.fd],
    'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web',
  );
  assert.equal(stderr, '');
  assert.equal(status, 0);
  const [activated, variables, again] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  assert.deepEqual(activated, [
    ['web', { family: 4, host: '127.0.0.1', port: first.port }],
    ['unknown', { family: 4, host: '127.0.0.1', port: second.port }],
  ]);
  assert.deepEqual(variables, []);
  assert.equal(again, 0);
  first.server.close();
  second.server.close();
});

test('listenFds leaves sockets alone that are meant for another process, and refuses nonsense', async () => {
  const { server, fd } = await listening();
  const other = await activate(REPORT_FDS, [fd], 'LISTEN_PID=1 LISTEN_FDS=1');
  assert.deepEqual(other.stdout.trim().split('\n'), ['[]', '[]', '0']);
  const none = await activate(REPORT_FDS, [], 'NOTHING=1');
  assert.deepEqual(none.stdout.trim().split('\n'), ['[]', '[]', '0']);
  const nonsense = await activate(REPORT_FDS, [], 'LISTEN_PID=$$ LISTEN_FDS=many');
  assert.match(nonsense.stderr, /MisuseError: LISTEN_FDS is not a count/);
  const notASocket = await activate(REPORT_FDS, [1], 'LISTEN_PID=$$ LISTEN_FDS=1');
  assert.notEqual(notASocket.status, 0);
  server.close();
});

test('workers of a cluster share one port and one Unix socket, in the place of a stale one', async () => {
  const code = `
    import { spawnSync } from 'node:child_process';
    import cluster from 'node:cluster';
    import { once } from 'node:events';
    import { existsSync } from 'node:fs';
    import { openTcpStream, openUnixSocket } from 'bowline/sockets';
    const path = process.env.SOCKET;
    spawnSync(process.execPath, ['--eval', 'require("net").createServer().listen(process.env.SOCKET, () => process.kill(process.pid, "SIGKILL"))']);
    console.log(existsSync(path));
    cluster.setupPrimary({ exec: process.env.WORKER, execArgv: [] });
    const workers = [cluster.fork(), cluster.fork()];
    const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    const answers = { tcp: new Set(), unix: new Set() };
    for (let i = 0; i < 20; i++) {
      for (const [kind, open] of [['tcp', () => openTcpStream('127.0.0.1', ports[0])], ['unix', () => openUnixSocket(path)]]) {
        const stream = await open();
        answers[kind].add(Buffer.from(await stream.receiveSome()).toString());
        await stream.close();
      }
    }
    const exits = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.send('stop');
    await Promise.all(exits);
    console.log(ports[0] === ports[1], answers.tcp.size, answers.unix.size, existsSync(path));
  `;
  const { stdout, stderr } = await runScript(code, {
    env: {
      SOCKET: join(tmpdir(), `bowline-cluster-${process.pid}`),
      WORKER: fileURLToPath(new URL('../support/cluster-worker.js', import.meta.url)),
    },
  });
  assert.equal(stderr, '');
  assert.equal(stdout, 'true\ntrue 2 2 false\n');
});

test('openers and accept enter no AsyncLocalStorage', async () => {
  const code = `
    import { AsyncLocalStorage } from 'node:async_hooks';
    let made = 0;
    for (const name of ['run', 'enterWith', 'exit']) {
      const original = AsyncLocalStorage.prototype[name];
      AsyncLocalStorage.prototype[name] = function (...args) { made++; return original.apply(this, args); };
    }
    const { openTcpListeners, openTcpStream, openUnixListener, openUnixSocket } = await import('bowline/sockets');
    const [listener] = await openTcpListeners(0);
    const accepted = listener.accept();
    const client = await openTcpStream('localhost', listener.address.port);
    const server = await accepted;
    await client.sendAll(Buffer.from('x'));
    await server.receiveSome();
    for (const open of [client, server, listener]) await open.close();
    const path = '/tmp/bowline-als-' + process.pid;
    const unix = await openUnixListener(path);
    const unixAccepted = unix.accept();
    for (const open of [await openUnixSocket(path), await unixAccepted, unix]) await open.close();
    console.log(made);
  `;
  const { stdout, stderr } = await runScript(code);
  assert.equal(stderr, '');
  assert.equal(stdout.trim(), '0');
});

test('a process ends by itself when its streams and listeners are closed', async () => {
  const code = `
    import { openTcpListeners, openTcpStream } from 'bowline/sockets';
    const [listener] = await openTcpListeners(0);
    const accepted = listener.accept();
    const client = await openTcpStream('localhost', listener.address.port);
    const server = await accepted;
    void server.receiveSome();
    for (const open of [client, server, listener]) await open.close();
    console.log('closed');
  `;
  const startedAt = performance.now();
  const { status, stdout } = await runScript(code);
  assert.equal(status, 0);
  assert.equal(stdout, 'closed\n');
  assert.ok(performance.now() - startedAt < 1800, 'it lingered');
});
