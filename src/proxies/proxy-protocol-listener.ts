/**
 * Listening behind balancers that send PROXY headers.
 *
 *     inner.accept() ──▶ from a listed source? ──▶ read the header, many at a time ──▶ accept()
 *                          │ no                      │ wrong, late, cut off
 *                          ▼                         ▼
 *                        refused, counted, reported from time to time
 *
 * The header is mandatory from the listed sources, and nobody else is let in: with a header it would be a lie, and without
 * one it has gone around the balancer. Nothing is ever guessed from the first bytes (PROXY protocol §2); a client that
 * sends a header of its own behind the balancer's sends application data.
 *
 * Headers are read concurrently, so a connection that says nothing does not keep others from being accepted. At most
 * `maxPending` connections are held that were not accepted yet, whether their header is being read or has been; beyond that
 * new ones wait in the inner listener's queue. Exactly the header is taken off a connection, so what may follow it in the
 * same segment (a TLS ClientHello, for one) stays where it belongs.
 *
 * Work begins with the first `accept` and goes on in between, outside of the caller's scope; `close` and `abort` end it.
 */
import { attributeOf, wrapped } from '../core/attributes.ts';
import type { SocketAddress } from '../core/address.ts';
import { ClosedResourceError, ProtocolError } from '../core/errors.ts';
import type { Listener } from '../core/listener.ts';
import type { MessageFormat } from '../core/message-decoder.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { report } from '../observe/report.ts';
import type { ProxyHeader } from '../protocols/proxy-header/header.ts';
import { MIN_MAX_HEADER_BYTES, proxyHeaderFormat } from '../protocols/proxy-header/header.ts';
import { AcceptQueue } from '../streams/accept-queue.ts';
import { wrongCount } from '../streams/stream-arguments.ts';
import { CancelScope, checkDuration } from '../tasks/cancel-scope.ts';
import { runDetached } from '../tasks/environment.ts';
import { openNursery } from '../tasks/nursery.ts';
import type { Nursery } from '../tasks/nursery.ts';
import { cancelRequested } from '../tasks/waiter.ts';
import { receiveMessage } from './handshake.ts';
import { ProxiedStream } from './proxied-stream.ts';
import { trustedSources } from './trusted-sources.ts';
import type { TrustedSource } from './trusted-sources.ts';

export interface ProxyProtocolOptions {
  /** The balancers: address blocks such as `10.0.0.0/8`, and `'unix'` for whoever can connect to a Unix socket. */
  readonly from: readonly TrustedSource[];
  /** How long a header may take from the accept on. Default 3000. */
  readonly headerTimeoutMs?: number | undefined;
  /** Longest header that is taken, 107 to 65,551. Default 4096. */
  readonly maxHeaderBytes?: number | undefined;
  /** Most connections held that were not accepted yet. Default 256. */
  readonly maxPending?: number | undefined;
}

export interface ProxyProtocolStatistics {
  /** Connections whose header is being read. */
  readonly pending: number;
  /** Connections that wait for `accept`. */
  readonly ready: number;
  readonly accepted: number;
  /** Connections that were closed, by reason. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
}

/**
 * `'ended'`: the connection was closed before its header was whole, as simple health checks do. `'unknown'`: its address
 * cannot be told, as when a health check has reset it before it was looked at.
 */
export type RefusalReason = 'source' | 'unknown' | 'header' | 'timeout' | 'ended';

const EXPLANATIONS: Readonly<Record<RefusalReason, string>> = {
  source: 'it does not come from a listed balancer',
  unknown: 'it cannot be told where it comes from',
  header: 'it does not begin with a valid PROXY header',
  timeout: 'its PROXY header did not come in time',
  ended: 'it ended before its PROXY header was whole',
};

/**
 * Makes a listener behind balancers out of a plain one, which it owns from now on.
 *
 * @throws TypeError `from` is missing, empty, or lists something else than blocks; AddressError a block is wrong
 * @throws RangeError a limit is out of range
 */
export function proxyProtocol<S extends Stream>(
  listener: Listener<S>,
  options: ProxyProtocolOptions,
): ProxyProtocolListener<S> {
  return new ProxyProtocolListener(listener, options);
}

export class ProxyProtocolListener<S extends Stream = Stream> implements Listener<ProxiedStream<S>> {
  readonly #listener: Listener<S>;
  readonly #isTrusted: (peer: SocketAddress) => boolean;
  readonly #format: MessageFormat<ProxyHeader>;
  readonly #headerTimeoutMs: number;
  readonly #maxPending: number;
  readonly #scope = new CancelScope();
  readonly #queue = new AcceptQueue<ProxiedStream<S>>();
  #state: 'new' | 'running' | 'closed' = 'new';
  #pending = 0;
  readonly #refused = { source: 0, unknown: 0, header: 0, timeout: 0, ended: 0 };

  /** See `proxyProtocol`. */
  constructor(listener: Listener<S>, options: ProxyProtocolOptions) {
    const { from, headerTimeoutMs = 3000, maxHeaderBytes = 4096, maxPending = 256 } = options;
    this.#isTrusted = trustedSources(from);
    checkDuration(headerTimeoutMs);
    const wrong =
      wrongCount('maxHeaderBytes', maxHeaderBytes, MIN_MAX_HEADER_BYTES) ?? wrongCount('maxPending', maxPending, 1);
    if (wrong !== undefined) throw wrong;
    this.#listener = listener;
    this.#headerTimeoutMs = headerTimeoutMs;
    this.#maxPending = maxPending;
    this.#format = proxyHeaderFormat(maxHeaderBytes);
  }

  get [wrapped](): Listener<S> {
    return this.#listener;
  }

  /** Where the inner listener listens, if that can be told. */
  get address(): SocketAddress | undefined {
    return attributeOf(this.#listener, localAddress);
  }

  statistics(): ProxyProtocolStatistics {
    return {
      pending: this.#pending,
      ready: this.#queue.ready,
      accepted: this.#queue.accepted,
      refused: { ...this.#refused },
    };
  }

  /**
   * Waits for the next connection whose header has been read.
   *
   * @throws what the inner listener's `accept` throws
   */
  accept(): Promise<ProxiedStream<S>> {
    return this.#queue.accept(() => {
      if (this.#state === 'new') this.#start();
    });
  }

  /** Closes the inner listener and every connection that was not accepted. Those that were live on. */
  close(): Promise<void> {
    this.#shut();
    return this.#listener.close();
  }

  abort(): void {
    this.#shut();
    this.#listener.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): void {
    this.#state = 'running';
    void runDetached(() => this.#run());
  }

  async #run(): Promise<void> {
    try {
      await this.#scope.run(() => openNursery((nursery) => this.#acceptAll(nursery)));
    } catch (error) {
      // Nothing in there throws but for a mistake of ours, and then nobody must wait for ever.
      this.#queue.fail(error);
    }
  }

  async #acceptAll(nursery: Nursery): Promise<void> {
    for (;;) {
      while (this.#pending + this.#queue.ready >= this.#maxPending || this.#queue.hasFailure)
        await this.#queue.waitForRoom();
      let stream: S;
      try {
        stream = await this.#listener.accept();
      } catch (error) {
        if (cancelRequested()) throw error;
        if (error instanceof ClosedResourceError) {
          // Somebody closed the inner listener.
          this.#shut();
          return;
        }
        this.#queue.fail(error);
        continue;
      }
      const peer = attributeOf(stream, remoteAddress);
      if (peer === undefined || !this.#isTrusted(peer)) {
        this.#refuse(stream, peer === undefined ? 'unknown' : 'source');
        continue;
      }
      this.#pending++;
      nursery.startSoon(this.#readHeader, stream);
    }
  }

  readonly #readHeader = async (stream: S): Promise<void> => {
    let outcome: ProxyHeader | RefusalReason | undefined;
    try {
      const scope = new CancelScope({ timeoutMs: this.#headerTimeoutMs });
      outcome = (await scope.run(() => receiveMessage(stream, this.#format))) ?? 'timeout';
    } catch (error) {
      if (cancelRequested()) throw error;
      outcome = error instanceof ProtocolError ? 'header' : 'ended';
    } finally {
      this.#pending--;
      if (outcome === undefined) stream.abort();
    }
    if (typeof outcome === 'string') this.#refuse(stream, outcome);
    else this.#queue.deliver(new ProxiedStream(stream, outcome));
    this.#queue.makeRoom();
  };

  #refuse(stream: S, reason: RefusalReason): void {
    const refused = ++this.#refused[reason];
    const peer = attributeOf(stream, remoteAddress);
    stream.abort();
    // The first, second, fourth, …: an attacker must not fill the log as well.
    if ((refused & (refused - 1)) !== 0) return;
    report({
      kind: 'proxy-header-refused',
      address: this.address,
      remoteAddress: peer,
      reason: EXPLANATIONS[reason],
      refused,
    });
  }

  #shut(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#scope.cancel('the listener was closed');
    this.#queue.close();
  }
}
