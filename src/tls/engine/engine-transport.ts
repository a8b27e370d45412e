/**
 * What `node:tls` takes for its transport: the few members of a Duplex that it uses, and nothing behind them.
 *
 * Over anything that is not a `net.Socket`, Node's TLSSocket talks to a Duplex through an adapter of its own
 * (lib/internal/js_stream_socket.js, the same on Node 20 to 26). That adapter listens for 'data', calls `write`, `cork`,
 * `uncork`, `end`, `pause`, `resume` and `destroy`, and no more. A real Duplex would answer with two queues, two state
 * objects and a nextTick for each chunk; this answers with a function call. Records go in by `feed`, come out by `onRecords`
 * in the same turn, and Node is told at once that they are sent: the flow is controlled by who feeds and writes, not here.
 *
 * It never ends and never fails. A TLSSocket takes the end of its transport for the end of the data, which is how
 * truncation gets lost; here the only end of data there is, is the peer's close_notify. And Node's closing the transport
 * has no effect on the real one: when that is closed, and how, is for the stream above to say.
 */
import type { Duplex } from 'node:stream';

import type { Bytes } from '../../core/bytes.ts';

export interface TransportUser {
  /** Records to be sent, in order; the memory is the callee's. */
  onRecords(records: Uint8Array[]): void;
  /** Node takes no more records; why, it says a tick later. */
  onDestroyed(): void;
}

type Handler = (chunk: Bytes) => void;

export class EngineTransport {
  // What the adapter asks of a Duplex.
  readonly readable = true;
  readonly writable = true;
  readonly readableObjectMode = false;
  readonly allowHalfOpen = true;
  readonly #user: TransportUser;
  #onData: Handler | undefined;
  #onClose: (() => void) | undefined;
  #written: Uint8Array[] = [];

  constructor(user: TransportUser) {
    this.#user = user;
  }

  /** As the type that node:tls declares. */
  asDuplex(): Duplex {
    return this as unknown as Duplex;
  }

  /** Gives records to the engine. What they cause has happened when this returns. */
  feed(records: Bytes): void {
    this.#onData?.(records);
  }

  /** Takes the transport away from Node, which destroys whatever it has on top of it. */
  close(): void {
    this.#onClose?.();
  }

  on(event: string, handler: Handler): this {
    if (event === 'data') this.#onData = handler;
    return this;
  }

  once(event: string, handler: () => void): this {
    if (event === 'close') this.#onClose = handler;
    return this;
  }

  removeListener(event: string): this {
    if (event === 'data') this.#onData = undefined;
    return this;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  cork(): void {
    // The adapter corks around every group of writes; `uncork` hands them on together.
  }

  write(records: Uint8Array, written: () => void): boolean {
    this.#written.push(records);
    // The adapter reports it to the engine in a later turn, as it must.
    written();
    return true;
  }

  uncork(): void {
    const records = this.#written;
    if (records.length === 0) return;
    this.#written = [];
    this.#user.onRecords(records);
  }

  end(ended: () => void): this {
    ended();
    return this;
  }

  destroy(): this {
    this.#onData = undefined;
    this.#user.onDestroyed();
    return this;
  }
}
