/**
 * Every single datagram of a handshake dropped, duplicated, delayed, damaged and replayed, one at a time and in pairs,
 * exhaustively: what comes of every run is an association that carries data, with the same keys on both sides.
 *
 * Damage is the exception that it has to be: clear messages of a handshake are not authentic, and a damaged one may parse. Then
 * Finished (or a signature) does not fit, and both sides must fail; one connected without the other would be the fault.
 *
 * `DTLS_EXHAUSTIVE=1` adds pairs for the other handshakes and where datagrams are small, and damage of every byte.
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import { LATENCY_MS, Pair, perfect, pskSettings, sameKeys } from './pair.js';
import type { Fault, PairOptions } from './pair.js';

type Mishap = 'drop' | 'duplicate' | 'delay' | 'replay';
const mishaps: readonly Mishap[] = ['drop', 'duplicate', 'delay', 'replay'];

const exhaustive = process.env['DTLS_EXHAUSTIVE'] === '1';

function happen(mishap: Mishap, datagram: Uint8Array<ArrayBuffer>): ReturnType<Fault> {
  switch (mishap) {
    case 'drop':
      return [];
    case 'duplicate':
      return [
        { datagram, delayMs: LATENCY_MS },
        { datagram, delayMs: LATENCY_MS },
      ];
    case 'delay':
      return [{ datagram, delayMs: 2500 }];
    case 'replay':
      return [
        { datagram, delayMs: LATENCY_MS },
        { datagram, delayMs: 700 },
        { datagram, delayMs: 4000 },
      ];
  }
}

const handshakes: Readonly<Record<string, PairOptions>> = {
  certificate: {},
  'certificates on both sides': {
    client: { hasIdentity: true },
    server: { clientAuth: 'require' },
  },
  'pre-shared key': pskSettings(),
  'pre-shared key with ECDHE': pskSettings('TLS_ECDHE_PSK_WITH_CHACHA20'),
};

/** Datagrams of a handshake to which nothing happens. */
function countDatagrams(options: PairOptions): number {
  const pair = new Pair(options).handshake();
  assert.ok(pair.bothEstablished);
  return pair.sent.length;
}

function mustSucceed(options: PairOptions, plan: ReadonlyMap<number, Mishap>): void {
  const what = JSON.stringify([...plan]);
  const fault: Fault = (datagram, from, index) => {
    const mishap = plan.get(index);
    return mishap === undefined ? perfect(datagram, from, index) : happen(mishap, datagram);
  };
  const pair = new Pair({ ...options, fault }).handshake();
  assert.ok(
    pair.bothEstablished,
    `no handshake with ${what}: ${String(pair.client.closed)} ${String(pair.server.closed)}`,
  );
  assert.ok(sameKeys(pair), what);
  assert.ok(pair.converse(), `no conversation with ${what}`);
  // What is still under way must not disturb anything.
  pair.run(10_000);
  assert.equal(pair.client.closed, undefined, what);
  assert.equal(pair.server.closed, undefined, what);
}

for (const [name, options] of Object.entries(handshakes)) {
  test(`each datagram dropped, duplicated, delayed, replayed: ${name}`, () => {
    const count = countDatagrams(options);
    for (let index = 0; index < count; index++)
      for (const mishap of mishaps) mustSucceed(options, new Map([[index, mishap]]));
  });

  const pairsAlways = name === 'certificate' || name === 'pre-shared key';
  test(`the same in pairs: ${name}`, { skip: !pairsAlways && !exhaustive && 'only with DTLS_EXHAUSTIVE=1' }, () => {
    // One more than there are: a mishap makes for more datagrams.
    const count = countDatagrams(options) + 1;
    for (let first = 0; first < count; first++)
      for (let second = first + 1; second < count; second++)
        for (const one of mishaps)
          for (const other of mishaps)
            mustSucceed(
              options,
              new Map([
                [first, one],
                [second, other],
              ]),
            );
  });

  const small: PairOptions = {
    ...options,
    client: { ...options.client, datagramBytes: 200 },
    server: { ...options.server, datagramBytes: 200 },
  };
  test(`each datagram, where they have 200 bytes: ${name}`, () => {
    const count = countDatagrams(small);
    for (let index = 0; index < count; index++)
      for (const mishap of mishaps) mustSucceed(small, new Map([[index, mishap]]));
  });

  if (exhaustive) {
    test(`in pairs, where they have 200 bytes: ${name}`, () => {
      const count = countDatagrams(small) + 1;
      for (let first = 0; first < count; first++)
        for (let second = first + 1; second < count; second++)
          for (const one of mishaps)
            for (const other of mishaps)
              mustSucceed(
                small,
                new Map([
                  [first, one],
                  [second, other],
                ]),
              );
    });
  }

  test(`damage anywhere never connects one side alone, or two with different keys: ${name}`, () => {
    const count = countDatagrams(options);
    const stride = exhaustive ? 1 : 11;
    let survived = 0;
    for (let index = 0; index < count; index++) {
      for (let at = index % stride; ; at += stride) {
        let length = 0;
        const fault: Fault = (datagram, from, sentIndex) => {
          if (sentIndex !== index) return perfect(datagram, from, sentIndex);
          length = datagram.length;
          const damaged = new Uint8Array(datagram);
          damaged[at] = (damaged[at] ?? 0) ^ 0x41;
          return perfect(damaged, from, sentIndex);
        };
        const pair = new Pair({
          ...options,
          client: { ...options.client, handshakeTimeoutMs: 60_000 },
          server: { ...options.server, handshakeTimeoutMs: 60_000 },
          fault,
        }).handshake();
        if (at >= length) break;
        const what = `byte ${at} of datagram ${index}`;
        if (pair.bothEstablished) {
          assert.ok(sameKeys(pair) && pair.converse(), what);
          survived += 1;
        } else {
          pair.run(120_000);
          assert.equal(pair.client.established, null, what);
          assert.equal(pair.server.established, null, what);
          assert.notEqual(pair.client.closed, undefined, `the client is told, ${what}`);
        }
      }
    }
    assert.ok(survived > 0);
  });
}
