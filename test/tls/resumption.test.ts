/** Sessions: offered to nobody else, and their peers judged again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CertificateError, MisuseError } from 'bowline/core';
import {} from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';
import { TlsStream } from 'bowline/tls';
import type { TlsSession } from 'bowline/tls';
import { preSharedKey, TicketKeys } from 'bowline/trust';
import type { ClientContext, PeerIdentity, ServerContext } from 'bowline/trust';

import { bytes, certificates, clientOf, serverOf, text, versions, virtually } from './support.js';

/** One connection: what it was, and the session it left. */
async function connect(
  client: ClientContext,
  server: ServerContext,
  session: TlsSession | null,
  serverName = 'localhost',
): Promise<{ reused: boolean; session: TlsSession | null; chainLength: number }> {
  const [clientSide, serverSide] = memoryStreamPair();
  const a = TlsStream.client(clientSide, client, { serverName, session });
  const b = TlsStream.server(serverSide, server);
  const served = b.sendAll(bytes('x'));
  // The tickets of TLS 1.3 come with the first data.
  assert.equal(text(await a.receiveSome()), 'x');
  await served;
  const result = { reused: a.sessionReused, session: a.session, chainLength: a.peer.chain.length };
  assert.equal(b.sessionReused, a.sessionReused);
  await a.close();
  await b.close();
  return result;
}

for (const version of versions) {
  const tls = (name: string, body: () => Promise<void>): void => {
    test(`${name} (TLS ${version})`, virtually(body));
  };

  tls('a session is resumed by the same name and context, and its chain is judged again each time', async () => {
    const judged: PeerIdentity[] = [];
    const client = clientOf(version, { verify: (peer) => void judged.push(peer) });
    const server = serverOf(version);
    const first = await connect(client, server, null);
    assert.equal(first.reused, false);
    assert.ok(first.session !== null);
    const second = await connect(client, server, first.session);
    assert.deepEqual([second.reused, second.chainLength], [true, certificates.good.chain.length]);
    const third = await connect(client, server, second.session);
    assert.equal(third.reused, true);
    assert.deepEqual(
      judged.map(({ resumed }) => resumed),
      [false, true, true],
    );
    for (const { chain } of judged) assert.deepEqual(chain, certificates.good.chain);
  });

  tls('a peer that is refused on resumption is refused', async () => {
    let refuses = false;
    const client = clientOf(version, {
      verify: () => {
        if (refuses) throw new CertificateError('revoked meanwhile', { reason: 'revoked' });
      },
    });
    const server = serverOf(version);
    const { session } = await connect(client, server, null);
    refuses = true;
    const [clientSide, serverSide] = memoryStreamPair();
    const a = TlsStream.client(clientSide, client, { serverName: 'localhost', session });
    const b = TlsStream.server(serverSide, server);
    const served = b.receiveSome().catch(() => undefined);
    await assert.rejects(a.sendAll(bytes('secret')), CertificateError);
    await served;
    b.abort();
  });

  tls('a session of one name offered for another, or under another context, is refused', async () => {
    const client = clientOf(version);
    const { session } = await connect(client, serverOf(version), null);
    const [transport] = memoryStreamPair();
    assert.throws(() => TlsStream.client(transport, client, { serverName: '127.0.0.1', session }), MisuseError);
    assert.throws(
      () => TlsStream.client(transport, clientOf(version), { serverName: 'localhost', session }),
      MisuseError,
    );
    assert.throws(
      () => TlsStream.client(transport, client, { serverName: 'localhost', session: { serverName: 'localhost' } }),
      TypeError,
    );
  });

  tls('a server without its ticket keys, or with client certificates, does a full handshake', async () => {
    const client = clientOf(version);
    const { session } = await connect(client, serverOf(version), null);
    assert.equal((await connect(client, serverOf(version), session)).reused, false);

    const asking = serverOf(version, { clientAuth: 'request', verify: () => undefined });
    const fresh = await connect(client, asking, null);
    assert.equal((await connect(client, asking, fresh.session)).reused, false);
  });

  tls('servers that share ticket keys resume each other, under the same certificate and protocols only', async () => {
    const client = clientOf(version, { alpnProtocols: ['a'], allowNoAlpn: true });
    const ticketKeys = TicketKeys.generate();
    const copy = TicketKeys.import(ticketKeys.export());
    const { session } = await connect(client, serverOf(version, { ticketKeys, alpnProtocols: ['a'] }), null);
    const other = serverOf(version, { ticketKeys: copy, alpnProtocols: ['a'] });
    assert.equal((await connect(client, other, session)).reused, true);
    const elsewhere = serverOf(version, { ticketKeys: copy, alpnProtocols: ['a', 'b'] });
    assert.equal((await connect(client, elsewhere, session)).reused, false);
  });

  tls('a context that does not resume leaves no session', async () => {
    const client = clientOf(version, { tls: { resumption: false } });
    assert.equal((await connect(client, serverOf(version), null)).session, null);
  });

  tls('a pre-shared key authenticates both sides, and its name is known', async () => {
    const key = preSharedKey({ identity: 'device 7', key: new Uint8Array(32).fill(7) });
    const [clientSide, serverSide] = memoryStreamPair();
    const cipherSuites = version === '1.3' ? ['TLS_AES_128_GCM_SHA256'] : ['TLS_PSK_WITH_AES_128_GCM_SHA256'];
    const a = TlsStream.client(clientSide, clientOf(version, { psk: key, cipherSuites }), { serverName: 'localhost' });
    const b = TlsStream.server(serverSide, serverOf(version, { psk: key, cipherSuites, identity: undefined }));
    await Promise.all([a.doHandshake(), b.doHandshake()]);
    assert.deepEqual([a.authentication, b.authentication], ['psk', 'psk']);
    await a.close();
    assert.equal(await b.receiveSome(), null);
  });
}
