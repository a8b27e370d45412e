/**
 * Standard input and output as one side of a connection.
 *
 * The end of the input is what tells the peer that all has been said. Three things are that end: the end of the file or
 * pipe; the first SIGINT or SIGTERM; and at a terminal the end of what the peer says, because a person who is shown that
 * the peer has gone does not want to be asked for a Ctrl-D first.
 *
 * A reader of the output that has gone (`bowline connect … | head -1`) has what it wanted: no failure, and nothing is left
 * to do.
 */
import type { Bytes } from '../core/bytes.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { stdioStream } from '../sockets/stdio.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { EndableInput } from './endable-input.ts';
import { hasCode } from './failure.ts';

export class StandardStreams implements HalfCloseableStream {
  readonly #endOfInput = new AbortController();
  readonly #stream = new EndableInput(stdioStream(), this.#endOfInput.signal);
  readonly #onReaderGone: () => void;

  /**
   * @param stop ends the input
   * @param onReaderGone called when nobody reads the output any more
   */
  constructor(stop: AbortSignal, onReaderGone: () => void) {
    this.#onReaderGone = onReaderGone;
    const end = (): void => this.#endOfInput.abort();
    if (stop.aborted) end();
    else stop.addEventListener('abort', end, { once: true });
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#stream.receiveSome(maxBytes);
  }

  async sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    try {
      await this.#stream.sendAll(data);
    } catch (error) {
      if (hasCode(error, 'EPIPE')) this.#onReaderGone();
      throw error;
    }
  }

  async sendEof(): Promise<void> {
    if (process.stdin.isTTY) this.#endOfInput.abort();
    await this.#stream.sendEof();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#stream.waitSendAllMightNotBlock();
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  abort(): void {
    this.#stream.abort();
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
