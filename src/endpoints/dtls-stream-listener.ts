/**
 * The associations of one DTLS endpoint as connections.
 *
 * Closed, it takes no new ones; the endpoint and its socket stay until the last stream is closed, because all of them share
 * it. That is counted here, and an endpoint does not know which of its channels are streams of ours.
 */
import type { InetAddress } from '../core/address.ts';
import type { AttributeKey } from '../core/attributes.ts';
import { attributes } from '../core/attributes.ts';
import { BusyResourceError } from '../core/errors.ts';
import { localAddress } from '../core/network.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import type { DtlsChannel } from '../dtls/dtls-channel.ts';
import type { DtlsEndpoint } from '../dtls/dtls-endpoint.ts';
import type { DtlsListener } from '../dtls/dtls-listener.ts';
import { ReleasedStream } from './released-stream.ts';
import type { EndpointListener } from './scheme.ts';

type Channel = DtlsChannel<DtlsEndpoint>;

export class DtlsStreamListener implements EndpointListener {
  readonly address: InetAddress;
  readonly #endpoint: DtlsEndpoint;
  readonly #listener: DtlsListener<Channel>;
  readonly #streamOver: (channel: Channel) => HalfCloseableStream;
  readonly #open = new Set<HalfCloseableStream>();
  #isAccepting = false;
  #isOpen = true;

  /** Owns `endpoint`, whose only listener is `listener`. */
  constructor(
    endpoint: DtlsEndpoint,
    listener: DtlsListener<Channel>,
    streamOver: (channel: Channel) => HalfCloseableStream,
  ) {
    this.address = listener.address;
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#streamOver = streamOver;
  }

  async accept(): Promise<HalfCloseableStream> {
    if (this.#isAccepting) throw new BusyResourceError('another call is already accepting');
    this.#isAccepting = true;
    try {
      const stream = this.#streamOver(await this.#listener.accept());
      this.#open.add(stream);
      return new ReleasedStream(stream, {
        close: async () => {
          await stream.close();
          this.#forget(stream);
        },
        abort: () => {
          stream.abort();
          this.#forget(stream);
        },
      });
    } finally {
      this.#isAccepting = false;
    }
  }

  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#listener.abort();
    this.#closeIfUnused();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }

  #forget(stream: HalfCloseableStream): void {
    this.#open.delete(stream);
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (!this.#isOpen && this.#open.size === 0) this.#endpoint.abort();
  }
}
