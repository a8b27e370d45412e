/** A small public-key infrastructure made by OpenSSL, and both roles of bowline's TLS in it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openTcpStream } from 'bowline/sockets';
import { openNursery } from 'bowline/tasks';
import { serveTlsOverTcp, TlsStream } from 'bowline/tls';
import { clientContext, Identity, pki, serverContext } from 'bowline/trust';

import { withFolder } from './programs.mjs';

export const VERSIONS = ['1.2', '1.3'];

/** What a server of this world is called. */
export const SERVER_NAME = 'server.test';

/**
 * Calls `body` with a folder that holds ca.pem, server.pem, server.key, client.pem and client.key.
 * Not made by bowline itself: what it reads should have been written by somebody else.
 *
 * @param serverKey of the server's certificate: 'ec' or 'rsa'; all others have elliptic curves
 */
export async function withWorld(body, { serverKey = 'ec' } = {}) {
  await withFolder(async (folder) => {
    const at = (name) => join(folder, name);
    const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'.split(' ');
    const ca = '-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign'.split(' ');
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=Interop CA',
      ...ca,
    );
    const leaves = {
      server: `subjectAltName=DNS:${SERVER_NAME},DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n`,
      client: 'subjectAltName=email:client@client.test\nextendedKeyUsage=clientAuth\n',
    };
    for (const [name, extensions] of Object.entries(leaves)) {
      writeFileSync(at(`${name}.ext`), `${extensions}keyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n`);
      const leafKey = name === 'server' && serverKey === 'rsa' ? ['-newkey', 'rsa:2048', '-nodes'] : newKey;
      openssl('req', ...leafKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}.test`);
      const issuing = `-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ${name}.ext`.split(' ');
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...issuing);
    }
    await body({
      folder,
      ca: at('ca.pem'),
      server: { cert: at('server.pem'), key: at('server.key') },
      client: { cert: at('client.pem'), key: at('client.key') },
    });
  });
}

/** A context that trusts this world's authority and nothing else. */
export async function clientOf(world, { version, identity, ...options } = {}) {
  return clientContext({
    verify: pki({ roots: [readFileSync(world.ca, 'utf8')] }),
    identity: identity === undefined ? undefined : await Identity.load(identity),
    minVersion: version,
    maxVersion: version,
    ...options,
  });
}

export async function serverOf(world, { version, clientAuth = 'none', ...options } = {}) {
  return serverContext({
    identity: await Identity.load(world.server),
    clientAuth,
    verify: clientAuth === 'none' ? undefined : pki({ roots: [readFileSync(world.ca, 'utf8')] }),
    minVersion: version,
    maxVersion: version,
    ...options,
  });
}

/** A connection to a server of this world, its handshake done. */
export async function connectTls(port, context, options) {
  const stream = TlsStream.client(await openTcpStream('127.0.0.1', port), context, {
    serverName: SERVER_NAME,
    ...options,
  });
  await stream.doHandshake();
  return stream;
}

/** Serves over TLS while `body(port)` runs. Failed handshakes and handlers do not end it. */
export async function servingTls(handler, context, body, options) {
  let result;
  await openNursery(async (nursery) => {
    const [listener] = await nursery.start((started) =>
      serveTlsOverTcp(handler, 0, context, { host: '127.0.0.1', started, onHandlerError: () => undefined, ...options }),
    );
    try {
      result = await body(listener.address.port);
    } finally {
      nursery.cancelScope.cancel();
    }
  });
  return result;
}

/** Sends back what it receives, to the end. */
export async function echo(stream) {
  for await (const chunk of stream) await stream.sendAll(chunk);
  await stream.close();
}
