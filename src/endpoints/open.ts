/**
 * `connect`, `listen` and `serve`: from an address to a stream or to connections.
 *
 * Everything about the address is checked before anything is opened: its grammar, its role, its permissions, its proxies.
 * What goes wrong afterwards becomes one line that names the address without its secrets and the cause, so that it can be
 * printed as it is; the original error is the `cause`. Cancellation passes through untouched.
 */
import type { Connector } from '../core/connector.ts';
import type { ConnectAttempt } from '../core/errors.ts';
import { AddressError, BowlineError, ConnectError } from '../core/errors.ts';
import type { Network } from '../core/network.ts';
import { escapeText } from '../core/quote.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import type { ConnectionHandler, ServeOptions } from '../sockets/serve.ts';
import { checkServe, serveListeners } from '../sockets/serve.ts';
import { isCancellation, ScopeExitedError } from '../tasks/cancelled.ts';
import { currentTime } from '../tasks/environment.ts';
import { failAfter } from '../tasks/timeouts.ts';
import type { Address, AddressOptions } from './address.ts';
import { checkAllowed, formatAddress, parseAddress, redactAddress } from './address.ts';
import type { Permission, Role } from './grammar/option-kinds.ts';
import type { EndpointListener, Scheme } from './scheme.ts';

export interface OpenOptions extends AddressOptions {
  /**
   * What the address may do besides talking to the network: `'exec'` start a program, `'stdio'` use this program's standard
   * streams, `'unix'` use Unix sockets, `'file'` read files such as keys. Default: nothing.
   */
  readonly allow?: readonly Permission[] | undefined;
  /** Default: the ambient network (`withNetwork`), else this machine's. */
  readonly network?: Network | undefined;
}

export type ServeAddressOptions = OpenOptions & ServeOptions<HalfCloseableStream, EndpointListener>;

/** An address could not be listened on. */
export class ListenError extends BowlineError {
  readonly code = 'ERR_BOWLINE_LISTEN';
}

/**
 * Connects to an address.
 *
 * @param address such as `tcp:example.org:80`, or parsed
 * @throws AddressError it is not an address that can be connected to, or not allowed
 * @throws ConnectError the connection was not made; `attempts` lists the tries, where there were some
 */
export async function connect(address: string | Address, options: OpenOptions = {}): Promise<HalfCloseableStream> {
  const { scheme, target, options: values, ...parsed } = prepare(address, 'connect', options);
  const { network } = options;
  const through = (dial: Connector<HalfCloseableStream>): Connector<HalfCloseableStream> =>
    parsed.via.reduce(
      (way, proxy) => proxy.scheme.connector?.(proxy.target, proxy.options, way) ?? cannot(proxy, 'is not a proxy'),
      dial,
    );
  const open = (): Promise<HalfCloseableStream> =>
    scheme.connect?.(target, values, { network, through }) ?? cannot(parsed.self, 'cannot be connected to');
  const { timeoutMs } = values as { readonly timeoutMs?: number | undefined };
  const startedAt = currentTime();
  try {
    return timeoutMs === undefined ? await open() : await failAfter(timeoutMs, open);
  } catch (error) {
    if (isNotOurs(error)) throw error;
    const shown = redactAddress(parsed.self);
    // A proxy's refusal is a ConnectError without attempts of its own.
    const isList = error instanceof ConnectError && error.attempts.length > 0;
    const attempts = isList ? error.attempts : [attemptOf(shown, error, startedAt)];
    throw new ConnectError(oneLine(shown, reasonOf(error)), attempts, { cause: error });
  }
}

/**
 * Listens on an address. Give the result to `serveListeners`.
 *
 * `stdio:` and `exec:` give a listener of one connection, which is there at once; when that has been closed the listener
 * is, too, so that a server on it ends.
 *
 * @param address such as `tcp::4040`, or parsed
 * @returns one listener or several, bound: see their `address`
 * @throws AddressError it is not an address that can be listened on, or not allowed
 * @throws ListenError it cannot be listened on now; the `cause` says why
 */
export async function listen(address: string | Address, options: OpenOptions = {}): Promise<EndpointListener[]> {
  const { scheme, target, options: values, self } = prepare(address, 'listen', options);
  try {
    return await (scheme.listen?.(target, values, { network: options.network }) ??
      cannot(self, 'cannot be listened on'));
  } catch (error) {
    if (isNotOurs(error)) throw error;
    throw new ListenError(oneLine(redactAddress(self), reasonOf(error)), { cause: error });
  }
}

/** Listens on an address and serves it: `listen` and `serveListeners` in one. */
export async function serve(
  handler: ConnectionHandler<HalfCloseableStream>,
  address: string | Address,
  options: ServeAddressOptions = {},
): Promise<void> {
  const { schemes, allow, network, ...serveOptions } = options;
  checkServe(handler, serveOptions);
  const listeners = await listen(address, { schemes, allow, network });
  await serveListeners<HalfCloseableStream, EndpointListener>(handler, listeners, serveOptions);
}

/** Reads the address for its role, also if that was unknown when it was parsed, and checks what it may do. */
function prepare(address: string | Address, role: Role, options: OpenOptions): Address & { readonly self: Address } {
  const { schemes, allow } = options;
  if (allow !== undefined && !Array.isArray(allow)) throw new TypeError('allow must be an array');
  const self =
    typeof address === 'object'
      ? parseAddress(formatAddress(address), { schemes: schemesOf(address), role })
      : parseAddress(address, { schemes, role });
  checkAllowed(self, allow);
  return { ...self, self };
}

function schemesOf({ scheme, via }: Address): Scheme[] {
  return [scheme, ...via.map((proxy) => proxy.scheme)];
}

/** For a scheme that promises a role in its grammar and has no opener for it. */
function cannot(address: Address, what: string): never {
  throw new AddressError(`${redactAddress(address)}: ${what}`, what);
}

function isNotOurs(error: unknown): boolean {
  return isCancellation(error) || error instanceof ScopeExitedError || error instanceof AddressError;
}

function attemptOf(address: string, error: unknown, startedAt: number): ConnectAttempt {
  return {
    address,
    error: error instanceof Error ? error : new Error(String(error)),
    durationMs: currentTime() - startedAt,
  };
}

const MAX_REASON_CHARACTERS = 500;

function oneLine(shown: string, reason: string): string {
  return `${shown}: ${escapeText(reason, MAX_REASON_CHARACTERS)}`;
}

/** What the system or the library said, without a repetition of the address. */
function reasonOf(error: unknown): string {
  if (error instanceof ConnectError && error.attempts.length > 0) {
    const reasons = error.attempts.map((attempt) => ({ at: attempt.address, why: attempt.error.message }));
    if (reasons.length === 1) return reasons.map(({ why }) => why).join();
    return reasons.map(({ at, why }) => (why.includes(at) ? why : `${at}: ${why}`)).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
