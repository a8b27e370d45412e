/**
 * Serving: one task per connection, each owned from accept to close.
 *
 *     accept loops ──▶ handler tasks ──▶ closed, whatever happened
 *
 * A handler that returns has its connection closed gracefully; one that fails has it aborted, the error is reported and
 * the server goes on (`onHandlerError` decides otherwise), so no peer can take a server down. When `accept` fails for want
 * of descriptors or memory the server reports it and tries again after 100 ms, for ever: connections that end give
 * descriptors back. Any other failure of a listener ends the server.
 *
 * A graceful stop begins when `stop` aborts, or when all listeners have been closed from elsewhere. Accepting ends,
 * `stopRequested()` fires in the handlers, and they have `drainMs` to come to their end; what is left then is cancelled,
 * which aborts its connections. A stop is no failure: `serve…` returns. Cancelling its scope is the hard way out.
 *
 * Source: Trio `serve_listeners`. Trio lets a handler's error take the server down (`'propagate'` here), has no stop, no
 * limit, and leaks the connection when the handler's nursery is closed.
 */
import type { Listener } from '../core/listener.ts';
import { BrokenResourceError, ClosedResourceError } from '../core/errors.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { SocketListener, SocketStream } from '../core/network.ts';
import { attributeOf } from '../core/attributes.ts';
import type { AsyncResource } from '../core/resource.ts';
import { report } from '../observe/report.ts';
import { newAbortController } from '../platform/abort-signal.ts';
import { CancelScope, checkDuration } from '../tasks/cancel-scope.ts';
import { takeOutCancelled } from '../tasks/cancelled.ts';
import { currentTime, runWithStop, stopRequested } from '../tasks/environment.ts';
import { openNursery } from '../tasks/nursery.ts';
import type { Nursery } from '../tasks/nursery.ts';
import { moveOnAfter, moveOnAt, sleep } from '../tasks/timeouts.ts';
import { cancelRequested, Waiter } from '../tasks/waiter.ts';
import { checkCount } from './socket-options.ts';
import { openTcpListeners } from './tcp.ts';
import type { OpenTcpListenersOptions } from './tcp.ts';

/** Pause after an accept that failed for want of resources. */
export const ACCEPT_RETRY_MS = 100;

/** Longest time that the graceful close after a handler's return may take. */
const CLOSE_GRACE_MS = 5000;

/** Errors of accept that pass when connections end: no descriptors (process, system), no memory. */
const EXHAUSTION: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']);

/** Handles one connection; the server closes it afterwards. */
export type ConnectionHandler<S> = (stream: S) => Promise<unknown>;

export interface ServeOptions<S extends AsyncResource = SocketStream, L extends Listener<S> = Listener<S>> {
  /** Called once with the listeners, when they are being served: what `nursery.start` gives. */
  readonly started?: ((listeners: L[]) => void) | undefined;
  /** Where the handlers run. Default: a nursery of the server's own. */
  readonly handlerNursery?: Pick<Nursery, 'startSoon'> | undefined;
  /**
   * What a handler's error does. `'isolate'` (default): it is reported, the server goes on. `'propagate'`: it ends the
   * server. A function decides for itself: it goes on if that returns, and ends if that throws.
   */
  readonly onHandlerError?: 'isolate' | 'propagate' | ((error: unknown, stream: S) => void | Promise<void>) | undefined;
  /** Most connections handled at a time; others wait in the listeners' accept queues. Default: no limit here. */
  readonly maxConnections?: number | undefined;
  /** Aborting it stops the server gracefully. Default: `stopRequested()` of the code that serves. */
  readonly stop?: AbortSignal | undefined;
  /** How long handlers may take to end after a stop, in milliseconds. Default 10,000; Infinity waits for all. */
  readonly drainMs?: number | undefined;
}

export type ServeTcpOptions = Omit<OpenTcpListenersOptions, 'maxConnections'> &
  ServeOptions<SocketStream, SocketListener>;

/**
 * Accepts connections and runs `handler` for each, until it is stopped or cancelled. The listeners are the server's from
 * now on and closed at the end.
 *
 * @throws Cancelled the scope was cancelled
 * @throws what `accept` throws, other than for want of resources; what a handler throws, under `'propagate'`
 */
export async function serveListeners<S extends AsyncResource, L extends Listener<S>>(
  handler: ConnectionHandler<S>,
  listeners: readonly (L & Listener<S>)[],
  options: ServeOptions<S, L> = {},
): Promise<void> {
  const server = new ConnectionServer<S, L>(handler, listeners, options);
  await server.run();
}

/**
 * Listens on a TCP port and serves it: `openTcpListeners` and `serveListeners` in one.
 *
 * @param port 0 to 65535; for 0, `started` tells which one it became
 */
export async function serveTcp(
  handler: ConnectionHandler<SocketStream>,
  port: number,
  options: ServeTcpOptions = {},
): Promise<void> {
  const { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs, ...listenOptions } = options;
  checkServe(handler, options);
  const listeners = await openTcpListeners(port, listenOptions);
  await serveListeners(handler, listeners, { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs });
}

interface UncheckedServeOptions {
  readonly onHandlerError?: unknown;
  readonly maxConnections?: number | undefined;
  readonly stop?: unknown;
  readonly drainMs?: number | undefined;
}

/** Checks what can be checked before anything is opened. */
export function checkServe(handler: unknown, options: UncheckedServeOptions): void {
  if (typeof handler !== 'function') throw new TypeError('the handler is an async function that takes a stream');
  const { onHandlerError, maxConnections, stop, drainMs } = options;
  if (
    onHandlerError !== undefined &&
    typeof onHandlerError !== 'function' &&
    onHandlerError !== 'isolate' &&
    onHandlerError !== 'propagate'
  ) {
    throw new TypeError(`onHandlerError is 'isolate', 'propagate' or a function`);
  }
  checkCount('maxConnections', maxConnections, () => Infinity);
  if (stop !== undefined && !(stop instanceof AbortSignal)) throw new TypeError('stop is an AbortSignal');
  if (drainMs !== undefined) checkDuration(drainMs);
}

class ConnectionServer<S extends AsyncResource, L extends Listener<S>> {
  readonly #handler: ConnectionHandler<S>;
  readonly #listeners: readonly L[];
  readonly #options: ServeOptions<S, L>;
  readonly #maxConnections: number;
  readonly #stopping = newAbortController();
  readonly #accepting = new CancelScope();
  readonly #active = new Set<S>();
  /** Waits of those who want to hear that a connection has ended. */
  readonly #endings = new Set<Waiter<void>>();
  #handlers: Pick<Nursery, 'startSoon'> | undefined;

  constructor(handler: ConnectionHandler<S>, listeners: readonly L[], options: ServeOptions<S, L>) {
    checkServe(handler, options);
    this.#handler = handler;
    this.#listeners = [...listeners];
    this.#options = options;
    this.#maxConnections = options.maxConnections ?? Infinity;
  }

  async run(): Promise<void> {
    const { stop = stopRequested() } = this.#options;
    const onStop = (): void => this.#stop(stop.reason);
    try {
      if (stop.aborted) onStop();
      else stop.addEventListener('abort', onStop, { once: true });
      await runWithStop(this.#stopping.signal, () => openNursery((nursery) => this.#serve(nursery)));
    } finally {
      stop.removeEventListener('abort', onStop);
      for (const listener of this.#listeners) listener.abort();
    }
  }

  #stop(reason: unknown): void {
    this.#accepting.cancel('the server is stopping');
    this.#stopping.abort(reason);
  }

  async #serve(nursery: Nursery): Promise<void> {
    const { started, handlerNursery, drainMs = 10_000 } = this.#options;
    this.#handlers = handlerNursery ?? nursery;
    await this.#accepting.run(() =>
      openNursery(async (loops) => {
        for (const listener of this.#listeners) loops.startSoon(() => this.#acceptFrom(listener));
        started?.([...this.#listeners]);
      }),
    );
    this.#stop('all listeners are closed');
    for (const listener of this.#listeners) await listener.close();
    const deadline = currentTime() + drainMs;
    if (handlerNursery === undefined) nursery.cancelScope.deadline = deadline;
    else await this.#drainForeign(deadline);
  }

  /** Handlers in somebody else's nursery cannot be cancelled from here; their connections can be taken away. */
  async #drainForeign(deadline: number): Promise<void> {
    await moveOnAt(deadline, async () => {
      while (this.#active.size > 0) await this.#untilOneEnds();
    });
    for (const stream of this.#active) stream.abort();
  }

  async #acceptFrom(listener: L): Promise<void> {
    for (;;) {
      while (this.#active.size >= this.#maxConnections) await this.#untilOneEnds();
      let stream: S;
      try {
        stream = await listener.accept();
      } catch (error) {
        // Somebody closed the listener: no more connections here, which is no failure.
        if (error instanceof ClosedResourceError) return;
        if (!isExhaustion(error)) throw error;
        report({
          kind: 'accept-backoff',
          address: attributeOf(listener, localAddress),
          error,
          retryMs: ACCEPT_RETRY_MS,
        });
        await sleep(ACCEPT_RETRY_MS);
        continue;
      }
      this.#begin(stream);
    }
  }

  #begin(stream: S): void {
    this.#active.add(stream);
    try {
      this.#handlers?.startSoon(this.#run, stream);
    } catch (error) {
      // The nursery that was given has ended.
      this.#end(stream);
      throw error;
    }
  }

  readonly #run = async (stream: S): Promise<void> => {
    try {
      const { handlerNursery } = this.#options;
      if (handlerNursery === undefined) await this.#handler(stream);
      else await runWithStop(this.#stopping.signal, () => this.#handler(stream));
      await closeAfterHandler(stream);
    } catch (error) {
      await this.#judge(error, stream);
    } finally {
      this.#end(stream);
    }
  };

  /** Applies the policy to what a handler threw; a cancellation of the handler's scope is no error. */
  async #judge(error: unknown, stream: S): Promise<void> {
    const residue = cancelRequested() ? takeOutCancelled(error) : ({ cancelled: false, error } as const);
    if (residue.cancelled && !residue.failed) throw error;
    const { onHandlerError = 'isolate' } = this.#options;
    const address = attributeOf(stream, remoteAddress);
    stream.abort();
    if (onHandlerError === 'propagate') throw residue.error;
    if (onHandlerError === 'isolate') report({ kind: 'handler-error', error: residue.error, remoteAddress: address });
    else await onHandlerError(residue.error, stream);
  }

  #end(stream: S): void {
    stream.abort();
    this.#active.delete(stream);
    for (const ending of this.#endings) ending.resolve();
  }

  async #untilOneEnds(): Promise<void> {
    const ending = new Waiter<void>('virtual');
    this.#endings.add(ending);
    try {
      await ending.wait();
    } finally {
      this.#endings.delete(ending);
    }
  }
}

/** What a handler has sent shall arrive, also if it did not close the stream itself; a peer that hangs shall not hold us. */
async function closeAfterHandler(stream: AsyncResource): Promise<void> {
  try {
    await moveOnAfter(CLOSE_GRACE_MS, () => stream.close());
  } catch (error) {
    // The peer was gone before we were: the handler has done its work.
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

/** Whether an accept failed for want of descriptors or memory, which passes. */
export function isExhaustion(error: unknown): error is Error {
  return error instanceof Error && EXHAUSTION.has((error as NodeJS.ErrnoException).code);
}
