/** TLS in TLS: to our server through a proxy that is itself spoken to over TLS (haproxy in front of tinyproxy). */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { attributeOf, CertificateError } from 'bowline/core';
import { httpConnectConnector } from 'bowline/proxies';
import { openTlsOverTcpStream, tlsVersion, TlsStream } from 'bowline/tls';

import { clientOf, echo, SERVER_NAME, serverOf, servingTls, withWorld } from '../tls-world.mjs';
import { exchange, webCredentials, withHaproxy, withTinyproxy } from './proxies.mjs';

/** A proxy that takes CONNECT with a password, over TLS. */
function withHttpsProxy(world, body) {
  const pem = join(world.folder, 'haproxy.pem');
  writeFileSync(pem, readFileSync(world.server.cert, 'utf8') + readFileSync(world.server.key, 'utf8'));
  return withTinyproxy(({ port: behind }) =>
    withHaproxy(
      (port) => [
        ...['frontend f', `  bind 127.0.0.1:${port} ssl crt ${pem}`, '  default_backend b'],
        ...['backend b', `  server s 127.0.0.1:${behind}`],
      ],
      body,
    ),
  );
}

export default [
  {
    name: '1 MiB through an HTTPS proxy with a password, inside TLS 1.3 of our own, and a wrong name inside is seen',
    needs: ['openssl', 'haproxy', 'tinyproxy'],
    run: () =>
      withWorld(async (world) => {
        const context = await clientOf(world);
        await servingTls(echo, await serverOf(world), (port) =>
          withHttpsProxy(world, async (proxy) => {
            const connect = httpConnectConnector({
              via: (target) => openTlsOverTcpStream(target.host, target.port, { context, serverName: SERVER_NAME }),
              proxy,
              ...webCredentials,
            });
            const tunnel = await connect({ host: '127.0.0.1', port });
            // The TLS below is the proxy's: the tunnel must not claim it for the target.
            assert.equal(attributeOf(tunnel, tlsVersion), undefined);
            const stream = TlsStream.client(tunnel, context, { serverName: SERVER_NAME });
            await stream.doHandshake();
            await exchange(stream);

            const other = TlsStream.client(await connect({ host: '127.0.0.1', port }), context, {
              serverName: 'other.test',
            });
            await assert.rejects(other.doHandshake(), CertificateError);
          }),
        );
      }),
  },
];
