/**
 * A message that comes in pieces: which ranges are missing, and the bytes of the others.
 *
 * Pieces may come in any order, twice, and overlapping differently than before, for a sender that halves its fragments cuts
 * the same message anew. Of bytes that came already the first stay (GnuTLS CVE-2026-33845 and its kin let later ones
 * write over them). Memory grows with the bytes received and not with the length announced (OpenSSL CVE-2016-2179), so
 * pieces are kept as they are and put together once.
 */
import type { Bytes } from '../../../core/bytes.ts';

interface Piece {
  readonly offset: number;
  readonly bytes: Bytes;
}

export class GapList {
  readonly #length: number;
  /** Sorted, without overlaps. */
  #pieces: Piece[] = [];
  #received = 0;

  constructor(length: number) {
    this.#length = length;
  }

  /** Bytes held. */
  get receivedBytes(): number {
    return this.#received;
  }

  get isComplete(): boolean {
    return this.#received === this.#length;
  }

  /** How many of these bytes are new. */
  missingIn(offset: number, length: number): number {
    let covered = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(piece.offset, offset);
      const to = Math.min(piece.offset + piece.bytes.length, offset + length);
      if (to > from) covered += to - from;
    }
    return length - covered;
  }

  /** Fills what is missing with these bytes, copied. The caller checked that they are inside the message. */
  add(offset: number, bytes: Uint8Array): void {
    const added: Piece[] = [];
    let at = offset;
    const end = offset + bytes.length;
    const fill = (to: number): void => {
      if (to > at) added.push({ offset: at, bytes: new Uint8Array(bytes.subarray(at - offset, to - offset)) });
    };
    for (const piece of this.#pieces) {
      const pieceEnd = piece.offset + piece.bytes.length;
      if (pieceEnd <= at) continue;
      if (piece.offset >= end) break;
      fill(piece.offset);
      at = pieceEnd;
    }
    fill(end);
    if (added.length === 0) return;
    this.#pieces = [...this.#pieces, ...added].sort((a, b) => a.offset - b.offset);
    for (const piece of added) this.#received += piece.bytes.length;
  }

  /** The whole. Only where `isComplete`. */
  take(): Bytes {
    const whole = new Uint8Array(this.#length);
    for (const { offset, bytes } of this.#pieces) whole.set(bytes, offset);
    return whole;
  }
}
