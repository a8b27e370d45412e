/** The bowline command between other people's programs, as a new user would try it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { openProcess, runProcess } from 'bowline/sockets';
import { BufferedStream, StapledStream } from 'bowline/streams';

import { eventually, findProgram, freePort, withFolder } from '../programs.mjs';

const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const FILE = process.execPath;
const TEXT = Buffer.alloc(300_000, 'knot ');

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** Runs `bowline …args` until `body(address)` is done; then SIGTERM, on which it has to end well. */
async function withBowline(args, body) {
  const child = await openProcess(process.execPath, [COMMAND, ...args], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  });
  try {
    const lines = new BufferedStream(new StapledStream(nowhere, child.stderr));
    const line = await lines.receiveLine();
    const address = /listening on (\S+)/.exec(line)?.[1];
    assert.ok(address !== undefined, `it said: ${line}`);
    const result = await body(address.replace(/^\w+:/, ''));
    child.kill('SIGTERM');
    assert.deepEqual(await child.wait(), { exitCode: 0, signal: null });
    return result;
  } finally {
    child.terminate();
    await child.close();
  }
}

const nowhere = { sendAll: async () => undefined, close: async () => undefined, abort: () => undefined };

async function filter(program, args, input = TEXT) {
  const { stdout } = await runProcess(program, args, { input, captureStdout: true });
  return Buffer.from(stdout);
}

export default [
  {
    name: 'curl downloads Node’s executable through two relays: TCP to a Unix socket to TCP',
    needs: ['curl'],
    run: () =>
      withFolder(async (folder) => {
        const server = http.createServer((_request, response) => {
          response.writeHead(200, { 'content-length': statSync(FILE).size });
          createReadStream(FILE).pipe(response);
        });
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
        const path = join(folder, 'middle');
        const target = join(folder, 'download');
        await withBowline(['relay', `unix:${path}`, `tcp:127.0.0.1:${server.address().port}`], () =>
          withBowline(['relay', 'tcp:127.0.0.1:0', `unix:${path}`], (address) =>
            runProcess(findProgram('curl'), [
              '--silent',
              '--show-error',
              '--fail',
              '--output',
              target,
              `http://${address}/`,
            ]),
          ),
        );
        assert.equal(sha256(readFileSync(target)), sha256(readFileSync(FILE)));
        server.close();
      }),
  },
  {
    name: 'nc and socat get their words back from serve --echo and from a relay to exec:cat',
    needs: ['nc', 'socat'],
    run: async () => {
      await withBowline(['serve', 'tcp:127.0.0.1:0', '--echo'], async (address) => {
        const [host, port] = address.split(':');
        assert.ok(TEXT.equals(await filter(findProgram('nc'), ['-N', host, port])));
      });
      await withBowline(['relay', 'tcp:127.0.0.1:0', 'exec:cat'], async (address) => {
        assert.ok(TEXT.equals(await filter(findProgram('socat'), ['-t', '10', '-', `TCP:${address}`])));
      });
    },
  },
  {
    name: 'connect is a filter: standard input goes to socat, and what it says to standard output',
    needs: ['socat'],
    run: async () => {
      const port = await freePort();
      const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`;
      const server = await openProcess(findProgram('socat'), ['-t', '10', listen, 'EXEC:cat'], { stdin: 'ignore' });
      try {
        const args = [COMMAND, 'connect', `tcp:127.0.0.1:${port}`];
        assert.ok(TEXT.equals(await eventually(() => filter(process.execPath, args), { times: 20 })));
      } finally {
        server.terminate();
        await server.close();
      }
    },
  },
];
