/** ssh2 on both sides, and the real ssh client against ssh2's server behind our listener. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromNodeDuplex, toNodeDuplex } from 'bowline/adapters';
import { openTcpListeners, runProcess } from 'bowline/sockets';
import { gather } from 'bowline/tasks';
import ssh2 from 'ssh2';

import { findProgram, withFolder } from '../programs.mjs';
import { overTransports, readAll, serving, untilClosed } from '../transports.mjs';

const hostKey = ssh2.utils.generateKeyPairSync('ed25519');

/** Runs "cat", which echoes, and "upper"; forwards every direct-tcpip channel to an echo of its own. */
function newServer() {
  return new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
    client.on('authentication', (context) => context.accept());
    client.on('error', () => undefined);
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        channel.on('data', (chunk) => channel.write(command === 'upper' ? String(chunk).toUpperCase() : chunk));
        channel.on('end', () => {
          channel.exit(3);
          channel.end();
        });
      });
    });
    client.on('tcpip', (accept) => echo(fromNodeDuplex(accept())));
  });
}

async function echo(stream) {
  for await (const chunk of stream) await stream.sendAll(chunk);
  await stream.sendEof();
  await stream.close();
}

function handlerOf(server) {
  return (stream) => {
    const duplex = toNodeDuplex(stream);
    server.injectSocket(duplex);
    return untilClosed(duplex);
  };
}

async function connectedClient(connect) {
  const client = new ssh2.Client();
  const ready = new Promise((resolve, reject) => client.on('ready', resolve).on('error', reject));
  client.connect({ sock: toNodeDuplex(await connect()), username: 'bowline' });
  await ready;
  return client;
}

const promised = (start) =>
  new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));

export default [
  ...overTransports('a command with 1 MiB through it, and its exit status', (transport) =>
    transport(handlerOf(newServer()), async (connect) => {
      const client = await connectedClient(connect);
      const channel = await promised((done) => client.exec('cat', done));
      const payload = randomBytes(1024 * 1024);
      const status = new Promise((resolve) => channel.on('exit', resolve));
      channel.end(payload);
      assert.ok(payload.equals(await readAll(channel)));
      assert.equal(await status, 3);
      const closed = new Promise((resolve) => client.on('close', resolve));
      client.end();
      await closed;
    }),
  ),
  ...overTransports('a forwarded channel as a bowline stream, half-closed', (transport) =>
    transport(handlerOf(newServer()), async (connect) => {
      const client = await connectedClient(connect);
      const stream = fromNodeDuplex(
        await promised((done) => client.forwardOut('127.0.0.1', 1, 'inside.test', 80, done)),
      );
      const payload = randomBytes(300_000);
      const [received] = await gather([
        () => readAll(stream),
        async () => {
          await stream.sendAll(payload);
          await stream.sendEof();
        },
      ]);
      assert.ok(payload.equals(received));
      await stream.close();
      client.end();
    }),
  ),
  {
    name: 'the ssh client of OpenSSH against ssh2 behind our listener',
    needs: ['ssh'],
    run: () =>
      withFolder(async (folder) => {
        const key = join(folder, 'key');
        writeFileSync(key, ssh2.utils.generateKeyPairSync('ed25519').private);
        chmodSync(key, 0o600);
        const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
        const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR'];
        await serving(handlerOf(newServer()), listener, async () => {
          const result = await runProcess(
            findProgram('ssh'),
            [
              ...['-F', 'none', '-i', key, '-p', String(listener.address.port)],
              ...options.flatMap((option) => ['-o', option]),
              ...['bowline@127.0.0.1', 'upper'],
            ],
            { input: Buffer.from('through a real client'), captureStdout: true, check: false },
          );
          assert.equal(Buffer.from(result.stdout).toString(), 'THROUGH A REAL CLIENT');
          assert.equal(result.exitCode, 3);
        });
      }),
  },
];
