import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inetAddress } from 'bowline/core';
import type { SocketAddress } from 'bowline/core';
import { proxyHeaderConnector, proxyHeaderOf, sendProxyHeader } from 'bowline/proxies';
import type { ProxyHeaderInit } from 'bowline/proxies';
import { memoryStreamPair } from 'bowline/testing';

import { proxyHeaderFormat } from '#src/protocols/proxy-header/header.js';
import type { ProxyHeader } from '#src/protocols/proxy-header/header.js';

import { claiming } from '../support/memory-listener.js';
import { decodeOne } from '../support/check-format.js';

const client = inetAddress('192.0.2.1', 56324);
const server = inetAddress('198.51.100.7', 443);
const format = proxyHeaderFormat(4096);

async function sent(header: ProxyHeaderInit): Promise<ProxyHeader> {
  const [near, far] = memoryStreamPair();
  await sendProxyHeader(near, header);
  const bytes = await far.receiveSome();
  return decodeOne(format, bytes ?? new Uint8Array(0));
}

test('both versions say the same', async () => {
  for (const version of [1, 2] as const) {
    const header = await sent({ version, source: client, destination: server });
    assert.deepEqual([header.source, header.destination, header.transport], [client, server, 'stream']);
    assert.deepEqual((await sent({ version })).transport, 'unspecified');
  }
});

test('what a header has no room for is left out', async () => {
  const zoned = inetAddress('fe80::1%eth0', 1);
  for (const version of [1, 2] as const) {
    const header = await sent({ version, source: zoned, destination: inetAddress('::1', 2) });
    assert.deepEqual(header.source, inetAddress('fe80::1', 1));
    const mixed = await sent({ version, source: client, destination: inetAddress('2001:db8::1', 2) });
    assert.deepEqual(mixed.source, inetAddress('::ffff:192.0.2.1', 56324));
  }
  const unix: SocketAddress = { family: 'unix', path: '/run/x' };
  assert.deepEqual((await sent({ source: unix, destination: unix })).source, unix);
  assert.equal((await sent({ version: 1, source: unix, destination: unix })).source, undefined);
  assert.equal((await sent({ source: unix, destination: server })).source, undefined);
  assert.equal((await sent({ source: client, destination: server, local: true })).command, 'local');
});

test('a header that cannot be written is refused, and nothing is sent', async () => {
  const wrong: ProxyHeaderInit[] = [
    { version: 3 as never },
    { source: client },
    { version: 1, local: true },
    { version: 1, checksum: true },
    { version: 1, tlvs: [{ type: 1, value: new Uint8Array(1) }] },
    { tlvs: [{ type: 256, value: new Uint8Array(1) }] },
    { tlvs: [{ type: 1, value: new Uint8Array(70_000) }] },
  ];
  for (const header of wrong) {
    const [near, far] = memoryStreamPair();
    await assert.rejects(
      sendProxyHeader(near, header),
      (error) => error instanceof TypeError || error instanceof RangeError,
    );
    await near.close();
    assert.equal(await far.receiveSome(), null);
    assert.throws(() => proxyHeaderConnector({ via: async () => near, header }));
  }
});

test('a connection is passed on with its own addresses, where they are known', () => {
  const [stream] = memoryStreamPair();
  assert.deepEqual(proxyHeaderOf(stream), {});
  assert.deepEqual(proxyHeaderOf(claiming(stream, client, server)), { source: client, destination: server });
  const [half] = memoryStreamPair();
  assert.deepEqual(proxyHeaderOf(claiming(half, client)), {});
});

test('connections of a connector begin with a header, made for each or the same for all', async () => {
  const [near, far] = memoryStreamPair();
  const dial = proxyHeaderConnector({
    via: async () => near,
    header: ({ port }) => ({ source: client, destination: inetAddress('198.51.100.7', port) }),
  });
  const stream = await dial({ host: 'backend.test', port: 81 });
  assert.equal(stream, near);
  const header = decodeOne(format, (await far.receiveSome()) ?? new Uint8Array(0));
  assert.deepEqual(header.destination, inetAddress('198.51.100.7', 81));
});
