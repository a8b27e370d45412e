/**
 * Which records of an epoch have been taken already (RFC 6347 §4.1.2.6; the ring is that of RFC 6479).
 *
 * A bit for each of the last numbers, in a ring of 32-bit words: moving forward clears whole words and never shifts. The
 * window moves in `accept`, which is for authenticated records alone; a forged record with a huge number, had it moved
 * the window, would shut out the true ones (OpenSSL CVE-2016-2181). `isFresh` changes nothing, so it may be asked before
 * decryption.
 */
const WORDS = 9;
/** One word of the ring is always partly in the future. */
export const REPLAY_WINDOW = (WORDS - 1) * 32;

export class ReplayWindow {
  readonly #ring = new Uint32Array(WORDS);
  /** Highest number accepted; -1 before the first. */
  #highest = -1;

  /** Highest number accepted, -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether the number is neither taken nor older than the window. */
  isFresh(sequence: number): boolean {
    if (sequence > this.#highest) return true;
    if (sequence + REPLAY_WINDOW <= this.#highest) return false;
    return ((this.#ring[wordOf(sequence)] as number) & (1 << (sequence % 32))) === 0;
  }

  /** Takes a number that is fresh. Call it for authenticated records only. */
  accept(sequence: number): void {
    if (sequence > this.#highest) {
      const from = Math.floor(this.#highest / 32);
      const steps = Math.min(Math.floor(sequence / 32) - from, WORDS);
      for (let step = 1; step <= steps; step++) this.#ring[(((from + step) % WORDS) + WORDS) % WORDS] = 0;
      this.#highest = sequence;
    }
    const word = wordOf(sequence);
    this.#ring[word] = (this.#ring[word] as number) | (1 << (sequence % 32));
  }
}

function wordOf(sequence: number): number {
  return Math.floor(sequence / 32) % WORDS;
}
