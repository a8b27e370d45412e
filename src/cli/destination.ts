/** Where the connections of a relay lead: an address to connect to, or a command to run. */
import { TooSlowError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { redactAddress } from '../endpoints/address.ts';
import type { Address } from '../endpoints/address.ts';
import { connect } from '../endpoints/open.ts';
import { dtlsScheme } from '../endpoints/schemes/dtls.ts';
import { builtInSchemes } from '../endpoints/schemes/index.ts';
import { tlsScheme } from '../endpoints/schemes/tls.ts';
import { failAfter } from '../tasks/timeouts.ts';
import { cancelRequested } from '../tasks/waiter.ts';
import type { Children } from './children.ts';
import { EndpointFailure } from './failure.ts';
import { formatDuration } from './quantities.ts';

/** What an address on the command line may do: everything, since whoever writes it could do that anyway. */
export const allow = ['exec', 'stdio', 'unix', 'file'] as const;

/** Those of the library, but that files of certificates and keys are read once for all connections of a command. */
export const schemes = builtInSchemes.map((scheme) => {
  if (scheme.name === 'tls') return tlsScheme({ keepContexts: true });
  return scheme.name === 'dtls' ? dtlsScheme({ keepContexts: true }) : scheme;
});

/**
 * Opens the far side, gives it to `body`, and closes it. `over` aborts when nothing that is sent there can matter any more;
 * a network peer never says so, a command does by ending.
 */
export type Destination = (
  body: (stream: HalfCloseableStream, over: AbortSignal | undefined) => Promise<void>,
) => Promise<void>;

/** @param connectTimeoutMs `undefined`: no limit but that of the address itself */
export function destinationOf(address: Address, connectTimeoutMs: number | undefined, children: Children): Destination {
  if (address.scheme.name === 'exec') return (body) => children.run(address, body);
  return async (body) => {
    const stream = await connectWithin(address, connectTimeoutMs);
    try {
      await body(stream, undefined);
    } finally {
      stream.abort();
    }
  };
}

/** @throws EndpointFailure it could not be connected to, or not in time */
export async function connectWithin(address: Address, timeoutMs: number | undefined): Promise<HalfCloseableStream> {
  const open = (): Promise<HalfCloseableStream> => connect(address, { allow });
  const name = redactAddress(address);
  try {
    return await (timeoutMs === undefined ? open() : failAfter(timeoutMs, open));
  } catch (error) {
    if (cancelRequested()) throw error;
    if (error instanceof TooSlowError && timeoutMs !== undefined) {
      throw new EndpointFailure(name, `cannot connect: no answer within ${formatDuration(timeoutMs)}`, undefined);
    }
    throw new EndpointFailure(name, 'cannot connect', error);
  }
}
