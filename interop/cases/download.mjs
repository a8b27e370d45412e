/** curl downloads and uploads through a bowline relay. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import { openTcpListeners, openTcpStream, runProcess } from 'bowline/sockets';
import { relayStreams } from 'bowline/streams';

import { findProgram, withFolder } from '../programs.mjs';
import { serving } from '../transports.mjs';

/** A real file, the size of an installer. */
const FILE = process.execPath;

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

export default [
  {
    name: 'curl downloads and uploads Node’s executable through a TCP relay',
    needs: ['curl'],
    run: () =>
      withFolder(async (folder) => {
        const expected = sha256(readFileSync(FILE));
        const server = http.createServer((request, response) => {
          if (request.method === 'GET') {
            response.writeHead(200, { 'content-length': statSync(FILE).size });
            createReadStream(FILE).pipe(response);
            return;
          }
          const hash = createHash('sha256');
          request.on('data', (chunk) => hash.update(chunk)).on('end', () => response.end(hash.digest('hex')));
        });
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address();
        const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
        const relay = async (near) => {
          await relayStreams(near, await openTcpStream('127.0.0.1', port));
        };
        await serving(relay, listener, async () => {
          const url = `http://127.0.0.1:${listener.address.port}/`;
          const target = join(folder, 'download');
          await runProcess(findProgram('curl'), ['--silent', '--show-error', '--fail', '--output', target, url]);
          assert.equal(sha256(readFileSync(target)), expected);
          const { stdout } = await runProcess(
            findProgram('curl'),
            ['--silent', '--show-error', '--upload-file', FILE, url],
            {
              captureStdout: true,
            },
          );
          assert.equal(Buffer.from(stdout).toString(), expected);
        });
        server.close();
      }),
  },
];
