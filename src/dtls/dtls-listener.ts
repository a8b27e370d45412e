/**
 * Associations that clients began, ready to be used.
 *
 * `accept` gives channels whose handshake is done and whose peer was judged, as TlsListener does; a client that does not get
 * that far costs a bounded place for a bounded time, and no handler. (Trio starts a handler for each valid cookie.)
 */
import type { InetAddress } from '../core/address.ts';
import { attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import { ClosedResourceError } from '../core/errors.ts';
import type { Listener } from '../core/listener.ts';
import { localAddress } from '../core/network.ts';
import { WaitQueue } from '../tasks/wait-queue.ts';
import { completed, refusal } from '../tasks/waiter.ts';
import type { DtlsChannel } from './dtls-channel.ts';

export class DtlsListener<C extends DtlsChannel = DtlsChannel> implements Listener<C> {
  readonly address: InetAddress;
  readonly #onClosed: () => void;
  #ready: C[] = [];
  readonly #acceptors = new WaitQueue<C>();
  #end: (() => Error) | undefined;

  /** Made by `DtlsEndpoint.listen`. */
  constructor(address: InetAddress, onClosed: () => void) {
    this.address = address;
    this.#onClosed = onClosed;
  }

  /** Channels that wait for `accept`. */
  get waiting(): number {
    return this.#ready.length;
  }

  /** The next channel; its handshake is done. @throws ClosedResourceError the listener or its endpoint was closed */
  accept(): Promise<C> {
    if (this.#end !== undefined) return Promise.reject(this.#end());
    const refused = refusal();
    if (refused !== undefined) return refused;
    const channel = this.#ready.shift();
    return channel === undefined ? this.#acceptors.wait(undefined) : completed(channel);
  }

  /** For the endpoint: a channel that is ready. */
  offer(channel: C): void {
    const place = this.#acceptors.take();
    if (place === undefined) this.#ready.push(channel);
    else place.waiter.resolve(channel);
  }

  /** For the endpoint: the socket is gone. */
  fail(makeError: () => Error): void {
    if (this.#end !== undefined) return;
    this.#end = makeError;
    for (let place = this.#acceptors.take(); place !== undefined; place = this.#acceptors.take())
      place.waiter.rejectRepeatable(makeError());
    for (const channel of this.#ready) channel.abort();
    this.#ready = [];
    this.#onClosed();
  }

  /** Channels that were accepted go on; the endpoint stays open. */
  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    this.fail(() => new ClosedResourceError());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }
}
