/** Whatever a proxy answers, and however it is cut, connecting ends: in a tunnel or in one of four errors, with nothing left open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, ClosedResourceError, inetAddress, ProtocolError, TooSlowError } from 'bowline/core';
import type { Connector, Network, SocketStream } from 'bowline/core';
import {
  httpConnectConnector,
  ProxyRefusedError,
  socks4aConnector,
  socks5,
  socks5Connector,
  socks5Handler,
} from 'bowline/proxies';
import { pump } from 'bowline/streams';
import { currentTime, openNursery, runDetached, withClock, withNetwork } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';
import fc from 'fast-check';

import { latin1 } from '../support/check-format.js';
import { say } from '../support/proxy-peers.js';

const proxy = { host: '127.0.0.1', port: 1080 };
const target = { host: 'example.org', port: 443 };
const credentials = { username: 'joe', password: 'hunter2' };

const clients: Readonly<Record<string, (via: Connector<MemoryStream>) => Connector>> = {
  SOCKS5: (via) => socks5Connector({ via, proxy, ...credentials }),
  SOCKS4A: (via) => socks4aConnector({ via, proxy }),
  CONNECT: (via) => httpConnectConnector({ via, proxy, ...credentials, maxHeadBytes: 200 }),
};

/** What a client would take for the beginning of an answer, and then anything. */
const answer = fc
  .tuple(
    fc.constantFrom(
      '',
      '\x05\x00',
      '\x05\x02\x01\x00',
      '\x05\x00\x05\x00\x00',
      '\0\x5a',
      'HTTP/1.1 200 ',
      'HTTP/1.1 407 x\r\n',
    ),
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.constantFrom(0, 1, 3, 4, 5, 10, 13, 32, 58, 0x41, 0xff), { maxLength: 60 }),
    ),
  )
  .map(([start, rest]) => Uint8Array.of(...latin1(start), ...rest));

/** A proxy that does not listen: it sends its answer, in pieces, and then ends or goes silent. */
async function playAnswer(far: MemoryStream, bytes: Uint8Array, pieceBytes: number, ends: boolean): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) await far.sendAll(bytes.subarray(at, at + pieceBytes));
    if (ends) await far.sendEof();
  } catch (error) {
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

for (const [name, make] of Object.entries(clients)) {
  test(`${name}: any answer ends in a tunnel or a typed error, within the deadline`, () =>
    fc.assert(
      fc.asyncProperty(answer, fc.constantFrom(1, 3, 1000), fc.boolean(), (bytes, pieceBytes, ends) =>
        withClock(new MockClock({ autojumpThresholdMs: 0 }), async () => {
          const [near, far] = memoryStreamPair();
          await openNursery(async (nursery) => {
            nursery.startSoon(playAnswer, far, bytes, pieceBytes, ends);
            try {
              const tunnel = await make(async () => near)(target);
              tunnel.abort();
            } catch (error) {
              assert.ok(
                [ProtocolError, BrokenResourceError, TooSlowError, ProxyRefusedError].some(
                  (type) => error instanceof type,
                ),
                String(error),
              );
              assert.ok(!String(error).includes('hunter2'));
            }
            await assert.rejects(near.receiveSome(), ClosedResourceError);
            assert.ok(currentTime() <= 30_000);
          });
        }),
      ),
      { numRuns: 60 },
    ));
}

test('the SOCKS5 server ends with any client, and connects to nobody by accident', () =>
  fc.assert(
    fc.asyncProperty(answer, fc.constantFrom(1, 3, 1000), fc.boolean(), (bytes, pieceBytes, ends) =>
      withClock(new MockClock({ autojumpThresholdMs: 0 }), async () => {
        const [near, far] = memoryStreamPair();
        const handler = socks5Handler({ authenticate: credentials });
        await openNursery(async (nursery) => {
          nursery.startSoon(playAnswer, near, bytes, pieceBytes, ends);
          try {
            await handler(far);
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error));
          }
          far.abort();
          assert.ok(currentTime() <= 30_000);
        });
      }),
    ),
    { numRuns: 60 },
  ));

test('client and server understand each other byte by byte', () =>
  withClock(new MockClock({ autojumpThresholdMs: 0 }), async () => {
    const network: Network = {
      lookup: async () => [inetAddress('93.184.216.34', 0)],
      connectTcp: async () => {
        const [upstream, beyond] = memoryStreamPair({ capacityBytes: 1 });
        void runDetached(() => pump(beyond, beyond)).catch(() => undefined);
        return upstream as unknown as SocketStream;
      },
      listenTcp: () => assert.fail(),
      bindUdp: () => assert.fail(),
      connectUdp: () => assert.fail(),
    };
    await withNetwork(network, () =>
      openNursery(async (nursery) => {
        for (const permit of [true, false]) {
          const [near, far] = memoryStreamPair({ capacityBytes: 1 });
          nursery.startSoon(socks5Handler({ authenticate: credentials, permit: () => permit }), far);
          const connecting = socks5(near, target, credentials);
          if (permit) assert.equal(await say(await connecting, '!'), '!');
          else await assert.rejects(connecting, ProxyRefusedError);
        }
        nursery.cancelScope.cancel();
      }),
    );
  }));
