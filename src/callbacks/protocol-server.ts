/**
 * A server of protocols: accepts, makes a protocol for each connection, and keeps account of them until they end.
 *
 *     start()   accepts               stop()    closes the listeners; connections go on
 *     drain()   stop, wait, abort     close()   drain with its defaults         abort()   stop, abort
 *
 * It runs detached, in nobody's scope and without one per connection: a callback server starts no task and makes no promise for what a
 * connection does. When descriptors run out it waits and tries again, as `serveListeners` does.
 */
import { attributeOf } from '../core/attributes.ts';
import type { SocketAddress } from '../core/address.ts';
import { ClosedResourceError, MisuseError } from '../core/errors.ts';
import type { Listener } from '../core/listener.ts';
import { localAddress } from '../core/network.ts';
import type { AsyncResource } from '../core/resource.ts';
import type { Stream } from '../core/stream.ts';
import { report } from '../observe/report.ts';
import { ACCEPT_RETRY_MS, isExhaustion } from '../sockets/serve.ts';
import { openTcpListeners } from '../sockets/tcp.ts';
import { openUnixListener } from '../sockets/unix.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { moveOnAfter, sleep } from '../tasks/timeouts.ts';
import { cancelRequested, quietIfCancelled, Waiter } from '../tasks/waiter.ts';
import { checkFactory, connectStream, transportOptions } from './connect.ts';
import type { ConnectionOptions } from './connect.ts';
import type { Protocol, Transport } from './protocol.ts';
import type { StreamTransportOptions } from './stream-transport.ts';

const DEFAULT_DRAIN_MS = 10_000;

/** Where to listen: a TCP port on all addresses, a host and port, the path of a Unix socket, or listeners that are there already. */
export type ServerTarget =
  | number
  | { readonly host?: string | null | undefined; readonly port: number }
  | { readonly path: string }
  | Listener<Stream>
  | readonly Listener<Stream>[];

export interface CreateServerOptions extends ConnectionOptions {
  /** Whether to accept at once. Default `true`; otherwise `start()` does. */
  readonly startServing?: boolean | undefined;
  /** Most connections at a time; others wait in the listeners' accept queues. An integer, 1 or more. Default: no limit here. */
  readonly maxConnections?: number | undefined;
}

/**
 * Listens, and runs a protocol over every connection.
 *
 * @param factory makes a protocol for each connection
 * @throws what the opener of the listener throws, such as an error with the code EADDRINUSE
 */
export function createServer(
  factory: () => Protocol,
  target: ServerTarget,
  options: CreateServerOptions = {},
): Promise<ProtocolServer> {
  return quietIfCancelled(listen(factory, target, options));
}

async function listen(
  factory: () => Protocol,
  target: ServerTarget,
  options: CreateServerOptions,
): Promise<ProtocolServer> {
  checkFactory(factory);
  const settings = { ...transportOptions(options), ...checkServerOptions(options) };
  const server = new ProtocolServer(factory, await openListeners(target), settings, options);
  if (options.startServing !== false) server.start();
  return server;
}

function checkServerOptions({ maxConnections = Infinity }: CreateServerOptions): { maxConnections: number } {
  if (maxConnections !== Infinity && (!Number.isInteger(maxConnections) || maxConnections < 1)) {
    throw new RangeError(`maxConnections is an integer, 1 or more, not ${maxConnections}`);
  }
  return { maxConnections };
}

async function openListeners(target: ServerTarget): Promise<readonly Listener<Stream>[]> {
  if (typeof target === 'number') return openTcpListeners(target);
  if (Array.isArray(target)) return target as readonly Listener<Stream>[];
  if ('accept' in target) return [target];
  if ('path' in target) return [await openUnixListener(target.path)];
  const { host, port } = target as { readonly host?: string | null | undefined; readonly port: number };
  return openTcpListeners(port, { host });
}

export class ProtocolServer implements AsyncResource {
  readonly #factory: () => Protocol;
  readonly #listeners: readonly Listener<Stream>[];
  readonly #settings: StreamTransportOptions & { readonly maxConnections: number };
  readonly #options: ConnectionOptions;
  readonly #transports = new Set<Transport>();
  #state: 'idle' | 'serving' | 'stopped' = 'idle';
  /** Who waits for a connection to end. */
  readonly #waiters = new Set<Waiter<void>>();

  /** Made by `createServer`. */
  constructor(
    factory: () => Protocol,
    listeners: readonly Listener<Stream>[],
    settings: StreamTransportOptions & { readonly maxConnections: number },
    options: ConnectionOptions,
  ) {
    this.#factory = factory;
    this.#listeners = listeners;
    this.#settings = settings;
    this.#options = options;
  }

  /** Where it listens, one for each listener that knows. */
  get addresses(): readonly SocketAddress[] {
    return this.#listeners
      .map((listener) => attributeOf(listener, localAddress))
      .filter((address) => address !== undefined);
  }

  /** The port of the first listener that has one; for tests and logs. */
  get port(): number | undefined {
    for (const address of this.addresses) if (address.family !== 'unix') return address.port;
    return undefined;
  }

  get isServing(): boolean {
    return this.#state === 'serving';
  }

  /** The transports of the connections that have not ended. */
  get transports(): ReadonlySet<Transport> {
    return this.#transports;
  }

  /** Accepts from now on. Idempotent. @throws MisuseError it was stopped */
  start(): void {
    if (this.#state === 'stopped') throw new MisuseError('a server that was stopped does not start again');
    if (this.#state === 'serving') return;
    this.#state = 'serving';
    for (const listener of this.#listeners) void this.#settings.run(() => this.#acceptFrom(listener));
  }

  /** Closes the listeners. Connections that were accepted go on. Idempotent. */
  stop(): void {
    this.#state = 'stopped';
    for (const listener of this.#listeners) listener.abort();
    this.#wake();
  }

  /**
   * Stops, waits until every connection has ended by itself, and after `drainMs` aborts the rest.
   *
   * @param drainMs in milliseconds, 0 or more; Infinity waits for all. Default 10,000
   */
  drain(drainMs: number = DEFAULT_DRAIN_MS): Promise<void> {
    try {
      checkDuration(drainMs);
    } catch (error) {
      return Promise.reject(error);
    }
    this.stop();
    return quietIfCancelled(this.#drain(drainMs));
  }

  async #drain(drainMs: number): Promise<void> {
    await moveOnAfter(drainMs, async () => {
      while (this.#transports.size > 0) await this.#untilChange();
    });
    this.abort();
    // What was aborted ends in a later microtask.
    while (this.#transports.size > 0) await this.#untilChange();
  }

  /** Stops and closes every connection gracefully, each within its `closeTimeoutMs`. In a cancelled scope: `abort()`. */
  async close(): Promise<void> {
    if (cancelRequested()) {
      this.abort();
      return;
    }
    this.stop();
    for (const transport of this.#transports) void transport.close();
    while (this.#transports.size > 0) await this.#untilChange();
  }

  /** Stops and aborts every connection. */
  abort(): void {
    this.stop();
    for (const transport of this.#transports) transport.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Never rejects. */
  async #acceptFrom(listener: Listener<Stream>): Promise<void> {
    while (this.#state === 'serving') {
      if (this.#transports.size >= this.#settings.maxConnections) {
        await this.#untilChange();
        continue;
      }
      try {
        this.#begin(await listener.accept());
      } catch (error) {
        // Closed by somebody: no more connections here.
        if (error instanceof ClosedResourceError) return;
        if (!isExhaustion(error)) {
          report({ kind: 'handler-error', error });
          return;
        }
        report({
          kind: 'accept-backoff',
          address: attributeOf(listener, localAddress),
          error,
          retryMs: ACCEPT_RETRY_MS,
        });
        await sleep(ACCEPT_RETRY_MS);
      }
    }
  }

  #begin(stream: Stream): void {
    let transport: Transport | undefined;
    const onEnd = (): void => {
      if (transport !== undefined) this.#transports.delete(transport);
      this.#wake();
    };
    try {
      ({ transport } = connectStream(
        this.#factory,
        stream,
        { ...this.#settings, onEnd },
        this.#options.writeBufferLimits,
      ));
      this.#transports.add(transport);
    } catch (error) {
      // The factory failed: that concerns this connection only.
      this.#settings.onError(error, { getExtraInfo: () => undefined });
    }
  }

  async #untilChange(): Promise<void> {
    const waiter = new Waiter<void>('virtual');
    this.#waiters.add(waiter);
    try {
      await waiter.wait();
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter.resolve();
  }
}
