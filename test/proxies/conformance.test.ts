/** What proxies wrap streams and listeners in keeps their contracts. */
import { test } from 'node:test';

import { inetAddress } from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import { ProxiedStream, proxyProtocol, sendProxyHeader, TunnelStream } from 'bowline/proxies';
import { openTcpListeners, openTcpStream } from 'bowline/sockets';
import { withClock } from 'bowline/tasks';
import {
  checkHalfCloseableStream,
  checkListener,
  lockstepStreamPair,
  memoryStreamPair,
  MockClock,
} from 'bowline/testing';

const header = {
  version: 2,
  command: 'proxy',
  transport: 'stream',
  source: inetAddress('192.0.2.1', 1),
  destination: inetAddress('192.0.2.2', 2),
  tlvs: [],
} as const;

const wrappers: Readonly<Record<string, (stream: HalfCloseableStream) => HalfCloseableStream>> = {
  TunnelStream: (stream) => new TunnelStream(stream, { host: 'example.org', port: 443 }),
  ProxiedStream: (stream) => new ProxiedStream(stream, header),
};

for (const [name, wrap] of Object.entries(wrappers)) {
  const over =
    (make: () => readonly [HalfCloseableStream, HalfCloseableStream]) =>
    async (): Promise<[HalfCloseableStream, HalfCloseableStream]> => {
      const [a, b] = make();
      return [wrap(a), wrap(b)];
    };
  test(`${name} keeps the half-closeable contract`, () =>
    withClock(new MockClock(), () => checkHalfCloseableStream(over(memoryStreamPair), over(lockstepStreamPair))));
}

test('a listener behind balancers keeps the contract of listeners', () =>
  checkListener(async () => {
    const [tcp] = await openTcpListeners(0, { host: '127.0.0.1' });
    if (tcp?.address.family !== 4) throw new Error('no IPv4 here');
    const { port } = tcp.address;
    return {
      listener: proxyProtocol(tcp, { from: ['127.0.0.0/8'] }),
      connect: async () => {
        const stream = await openTcpStream('127.0.0.1', port);
        await sendProxyHeader(stream, {});
        return stream;
      },
    };
  }));
