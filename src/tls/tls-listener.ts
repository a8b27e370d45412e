/**
 * Listening for TLS connections on any listener.
 *
 *     inner.accept() ──▶ handshake, many at a time ──▶ accept()
 *                           │ refused, garbage, too slow
 *                           ▼
 *                        closed, counted, reported from time to time
 *
 * `accept` gives streams whose handshake is done and whose peer was judged, so no handler ever starts for a client that
 * does not get that far, and no client that says nothing keeps others waiting. At most `maxHandshakes` connections are held
 * that were not accepted yet; beyond that new ones wait in the inner listener's queue. (Trio's SSLListener hands out
 * streams at once; there a handshake that fails is an error of the handler.)
 *
 * Work begins with the first `accept` and goes on in between, outside of the caller's scope; `close` and `abort` end it.
 */
import type { SocketAddress } from '../core/address.ts';
import { attributeOf, wrapped } from '../core/attributes.ts';
import { ClosedResourceError } from '../core/errors.ts';
import type { Listener } from '../core/listener.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { report } from '../observe/report.ts';
import { AcceptQueue } from '../streams/accept-queue.ts';
import { wrongCount } from '../streams/stream-arguments.ts';
import { runDetached } from '../tasks/environment.ts';
import type { ServerContext } from '../trust/context.ts';
import { serverSettingsOf } from '../trust/context.ts';
import { checkStreamOptions } from './stream-options.ts';
import type { TlsServerOptions } from './stream-options.ts';
import { TlsStream } from './tls-stream.ts';

export interface TlsListenerOptions extends TlsServerOptions {
  /** Most connections held that were not accepted yet: in the handshake, or done with it. Default 256. */
  readonly maxHandshakes?: number | undefined;
  /** Hears of every handshake that failed, where the report events (`tls-handshake-failed`) are too few. What it throws is reported. */
  readonly onHandshakeFailed?: ((error: unknown, remoteAddress: SocketAddress | undefined) => void) | undefined;
}

const DEFAULT_MAX_HANDSHAKES = 256;

/** @throws TypeError, RangeError an option is wrong, or the context is none of a server */
export function checkListener(context: ServerContext, options: TlsListenerOptions): void {
  const { maxHandshakes = DEFAULT_MAX_HANDSHAKES, onHandshakeFailed } = options;
  serverSettingsOf(context);
  checkStreamOptions(options);
  const wrong = wrongCount('maxHandshakes', maxHandshakes, 1);
  if (wrong !== undefined) throw wrong;
  if (onHandshakeFailed !== undefined && typeof onHandshakeFailed !== 'function')
    throw new TypeError('onHandshakeFailed is a function');
}

export interface TlsListenerStatistics {
  /** Handshakes under way. */
  readonly handshaking: number;
  /** Connections that wait for `accept`. */
  readonly ready: number;
  readonly accepted: number;
  readonly failed: number;
}

export class TlsListener<T extends Stream = Stream> implements Listener<TlsStream<T>> {
  /** What TLS is done on top of. */
  readonly transportListener: Listener<T>;
  readonly #context: ServerContext;
  readonly #options: TlsListenerOptions;
  readonly #maxHandshakes: number;
  readonly #handshaking = new Set<TlsStream<T>>();
  readonly #queue = new AcceptQueue<TlsStream<T>>();
  #state: 'new' | 'running' | 'closed' = 'new';
  #failed = 0;

  /**
   * Owns `listener` from now on.
   *
   * @throws TypeError, RangeError an option is wrong
   */
  constructor(listener: Listener<T>, context: ServerContext, options: TlsListenerOptions = {}) {
    if (typeof (listener as Partial<Listener> | null)?.accept !== 'function') throw new TypeError('not a listener');
    checkListener(context, options);
    this.transportListener = listener;
    this.#context = context;
    this.#options = options;
    this.#maxHandshakes = options.maxHandshakes ?? DEFAULT_MAX_HANDSHAKES;
  }

  get [wrapped](): Listener<T> {
    return this.transportListener;
  }

  /** Where it listens, if that can be told. */
  get address(): SocketAddress | undefined {
    return attributeOf(this.transportListener, localAddress);
  }

  statistics(): TlsListenerStatistics {
    return {
      handshaking: this.#handshaking.size,
      ready: this.#queue.ready,
      accepted: this.#queue.accepted,
      failed: this.#failed,
    };
  }

  /**
   * Waits for the next connection whose handshake is done.
   *
   * @throws what the inner listener's `accept` throws
   */
  accept(): Promise<TlsStream<T>> {
    return this.#queue.accept(() => {
      if (this.#state === 'new') this.#start();
    });
  }

  /** Closes the inner listener and every connection that was not accepted. Those that were live on. */
  close(): Promise<void> {
    this.#shut();
    return this.transportListener.close();
  }

  abort(): void {
    this.#shut();
    this.transportListener.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): void {
    this.#state = 'running';
    // Nothing in there throws but for the end of the listener, which is told to whoever accepts.
    runDetached(() => this.#acceptAll()).catch(() => this.#shut());
  }

  async #acceptAll(): Promise<void> {
    while (this.#isRunning()) {
      if (this.#handshaking.size + this.#queue.ready >= this.#maxHandshakes || this.#queue.hasFailure) {
        await this.#queue.waitForRoom();
        continue;
      }
      let transport: T;
      try {
        transport = await this.transportListener.accept();
      } catch (error) {
        // Somebody closed the inner listener: there will be no more connections here either.
        if (error instanceof ClosedResourceError) break;
        this.#queue.fail(error);
        continue;
      }
      if (this.#isRunning()) this.#begin(transport);
      else transport.abort();
    }
    this.#shut();
  }

  #begin(transport: T): void {
    const stream = TlsStream.server(transport, this.#context, this.#options);
    this.#handshaking.add(stream);
    stream.doHandshake().then(
      () => {
        if (!this.#handshaking.delete(stream)) return;
        this.#queue.deliver(stream);
        this.#queue.makeRoom();
      },
      (error: unknown) => {
        if (!this.#handshaking.delete(stream)) return;
        this.#refused(stream, error);
        this.#queue.makeRoom();
      },
    );
  }

  #refused(stream: TlsStream<T>, error: unknown): void {
    const failed = ++this.#failed;
    const peer = attributeOf(stream, remoteAddress);
    // Not an abort: an alert that says why may still be on its way.
    stream.close().catch(() => undefined);
    try {
      this.#options.onHandshakeFailed?.(error, peer);
    } catch (failure) {
      // The program's own mistake must not cost it the listener.
      report({ kind: 'handler-error', error: failure, remoteAddress: peer });
    }
    // The first, second, fourth, …: an attacker must not fill the log as well.
    if ((failed & (failed - 1)) !== 0) return;
    report({ kind: 'tls-handshake-failed', address: this.address, remoteAddress: peer, error, failed });
  }

  #isRunning(): boolean {
    return this.#state === 'running';
  }

  #shut(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const stream of this.#handshaking) stream.abort();
    this.#handshaking.clear();
    this.#queue.close();
  }
}
