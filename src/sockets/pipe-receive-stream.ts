/**
 * The output of a child process. On POSIX systems Node's pipes are sockets, so the fast read path of SocketStream serves them
 * (on Node 24 two thirds of the CPU per MiB of reading through a Readable, into the caller's memory); but only to receive, and
 * closing is at once: there is nothing to linger for, and a child that writes on should be told by EPIPE.
 */
import type { Socket } from 'node:net';

import type { Bytes } from '../core/bytes.ts';
import type { SocketStream } from '../core/network.ts';
import type { ReceiveStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { adoptSocket } from './socket-stream.ts';

export class PipeReceiveStream implements ReceiveStream {
  readonly #stream: SocketStream;

  /** Nothing may have been read from the pipe yet: take it in the turn in which it was made. */
  constructor(pipe: Socket) {
    this.#stream = adoptSocket(pipe);
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#stream.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#stream.receiveInto(buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this.#stream);
  }

  close(): Promise<void> {
    this.#stream.abort();
    return Promise.resolve();
  }

  abort(): void {
    this.#stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
