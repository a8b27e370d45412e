/**
 * Copies of received bytes, for the reader to keep.
 *
 * What is read lands in a buffer that is only lent, so every chunk handed out is copied once. How depends on its size
 * (Node 20, 24; bench/): up to 64 bytes V8 keeps a typed array on its own heap, and `slice` costs 40–70 ns; up to 4 KiB
 * a place in a common slab costs 80–150 ns where an ArrayBuffer of its own would cost 700; above that the copy itself
 * dominates, and memory that is not zeroed first: zeroing costs as much again when the caches are shared with others
 * (bulk receive against node:net's 'data', Node 24: 1.1 with, 0.85 without). The slab is small, because one kept chunk
 * keeps all of it alive.
 */
import type { Bytes } from '../core/bytes.ts';

const ON_HEAP_BYTES = 64;
const POOLED_BYTES = 4096;
const SLAB_BYTES = 16_384;

let slab = new ArrayBuffer(0);
let used = 0;

/** A copy of `source[start, end)`. */
export function copyOut(source: Uint8Array, start: number, end: number): Bytes {
  const length = end - start;
  if (length <= ON_HEAP_BYTES) return Uint8Array.prototype.slice.call(source, start, end) as Bytes;
  const copy = length <= POOLED_BYTES ? fromSlab(length) : unzeroed(length);
  copy.set(source.subarray(start, end));
  return copy;
}

/** A plain Uint8Array, because a Buffer's `slice` would share its memory. */
function unzeroed(length: number): Bytes {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

function fromSlab(length: number): Bytes {
  if (used + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const chunk = new Uint8Array(slab, used, length);
  // Aligned, so that a typed array of wider elements can be laid over a chunk.
  used += (length + 7) & ~7;
  return chunk;
}
