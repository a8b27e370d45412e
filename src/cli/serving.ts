/**
 * Accepting connections until told to stop: what relay and serve have in common.
 *
 * At most so many connections are handled at a time (connection-budget.ts). What comes beyond that is accepted and waits
 * its turn in the listener's queue; what comes beyond the queue is closed at once, and reported.
 */
import { formatSocketAddress } from '../core/address.ts';
import { attributeOf } from '../core/attributes.ts';
import type { Listener } from '../core/listener.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { redactAddress } from '../endpoints/address.ts';
import type { Address } from '../endpoints/address.ts';
import { listen } from '../endpoints/open.ts';
import type { EndpointListener } from '../endpoints/scheme.ts';
import { serveListeners } from '../sockets/index.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { currentTime } from '../tasks/environment.ts';
import { cancelRequested } from '../tasks/waiter.ts';
import { Connection } from './connection.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import { allow } from './destination.ts';
import { EndpointFailure } from './failure.ts';
import type { Run } from './run.ts';

export interface Service {
  /** What connections are connected to, as it may be shown. */
  readonly to: string;
  /** Serves one connection; its stream is closed afterwards. */
  readonly handle: (connection: Connection, stream: HalfCloseableStream) => Promise<void>;
}

/**
 * Serves until `run.interruption` says stop, and then until the connections have ended or the time for that is over.
 *
 * @throws EndpointFailure the address cannot be listened on; Cancelled it was cut
 */
export async function serveUntilStopped(
  run: Run,
  address: Address,
  service: Service,
  { handled, waiting }: ConnectionBudget,
  onListening: (addresses: readonly string[]) => void,
): Promise<void> {
  const { settings, interruption } = run;
  const listeners = await listenOn(address, { acceptQueue: waiting, maxConnections: handled + waiting });
  await serveListeners(
    (stream) => Connection.run(run, peerOf(stream), service.to, (connection) => service.handle(connection, stream)),
    listeners,
    {
      maxConnections: handled,
      stop: interruption.stop,
      drainMs: settings.drainMs,
      started: (all) => onListening(all.map((listener) => boundAddress(address, listener))),
    },
  );
}

/** Serves the one stream that there is, such as standard input and output. */
export async function serveOnce(run: Run, stream: HalfCloseableStream, from: Address, service: Service): Promise<void> {
  const { interruption, settings } = run;
  const scope = new CancelScope();
  const drain = (): void => {
    scope.deadline = currentTime() + settings.drainMs;
  };
  const { stop } = interruption;
  stop.addEventListener('abort', drain, { once: true });
  try {
    if (stop.aborted) drain();
    await scope.run(() =>
      Connection.run(run, redactAddress(from), service.to, (connection) => service.handle(connection, stream)),
    );
  } finally {
    stop.removeEventListener('abort', drain);
    stream.abort();
  }
}

/** Options that are in the address itself come first. */
async function listenOn(
  address: Address,
  options: { acceptQueue: number; maxConnections: number },
): Promise<EndpointListener[]> {
  const { acceptQueue, maxConnections } = options;
  const limits = maxConnections === Infinity ? { acceptQueue } : { acceptQueue, maxConnections };
  try {
    return await listen({ ...address, options: { ...limits, ...address.options } }, { allow });
  } catch (error) {
    if (cancelRequested()) throw error;
    throw new EndpointFailure(redactAddress(address), 'cannot listen', error);
  }
}

function peerOf(stream: HalfCloseableStream): string {
  const address = attributeOf(stream, remoteAddress);
  return address === undefined ? 'unknown' : formatSocketAddress(address);
}

/** In the words of the address grammar, so that it can be connected to. */
function boundAddress({ scheme }: Address, listener: Listener<HalfCloseableStream>): string {
  const address = attributeOf(listener, localAddress);
  if (address === undefined) return 'unknown';
  return address.family === 'unix' ? formatSocketAddress(address) : `${scheme.name}:${formatSocketAddress(address)}`;
}
