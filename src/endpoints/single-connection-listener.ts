/**
 * A listener of one connection that is there already: standard input and output, or a command's. It makes them usable
 * wherever connections are served.
 *
 * The first `accept` gives the connection. Another one waits until that has been closed, and then the listener is closed
 * as well: there is nothing to come, and a server that accepts in a loop ends when its one handler has ended, not earlier.
 */
import { BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { pass, Waiter } from '../tasks/waiter.ts';
import { ReleasedStream } from './released-stream.ts';
import type { EndpointListener } from './scheme.ts';

export class SingleConnectionListener implements EndpointListener {
  readonly #stream: HalfCloseableStream;
  readonly #waiter = new Waiter<never>('external', () => undefined);
  #state: 'waiting' | 'accepted' | 'closed' = 'waiting';
  #isBusy = false;

  /** Owns `stream` until it is accepted. */
  constructor(stream: HalfCloseableStream) {
    this.#stream = stream;
  }

  async accept(): Promise<HalfCloseableStream> {
    if (this.#isBusy) throw new BusyResourceError('another call is accepting');
    if (this.#isClosed()) throw new ClosedResourceError();
    this.#isBusy = true;
    try {
      await pass();
      if (this.#state === 'waiting') {
        this.#state = 'accepted';
        return new ReleasedStream(this.#stream, {
          close: async () => {
            try {
              await this.#stream.close();
            } finally {
              this.#end();
            }
          },
          abort: () => {
            this.#stream.abort();
            this.#end();
          },
        });
      }
      if (!this.#isClosed()) await this.#waiter.wait();
      throw new ClosedResourceError();
    } finally {
      this.#isBusy = false;
    }
  }

  async close(): Promise<void> {
    const isOurs = this.#state === 'waiting';
    this.#end();
    if (isOurs) await this.#stream.close();
  }

  abort(): void {
    const isOurs = this.#state === 'waiting';
    this.#end();
    if (isOurs) this.#stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #end(): void {
    this.#state = 'closed';
    this.#waiter.reject(new ClosedResourceError());
  }
}
