/** Every example runs, and does what it says. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { rawClient, rawServer, readAll } from './support/raw-tcp.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const environment = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined };

class Example {
  readonly ended: Promise<number | string>;
  readonly #process;
  readonly #lines: string[] = [];
  #onLine: () => void = () => undefined;

  /** Killed at the end of the test. */
  constructor(t: TestContext, script: string, ...words: string[]) {
    this.#process = spawn(process.execPath, [script, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
    });
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      createInterface({ input: output }).on('line', (line) => {
        this.#lines.push(line);
        this.#onLine();
      });
    }
    this.ended = once(this.#process, 'close').then(([status, signal]) => (status ?? signal) as number | string);
    void this.ended.then(() => this.#onLine());
    t.after(async () => {
      this.#process.kill('SIGKILL');
      await this.ended;
    });
  }

  /** Waits for output that matches; fails if the example ends without it. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const text = this.#lines.join('\n');
      const match = pattern.exec(text);
      if (match !== null) return match;
      assert.equal(this.#process.exitCode ?? this.#process.signalCode, null, text);
      await new Promise<void>((resolve) => (this.#onLine = resolve));
    }
  }

  async port(): Promise<number> {
    return Number((await this.said(/port:? (\d+)|:(\d+)$/m)).slice(1).find((text) => text !== undefined));
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}

function linesOfCode(name: string): number {
  return readFileSync(`${root}examples/${name}.ts`, 'utf8').trimEnd().split('\n').length;
}

function compiled(name: string): string {
  return `${root}dist-test/examples/${name}.js`;
}

/** The example with another port than the one that is written in it. */
function withPort(name: string, port: number): string {
  const folder = `${root}dist-test/examples-with-port`;
  mkdirSync(folder, { recursive: true });
  const script = `${folder}/${name}.mjs`;
  writeFileSync(script, readFileSync(compiled(name), 'utf8').replaceAll('4040', String(port)));
  return script;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A reader of lines that remembers those that have not been asked for. */
function linesOf(socket: net.Socket): () => Promise<string> {
  const lines: string[] = [];
  let wake = (): void => undefined;
  createInterface({ input: socket }).on('line', (line) => {
    lines.push(line);
    wake();
  });
  return async () => {
    for (;;) {
      const line = lines.shift();
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
}

test('each example is run by a test below', () => {
  const names = readdirSync(`${root}examples`).sort();
  assert.deepEqual(names, [
    'callback-chat.ts',
    'callback-echo.ts',
    'callback-messages.ts',
    'chat-server.ts',
    'echo-client.ts',
    'echo-server.ts',
    'graceful-shutdown.ts',
    'port-forwarder.ts',
    'starttls-imap.ts',
    'starttls-ldap.ts',
    'starttls-postgres.ts',
    'starttls-smtp.ts',
    'starttls-xmpp.ts',
    'timeouts.ts',
    'workers.ts',
  ]);
});

test('the first screen of the README shows exactly the echo server and the echo client, each of at most 12 lines', () => {
  const blocks = [...readFileSync(`${root}README.md`, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(
    ([, text]) => text,
  );
  for (const [i, name] of ['echo-server', 'echo-client'].entries()) {
    const source = readFileSync(`${root}examples/${name}.ts`, 'utf8');
    assert.equal(blocks[i], source);
    assert.ok(source.trimEnd().split('\n').length <= 12);
  }
});

test('echo-server and echo-client', async (t) => {
  const port = await freePort();
  const server = new Example(t, withPort('echo-server', port));
  const client = withPort('echo-client', port);
  for (;;) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [client], { encoding: 'utf8', env: environment });
    if (stdout === 'hello, bowline\n' && status === 0) break;
    // Not up yet; anything else than that is a failure.
    assert.match(stderr, /ECONNREFUSED/);
  }
  server.kill('SIGTERM');
  assert.equal(await server.ended, 'SIGTERM');
});

test('port-forwarder', async (t) => {
  const port = await rawServer(t, (socket) => void readAll(socket).then((all) => socket.end(all)));
  const forwarder = new Example(t, compiled('port-forwarder'), 'tcp:127.0.0.1:0', `tcp:127.0.0.1:${port}`);
  const client = await rawClient(t, await forwarder.port());
  client.end('there and back');
  assert.equal((await readAll(client)).toString(), 'there and back');
});

test('chat-server', async (t) => {
  const server = new Example(t, compiled('chat-server'), '0');
  const port = await server.port();
  const one = await rawClient(t, port);
  const heardByOne = linesOf(one);
  const two = await rawClient(t, port);
  const heardByTwo = linesOf(two);
  assert.equal(await heardByOne(), 'guest 2 comes in');
  one.write('hello\r\n');
  assert.match(await heardByTwo(), /^guest 1 says: hello$/);
  two.write('hi\n');
  assert.match(await heardByOne(), /^guest 2 says: hi$/);
  two.end();
  assert.match(await heardByOne(), /^guest 2 goes away$/);
});

test('003-1 callback-echo: an echo server in at most 10 lines', async (t) => {
  assert.ok(linesOfCode('callback-echo') <= 10);
  const server = new Example(t, compiled('callback-echo'), '0');
  const client = await rawClient(t, await server.port());
  client.end('there and back');
  assert.equal((await readAll(client)).toString(), 'there and back');
});

test('003-2 callback-messages: a server of u16-length messages in at most 20 lines', async (t) => {
  assert.ok(linesOfCode('callback-messages') <= 20);
  const server = new Example(t, compiled('callback-messages'), '0');
  const client = await rawClient(t, await server.port());
  client.write('\0\x05he');
  client.end('llo\0\0\0\x01!');
  assert.equal((await readAll(client)).toString(), '\0\x05HELLO\0\0\0\x01!');
});

test('callback-chat: a chat with broadcast in at most 40 lines', async (t) => {
  assert.ok(linesOfCode('callback-chat') <= 40);
  const server = new Example(t, compiled('callback-chat'), '0');
  const port = await server.port();
  const [ann, bob] = [await rawClient(t, port), await rawClient(t, port)];
  const heardByAnn = linesOf(ann);
  const heardByBob = linesOf(bob);
  assert.equal(await heardByAnn(), 'What is your name?');
  assert.equal(await heardByBob(), 'What is your name?');
  ann.write('Ann\r\n');
  assert.equal(await heardByBob(), 'Ann comes in');
  bob.write('Bob\nhello, Ann\n');
  assert.equal(await heardByAnn(), 'Bob comes in');
  assert.equal(await heardByAnn(), 'Bob: hello, Ann');
  bob.end();
  assert.equal(await heardByAnn(), 'Bob goes away');
});

test('timeouts', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiled('timeouts')], {
    encoding: 'utf8',
    env: environment,
  });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.match(stdout, /^gave up: /m);
  assert.match(stdout, /^until then it sent 10 bytes$/m);
  assert.match(stdout, /^it fell silent$/m);
});

for (const [name, output] of [
  ['imap', /^TLS 1\.3: \* CAPABILITY IMAP4rev2 AUTH=PLAIN a3 OK done\n$/],
  ['ldap', /^TLS 1\.3: a message of 12 bytes\n$/],
  ['postgres', /^TLS 1\.3: the server speaks of authentication \(R\)\n$/],
  ['smtp', /^TLS 1\.3: EHLO localhost, again\n$/],
  ['xmpp', /^TLS 1\.3: .*<mechanisms\/> <\/stream:features>\n$/],
] as const) {
  test(`starttls-${name}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [compiled(`starttls-${name}`)], {
      encoding: 'utf8',
      env: environment,
      timeout: 30_000,
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, output);
  });
}

test('graceful-shutdown', { skip: process.platform === 'win32' && 'no signals' }, async (t) => {
  const server = new Example(t, compiled('graceful-shutdown'), '0');
  const client = await rawClient(t, await server.port());
  const heard = linesOf(client);
  client.write('one\n');
  assert.equal(await heard(), 'you said one');
  server.kill('SIGTERM');
  // The signal may be behind any number of lines.
  let answers = 0;
  for (let answer = ''; answer !== 'goodbye'; answer = await heard()) {
    assert.ok(answer === '' || answer === `you said ${answers}`, answer);
    client.write(`${++answers}\n`);
  }
  client.end();
  await server.said(/every connection has ended/);
  assert.equal(await server.ended, 0);
});

test('workers', { skip: process.platform === 'win32' && 'no signals' }, async (t) => {
  const server = new Example(t, compiled('workers'), '0', '2');
  const port = await server.port();
  await server.said(/worker \d listens[^]*worker \d listens/);
  const answers = new Set<string>();
  while (answers.size < 2) answers.add((await readAll((await rawClient(t, port)).end())).toString());
  assert.deepEqual([...answers].sort(), ['worker 1\n', 'worker 2\n']);
  server.kill('SIGTERM');
  assert.equal(await server.ended, 0);
});
