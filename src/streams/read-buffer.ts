/**
 * The store of a BufferedStream: bytes between two marks in one block of memory, which is filled at its end and taken from
 * at its start.
 *
 *     store  [ free ········ | bytes ················ | room ······ ]
 *                            start                    end
 */
import type { Bytes } from '../core/bytes.ts';

const NOTHING: Bytes = new Uint8Array(0);
const SMALLEST_READ_BYTES = 4096;
const LARGEST_READ_BYTES = 65_536;

export class ReadBuffer {
  #store = NOTHING;
  #start = 0;
  #end = 0;
  /** How much room the next read is offered. Grows while reads fill it: an idle connection keeps 4 KiB. */
  #readBytes = SMALLEST_READ_BYTES;
  /** No match of `#scannedFor` begins before this, counted from `#start`. */
  #scanned = 0;
  #scannedFor = NOTHING as Uint8Array;

  get size(): number {
    return this.#end - this.#start;
  }

  /** The oldest bytes, as they lie in the store: to be looked at, not to be kept. */
  view(length: number): Uint8Array {
    return this.#store.subarray(this.#start, this.#start + length);
  }

  /** A copy of all bytes. */
  peek(): Bytes {
    return this.#store.slice(this.#start, this.#end);
  }

  /** The oldest bytes; there must be so many. */
  take(length: number): Bytes {
    if (length === this.#store.length && length > 0) {
      // Exactly what was asked for, as after a large receiveExactly: the store itself goes.
      const taken = this.#store;
      this.clear();
      return taken;
    }
    const taken = this.#store.slice(this.#start, this.#start + length);
    this.drop(length);
    return taken;
  }

  drop(length: number): void {
    this.#start += length;
    this.#scanned = Math.max(0, this.#scanned - length);
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
    if (this.#store.length > 2 * LARGEST_READ_BYTES) this.#store = NOTHING;
  }

  clear(): void {
    this.#store = NOTHING;
    this.#start = 0;
    this.#end = 0;
    this.#scanned = 0;
  }

  unshift(bytes: Uint8Array): void {
    this.#scanned = 0;
    if (bytes.length > this.#start) {
      const joined = new Uint8Array(bytes.length + this.size);
      joined.set(this.view(this.size), bytes.length);
      this.#store = joined;
      this.#start = bytes.length;
      this.#end = joined.length;
    }
    this.#start -= bytes.length;
    this.#store.set(bytes, this.#start);
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
    if (this.#store.length - this.#end < enough) this.#makeRoom(missing);
    return this.#store.subarray(this.#end);
  }

  filled(length: number): void {
    this.#end += length;
    if (this.#end === this.#store.length) this.#readBytes = Math.min(this.#readBytes * 2, LARGEST_READ_BYTES);
  }

  /** Where `pattern` begins, counted from the oldest byte; -1 if it is not there. Goes on where it left off. */
  indexOf(pattern: Uint8Array): number {
    if (!isEqual(pattern, this.#scannedFor)) {
      this.#scannedFor = pattern.slice();
      this.#scanned = 0;
    }
    const bytes = this.view(this.size);
    const first = pattern[0] as number;
    const last = bytes.length - pattern.length;
    for (let at = bytes.indexOf(first, this.#scanned); at >= 0 && at <= last; at = bytes.indexOf(first, at + 1)) {
      if (startsWith(bytes, at, pattern)) {
        this.#scanned = at;
        return at;
      }
    }
    this.#scanned = Math.max(this.#scanned, last + 1);
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

  #makeRoom(missing: number): void {
    const { size } = this;
    // Doubling, so that each byte is moved once on average; and not beyond what is wanted, so that the store can be given away.
    const spare = Math.max(this.#readBytes, size);
    const capacity = size + (missing > this.#readBytes ? Math.min(missing, spare) : spare);
    if (this.#start >= size && this.#store.length >= capacity) {
      // Moving down costs `size`, which was paid for by taking as much before.
      this.#store.copyWithin(0, this.#start, this.#end);
    } else {
      const grown = new Uint8Array(capacity);
      grown.set(this.view(size));
      this.#store = grown;
    }
    this.#start = 0;
    this.#end = size;
  }
}

function startsWith(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
  for (let i = 0; i < pattern.length; i++) if (bytes[at + i] !== pattern[i]) return false;
  return true;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && startsWith(a, 0, b);
}
