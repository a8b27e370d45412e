/**
 * Numbers that look random and are the same in every run: a stream for each link, from one seed and the link's name, so
 * that traffic on one link does not change what happens on another.
 *
 * Source: mulberry32 (T. Ettinger, public domain), seeded by FNV-1a of the name.
 */
export class Random {
  #state: number;

  /** @param seed any number; @param name of the stream */
  constructor(seed: number, name: string) {
    let hash = 0x811c9dc5 ^ (seed | 0) ^ Math.floor(seed / 2 ** 32);
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    this.#state = hash | 0;
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 4; i++) this.next();
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
