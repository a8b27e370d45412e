/** Who the peer is: every outcome of a verifier, on both sides, and Node's own verification beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, CertificateError } from 'bowline/core';
import {} from 'bowline/tasks';
import {} from 'bowline/testing';
import { Identity, insecureAcceptAnyone, pki, pinned } from 'bowline/trust';
import type { Verifier } from 'bowline/trust';

import { bytes, certificates, handshaken, identity, text, tlsPair, versions, virtually } from './support.js';

const roots = certificates.roots;
const clientIdentity = Identity.from({
  cert: certificates.clientCertificate.cert,
  key: certificates.clientCertificate.key,
});

const refusals: Readonly<Record<string, Verifier>> = {
  throws: () => {
    throw new Error('no');
  },
  'throws what is no error': () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- a verifier is the program's, and may
    throw 'no';
  },
  rejects: () => Promise.reject(new CertificateError('no', { reason: 'no' })),
  'rejects later': () =>
    new Promise((_, reject) => {
      setImmediate(reject, new Error('no'));
    }),
};

for (const version of versions) {
  const tls = (name: string, body: () => Promise<void>): void => {
    test(`${name} (TLS ${version})`, virtually(body));
  };

  for (const [how, verdict] of Object.entries(refusals)) {
    const verify: Verifier = Object.assign((...args: Parameters<Verifier>) => verdict(...args), { needsName: false });

    tls(`a client whose verifier ${how} gets a CertificateError, and the server no data`, async () => {
      const [client, server] = tlsPair(version, { clientContext: { verify } });
      const served = server.receiveSome();
      await assert.rejects(client.sendAll(bytes('secret')), CertificateError);
      await assert.rejects(served, BrokenResourceError);
    });

    tls(`a server whose verifier ${how} gets a CertificateError, and the client no data`, async () => {
      const [client, server] = tlsPair(version, {
        clientContext: { identity: clientIdentity },
        serverContext: { clientAuth: 'require', verify },
      });
      const served = server.sendAll(bytes('secret'));
      const received = client.receiveSome();
      await assert.rejects(served, CertificateError);
      await assert.rejects(received, BrokenResourceError);
    });
  }

  tls('a verifier that hangs is cut off by the deadline of the handshake, on either side', async () => {
    const hangs: Verifier = () => new Promise(() => undefined);
    const [client, server] = tlsPair(version, {
      clientContext: { verify: hangs },
      client: { handshakeTimeoutMs: 300 },
    });
    const served = server.receiveSome();
    await assert.rejects(client.doHandshake(), /not done after 300 ms/);
    await assert.rejects(served, BrokenResourceError);

    const [client2, server2] = tlsPair(version, {
      clientContext: { identity: clientIdentity },
      serverContext: { clientAuth: 'request', verify: hangs },
      server: { handshakeTimeoutMs: 300 },
    });
    const received = client2.receiveSome();
    await assert.rejects(server2.doHandshake(), /not done after 300 ms/);
    await assert.rejects(received, BrokenResourceError);
  });

  tls('while a verifier has not decided no data passes in either direction; afterwards all of it does', async () => {
    let decide: () => void = () => undefined;
    const verify: Verifier = () =>
      new Promise((resolve) => {
        decide = resolve;
      });
    const [client, server] = tlsPair(version, {
      clientContext: { identity: clientIdentity },
      serverContext: { clientAuth: 'require', verify },
    });
    const seen: string[] = [];
    const done = Promise.all([
      client.sendAll(bytes('from the client')),
      client.receiveSome().then((got) => seen.push(text(got) ?? '')),
      server.receiveSome().then((got) => seen.push(text(got) ?? '')),
      server.sendAll(bytes('from the server')),
    ]);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen, []);
    decide();
    await done;
    assert.deepEqual(seen.sort(), ['from the client', 'from the server']);
  });

  tls('TLS-1 pki: a good chain passes, and Node agrees', async () => {
    const chained = Identity.from({ cert: certificates.chain.cert, key: certificates.chain.key });
    const [client] = await handshaken(
      tlsPair(version, { clientContext: { verify: pki({ roots }) }, serverContext: { identity: chained } }),
    );
    assert.equal(client.authentication, 'certificate');
    assert.equal(client.peerCertificates.length, 2);
  });

  for (const [fault, certificate] of [
    ['expired', certificates.expired],
    ['notYetValid', certificates.notYetValid],
    ['wrongHost', certificates.wrongHost],
    ['wrongUsage', certificates.wrongUsage],
    ['untrusted', certificates.untrusted],
  ] as const) {
    tls(`TLS-1 pki refuses a server's certificate that is ${fault}, on the first send`, async () => {
      const bad = Identity.from({ cert: certificate.cert, key: certificate.key }, { insecureAllowInvalidDates: true });
      const [client, server] = tlsPair(version, {
        clientContext: { verify: pki({ roots }) },
        serverContext: { identity: bad },
      });
      const served = server.receiveSome();
      await assert.rejects(client.sendAll(bytes('secret')), CertificateError);
      await assert.rejects(served, BrokenResourceError);
    });
  }

  tls('client certificates: required ones are enforced, requested ones judged, others not asked for', async () => {
    const verify = pki({ roots });
    const wrongUsage = Identity.from({
      cert: certificates.clientWrongUsage.cert,
      key: certificates.clientWrongUsage.key,
    });
    const serverOutcome = async (
      clientAuth: 'none' | 'request' | 'require',
      shown: Identity | undefined,
    ): Promise<string> => {
      const [client, server] = tlsPair(version, {
        clientContext: { identity: shown },
        serverContext: clientAuth === 'none' ? {} : { clientAuth, verify },
      });
      const received = client.receiveSome().catch((error: unknown) => error);
      try {
        await server.sendAll(bytes('x'));
        return `${server.authentication} ${text((await received) as Uint8Array)}`;
      } catch (error) {
        assert.ok((await received) instanceof BrokenResourceError);
        return (error as CertificateError).reason;
      } finally {
        client.abort();
        server.abort();
      }
    };
    assert.equal(await serverOutcome('none', clientIdentity), 'anonymous x');
    assert.equal(await serverOutcome('request', undefined), 'anonymous x');
    assert.equal(await serverOutcome('request', clientIdentity), 'certificate x');
    assert.notEqual(await serverOutcome('request', wrongUsage), 'certificate x');
    assert.equal(await serverOutcome('require', undefined), 'no-certificate');
    assert.equal(await serverOutcome('require', clientIdentity), 'certificate x');
    assert.notEqual(await serverOutcome('require', wrongUsage), 'certificate x');
  });

  tls('a chain of 100 certificates is refused', async () => {
    const { cert, key } = certificates.longChain();
    const [client, server] = tlsPair(version, {
      clientContext: { verify: pki({ roots }) },
      serverContext: { identity: Identity.from({ cert, key }) },
    });
    const served = server.receiveSome();
    await assert.rejects(client.doHandshake());
    await assert.rejects(served, BrokenResourceError);
  });

  tls('an identity by name: the function is asked, may take its time, and its error ends the handshake', async () => {
    const asked: (string | null)[] = [];
    const choose = async (name: string | null): Promise<Identity> => {
      asked.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      if (name !== 'localhost') throw new Error('nobody of that name');
      return identity;
    };
    const [client] = await handshaken(tlsPair(version, { serverContext: { identity: choose } }));
    assert.equal(client.authentication, 'certificate');
    const verify = pinned([certificates.good.pin]);
    for (const serverName of ['127.0.0.1', 'other.example', null]) {
      const [lost, server] = tlsPair(version, {
        client: { serverName },
        clientContext: { verify },
        serverContext: { identity: choose },
      });
      const failed = lost.doHandshake();
      await assert.rejects(server.doHandshake(), /nobody of that name/);
      await assert.rejects(failed);
    }
    assert.deepEqual(asked, ['localhost', null, 'other.example', null]);
  });

  tls('application protocols: no overlap is fatal on the server, none chosen on the client', async () => {
    const [client, server] = tlsPair(version, {
      clientContext: { alpnProtocols: ['a'] },
      serverContext: { alpnProtocols: ['b'] },
    });
    const failed = client.doHandshake();
    await assert.rejects(server.doHandshake(), BrokenResourceError);
    await assert.rejects(failed, /no_application_protocol/);

    const [picky, plain] = tlsPair(version, { clientContext: { alpnProtocols: ['a'] } });
    const served = plain.doHandshake().then(() => plain.receiveSome());
    await assert.rejects(picky.doHandshake(), /chose none/);
    await assert.rejects(served, BrokenResourceError);

    const [easy] = await handshaken(tlsPair(version, { clientContext: { alpnProtocols: ['a'], allowNoAlpn: true } }));
    assert.equal(easy.alpnProtocol, null);
  });

  tls('insecureAcceptAnyone accepts anyone, and only by that name', async () => {
    const self = Identity.from({ cert: certificates.selfSigned.cert, key: certificates.selfSigned.key });
    const [client] = await handshaken(
      tlsPair(version, { clientContext: { verify: insecureAcceptAnyone() }, serverContext: { identity: self } }),
    );
    assert.equal(client.authentication, 'certificate');
  });
}
