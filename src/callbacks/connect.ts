/**
 * Ways from a stream to a protocol: of a new connection, of a stream that is there already, and of one inside a task.
 *
 * The callbacks of `createConnection` and `connectAcceptedStream` belong to nobody's scope: the connection lives until it is closed. They
 * run under the clock and network that were ambient there. The callbacks of `runProtocol` run in the scope of its caller, and end with it.
 */
import type { Connector } from '../core/connector.ts';
import type { Stream } from '../core/stream.ts';
import { openTcpStream } from '../sockets/tcp.ts';
import { openUnixSocket } from '../sockets/unix.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { captureDetached } from '../tasks/detached.ts';
import { currentEnvironment, runIn } from '../tasks/environment.ts';
import { cancelRequested, quietIfCancelled, suspend } from '../tasks/waiter.ts';
import { errorSink } from './error-sink.ts';
import type { Protocol, Transport, WriteBufferLimits } from './protocol.ts';
import { StreamTransport } from './stream-transport.ts';
import type { StreamTransportOptions } from './stream-transport.ts';

const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;
const DEFAULT_WRITE_BUFFER_BYTES = 67_108_864;

export interface ConnectionOptions {
  /** Hears what callbacks throw; they end their connection in any case. Default: a `handler-error` report, see bowline/observe. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** How long a peer may take nothing after `close()` before the connection is aborted, in milliseconds. Default 10,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** When `pauseWriting` and `resumeWriting` are called. Default above 65,536 bytes, and from 16,384 on down. */
  readonly writeBufferLimits?: WriteBufferLimits | undefined;
  /** Waiting bytes at which a connection is given up as too slow; an integer, 0 or more, or Infinity. Default 67,108,864. */
  readonly maxWriteBufferBytes?: number | undefined;
}

export interface CreateConnectionOptions extends ConnectionOptions {
  /** Dials in place of TCP, for `{ host, port }`: through a proxy, over TLS. */
  readonly connect?: Connector | undefined;
}

/** Where to connect to; a function opens the stream itself. */
export type ConnectionTarget =
  { readonly host: string; readonly port: number } | { readonly path: string } | (() => Promise<Stream>);

/** A connection, from both sides. */
export interface ProtocolConnection<P extends Protocol> {
  readonly transport: Transport;
  readonly protocol: P;
}

/**
 * Connects, and runs a protocol over the connection.
 *
 * @param factory makes the protocol; called once connected
 * @param target a host and port, the path of a Unix socket, or a function that opens a stream
 * @returns after `connectionMade`
 * @throws what the opener throws, such as ConnectError, and what the factory throws; nothing is left open then
 */
export function createConnection<P extends Protocol>(
  factory: () => P,
  target: ConnectionTarget,
  options: CreateConnectionOptions = {},
): Promise<ProtocolConnection<P>> {
  return quietIfCancelled(connectTo(factory, target, options));
}

async function connectTo<P extends Protocol>(
  factory: () => P,
  target: ConnectionTarget,
  options: CreateConnectionOptions,
): Promise<ProtocolConnection<P>> {
  checkFactory(factory);
  checkOptions(options);
  return connectAcceptedStream(factory, await open(target, options.connect), options);
}

function open(target: ConnectionTarget, connect: Connector | undefined): Promise<Stream> {
  if (typeof target === 'function') return target();
  if ('path' in target) return openUnixSocket(target.path);
  const { host, port } = target;
  return connect === undefined ? openTcpStream(host, port) : connect({ host, port });
}

/**
 * Runs a protocol over a stream that is there already, and owns it from now on. `connectionMade` has been called when this returns.
 *
 * @throws what the factory throws; the stream is aborted then
 * @throws BusyResourceError a call is using the stream
 */
export function connectAcceptedStream<P extends Protocol>(
  factory: () => P,
  stream: Stream,
  options: ConnectionOptions = {},
): ProtocolConnection<P> {
  checkFactory(factory);
  return connectStream(factory, stream, transportOptions(options), options.writeBufferLimits);
}

/** For servers, which check their options once. */
export function connectStream<P extends Protocol>(
  factory: () => P,
  stream: Stream,
  options: StreamTransportOptions,
  limits: WriteBufferLimits | undefined,
): ProtocolConnection<P> {
  let protocol: P;
  let transport: StreamTransport;
  try {
    protocol = options.run(factory);
    transport = new StreamTransport(stream, protocol, options);
    if (limits !== undefined) transport.setWriteBufferLimits(limits);
  } catch (error) {
    stream.abort();
    throw error;
  }
  transport.begin();
  return { transport, protocol };
}

/**
 * Runs a protocol inside the current task, until its connection ends or its stream is detached. Owns the stream from now on.
 *
 * Cancelling aborts the connection; this throws `Cancelled` after `connectionLost`. Callbacks run in the current scope, so they may start
 * tasks in the nurseries around this call.
 *
 * @throws what `connectionLost` is told: BrokenResourceError, the exception of a callback
 */
export function runProtocol(stream: Stream, protocol: Protocol, options: ConnectionOptions = {}): Promise<void> {
  let settings: StreamTransportOptions;
  try {
    settings = transportOptions(options);
  } catch (error) {
    return Promise.reject(error);
  }
  if (cancelRequested()) stream.abort();
  const environment = currentEnvironment();
  return suspend((waiter) => {
    let cancelled: unknown;
    const { transport } = connectStream(
      () => protocol,
      stream,
      {
        ...settings,
        run: (fn) => (currentEnvironment() === environment ? fn() : runIn(environment, fn)),
        // The caller hears of it.
        onError: options.onError === undefined ? () => undefined : settings.onError,
        onEnd: (error) => {
          if (cancelled !== undefined) waiter.reject(cancelled);
          else if (error === null) waiter.resolve();
          else waiter.reject(error);
        },
      },
      options.writeBufferLimits,
    );
    return (why) => {
      cancelled = why;
      transport.abort();
      return false;
    };
  });
}

/** @throws TypeError, RangeError an option makes no sense */
export function transportOptions(options: ConnectionOptions): StreamTransportOptions {
  checkOptions(options);
  const { closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, maxWriteBufferBytes = DEFAULT_WRITE_BUFFER_BYTES } = options;
  return { run: captureDetached(), onError: errorSink(options.onError), closeTimeoutMs, maxWriteBufferBytes };
}

function checkOptions({ onError, closeTimeoutMs, maxWriteBufferBytes }: ConnectionOptions): void {
  errorSink(onError);
  if (closeTimeoutMs !== undefined) checkDuration(closeTimeoutMs);
  if (maxWriteBufferBytes === undefined || maxWriteBufferBytes === Infinity) return;
  if (!Number.isInteger(maxWriteBufferBytes)) throw new TypeError('maxWriteBufferBytes is an integer or Infinity');
  if (maxWriteBufferBytes < 0) throw new RangeError(`maxWriteBufferBytes is 0 or more, not ${maxWriteBufferBytes}`);
}

export function checkFactory(factory: unknown): void {
  if (typeof factory !== 'function') throw new TypeError('the factory is a function that makes a protocol');
}
