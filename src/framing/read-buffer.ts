/**
 * The store of a BufferedStream and of every decoder: bytes between two marks in one block of memory, which is filled at its
 * end and taken from at its start.
 *
 *     store  [ free ········ | bytes ················ | room ······ ]
 *                            start                    end
 *
 * `store`, `start` and `end` are plain fields because scanners read them for every frame.
 */
import type { Bytes } from '../core/bytes.ts';

const NOTHING: Bytes = new Uint8Array(0);
const SMALLEST_READ_BYTES = 4096;
const LARGEST_READ_BYTES = 65_536;
/** So far a byte is looked for by a loop; further on the engine's own search is faster. */
const NEAR_BYTES = 64;

export class ReadBuffer {
  store = NOTHING;
  start = 0;
  end = 0;
  /** How much room the next read is offered. Grows while reads fill it: an idle connection keeps 4 KiB. */
  #readBytes = SMALLEST_READ_BYTES;
  /** No match of `#scannedFor` begins before this, counted from `start`. */
  #scanned = 0;
  #scannedFor = NOTHING as Uint8Array;

  get size(): number {
    return this.end - this.start;
  }

  /** The byte at `index`, counted from the oldest; there must be so many. */
  at(index: number): number {
    return this.store[this.start + index] as number;
  }

  /** The oldest bytes, as they lie in the store: to be looked at, not to be kept. */
  view(length: number): Uint8Array {
    return this.store.subarray(this.start, this.start + length);
  }

  /** A copy of all bytes. */
  peek(): Bytes {
    return this.store.slice(this.start, this.end);
  }

  /** The oldest bytes; there must be so many. */
  take(length: number): Bytes {
    if (length === this.store.length && length > 0) {
      // Exactly what was asked for, as after a large receiveExactly: the store itself goes.
      const taken = this.store;
      this.clear();
      return taken;
    }
    const taken = this.store.slice(this.start, this.start + length);
    this.drop(length);
    return taken;
  }

  drop(length: number): void {
    this.start += length;
    this.#scanned = Math.max(0, this.#scanned - length);
    if (this.start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.store.length > 2 * LARGEST_READ_BYTES) this.store = NOTHING;
  }

  clear(): void {
    this.store = NOTHING;
    this.start = 0;
    this.end = 0;
    this.#scanned = 0;
  }

  unshift(bytes: Uint8Array): void {
    this.#scanned = 0;
    if (bytes.length > this.start) {
      const joined = new Uint8Array(bytes.length + this.size);
      joined.set(this.view(this.size), bytes.length);
      this.store = joined;
      this.start = bytes.length;
      this.end = joined.length;
    }
    this.start -= bytes.length;
    this.store.set(bytes, this.start);
  }

  /** Adds a copy of `bytes` at the end. */
  push(bytes: Uint8Array): void {
    const { length } = bytes;
    if (this.store.length - this.end < length) this.#makeRoom(0, length);
    if (length === 1) this.store[this.end] = bytes[0] as number;
    else this.store.set(bytes, this.end);
    this.end += length;
  }

  /**
   * Where the next bytes may be received into; `filled` says how many came.
   *
   * @param wantedBytes how many bytes are to be in the buffer in the end; 0 if that is not known
   */
  room(wantedBytes: number): Uint8Array {
    const { size } = this;
    const missing = wantedBytes - size;
    const comfortable = size === 0 ? this.#readBytes : this.#readBytes / 2;
    const enough = missing > 0 ? Math.min(missing, comfortable) : comfortable;
    if (this.store.length - this.end < enough) this.#makeRoom(missing);
    return this.store.subarray(this.end);
  }

  filled(length: number): void {
    this.end += length;
    if (this.end === this.store.length) this.#readBytes = Math.min(this.#readBytes * 2, LARGEST_READ_BYTES);
  }

  /** Where `pattern` begins, counted from the oldest byte; -1 if it is not there. Goes on where it left off. */
  indexOf(pattern: Uint8Array): number {
    if (!isEqual(pattern, this.#scannedFor)) {
      this.#scannedFor = pattern.slice();
      this.#scanned = 0;
    }
    const { store, start } = this;
    const first = pattern[0] as number;
    // One past the last place where it can begin.
    const stop = this.end - pattern.length + 1;
    let at = start + this.#scanned;
    for (;;) {
      at = indexOfByte(store, first, at, stop);
      if (at < 0) break;
      if (pattern.length === 1 || startsWith(store, at, pattern)) {
        this.#scanned = at - start;
        return this.#scanned;
      }
      at++;
    }
    this.#scanned = Math.max(this.#scanned, stop - start);
    return -1;
  }

  /** Where `pattern` may begin at the earliest, given that `indexOf` did not find it: a part of it at the end, or the end. */
  partialIndexOf(pattern: Uint8Array): number {
    const { size } = this;
    const bytes = this.view(size);
    for (let at = Math.max(0, size - pattern.length + 1); at < size; at++) {
      if (startsWith(bytes, at, pattern.subarray(0, size - at))) return at;
    }
    return size;
  }

  /** @param least as much room as there has to be */
  #makeRoom(missing: number, least = 0): void {
    const { size } = this;
    // Doubling, so that each byte is moved once on average; and not beyond what is wanted, so that the store can be given away.
    const spare = Math.max(this.#readBytes, size);
    const comfortable = missing > this.#readBytes ? Math.min(missing, spare) : spare;
    const capacity = size + Math.max(comfortable, least);
    if (this.start >= size && this.store.length >= capacity) {
      // Moving down costs `size`, which was paid for by taking as much before.
      this.store.copyWithin(0, this.start, this.end);
    } else {
      const grown = new Uint8Array(capacity);
      grown.set(this.view(size));
      this.store = grown;
    }
    this.start = 0;
    this.end = size;
  }
}

/** Where `byte` is in `bytes[from, end)`, -1 if nowhere. */
function indexOfByte(bytes: Uint8Array, byte: number, from: number, end: number): number {
  const near = Math.min(end, from + NEAR_BYTES);
  for (let i = from; i < near; i++) if (bytes[i] === byte) return i;
  if (near >= end) return -1;
  const at = bytes.subarray(near, end).indexOf(byte);
  return at < 0 ? -1 : at + near;
}

function startsWith(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
  for (let i = 0; i < pattern.length; i++) if (bytes[at + i] !== pattern[i]) return false;
  return true;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && startsWith(a, 0, b);
}
