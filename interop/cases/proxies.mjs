/** Proxies and balancers that other people wrote: bowline as their client, their server, and between two of them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';

import { attributeOf, BrokenResourceError, formatSocketAddress, inetAddress } from 'bowline/core';
import {
  fromEnvironment,
  httpConnectConnector,
  proxyHeader,
  proxyProtocol,
  proxyTlvTypes,
  ProxyRefusedError,
  sendProxyHeader,
  serveSocks5,
  socks5Connector,
} from 'bowline/proxies';
import { openProcess, openTcpListeners, openTcpStream, runProcess } from 'bowline/sockets';
import { gather, openNursery } from 'bowline/tasks';
import { TlsStream } from 'bowline/tls';

import { eventually, findProgram, freePort, withFolder } from '../programs.mjs';
import { clientOf, SERVER_NAME, withWorld } from '../tls-world.mjs';
import { readAll, serving } from '../transports.mjs';

const LOOPBACK = '127.0.0.1';
const credentials = { username: 'joe', password: 'correct horse' };
/** tinyproxy has no quotes for passwords. */
export const webCredentials = { username: 'joe', password: 'hunter2' };

async function echo(stream) {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** A server of ours on the loopback. */
async function withListener(handler, body) {
  const [listener] = await openTcpListeners(0, { host: LOOPBACK });
  return await serving(handler, listener, () => body({ host: LOOPBACK, port: listener.address.port }));
}

/** A program that listens on a port that it is told. */
async function withProgram(name, argsFor, body) {
  const port = await freePort();
  const args = argsFor(port).map(String);
  const program = await openProcess(findProgram(name), args, {
    stdin: 'ignore',
    stdout: 'ignore',
    // microsocks logs every connection.
    stderr: 'ignore',
  });
  try {
    await eventually(async () => (await openTcpStream(LOOPBACK, port)).close());
    return await body({ host: LOOPBACK, port });
  } finally {
    program.terminate();
    await program.close();
  }
}

function withMicrosocks(options, body) {
  return withProgram('microsocks', (port) => ['-i', LOOPBACK, '-p', port, ...options], body);
}

export function withTinyproxy(body) {
  return withFolder((folder) => {
    const config = join(folder, 'tinyproxy.conf');
    const argsFor = (port) => {
      const { username, password } = webCredentials;
      writeFileSync(
        config,
        `Port ${port}\nListen ${LOOPBACK}\nTimeout 30\nMaxClients 20\nAllow ${LOOPBACK}\nBasicAuth ${username} ${password}\n`,
      );
      return ['-d', '-c', config];
    };
    return withProgram('tinyproxy', argsFor, body);
  });
}

export function withHaproxy(linesFor, body) {
  return withFolder((folder) => {
    const config = join(folder, 'haproxy.cfg');
    const argsFor = (port) => {
      const timeouts = '  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n';
      writeFileSync(config, `defaults\n  mode tcp\n${timeouts}${linesFor(port).join('\n')}\n`);
      return ['-db', '-q', '-f', config];
    };
    return withProgram('haproxy', argsFor, body);
  });
}

/** 1 MiB there and back at once. */
export async function exchange(stream) {
  const payload = randomBytes(1024 * 1024);
  const received = [];
  let length = 0;
  await gather([
    () => stream.sendAll(payload),
    async () => {
      while (length < payload.length) {
        const chunk = await stream.receiveSome();
        assert.notEqual(chunk, null);
        received.push(chunk);
        length += chunk.length;
      }
    },
  ]);
  assert.ok(payload.equals(Buffer.concat(received)));
  await stream.close();
}

function refusal(reason, status) {
  return (error) => {
    assert.ok(error instanceof ProxyRefusedError, error.stack);
    assert.equal(error.reason, reason);
    assert.equal(error.status, status);
    assert.ok(!JSON.stringify(error).includes('horse') && !error.message.includes('horse'));
    return true;
  };
}

async function withWebServer(body) {
  const server = http.createServer((request, response) => response.end(`hello from ${request.url}`));
  await new Promise((resolve) => server.listen(0, LOOPBACK, resolve));
  try {
    return await body(server.address().port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function curl(args) {
  const options = { captureStdout: true, captureStderr: true, check: false };
  const result = await runProcess(
    findProgram('curl'),
    ['--silent', '--show-error', '--max-time', '10', ...args],
    options,
  );
  return { ...result, stdout: Buffer.from(result.stdout).toString() };
}

/** Serves SOCKS5 by ourselves and runs `body` with its port. */
async function withOurSocks5(options, body) {
  await openNursery(async (nursery) => {
    const [listener] = await nursery.start((started) =>
      serveSocks5(0, { started, onHandlerError: 'propagate', ...options }),
    );
    await body(listener.address.port);
    nursery.cancelScope.cancel();
  });
}

/** Says who it was told the client is, and whatever else the header told. */
async function introduce(stream) {
  const header = attributeOf(stream, proxyHeader);
  const tlvs = Object.fromEntries(
    header.tlvs.map(({ type, value }) => [
      Object.keys(proxyTlvTypes).find((name) => proxyTlvTypes[name] === type) ?? type,
      Buffer.from(value).toString('latin1'),
    ]),
  );
  const source = stream.remoteAddress;
  const told = JSON.stringify({ version: header.version, source: formatSocketAddress(source), tlvs });
  try {
    await stream.sendAll(new TextEncoder().encode(told));
  } catch (error) {
    // Whoever only looks whether the balancer is up does not stay for the answer.
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

/** A listener of ours behind balancers on the loopback. */
async function withIntroducer(body) {
  const [tcp] = await openTcpListeners(0, { host: LOOPBACK });
  const listener = proxyProtocol(tcp, { from: ['127.0.0.0/8'] });
  return await serving(introduce, listener, () => body(tcp.address.port, listener));
}

export default [
  {
    name: 'a tunnel through microsocks, by address and by a name that it resolves',
    needs: ['microsocks'],
    run: () =>
      withListener(echo, ({ port }) =>
        withMicrosocks([], async (proxy) => {
          for (const host of [LOOPBACK, 'localhost']) await exchange(await socks5Connector({ proxy })({ host, port }));
          const closed = await freePort();
          await assert.rejects(socks5Connector({ proxy })({ host: LOOPBACK, port: closed }), refusal('refused', 5));
        }),
      ),
  },
  {
    name: 'microsocks with a password: the right one, a wrong one, none',
    needs: ['microsocks'],
    run: () =>
      withListener(echo, (target) =>
        withMicrosocks(['-u', credentials.username, '-P', credentials.password], async (proxy) => {
          await exchange(await socks5Connector({ proxy, ...credentials })(target));
          const wrong = { ...credentials, password: 'battery' };
          await assert.rejects(socks5Connector({ proxy, ...wrong })(target), refusal('authentication', undefined));
          await assert.rejects(socks5Connector({ proxy })(target), refusal('authentication', undefined));
        }),
      ),
  },
  {
    name: 'a tunnel through tinyproxy with a password: the right one, a wrong one, none',
    needs: ['tinyproxy'],
    run: () =>
      withListener(echo, (target) =>
        withTinyproxy(async (proxy) => {
          await exchange(await httpConnectConnector({ proxy, ...webCredentials })(target));
          const wrong = { ...webCredentials, password: 'battery' };
          // 407 where none are given; tinyproxy says 401 to wrong ones.
          await assert.rejects(httpConnectConnector({ proxy, ...wrong })(target), ProxyRefusedError);
          await assert.rejects(httpConnectConnector({ proxy })(target), refusal('authentication', 407));
          const closed = { host: LOOPBACK, port: await freePort() };
          await assert.rejects(httpConnectConnector({ proxy, ...webCredentials })(closed), ProxyRefusedError);
        }),
      ),
  },
  {
    name: 'a chain: microsocks, tinyproxy, microsocks again',
    needs: ['microsocks', 'tinyproxy'],
    run: () =>
      withListener(echo, (target) =>
        withMicrosocks([], (first) =>
          withTinyproxy((second) =>
            withMicrosocks(['-u', credentials.username, '-P', credentials.password], async (third) => {
              const toFirst = socks5Connector({ proxy: first });
              const toSecond = httpConnectConnector({
                via: toFirst,
                proxy: second,
                ...webCredentials,
                allowCleartext: true,
              });
              await exchange(await socks5Connector({ via: toSecond, proxy: third, ...credentials })(target));
            }),
          ),
        ),
      ),
  },
  {
    name: 'TLS in TLS: an HTTPS proxy (haproxy in front of tinyproxy), and node:tls behind it',
    needs: ['haproxy', 'openssl', 'tinyproxy'],
    run: () =>
      withWorld((world) =>
        withTinyproxy((plain) => {
          const both = `${world.server.cert}.both`;
          writeFileSync(both, Buffer.concat([readFileSync(world.server.cert), readFileSync(world.server.key)]));
          const lines = (front) => [
            'listen front',
            `  bind ${LOOPBACK}:${front} ssl crt ${both}`,
            `  server tinyproxy ${LOOPBACK}:${plain.port}`,
          ];
          return withHaproxy(lines, async (front) => {
            const server = tls.createServer(
              { cert: readFileSync(world.server.cert), key: readFileSync(world.server.key) },
              (socket) => socket.pipe(socket),
            );
            await new Promise((resolve) => server.listen(0, LOOPBACK, resolve));
            const context = await clientOf(world);
            const { username, password } = webCredentials;
            const environment = { HTTPS_PROXY: `https://${username}:${password}@localhost:${front.port}` };
            const tunnel = await fromEnvironment({ environment, context })({
              host: LOOPBACK,
              port: server.address().port,
            });
            const stream = TlsStream.client(tunnel, context, { serverName: SERVER_NAME });
            await exchange(stream);
            server.close();
            const wrong = { HTTPS_PROXY: `https://${username}:battery@localhost:${front.port}` };
            const dial = fromEnvironment({ environment: wrong, context });
            await assert.rejects(dial({ host: LOOPBACK, port: 9 }), ProxyRefusedError);
          });
        }),
      ),
  },
  {
    name: 'curl through our SOCKS5 server, with a password',
    needs: ['curl'],
    run: () =>
      withWebServer((port) =>
        withOurSocks5({ authenticate: credentials, permit: () => true }, async (proxyPort) => {
          const url = `http://localhost:${port}/there`;
          const proxy = ['--socks5-hostname', `${LOOPBACK}:${proxyPort}`, '--noproxy', ''];
          const right = await curl([...proxy, '--proxy-user', `${credentials.username}:${credentials.password}`, url]);
          assert.equal(right.stdout, 'hello from /there');
          const wrong = await curl([...proxy, '--proxy-user', 'joe:battery', url]);
          assert.equal(wrong.exitCode, 97, 'curl: proxy handshake error');
          // Resolved by curl, as an address.
          const byAddress = await curl([
            ...['--socks5', `${LOOPBACK}:${proxyPort}`, '--noproxy', ''],
            ...['--proxy-user', `${credentials.username}:${credentials.password}`, url],
          ]);
          assert.equal(byAddress.stdout, 'hello from /there');
        }),
      ),
  },
  {
    name: 'curl through our SOCKS5 server does not get at this machine',
    needs: ['curl'],
    run: () =>
      withWebServer((port) =>
        withOurSocks5({}, async (proxyPort) => {
          for (const host of [LOOPBACK, 'localhost', '[::1]']) {
            const url = `http://${host}:${port}/`;
            const result = await curl(['--socks5-hostname', `${LOOPBACK}:${proxyPort}`, '--noproxy', '', url]);
            assert.equal(result.exitCode, 97, host);
            assert.equal(result.stdout, '');
          }
        }),
      ),
  },
  ...[
    ['1', 'send-proxy', {}],
    ['2', 'send-proxy-v2', {}],
    [
      '2 with a checksum, a unique id and a host name',
      'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority',
      { uniqueId: 'id-1' },
    ],
  ].map(([title, option, tlvs]) => ({
    name: `haproxy sends PROXY headers of version ${title}`,
    needs: ['haproxy'],
    run: () =>
      withIntroducer((port, listener) => {
        const lines = (front) => [
          'listen front',
          `  bind ${LOOPBACK}:${front}`,
          ...('uniqueId' in tlvs ? ['  unique-id-format id-1'] : []),
          `  server bowline ${LOOPBACK}:${port} ${option}`,
        ];
        return withHaproxy(lines, async (front) => {
          const stream = await openTcpStream(front.host, front.port);
          await stream.sendAll(Buffer.from('x'));
          const told = JSON.parse(await readAll(stream));
          assert.deepEqual(told, {
            version: option.startsWith('send-proxy-v2') ? 2 : 1,
            source: formatSocketAddress(stream.localAddress),
            tlvs,
          });
          await stream.close();
          assert.equal(listener.statistics().refused.header, 0);
        });
      }),
  })),
  {
    name: 'haproxy checks the health of a bowline server with LOCAL headers',
    needs: ['haproxy'],
    run: async () => {
      const [tcp] = await openTcpListeners(0, { host: LOOPBACK });
      const listener = proxyProtocol(tcp, { from: ['127.0.0.0/8'] });
      let checked;
      const isChecked = new Promise((resolve) => (checked = resolve));
      const handler = async (stream) => {
        assert.equal(stream.remoteAddress.host, LOOPBACK);
        if (stream.header.command !== 'local') return;
        await stream.sendAll(Buffer.from('well'));
        checked();
      };
      await serving(handler, listener, () => {
        const lines = (front) => [
          'listen front',
          `  bind ${LOOPBACK}:${front}`,
          // Without something to expect, haproxy resets the connection before anybody can have read its header.
          '  option tcp-check',
          '  tcp-check expect string well',
          `  server bowline ${LOOPBACK}:${tcp.address.port} send-proxy-v2 check inter 50ms fastinter 50ms`,
        ];
        return withHaproxy(lines, () => isChecked);
      });
    },
  },
  ...[1, 2].map((version) => ({
    name: `haproxy believes our headers of version ${version}, and passes the client on`,
    needs: ['haproxy'],
    run: () =>
      withIntroducer((port) => {
        const lines = (front) => [
          'listen front',
          `  bind ${LOOPBACK}:${front} accept-proxy`,
          `  server bowline ${LOOPBACK}:${port} send-proxy-v2`,
        ];
        return withHaproxy(lines, async (front) => {
          for (const [source, destination] of [
            ['192.0.2.1', '198.51.100.7'],
            ['2001:db8::1', '2001:db8::2'],
          ]) {
            const stream = await openTcpStream(front.host, front.port);
            const client = inetAddress(source, 56324);
            await sendProxyHeader(stream, {
              version,
              source: client,
              destination: inetAddress(destination, 443),
              checksum: version === 2,
            });
            const told = JSON.parse(await readAll(stream));
            assert.deepEqual(told, { version: 2, source: formatSocketAddress(client), tlvs: {} });
            await stream.close();
          }
        });
      }),
  })),
  {
    name: 'curl sends a PROXY header of version 1',
    needs: ['curl'],
    run: () =>
      withIntroducer(async (port) => {
        const url = `http://${LOOPBACK}:${port}`;
        const result = await curl(['--http0.9', '--haproxy-protocol', url]);
        assert.equal(result.exitCode, 0, Buffer.from(result.stderr).toString());
        const told = JSON.parse(result.stdout);
        assert.equal(told.version, 1);
        assert.match(told.source, /^127\.0\.0\.1:\d+$/);
      }),
  },
];
