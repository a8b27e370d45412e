/**
 * What fuzz tests share: a corpus in the tree, mutations of it, and how long to look.
 *
 * In the suite a run is short and the same every time. `FUZZ_SECONDS=60 node --test dist-test/test/fuzz/X.test.js` looks for longer,
 * with another seed each time; a failure names the seed, which `FUZZ_SEED` takes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Gives an integer from 0 to `below`, exclusively. */
export type Random = (below: number) => number;

const SHORT_SECONDS = 0.5;
const SHORT_RUNS = 400;
const seconds = Number(process.env['FUZZ_SECONDS'] ?? SHORT_SECONDS);
const isShort = seconds === SHORT_SECONDS;
export const fuzzSeed = isShort ? 1 : Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

/** The files of a folder of `test/fuzz/corpus`, which are bytes in hexadecimal, by their names. */
export function readCorpus(name: string): ReadonlyMap<string, Uint8Array> {
  const folder = fileURLToPath(new URL(`../../../test/fuzz/corpus/${name}/`, import.meta.url));
  return new Map(
    readdirSync(folder).map((file) => [
      file,
      new Uint8Array(Buffer.from(readFileSync(folder + file, 'utf8').replace(/\s/g, ''), 'hex')),
    ]),
  );
}

/** Calls `tryOne` with mutations of the corpus, again and again, for as long as this run lasts. */
export function fuzz(corpus: readonly Uint8Array[], tryOne: (input: Uint8Array, random: Random) => void): void {
  const random = randomSource(fuzzSeed);
  const until = performance.now() + seconds * 1000;
  for (let runs = 0; runs < 200 || performance.now() < until; runs++) {
    tryOne(mutate(corpus[random(corpus.length)] as Uint8Array, random, corpus), random);
    if (isShort && runs >= SHORT_RUNS) break;
  }
}

/** mulberry32: small, and the same everywhere. */
function randomSource(state: number): Random {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function mutate(input: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  let bytes = Array.from(input);
  for (let i = 1 + random(4); i > 0; i--) {
    const at = random(bytes.length + 1);
    switch (random(5)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes.splice(at, random(4));
        break;
      case 2:
        bytes.splice(at, 0, ...bytes.slice(random(bytes.length + 1), random(bytes.length + 1)));
        break;
      case 3:
        bytes.splice(at, 0, [0, 1, 9, 10, 13, 48, 58, 127, 128, 255][random(10)] as number);
        break;
      default:
        bytes = [...bytes.slice(0, at), ...(others[random(others.length)] as Uint8Array)];
    }
  }
  return Uint8Array.from(bytes.slice(0, 600));
}
