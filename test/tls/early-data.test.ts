/** What a peer sends before it is judged is never read, however it is cut and whatever follows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, CertificateError } from 'bowline/core';
import { memoryStreamPair } from 'bowline/testing';
import { TlsStream } from 'bowline/tls';
import type { Verifier } from 'bowline/trust';

import { paddedFlight } from './forged-records.js';
import { certificates, clientOf } from './support.js';

const DATA = { type: 23, content: Buffer.alloc(400, 'e') };
const CLOSE_NOTIFY = { type: 21, content: Buffer.of(1, 0) };

const refuse: Verifier = async () => {
  await new Promise((resolve) => setImmediate(resolve));
  throw new CertificateError('no', { reason: 'no' });
};

for (const httpsCompatible of [true, false]) {
  // A record that is longer than any alert is fed together with what follows it, so all of this reaches the engine at once.
  for (const padding of [0, 300]) {
    test(`data and an end (padding ${padding}) in the flight of a server that is refused are not read (httpsCompatible: ${httpsCompatible})`, async () => {
      const [clientSide, serverSide] = memoryStreamPair();
      const client = TlsStream.client(clientSide, clientOf('1.3', { verify: refuse }), {
        serverName: 'localhost',
        httpsCompatible,
      });
      const received = client.receiveSome();
      const { flight, data } = await paddedFlight((await serverSide.receiveSome()) as Uint8Array, certificates.good);
      const sent = Buffer.concat([...flight, data.seal(DATA), data.seal(CLOSE_NOTIFY, padding)]);
      await serverSide.sendAll(sent);
      await assert.rejects(received, padding === 0 ? CertificateError : BrokenResourceError);
      await assert.rejects(
        client.receiveSome(),
        (error) => error instanceof CertificateError || error instanceof BrokenResourceError,
      );
      client.abort();
    });
  }
}
