/** socat and nc as peers that half-close: the question's end of file must arrive while the answer can still be sent. */
import assert from 'node:assert/strict';
import { join } from 'node:path';

import {
  openProcess,
  openTcpListeners,
  openTcpStream,
  openUnixListener,
  openUnixSocket,
  runProcess,
} from 'bowline/sockets';
import { gather } from 'bowline/tasks';

import { eventually, findProgram, freePort, withFolder } from '../programs.mjs';
import { readAll, serving } from '../transports.mjs';

const QUESTION = Buffer.alloc(500_000, 'question ');
const ANSWER = Buffer.from(QUESTION.toString().toUpperCase());

/** Answers when the whole question has been read. */
async function answer(stream) {
  const question = await readAll(stream);
  await stream.sendAll(Buffer.from(question.toString().toUpperCase()));
}

async function ask(program, args) {
  const { stdout } = await runProcess(findProgram(program), args, { input: QUESTION, captureStdout: true });
  assert.ok(ANSWER.equals(Buffer.from(stdout)), `${stdout.length} bytes instead of ${ANSWER.length}`);
}

/** We ask; the program sends everything back. */
async function echoed(stream) {
  const [received] = await gather([
    () => readAll(stream),
    async () => {
      await stream.sendAll(QUESTION);
      await stream.sendEof();
    },
  ]);
  assert.ok(QUESTION.equals(received));
  await stream.close();
}

async function withProgram(program, args, body) {
  const server = await openProcess(findProgram(program), args, { stdin: 'ignore', stdout: 'ignore' });
  try {
    await body();
  } finally {
    server.terminate();
    await server.close();
  }
}

const asClient = (name, program, argsFor) => [
  {
    name: `${name} asks over TCP`,
    needs: [program],
    run: async () => {
      const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
      await serving(answer, listener, () => ask(program, argsFor.tcp(listener.address.port)));
    },
  },
  {
    name: `${name} asks over a Unix socket`,
    needs: [program],
    run: () =>
      withFolder(async (folder) => {
        const path = join(folder, 'socket');
        await serving(answer, await openUnixListener(path), () => ask(program, argsFor.unix(path)));
      }),
  },
];

export default [
  ...asClient('socat', 'socat', {
    tcp: (port) => ['-t', '10', '-', `TCP:127.0.0.1:${port}`],
    unix: (path) => ['-t', '10', '-', `UNIX-CONNECT:${path}`],
  }),
  ...asClient('nc', 'nc', {
    tcp: (port) => ['-N', '127.0.0.1', String(port)],
    unix: (path) => ['-N', '-U', path],
  }),
  {
    name: 'socat answers over TCP and over a Unix socket',
    needs: ['socat'],
    run: () =>
      withFolder(async (folder) => {
        const port = await freePort();
        const path = join(folder, 'socket');
        await withProgram(
          'socat',
          ['-t', '10', `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, 'EXEC:cat'],
          async () => {
            await echoed(await eventually(() => openTcpStream('127.0.0.1', port)));
          },
        );
        await withProgram('socat', ['-t', '10', `UNIX-LISTEN:${path},fork`, 'EXEC:cat'], async () => {
          await echoed(await eventually(() => openUnixSocket(path)));
        });
      }),
  },
  {
    name: 'nc listens, receives everything and the end of file',
    needs: ['nc'],
    run: async () => {
      const port = await freePort();
      const server = await openProcess(findProgram('nc'), ['-l', '-N', '127.0.0.1', String(port)]);
      const stream = await eventually(() => openTcpStream('127.0.0.1', port));
      const [received] = await gather([
        () => readAll(server.stdout),
        async () => {
          await stream.sendAll(QUESTION);
          await stream.sendEof();
          await server.stdin.close();
          assert.equal(await stream.receiveSome(), null);
        },
      ]);
      assert.ok(QUESTION.equals(received));
      await stream.close();
      assert.equal((await server.wait()).exitCode, 0);
      await server.close();
    },
  },
];
