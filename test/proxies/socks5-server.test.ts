import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inetAddress, MisuseError, ProtocolError } from 'bowline/core';
import type { InetAddress, Network, SocketListener, SocketStream } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { ProxyRefusedError, serveSocks5, socks5, socks5Connector, socks5Handler } from 'bowline/proxies';
import type { Socks5ServerOptions } from 'bowline/proxies';
import { openTcpStream, serveTcp } from 'bowline/sockets';
import { currentTime, openNursery, runDetached, sleepForever, withClock, withNetwork } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';

import { hex, latin1 } from '../support/check-format.js';
import { claiming } from '../support/memory-listener.js';
import { hear, say } from '../support/proxy-peers.js';

const target = { host: 'example.org', port: 443 };
const publicAddress = inetAddress('93.184.216.34', 0);

/** A network in which every address that is connected to echoes what it gets. */
class EchoNetwork implements Network {
  readonly connected: InetAddress[] = [];
  readonly lookups: string[] = [];
  /** What names stand for, one answer for each look-up. */
  answers: (readonly InetAddress[])[] = [];
  failure: (() => Promise<never>) | undefined;

  async connectTcp(address: InetAddress): Promise<SocketStream> {
    this.connected.push(address);
    if (this.failure !== undefined) return await this.failure();
    const [near, far] = memoryStreamPair();
    void runDetached(async () => {
      try {
        for await (const chunk of far) await far.sendAll(chunk);
        await far.close();
      } catch {
        far.abort();
      }
    });
    return claiming(near, address, inetAddress('192.0.2.99', 1234)) as unknown as SocketStream;
  }

  readonly lookup = async (host: string): Promise<InetAddress[]> => {
    this.lookups.push(host);
    return [...(this.answers.shift() ?? [publicAddress])];
  };

  listenTcp(): never {
    throw new Error('not in this test');
  }

  bindUdp(): never {
    throw new Error('not in this test');
  }

  connectUdp(): never {
    throw new Error('not in this test');
  }
}

/** Runs `body` with a way to open connections to a server, under virtual time. Handlers must not fail, unless it says so. */
async function withServer(
  options: Socks5ServerOptions,
  body: (setting: { connect: () => MemoryStream; network: EchoNetwork; failures: unknown[] }) => Promise<void>,
): Promise<void> {
  const network = new EchoNetwork();
  const failures: unknown[] = [];
  await withClock(new MockClock({ autojumpThresholdMs: 0 }), () =>
    withNetwork(network, () =>
      openNursery(async (nursery) => {
        const handler = socks5Handler(options);
        const connect = (): MemoryStream => {
          const [near, far] = memoryStreamPair();
          nursery.startSoon(async () => {
            try {
              await handler(far);
              await far.close();
            } catch (error) {
              far.abort();
              failures.push(error);
            }
          });
          return near;
        };
        await body({ connect, network, failures });
        nursery.cancelScope.cancel();
      }),
    ),
  );
}

/** The error of a refused target. */
async function refusedWith(stream: MemoryStream, host: string, options = {}): Promise<number | undefined> {
  const error: unknown = await socks5(stream, { host, port: 80 }, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ProxyRefusedError, String(error));
  return error.status;
}

test('client and server: a tunnel that echoes, and both ends of file', () =>
  withServer({}, async ({ connect, network, failures }) => {
    const tunnel = await socks5(connect(), target);
    assert.equal(await say(tunnel, 'hello'), 'hello');
    await tunnel.sendEof();
    assert.equal(await tunnel.receiveSome(), null);
    assert.deepEqual(network.lookups, ['example.org']);
    assert.deepEqual(network.connected, [{ ...publicAddress, port: 443 }]);
    assert.deepEqual(failures, []);
  }));

test('private targets are refused after resolution, whatever they are called', () =>
  withServer({}, async ({ connect, network }) => {
    for (const host of ['127.0.0.1', '::1', '10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', '64:ff9b::7f00:1'])
      assert.equal(await refusedWith(connect(), host), 2, host);
    assert.deepEqual(network.lookups, []);
    for (const address of ['127.0.0.1', '192.168.1.1', 'fe80::1%1', '::', '0.0.0.0']) {
      network.answers.push([inetAddress(address, 0)]);
      assert.equal(await refusedWith(connect(), 'innocent.test'), 2, address);
    }
    assert.deepEqual(network.connected, []);
  }));

test('of the addresses of a name only the permitted ones are connected to', () =>
  withServer({}, async ({ connect, network }) => {
    network.answers.push([inetAddress('10.0.0.1', 0), publicAddress, inetAddress('::1', 0)]);
    await socks5(connect(), target);
    assert.deepEqual(network.connected, [{ ...publicAddress, port: 443 }]);
  }));

test('DNS rebinding: a name is looked up once, and the connection goes to what was judged', () =>
  withServer({}, async ({ connect, network }) => {
    network.answers.push([publicAddress], [inetAddress('127.0.0.1', 0)]);
    await socks5(connect(), target);
    assert.deepEqual(network.lookups, ['example.org']);
    assert.deepEqual(network.connected, [{ ...publicAddress, port: 443 }]);
  }));

test('addresses in disguise are not asked of a resolver', () =>
  withServer({}, async ({ connect, network }) => {
    for (const name of ['127.1', '0x7f.0.0.1', '2130706433', '010.0.0.1']) {
      const stream = connect();
      await stream.sendAll(hex('05 01 00'));
      assert.equal(await hear(stream), '\x05\x00');
      await stream.sendAll(Uint8Array.of(5, 1, 0, 3, name.length, ...latin1(name), 0, 80));
      assert.equal((await stream.receiveSome())?.[1], 8, name);
    }
    assert.deepEqual(network.lookups, []);
    assert.deepEqual(network.connected, []);
  }));

test('permit sees address, name and user, and nothing but true is a yes', async () => {
  const seen: unknown[] = [];
  const permit = async (asked: unknown): Promise<boolean> => {
    seen.push(asked);
    return true;
  };
  await withServer({ permit, authenticate: { username: 'joe', password: 'x' } }, async ({ connect }) => {
    await socks5(connect(), { host: '127.0.0.1', port: 22 }, { username: 'joe', password: 'x' });
  });
  assert.deepEqual(seen, [{ address: inetAddress('127.0.0.1', 22), host: '127.0.0.1', username: 'joe' }]);
  await withServer({ permit: () => 1 as unknown as boolean }, async ({ connect }) => {
    assert.equal(await refusedWith(connect(), '8.8.8.8'), 2);
  });
});

test('passwords: the right one, wrong ones, none, and a function that decides', async () => {
  const credentials = { username: 'joe', password: 'hunter2' };
  await withServer({ authenticate: credentials }, async ({ connect, network }) => {
    assert.equal(await say(await socks5(connect(), target, credentials), 'hi'), 'hi');
    for (const wrong of [
      { username: 'joe', password: 'hunter3' },
      { username: 'jo', password: 'hunter2' },
      { username: 'joe', password: 'hunter2hunter2' },
      { username: 'joejoe', password: 'hunter2' },
    ]) {
      await assert.rejects(socks5(connect(), target, wrong), /refused the user name or password/);
    }
    await assert.rejects(socks5(connect(), target), /wants credentials/);
    assert.equal(network.connected.length, 1);
  });
  const authenticate = async (username: string, password: string): Promise<boolean> => username === password;
  await withServer({ authenticate }, async ({ connect }) => {
    await socks5(connect(), target, { username: 'a', password: 'a' });
    await assert.rejects(socks5(connect(), target, { username: 'a', password: 'b' }), ProxyRefusedError);
  });
});

test('a client that offers only a password where none is asked for is turned away', () =>
  withServer({}, async ({ connect }) => {
    const stream = connect();
    assert.equal(await say(stream, '\x05\x01\x02'), '\x05\ufffd');
    assert.equal(await stream.receiveSome(), null);
  }));

test('commands other than CONNECT are answered with "not supported"', () =>
  withServer({}, async ({ connect, network }) => {
    for (const command of [2, 3, 9]) {
      const stream = connect();
      await stream.sendAll(Uint8Array.of(5, 1, 0, 5, command, 0, 1, 8, 8, 8, 8, 0, 53));
      assert.equal(await hear(stream), '\x05\x00');
      assert.deepEqual([...((await stream.receiveSome()) ?? [])], [5, 7, 0, 1, 0, 0, 0, 0, 0, 0]);
      assert.equal(await stream.receiveSome(), null);
    }
    assert.deepEqual(network.connected, []);
  }));

test('how connecting failed is told by the reply', async () => {
  for (const [code, reply] of [
    ['ECONNREFUSED', 5],
    ['ENETUNREACH', 3],
    ['EHOSTUNREACH', 4],
    ['ETIMEDOUT', 4],
    ['EACCES', 1],
  ] as const) {
    await withServer({}, async ({ connect, network }) => {
      network.failure = () => Promise.reject(Object.assign(new Error(code), { code }));
      assert.equal(await refusedWith(connect(), '8.8.8.8'), reply, code);
    });
  }
  await withServer({}, async ({ connect, network }) => {
    network.answers.push([]);
    assert.equal(await refusedWith(connect(), 'nothing.test'), 4);
  });
  await withServer({ connectTimeoutMs: 700 }, async ({ connect, network }) => {
    network.failure = sleepForever;
    assert.equal(await refusedWith(connect(), '8.8.8.8'), 6);
    assert.equal(currentTime(), 700);
  });
});

test('hostile clients: other protocols fail their own handler, slow and vanished ones end quietly', async () => {
  await withServer({ handshakeTimeoutMs: 400 }, async ({ connect, failures }) => {
    const http = connect();
    await http.sendAll(latin1('GET / HTTP/1.1\r\n\r\n'));
    assert.equal(await http.receiveSome(), null);
    const slow = connect();
    await slow.sendAll(hex('05 01'));
    assert.equal(await slow.receiveSome(), null);
    assert.equal(currentTime(), 400);
    const gone = connect();
    await gone.sendAll(hex('05 01 00'));
    gone.abort();
    const ended = connect();
    await ended.sendAll(hex('05 01 00 05 01'));
    await ended.sendEof();
    await hear(ended);
    assert.equal(await ended.receiveSome(), null);
    assert.equal(failures.length, 1);
    assert.ok(failures[0] instanceof ProtocolError);
  });
});

test('beyond the loopback a password is asked for, or nothing is listened on', async () => {
  for (const host of [null, '0.0.0.0', '::', '192.0.2.1', 'example.org']) {
    await assert.rejects(serveSocks5(0, { host }), MisuseError, String(host));
  }
  // What a name that means the loopback stands for is looked at as well.
  const resolve = async (): Promise<InetAddress[]> => [inetAddress('0.0.0.0', 0)];
  await assert.rejects(serveSocks5(0, { host: 'localhost', resolve }), MisuseError);
  for (const authenticate of [null, {}, { username: '', password: 'x' }, { username: 'x', password: '' }]) {
    await assert.rejects(serveSocks5(0, { authenticate: authenticate as never }), TypeError);
  }
  await assert.rejects(serveSocks5(0, { permit: 'all' as never }), TypeError);
  await assert.rejects(serveSocks5(0, { handshakeTimeoutMs: -1 }), RangeError);
});

test('on real sockets: 1 MiB each way through client and server, with a password', async () => {
  const reports: ReportEvent[] = [];
  setReporter((event) => void reports.push(event));
  try {
    await openNursery(async (nursery) => {
      const [echo] = await nursery.start<SocketListener[]>((started) =>
        serveTcp(
          async (stream) => {
            for await (const chunk of stream) await stream.sendAll(chunk);
          },
          0,
          { host: '127.0.0.1', started },
        ),
      );
      const credentials = { username: 'joe', password: 'hunter2' };
      const [server] = await nursery.start<SocketListener[]>((started) =>
        serveSocks5(0, { started, authenticate: credentials, permit: () => true }),
      );
      assert.ok(echo?.address.family === 4 && server?.address.family === 4);
      assert.equal(server.address.host, '127.0.0.1');
      const dial = socks5Connector({
        proxy: server.address,
        via: ({ host, port }) => openTcpStream(host, port),
        ...credentials,
      });
      const tunnel = await dial({ host: '127.0.0.1', port: echo.address.port });
      const payload = new Uint8Array(1_048_576).map((_, i) => i % 251);
      nursery.startSoon(async () => {
        await tunnel.sendAll(payload);
        await tunnel.sendEof();
      });
      const chunks: Uint8Array[] = [];
      for await (const chunk of tunnel) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(payload));
      await tunnel.close();
      // A proxy nobody listens behind.
      await assert.rejects(dial({ host: '127.0.0.1', port: 1 }), (error) => {
        assert.ok(error instanceof ProxyRefusedError);
        assert.equal(error.status, 5);
        return true;
      });
      nursery.cancelScope.cancel();
    });
  } finally {
    setReporter(null);
  }
  assert.deepEqual(reports, []);
});
