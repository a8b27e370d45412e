import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { RestartBudget } from '#src/cli/restart-budget.js';

import { BowlineProcess } from '../support/bowline-process.js';
import { rawClient, readAll } from '../support/raw-tcp.js';

test('more restarts than the budget has are refused, until the oldest is long enough ago', () => {
  const budget = new RestartBudget({ maxRestarts: 2, windowMs: 1000 });
  assert.deepEqual(
    [0, 1, 2, 999, 1000, 1001, 1002].map((now) => budget.take(now)),
    [true, true, false, false, true, true, false],
  );
});

async function roundTrip(t: Parameters<typeof rawClient>[0], port: number): Promise<string> {
  const client = await rawClient(t, port);
  client.end('x');
  return (await readAll(client)).toString();
}

/** Processes whose parent is this one. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, 'latin1').split(') ')[1]?.split(' ')[1] === String(pid);
      } catch {
        return false;
      }
    })
    .map(Number);
}

test(
  'workers share one port, a killed one is replaced, and all counts are added up',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const words = ['serve', 'tcp:127.0.0.1:0', '--echo', '--workers', '2', '--json', '-v'];
    const server = new BowlineProcess(t, words);
    const port = await server.port();
    // One listening socket, and connections by turns: both workers get some.
    await server.said(/worker 2 is up/);
    for (const connection of ['connection 1.', 'connection 2.']) {
      while (!server.stderr.includes(connection)) assert.equal(await roundTrip(t, port), 'x');
    }
    const [victim] = childrenOf(server.child.pid as number);
    process.kill(victim as number, 'SIGKILL');
    await server.said(/worker \d ended with SIGKILL: starting another/);
    await server.said(/worker 3 is up/);
    for (let i = 0; i < 4; i++) assert.equal(await roundTrip(t, port), 'x');
    server.child.kill('SIGTERM');
    const { status, stdout, stderr } = await server.ended;
    assert.equal(status, 0, stderr);
    const reports = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const end = reports.at(-1) ?? {};
    assert.deepEqual([end['event'], end['workers'], end['open']], ['end', 2, 0]);
    // Those of the killed worker are counted as far as it had told of them.
    assert.ok(Number(end['connections']) >= 4, stdout);
    assert.ok(reports.slice(0, -1).every(({ worker }) => Number(worker) >= 1));
  },
);

test('two signals end the workers at once', async (t) => {
  const server = new BowlineProcess(t, ['serve', 'tcp:127.0.0.1:0', '--echo', '--workers', '2']);
  const client = await rawClient(t, await server.port());
  client.write('x');
  await new Promise((resolve) => client.once('data', resolve));
  server.child.kill('SIGINT');
  await server.said(/stopping/);
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).status, 143);
});
