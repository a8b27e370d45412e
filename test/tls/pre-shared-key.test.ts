/** Sources of pre-shared keys that do what TLS cannot wait for, or fail: the connection ends, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError } from 'bowline/core';
import { memoryStreamPair } from 'bowline/testing';
import { TlsStream } from 'bowline/tls';
import { preSharedKey } from 'bowline/trust';
import type { ClientContextOptions, PreSharedKey, ServerContextOptions } from 'bowline/trust';

import { clientOf, serverOf, versions } from './support.js';

const key = preSharedKey({ identity: 'device', key: new Uint8Array(32).fill(7) });

const sources: Readonly<Record<string, () => PreSharedKey | Promise<PreSharedKey>>> = {
  throws: () => {
    throw new Error('no database');
  },
  // An unhandled rejection would fail the test, as it would end a server.
  'rejects later': () => Promise.reject(new Error('no database')),
};

for (const version of versions) {
  for (const [how, source] of Object.entries(sources)) {
    test(`a source of pre-shared keys that ${how} breaks one connection of a server (TLS ${version})`, () =>
      assertBreaks(version, { server: { find: source }, client: key }, 'server'));

    test(`a source of pre-shared keys that ${how} breaks the connection of a client (TLS ${version})`, () =>
      assertBreaks(version, { server: key, client: source }, 'client'));
  }
}

async function assertBreaks(
  version: (typeof versions)[number],
  psk: { readonly server: ServerContextOptions['psk']; readonly client: ClientContextOptions['psk'] },
  broken: 'server' | 'client',
): Promise<void> {
  const [near, far] = memoryStreamPair();
  const client = TlsStream.client(near, clientOf(version, { psk: psk.client }), { serverName: 'localhost' });
  const server = TlsStream.server(far, serverOf(version, { psk: psk.server, identity: undefined }));
  const ends = { server, client };
  const other = ends[broken === 'server' ? 'client' : 'server'];
  const failed = assert.rejects(other.doHandshake(), BrokenResourceError);
  await assert.rejects(ends[broken].doHandshake(), BrokenResourceError);
  ends[broken].abort();
  await failed;
  other.abort();
  // Where a rejection that nobody hears would be told.
  await new Promise((resolve) => setImmediate(resolve));
}
