/**
 * `for await (const chunk of stream)`.
 *
 * Written by hand and not as a generator, for three reasons: a generator that is cancelled once is finished for good, it
 * has a `return` that would make `break` mean something to the stream, and it costs three times as much per chunk.
 */
import type { Bytes } from '../core/bytes.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';

interface Chunks {
  receiveSome(): Promise<Bytes | null>;
}

/** Iterates until the end of file. Leaving the loop does not close the stream, and a cancelled step can be tried again. */
export function iterateChunks(stream: Chunks): AsyncIterableIterator<Bytes, undefined> {
  return new ChunkIterator(stream);
}

class ChunkIterator implements AsyncIterableIterator<Bytes, undefined> {
  readonly #stream: Chunks;

  constructor(stream: Chunks) {
    this.#stream = stream;
  }

  next(): Promise<IteratorResult<Bytes, undefined>> {
    return quietIfCancelled(this.#stream.receiveSome().then(toResult));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function toResult(chunk: Bytes | null): IteratorResult<Bytes, undefined> {
  return chunk === null ? { done: true, value: undefined } : { done: false, value: chunk };
}
