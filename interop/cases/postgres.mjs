/** pg against a PostgreSQL server of its own, on a Unix socket and on loopback. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { forwardToLoopback, toNodeDuplex } from 'bowline/adapters';
import { openProcess, openTcpStream, openUnixSocket, runProcess, tcpConnector } from 'bowline/sockets';
import { openNursery } from 'bowline/tasks';
import pg from 'pg';

import { eventually, findProgram, freePort, withFolder } from '../programs.mjs';

/** PostgreSQL refuses to run as root, so there it runs as the user that its package made. */
function serverUser() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** A server of its own, on a Unix socket and loopback; `certificate` has the paths of what it shows under TLS. */
export async function withPostgres(body, { certificate } = {}) {
  await withFolder(async (folder) => {
    const user = serverUser();
    const data = join(folder, 'data');
    mkdirSync(data);
    if (user.uid !== undefined) for (const path of [folder, data]) chownSync(path, user.uid, user.gid);
    chmodSync(data, 0o700);
    const quiet = { ...user, cwd: folder, stdout: 'ignore', stderr: 'ignore' };
    await runProcess(findProgram('initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync'], quiet);
    const port = await freePort();
    const settings = [
      'listen_addresses=127.0.0.1',
      'fsync=off',
      `unix_socket_directories=${folder}`,
      'max_connections=20',
    ];
    if (certificate !== undefined) settings.push('ssl=on', ...ownCertificate(certificate, folder, user));
    const server = await openProcess(
      findProgram('postgres'),
      ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...quiet, stdin: 'ignore' },
    );
    const path = join(folder, `.s.PGSQL.${port}`);
    try {
      await eventually(async () => {
        const client = await connected(() => openUnixSocket(path));
        await client.end();
      });
      await body({ port, path });
    } finally {
      // "Fast shutdown"; SIGTERM would wait for clients.
      server.kill('SIGINT');
      await server.close();
    }
  });
}

/** Copies of the server's own: PostgreSQL reads no key that somebody else owns. */
function ownCertificate({ cert, key }, folder, user) {
  return Object.entries({ ssl_cert_file: cert, ssl_key_file: key }).map(([setting, source]) => {
    const path = join(folder, setting);
    copyFileSync(source, path);
    chmodSync(path, 0o600);
    if (user.uid !== undefined) chownSync(path, user.uid, user.gid);
    return `${setting}=${path}`;
  });
}

async function connected(dial) {
  const stream = toNodeDuplex(await dial());
  const client = new pg.Client({
    stream: () => stream,
    user: 'postgres',
    database: 'postgres',
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function useDatabase(dial) {
  const client = await connected(dial);
  const { rows } = await client.query('select n, md5(n::text) from generate_series(1, 20000) n');
  assert.equal(rows.length, 20_000);
  const text = 'x'.repeat(1024 * 1024);
  const echoed = await client.query('select $1::text as text', [text]);
  assert.ok(echoed.rows[0].text === text);
  await assert.rejects(client.query('select nonsense'), { code: '42703' });
  // A server that throws us out is noticed, and the next client is not affected.
  const ended = new Promise((resolve) => client.on('end', resolve));
  const other = await connected(dial);
  const { pid } = (await client.query('select pg_backend_pid() as pid')).rows[0];
  await other.query('select pg_terminate_backend($1)', [pid]);
  await ended;
  await other.end();
}

const needs = ['postgres', 'initdb'];

export default [
  {
    name: 'pg over TCP and over a Unix socket, and through forwardToLoopback with its own socket',
    needs,
    run: () =>
      withPostgres(async ({ port, path }) => {
        await useDatabase(() => openTcpStream('127.0.0.1', port));
        await useDatabase(() => openUnixSocket(path));
        const forward = await forwardToLoopback(tcpConnector(), { host: '127.0.0.1', port }, { listen: 'tcp' });
        const client = new pg.Client({ host: '127.0.0.1', port: forward.port, user: 'postgres', database: 'postgres' });
        await client.connect();
        assert.deepEqual((await client.query('select 42 as answer')).rows, [{ answer: 42 }]);
        await client.end();
        await forward.close();
        // Twenty at a time, each with its own connection and scope.
        await openNursery(async (nursery) => {
          for (let i = 0; i < 10; i++) {
            nursery.startSoon(async () => {
              const one = await connected(() => openUnixSocket(path));
              assert.equal((await one.query('select $1::int as i', [i])).rows[0].i, i);
              await one.end();
            });
          }
        });
      }),
  },
];
