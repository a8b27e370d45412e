/**
 * Bytes that wait to be taken, in order: the inside of every stream in memory.
 *
 * What goes in is copied, so the giver may reuse its memory; what comes out is the taker's alone. Taking joins chunks, so
 * no reader can rely on boundaries, and costs time in proportion to the bytes taken.
 */
import type { Bytes } from '../core/bytes.ts';

export class ByteQueue {
  #chunks: Bytes[] = [];
  /** Bytes of the first chunk that are gone. */
  #offset = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      const copy = new Uint8Array(piece.length);
      copy.set(piece);
      this.#chunks.push(copy);
      this.#size += copy.length;
    }
  }

  /** The oldest bytes, as many as there are up to `maxBytes`. */
  take(maxBytes: number): Bytes {
    const taken = new Uint8Array(Math.min(maxBytes, this.#size));
    this.takeInto(taken);
    return taken;
  }

  /** Fills `buffer` from its start as far as the bytes go, and returns how far. */
  takeInto(buffer: Uint8Array): number {
    let filled = 0;
    let used = 0;
    for (; used < this.#chunks.length; used++) {
      const rest = (this.#chunks[used] as Bytes).subarray(this.#offset);
      const part = rest.subarray(0, buffer.length - filled);
      buffer.set(part, filled);
      filled += part.length;
      if (part.length < rest.length) {
        this.#offset += part.length;
        break;
      }
      this.#offset = 0;
    }
    this.#chunks.splice(0, used);
    this.#size -= filled;
    return filled;
  }

  /** Takes back the newest bytes, so that at most `size` are left. */
  truncate(size: number): void {
    while (this.#size > size) {
      const last = this.#chunks.pop() as Bytes;
      const surplus = this.#size - size;
      const length = last.length - (this.#chunks.length === 0 ? this.#offset : 0);
      this.#size -= Math.min(length, surplus);
      if (length > surplus) this.#chunks.push(last.subarray(0, last.length - surplus));
    }
    if (this.#size === 0) this.#offset = 0;
  }

  clear(): void {
    this.#chunks = [];
    this.#offset = 0;
    this.#size = 0;
  }
}
