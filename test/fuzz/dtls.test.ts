/**
 * Bytes from nowhere, into a DTLS association: recordings of handshakes and conversations, mutated, given to both sides in
 * every state. Nothing throws, nothing is connected that should not be, memory stays within its bounds, and an established
 * association still works afterwards.
 *
 * The corpus is made by each run: recordings of handshakes with certificates, raw shares, pre-shared keys, small datagrams and
 * connection IDs. `FUZZ_SECONDS=60 node --test dist-test/test/fuzz/dtls.test.js` looks for longer, with another seed each
 * time; a failure names the seed.
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import { Pair, perfect, plainTickets, pskSettings } from '../protocols/dtls/pair.js';
import type { PairOptions, SideName } from '../protocols/dtls/pair.js';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0.5);
const seed = seconds === 0.5 ? 1 : Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

/** mulberry32: small, and the same everywhere. */
function randomSource(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const id = (byte: number): Uint8Array<ArrayBuffer> => new Uint8Array(8).fill(byte);

const variants: Readonly<Record<string, PairOptions>> = {
  certificate: {},
  mutual: { client: { hasIdentity: true, datagramBytes: 300 }, server: { clientAuth: 'require', datagramBytes: 300 } },
  psk: pskSettings(),
  'connection IDs and tickets': {
    client: { connectionId: id(1), wantsSession: true },
    server: { connectionId: id(2), sessions: plainTickets },
  },
};

/** Bytes that are most often wrong: the ends of ranges, lengths, types. */
const edges = [0, 1, 20, 21, 22, 23, 25, 0x7f, 0x80, 0xfd, 0xfe, 0xff];

function mutate(datagram: Uint8Array<ArrayBuffer>, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  let mutated = new Uint8Array(datagram);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(mutated.length + 1);
    switch (random(6)) {
      case 0:
        mutated = mutated.slice(0, at);
        break;
      case 1:
        mutated = Uint8Array.from([...mutated.subarray(0, at), random(256), ...mutated.subarray(at)]);
        break;
      case 2:
        mutated = Uint8Array.from([...mutated, ...mutated.subarray(at)]);
        break;
      case 3:
        if (at < mutated.length) mutated[at] = edges[random(edges.length)] ?? 0;
        break;
      case 4:
        // The headers are where the decisions are.
        mutated[random(Math.min(40, Math.max(mutated.length, 1)))] = random(256);
        break;
      default:
        if (at < mutated.length) mutated[at] = (mutated[at] ?? 0) ^ (1 << random(8));
    }
  }
  return mutated.slice(0, 4000);
}

for (const [name, options] of Object.entries(variants)) {
  test(`mutated recordings do no harm: ${name}`, () => {
    const random = randomSource(seed);
    const end = Date.now() + (seconds * 1000) / Object.keys(variants).length;
    const recording = new Pair(options).handshake();
    assert.ok(recording.converse());
    const corpus = recording.sent.map(({ datagram }) => datagram);
    let inputs = 0;
    do {
      const what = `seed ${seed}, after ${inputs} inputs`;
      const own: Uint8Array<ArrayBuffer>[] = [];
      const pair: Pair = new Pair({
        ...options,
        fault: (datagram, from, index) => {
          own.push(datagram);
          // Mutations of this very handshake get further than those of another one. They come late, so that the true
          // datagram is there first and the handshake is not spoiled by what nobody can tell from the truth.
          const copies = Array.from({ length: random(8) }, () => {
            const source = random(2) === 0 ? own : corpus;
            inputs += 1;
            return { datagram: mutate(source[random(source.length)] ?? datagram, random), delayMs: random(100) };
          });
          return [...perfect(datagram, from, index), ...copies];
        },
      });
      pair.handshake(30_000);
      for (const side of ['client', 'server'] as const) {
        const held = pair[side].connection?.statistics().heldBytes ?? 0;
        assert.ok(held <= 128 * 1024, `${held} bytes held, ${what}`);
      }
      if (!pair.bothEstablished) continue;
      assert.ok(pair.converse(), `no conversation, ${what}`);
      for (let i = 0; i < 50; i++) {
        const to: SideName = random(2) === 0 ? 'client' : 'server';
        const before = pair[to].received.length;
        pair.inject(to, mutate(own[random(own.length)] ?? id(0), random));
        inputs += 1;
        // A record that was cut off behind a true one may still bring that one, but once only.
        assert.ok(pair[to].received.length - before <= 1, what);
      }
      for (const side of ['client', 'server'] as const)
        assert.equal(pair[side].closed, undefined, `${side} was closed by bytes from nowhere, ${what}`);
      assert.ok(pair.converse(), `no conversation afterwards, ${what}`);
    } while (Date.now() < end);
    assert.ok(inputs > 0);
  });
}
