/** TLS streams keep the contract of streams, in both modes and versions. */
import { test } from 'node:test';
import { withClock } from 'bowline/tasks';
import {
  checkHalfCloseableStream,
  checkTwoWayStream,
  lockstepStreamPair,
  memoryStreamPair,
  MockClock,
} from 'bowline/testing';

import { handshaken, tlsOver, versions } from './support.js';

const modes = [
  ['strict', {}],
  ['https-compatible', { client: { httpsCompatible: true }, server: { httpsCompatible: true } }],
] as const;

for (const [mode, options] of modes) {
  for (const version of versions) {
    test(`TLS-13 ${mode}, TLS ${version}, keeps the contract of a stream, with the handshake in the first operations`, () =>
      withClock(new MockClock(), () =>
        checkTwoWayStream(
          async () => tlsOver(version, memoryStreamPair(), options),
          // The first receive of a clogged pair would have to send.
          async () => handshaken(tlsOver(version, lockstepStreamPair(), options)),
        ),
      ));
  }
}

test('TLS-13 TLS 1.3 can be half-closed', () =>
  withClock(new MockClock(), () =>
    checkHalfCloseableStream(
      async () => handshaken(tlsOver('1.3', memoryStreamPair())),
      async () => handshaken(tlsOver('1.3', lockstepStreamPair())),
    ),
  ));

test('TLS-13 in memory that pushes back, and inside each other', () =>
  withClock(new MockClock(), () =>
    checkTwoWayStream(async () => {
      const below = await handshaken(tlsOver('1.2', memoryStreamPair({ capacityBytes: 100 })));
      return tlsOver('1.3', below);
    }),
  ));
