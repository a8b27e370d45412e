import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { SecureVersion, Server } from 'node:tls';
import tls from 'node:tls';
import type { TestContext } from 'node:test';
import { test } from 'node:test';

import { testCertificates } from 'bowline/testing';
import { TicketKeys } from 'bowline/trust';
import type { TicketBinding } from '#src/trust/openssl-tickets.js';
import { useTicketKeys } from '#src/trust/openssl-tickets.js';

const { good, chain } = testCertificates();
const binding: TicketBinding = { certificate: good.der, alpnProtocols: ['h2'], clientAuth: 'none' };

interface Listening {
  readonly server: Server;
  /** Connects once. */
  readonly connect: (session?: Buffer) => Promise<{ readonly reused: boolean; readonly session: Buffer }>;
}

async function listen(
  t: TestContext,
  version: SecureVersion,
  keys: TicketKeys,
  by: Partial<TicketBinding> = {},
  prepare?: (server: Server) => void,
): Promise<Listening> {
  const server = tls.createServer({ cert: good.cert, key: good.key, minVersion: version, maxVersion: version }, (socket) => {
    socket.on('error', () => undefined);
    socket.end('x');
  }); // prettier-ignore
  prepare?.(server);
  useTicketKeys(server, keys, { ...binding, ...by });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    server,
    connect: async (before) => {
      const options = { port, host: '127.0.0.1', rejectUnauthorized: false, ...(before && { session: before }) };
      const socket = tls.connect(options);
      let reused = false;
      let session = before ?? Buffer.alloc(0);
      socket.once('secureConnect', () => {
        reused = socket.isSessionReused();
        // OpenSSL does not tell of a ticket that is renewed in TLS 1.2.
        session = socket.getSession() ?? session;
      });
      socket.on('session', (ticket: Buffer) => (session = ticket));
      socket.resume();
      await once(socket, 'close');
      return { reused, session };
    },
  };
}

/** As on a Node that has no such method. */
function withoutCallback(server: Server): void {
  const { _sharedCreds: shared } = server as unknown as { _sharedCreds: { context: object } };
  Object.defineProperty(shared.context, 'enableTicketKeyCallback', { value: undefined });
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a session comes back across a rotation, and is gone after two: ${version}`, async (t) => {
    let at = Date.now();
    t.mock.method(Date, 'now', () => at);
    const keys = TicketKeys.generate({ rotationMs: 60_000 });
    const { connect } = await listen(t, version, keys);
    const first = await connect();
    assert.equal(first.reused, false);
    assert.equal((await connect(first.session)).reused, true);
    at += 61_000;
    const renewed = await connect(first.session);
    assert.equal(renewed.reused, true);
    at += 61_000;
    assert.equal((await connect(first.session)).reused, false);
    assert.equal((await connect(renewed.session)).reused, true, 'the rotation had given it a new ticket');
  });

  test(`servers that share keys resume each other's sessions, others do not: ${version}`, async (t) => {
    const keys = TicketKeys.generate();
    const one = await listen(t, version, keys);
    const { session } = await one.connect();
    const two = await listen(t, version, TicketKeys.import(keys.export()));
    assert.equal((await two.connect(session)).reused, true);
    const stranger = await listen(t, version, TicketKeys.generate());
    assert.equal((await stranger.connect(session)).reused, false);
  });

  test(`a session does not come back under other circumstances: ${version}`, async (t) => {
    const keys = TicketKeys.generate();
    const { session } = await (await listen(t, version, keys)).connect();
    const others: readonly Partial<TicketBinding>[] = [
      { certificate: chain.der },
      { certificate: undefined },
      { alpnProtocols: [] },
      { alpnProtocols: ['h2', 'http/1.1'] },
      { clientAuth: 'request' },
      { clientAuth: 'require' },
    ];
    for (const other of others) {
      const { connect } = await listen(t, version, keys, other);
      assert.equal((await connect(session)).reused, false, JSON.stringify(other));
    }
    assert.equal((await (await listen(t, version, keys)).connect(session)).reused, true);
  });

  test(`without a key to seal with the handshake works, and nothing comes back: ${version}`, async (t) => {
    const exported = TicketKeys.generate().export();
    const none = TicketKeys.import(exported.slice(0, 9));
    const { connect } = await listen(t, version, none);
    const { session, reused } = await connect();
    assert.equal(reused, false);
    assert.equal((await connect(session)).reused, false);
  });

  test(`on a Node without the callback sessions come back until the key is replaced: ${version}`, async (t) => {
    let at = Date.now();
    t.mock.method(Date, 'now', () => at);
    const keys = TicketKeys.generate({ rotationMs: 60_000 });
    const one = await listen(t, version, keys, {}, withoutCallback);
    const two = await listen(t, version, TicketKeys.import(keys.export()));
    const { session } = await one.connect();
    assert.equal((await one.connect(session)).reused, true);
    assert.equal((await two.connect(session)).reused, true, 'both ways are one form of ticket');
    at += 61_000;
    assert.equal((await one.connect(session)).reused, false);
  });
}
