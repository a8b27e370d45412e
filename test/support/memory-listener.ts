/** A listener in memory, whose connections a test makes with the peers that it likes. */
import { attributes, ClosedResourceError, inetAddress, localAddress, remoteAddress } from 'bowline/core';
import type { AttributeKey, Listener, SocketAddress } from 'bowline/core';
import { openMemoryChannel } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';

export class MemoryListener implements Listener<MemoryStream> {
  readonly address = inetAddress('198.51.100.1', 443);
  readonly #channel = openMemoryChannel<MemoryStream | Error>(Infinity);
  isClosed = false;
  /** How many connections were taken. */
  accepted = 0;

  /** @param peer who connects; `undefined`: the stream does not tell */
  async connect(peer: SocketAddress | undefined): Promise<MemoryStream> {
    const [client, server] = memoryStreamPair();
    await this.#channel[0].send(peer === undefined ? server : claiming(server, peer, this.address));
    return client;
  }

  /** Makes an `accept` fail. */
  async fail(error: Error): Promise<void> {
    await this.#channel[0].send(error);
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }

  async accept(): Promise<MemoryStream> {
    if (this.isClosed) throw new ClosedResourceError();
    const next = await this.#channel[1].receive();
    if (next instanceof Error) throw next;
    this.accepted++;
    return next;
  }

  abort(): void {
    this.isClosed = true;
    this.#channel[1].abort();
  }

  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The stream, claiming to be connected to `peer`. */
export function claiming<S extends object>(stream: S, peer: SocketAddress, local?: SocketAddress): S {
  const facts = (key: AttributeKey<unknown>): unknown => {
    if (key === remoteAddress) return peer;
    return key === localAddress ? local : undefined;
  };
  return Object.assign(stream, { [attributes]: facts });
}
