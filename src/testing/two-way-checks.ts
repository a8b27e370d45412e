/**
 * What a stream owes its callers beyond the contract of its two directions: that they work at the same time, and that
 * closing ends both.
 *
 * Source: Trio `check_two_way_stream`.
 */
import type { Stream } from '../core/stream.ts';
import { check, expect } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { both, concat } from './one-way-checks.ts';

export type TwoWayPair = readonly [Stream, Stream];

const DUPLEX_BYTES = 1_048_576;
const LARGEST_CHUNK_BYTES = 16_384;

export const twoWayChecks: readonly Check<TwoWayPair>[] = [
  check(
    'duplex: 1 MiB each way at the same time, in pieces of any size, then a close that the other side sees',
    async ([a, b]) => {
      const data = randomBytes(7);
      const mirrored = data.slice().reverse();
      await both(
        () =>
          both(
            () => sendInPieces(a, data, 1),
            async () => {
              expectEqual(await receiveInPieces(b, data.length, 2), data);
            },
          ),
        () =>
          both(
            () => sendInPieces(b, mirrored, 3),
            async () => {
              expectEqual(await receiveInPieces(a, data.length, 4), mirrored);
            },
          ),
      );
      await both(
        async () => {
          expect((await b.receiveSome(10)) === null, 'after the other side closed, the end of file is not null');
          await b.close();
        },
        () => a.close(),
      );
    },
  ),
];

/** A small generator of repeatable numbers (mulberry32): the same chunks in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

function randomBytes(seed: number): Uint8Array {
  const next = numbers(seed);
  const words = new Uint32Array(DUPLEX_BYTES / 4);
  for (let i = 0; i < words.length; i++) words[i] = next(2 ** 32);
  return new Uint8Array(words.buffer);
}

async function sendInPieces(stream: Stream, data: Uint8Array, seed: number): Promise<void> {
  const next = numbers(seed);
  for (let offset = 0; offset < data.length;) {
    const end = offset + 1 + next(LARGEST_CHUNK_BYTES);
    await stream.sendAll(data.subarray(offset, end));
    offset = end;
  }
}

async function receiveInPieces(stream: Stream, length: number, seed: number): Promise<Uint8Array> {
  const next = numbers(seed);
  const chunks: Uint8Array[] = [];
  for (let missing = length; missing > 0;) {
    const limit = Math.min(1 + next(LARGEST_CHUNK_BYTES), missing);
    const chunk = await stream.receiveSome(limit);
    expect(chunk !== null, `the end of file came ${missing} bytes too early`);
    expect(chunk.length >= 1 && chunk.length <= limit, `receiveSome(${limit}) gave ${chunk.length} bytes`);
    chunks.push(chunk);
    missing -= chunk.length;
  }
  return concat(chunks);
}

function expectEqual(received: Uint8Array, sent: Uint8Array): void {
  // A loop, because findIndex takes ten times as long, and this is a million bytes.
  let at = 0;
  while (at < sent.length && received[at] === sent[at]) at++;
  expect(at === sent.length, `the bytes differ from what was sent, first at ${at}`);
}
