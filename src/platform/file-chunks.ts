/** Reading a file piece by piece, at the reader's pace. */
import { open } from 'node:fs/promises';

import type { Bytes } from '../core/bytes.ts';

const PIECE_BYTES = 65_536;

export interface FileRange {
  /** First byte; an integer, 0 or more. Default 0. */
  readonly start?: number | undefined;
  /** Most bytes to read; an integer, 0 or more. Default: to the end of the file. */
  readonly length?: number | undefined;
}

/** The contents of a file, or a part of it. The file is closed when the loop is left, however that happens. */
export async function* fileChunks(
  path: string | URL,
  { start = 0, length = Infinity }: FileRange,
): AsyncGenerator<Bytes> {
  const file = await open(path, 'r');
  try {
    let left = length;
    for (let at = start; left > 0;) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, left));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      left -= bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
