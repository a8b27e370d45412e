/** OpenSSL's and GnuTLS's own programs in both roles, and nginx with mutual authentication. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BrokenResourceError, CertificateError } from 'bowline/core';
import { openProcess, openTcpStream, runProcess } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { gather } from 'bowline/tasks';
import { pinned } from 'bowline/trust';

import { eventually, findProgram, freePort } from '../programs.mjs';
import { clientOf, connectTls, echo, SERVER_NAME, serverOf, servingTls, VERSIONS, withWorld } from '../tls-world.mjs';
import { readAll } from '../transports.mjs';

/** Runs a server program until `body(port)` is done. */
async function withServer(program, args, body) {
  const port = await freePort();
  const server = await openProcess(findProgram(program), args(port).map(String), {
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  try {
    await eventually(async () => (await openTcpStream('127.0.0.1', port)).close());
    return await body(port);
  } finally {
    server.kill('SIGKILL');
    await server.close();
  }
}

const opensslVersion = { 1.2: '-tls1_2', 1.3: '-tls1_3' };
const gnutlsVersion = { 1.2: 'NORMAL:-VERS-ALL:+VERS-TLS1.2', 1.3: 'NORMAL:-VERS-ALL:+VERS-TLS1.3' };

/** `-rev` answers each line with its reverse. */
const opensslServer =
  (world, version, ...more) =>
  (port) => [
    ...['s_server', '-accept', `127.0.0.1:${port}`, '-cert', world.server.cert, '-key', world.server.key],
    ...['-rev', opensslVersion[version], ...more],
  ];

async function reversed(stream) {
  await stream.sendAll(Buffer.from('bowline\n'));
  const line = await new BufferedStream(stream).receiveLine();
  assert.equal(Buffer.from(line).toString(), 'enilwob');
}

const openssl = VERSIONS.flatMap((version) => [
  {
    name: `TLS ${version}: client of openssl s_server, verified by its authority, by pin, and refused without`,
    needs: ['openssl'],
    run: () =>
      withWorld((world) =>
        withServer('openssl', opensslServer(world, version), async (port) => {
          const stream = await connectTls(port, await clientOf(world, { version }));
          assert.equal(stream.version, version);
          await reversed(stream);
          await stream.close();

          const stranger = await clientOf(world, { version, verify: pinned([Buffer.alloc(32).toString('base64')]) });
          await assert.rejects(connectTls(port, stranger), CertificateError);
          await assert.rejects(
            connectTls(port, await clientOf(world, { version }), { serverName: 'other.test' }),
            CertificateError,
          );
        }),
      ),
  },
  {
    name: `TLS ${version}: client certificate for openssl s_server -Verify, and the alert of a server that wants one`,
    needs: ['openssl'],
    run: () =>
      withWorld((world) =>
        withServer(
          'openssl',
          opensslServer(world, version, '-Verify', '2', '-CAfile', world.ca, '-verify_return_error'),
          async (port) => {
            const known = await connectTls(port, await clientOf(world, { version, identity: world.client }));
            await reversed(known);
            await known.close();
            // On TLS 1.3 the server's verdict comes after our handshake is done, with the first read.
            const refused = async () => {
              const stream = await connectTls(port, await clientOf(world, { version }));
              await stream.receiveSome();
            };
            await assert.rejects(refused(), (error) => {
              const causes = [error, error.cause, error.cause?.cause];
              return (
                error instanceof BrokenResourceError &&
                causes.some((one) => /certificate required|handshake failure/i.test(one?.message ?? ''))
              );
            });
          },
        ),
      ),
  },
  {
    name: `TLS ${version}: server for openssl s_client: name, ALPN, 10,000 lines echoed, and resumed`,
    needs: ['openssl'],
    run: () =>
      withWorld(async (world) => {
        const context = await serverOf(world, { version, alpnProtocols: ['bowline/1'] });
        const resumed = [];
        const handler = async (stream) => {
          await stream.doHandshake();
          assert.equal(stream.alpnProtocol, 'bowline/1');
          resumed.push(stream.sessionReused);
          await echo(stream);
        };
        await servingTls(handler, context, async (port) => {
          const session = join(world.folder, 'session.pem');
          const input = Buffer.from('0123456789\n'.repeat(10_000));
          for (const sessionOption of ['-sess_out', '-sess_in']) {
            const client = await openProcess(
              findProgram('openssl'),
              [
                ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', SERVER_NAME, opensslVersion[version]],
                ...['-CAfile', world.ca, '-verify_return_error', '-verify_hostname', SERVER_NAME],
                ...['-alpn', 'bowline/1', sessionOption, session, '-quiet', '-no_ign_eof'],
              ],
              { stderr: 'ignore' },
            );
            const echoed = await gather([
              () => client.stdin.sendAll(input),
              () => new BufferedStream(client.stdout).receiveExactly(input.length),
            ]);
            assert.ok(input.equals(echoed[1]));
            await client.stdin.close();
            assert.equal((await client.wait()).exitCode, 0);
          }
        });
        assert.deepEqual(resumed, [false, true]);
      }),
  },
]);

const gnutls = VERSIONS.flatMap((version) => [
  {
    name: `TLS ${version}: client of gnutls-serv --echo`,
    needs: ['openssl', 'gnutls-serv'],
    run: () =>
      withWorld((world) =>
        withServer(
          'gnutls-serv',
          (port) => [
            ...['--echo', '--quiet', '--port', port, '--x509certfile', world.server.cert],
            ...['--x509keyfile', world.server.key, '--priority', gnutlsVersion[version]],
          ],
          async (port) => {
            const stream = await connectTls(port, await clientOf(world, { version }));
            assert.equal(stream.version, version);
            await stream.sendAll(Buffer.from('bowline\n'));
            const line = await new BufferedStream(stream).receiveLine();
            assert.equal(Buffer.from(line).toString(), 'bowline');
            await stream.close();
          },
        ),
      ),
  },
  {
    name: `TLS ${version}: server for gnutls-cli, with its client certificate`,
    needs: ['openssl', 'gnutls-cli'],
    run: () =>
      withWorld(async (world) => {
        const context = await serverOf(world, { version, clientAuth: 'require' });
        const lines = [];
        const handler = async (stream) => {
          lines.push(Buffer.from(await new BufferedStream(stream).receiveLine()).toString());
          await stream.sendAll(Buffer.from('goodbye\n'));
          await stream.close();
        };
        await servingTls(handler, context, async (port) => {
          const common = [
            ...['--port', port, '--x509cafile', world.ca, '--priority', gnutlsVersion[version]],
            ...['--sni-hostname', SERVER_NAME, '--verify-hostname', SERVER_NAME, '127.0.0.1'],
          ].map(String);
          const identity = ['--x509certfile', world.client.cert, '--x509keyfile', world.client.key];
          const input = Buffer.from('hello\n');
          const known = await runProcess(findProgram('gnutls-cli'), [...identity, ...common], {
            input,
            check: false,
            captureStdout: true,
            captureStderr: true,
          });
          assert.match(Buffer.from(known.stdout).toString(), /goodbye/);
          const unknown = await runProcess(findProgram('gnutls-cli'), common, {
            input,
            check: false,
            captureStdout: true,
            captureStderr: true,
          });
          assert.doesNotMatch(Buffer.from(unknown.stdout).toString(), /goodbye/);
        });
        assert.deepEqual(lines, ['hello']);
      }),
  },
]);

const nginx = {
  name: 'client of nginx with mutual authentication, over TLS 1.2 and 1.3, 8 MiB download',
  needs: ['openssl', 'nginx'],
  run: () =>
    withWorld(async (world) => {
      const { folder } = world;
      writeFileSync(join(folder, 'large'), Buffer.alloc(8 * 1024 * 1024, 'x'));
      const start = (port) => {
        const configuration = `
          daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log; user root;
          events {}
          http {
            access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder};
            fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
            server {
              listen 127.0.0.1:${port} ssl; root ${folder};
              ssl_certificate ${world.server.cert}; ssl_certificate_key ${world.server.key};
              ssl_protocols TLSv1.2 TLSv1.3; ssl_client_certificate ${world.ca}; ssl_verify_client on;
            }
          }`;
        writeFileSync(join(folder, 'nginx.conf'), configuration);
        return ['-p', folder, '-c', join(folder, 'nginx.conf')];
      };
      await withServer('nginx', start, async (port) => {
        const get = async (context, options) => {
          const stream = await connectTls(port, context, options);
          await stream.sendAll(Buffer.from('GET /large HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n'));
          return await readAll(stream);
        };
        for (const version of VERSIONS) {
          for (const httpsCompatible of [false, true]) {
            const answer = await get(await clientOf(world, { version, identity: world.client }), { httpsCompatible });
            assert.match(answer.subarray(0, 15).toString(), /^HTTP\/1.1 200 OK/);
            assert.ok(answer.length > 8 * 1024 * 1024);
            const refusal = await get(await clientOf(world, { version }), { httpsCompatible });
            assert.match(refusal.subarray(0, 12).toString(), /^HTTP\/1.1 400/);
          }
        }
      });
    }),
};

export default [...openssl, ...gnutls, nginx];
