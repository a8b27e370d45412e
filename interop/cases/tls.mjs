/** node:tls over our Duplex, both sides, on TLS 1.2 and 1.3. Pre-shared keys, so that no certificate is needed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import tls from 'node:tls';

import { fromNodeDuplex, toNodeDuplex } from 'bowline/adapters';
import { gather } from 'bowline/tasks';

import { overTransports, readAll, untilClosed } from '../transports.mjs';

const psk = randomBytes(32);

const suites = { 'TLSv1.2': 'PSK-AES128-GCM-SHA256', 'TLSv1.3': undefined };

function options(version) {
  return { minVersion: version, maxVersion: version, ciphers: suites[version], rejectUnauthorized: false };
}

export default ['TLSv1.2', 'TLSv1.3'].flatMap((version) =>
  overTransports(`${version}: 1 MiB each way at once, half-closed by close_notify,`, async (transport) => {
    const failures = [];
    const server = tls.createServer({ ...options(version), pskCallback: () => psk, allowHalfOpen: true }, (socket) => {
      socket.on('error', (error) => failures.push(error));
      socket.pipe(socket);
    });
    server.on('tlsClientError', (error) => failures.push(error));
    const handler = (stream) => {
      const duplex = toNodeDuplex(stream, { allowHalfOpen: true });
      server.emit('connection', duplex);
      return untilClosed(duplex);
    };
    await transport(handler, async (connect) => {
      const socket = tls.connect({
        ...options(version),
        socket: toNodeDuplex(await connect(), { allowHalfOpen: true }),
        pskCallback: () => ({ psk, identity: 'bowline' }),
        checkServerIdentity: () => undefined,
        allowHalfOpen: true,
      });
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      assert.equal(socket.getProtocol(), version);
      const stream = fromNodeDuplex(socket);
      const payload = randomBytes(1024 * 1024);
      const [received] = await gather([
        () => readAll(stream),
        async () => {
          await stream.sendAll(payload);
          await stream.sendEof();
        },
      ]);
      assert.ok(payload.equals(received));
      await stream.close();
    });
    server.close();
    assert.deepEqual(failures, []);
  }),
);
