/** systemd-socket-activate hands listening sockets to a program that takes them with listenFds. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openProcess, openTcpStream, openUnixSocket } from 'bowline/sockets';

import { eventually, findProgram, freePort, withFolder } from '../programs.mjs';

const PROGRAM = `
import { listenFds, serveListeners } from ${JSON.stringify(import.meta.resolve('bowline/sockets'))};
const listeners = (await listenFds()).map(({ listener }) => listener);
await serveListeners(async (stream) => {
  for await (const chunk of stream) await stream.sendAll(chunk);
}, listeners);
`;

export default [
  {
    name: 'a program started on the first connection serves TCP and Unix sockets that it was given',
    needs: ['systemd-socket-activate'],
    run: () =>
      withFolder(async (folder) => {
        const program = join(folder, 'server.mjs');
        writeFileSync(program, PROGRAM);
        const port = await freePort();
        const path = join(folder, 'socket');
        const args = ['-l', `127.0.0.1:${port}`, '-l', path, process.execPath, program];
        const server = await openProcess(findProgram('systemd-socket-activate'), args, {
          stdin: 'ignore',
          stderr: 'ignore',
        });
        try {
          for (const dial of [() => openTcpStream('127.0.0.1', port), () => openUnixSocket(path)]) {
            const stream = await eventually(dial);
            await stream.sendAll(Buffer.from('echo'));
            assert.equal(Buffer.from(await stream.receiveSome()).toString(), 'echo');
            await stream.close();
          }
        } finally {
          server.terminate();
          await server.close();
        }
      }),
  },
];
