/** Trio's SSLStream, whose contract bowline's is built on: both roles, both closing modes, TLS 1.2 and 1.3. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { BrokenResourceError } from 'bowline/core';
import { openProcess } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { gather } from 'bowline/tasks';

import { clientOf, connectTls, echo, serverOf, servingTls, VERSIONS, withWorld } from '../tls-world.mjs';

const needs = ['openssl', 'trio'];
const program = fileURLToPath(new URL('../peers/trio_tls.py', import.meta.url));

async function withTrio(args, body) {
  // Debian's package belongs to Debian's own Python, which need not be the first on PATH.
  const child = await openProcess('/usr/bin/python3', [program, ...args.map(String)], {
    stdin: 'ignore',
    stderr: 'inherit',
  });
  const output = new BufferedStream(child.stdout);
  try {
    return await body(async () => Buffer.from(await output.receiveLine()).toString());
  } finally {
    child.terminate();
    await child.close();
  }
}

const cases = VERSIONS.flatMap((version) =>
  ['strict', 'https'].flatMap((mode) => {
    const httpsCompatible = mode === 'https';
    return [
      {
        name: `TLS ${version}: client of a ${mode} Trio server: 1 MiB echoed, and both ends agree how it ended`,
        needs,
        run: () =>
          withWorld(async (world) => {
            const { ca, server } = world;
            await withTrio(['server', mode, version, ca, server.cert, server.key], async (said) => {
              const port = Number(await said());
              const context = await clientOf(world, { version });
              const stream = await connectTls(port, context, { httpsCompatible });
              const payload = randomBytes(1024 * 1024);
              let received = 0;
              await gather([
                () => stream.sendAll(payload),
                async () => {
                  while (received < payload.length) received += (await stream.receiveSome()).length;
                },
              ]);
              await stream.close();
              assert.equal(await said(), 'clean');
              // And one that vanishes: a strict server must see that.
              const rude = await connectTls(port, context, { httpsCompatible });
              await rude.sendAll(payload.subarray(0, 10));
              await rude.receiveSome();
              await rude.transportStream.close();
              assert.equal(await said(), httpsCompatible ? 'clean' : 'broken');
            });
          }),
      },
      {
        name: `TLS ${version}: server for a ${mode} Trio client: 1 MiB echoed, and both ends agree how it ended`,
        needs,
        run: () =>
          withWorld(async (world) => {
            let ended = 'not at all';
            const handler = async (stream) => {
              try {
                await echo(stream);
                ended = 'clean';
              } catch (error) {
                assert.ok(error instanceof BrokenResourceError);
                ended = 'broken';
              }
            };
            const context = await serverOf(world, { version });
            await servingTls(handler, context, (port) => {
              const { ca, server } = world;
              return withTrio(['client', mode, version, ca, server.cert, server.key, port], async (said) => {
                assert.equal(await said(), `clean ${1024 * 1024}`);
              });
            });
            // Trio's https mode closes without close_notify: that a strict server tells it apart is the point of being strict.
            assert.equal(ended, httpsCompatible ? 'broken' : 'clean');
          }),
      },
    ];
  }),
);

export default cases;
