/**
 * A small SOCKS5 server: CONNECT with or without a password, for programs that take a proxy and nothing else, and for tests.
 *
 * A proxy lends its place in the network to whoever can reach it. So by default it listens on the loopback only, it will not
 * listen anywhere else without asking for a password, and it connects to public addresses only: not to this machine, not to
 * the networks that it is in (`permit` decides otherwise).
 *
 * A target is judged after its name was resolved, and the connection goes to the addresses that were judged and no others.
 * A name that gives a public address to the check and a private one to the connection (DNS rebinding) gains nothing,
 * because it is asked once. A name that is an IP address in disguise is one (socks-address.ts), and the disguises that
 * resolvers know and the parser does not (`127.1`) are refused as names.
 *
 * BIND and UDP ASSOCIATE are answered with "command not supported". A client that breaks the protocol is a handler error of
 * its own connection; one that goes away is nothing.
 */
import { inetAddress } from '../core/address.ts';
import type { InetAddress, SocketAddress } from '../core/address.ts';
import { attributeOf } from '../core/attributes.ts';
import type { ConnectTarget } from '../core/connector.ts';
import { BrokenResourceError, ConnectError, IncompleteRead, MisuseError, TooSlowError } from '../core/errors.ts';
import { isLoopbackIp, ipVersion } from '../core/ip-address.ts';
import { localAddress } from '../core/network.ts';
import type { SocketListener, SocketStream } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { encodeMethodChoice, methodOffer, socksMethods } from '../protocols/socks/method-selection.ts';
import { encodePasswordStatus, passwordRequest } from '../protocols/socks/password.ts';
import { encodeSocksReply, socksReplies } from '../protocols/socks/reply.ts';
import { socksCommands, socksRequest } from '../protocols/socks/request.ts';
import { nodeNetwork } from '../sockets/node-network.ts';
import { serveListeners } from '../sockets/serve.ts';
import type { ConnectionHandler, ServeTcpOptions } from '../sockets/serve.ts';
import { openTcpListeners, openTcpStream } from '../sockets/tcp.ts';
import { relayStreams } from '../streams/pump.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { currentNetwork } from '../tasks/environment.ts';
import { failAfter } from '../tasks/timeouts.ts';
import { isLoopbackHost } from './cleartext.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, receiveMessage } from './handshake.ts';
import { checkedTarget } from './proxy-target.ts';
import { isPublicIp } from './public-address.ts';

/** Where a client wants to be connected to, for `permit` to judge. */
export interface Socks5Target {
  /** One address that the name stands for, or that was asked for; with the port. */
  readonly address: InetAddress;
  /** As it was asked for: a name, or an IP address. */
  readonly host: string;
  /** Who asks, where a password was asked for. */
  readonly username: string | undefined;
}

export interface Socks5ServerOptions {
  /**
   * The user name and password that clients must give, or what decides about them. Default: none are asked for, which only a
   * server on the loopback or on a Unix socket may do.
   */
  readonly authenticate?:
    | { readonly username: string; readonly password: string }
    | ((username: string, password: string) => boolean | Promise<boolean>)
    | undefined;
  /** Whether a client may connect there; called for every address of a name. Default: to public addresses. */
  readonly permit?: ((target: Socks5Target) => boolean | Promise<boolean>) | undefined;
  /** How long a client may take to say what it wants. Default 30,000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** How long resolving and connecting may take. Default 30,000. */
  readonly connectTimeoutMs?: number | undefined;
}

export type ServeSocks5Options = Socks5ServerOptions &
  Omit<ServeTcpOptions, 'host'> & {
    /** Where to listen. Default `127.0.0.1`; `null` is every interface. */
    readonly host?: string | null | undefined;
  };

/**
 * Serves SOCKS5 on a TCP port until it is stopped or cancelled.
 *
 * @param port 0 to 65535; for 0, `started` tells which one it became
 * @throws MisuseError it would listen beyond the loopback without asking for a password
 */
export async function serveSocks5(port: number, options: ServeSocks5Options = {}): Promise<void> {
  const { authenticate, permit, handshakeTimeoutMs, connectTimeoutMs, host = '127.0.0.1', ...rest } = options;
  const { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs, ...listenOptions } = rest;
  const handler = socks5Handler({ authenticate, permit, handshakeTimeoutMs, connectTimeoutMs });
  if (authenticate === undefined && (host === null || !isLoopbackHost(host))) throw openProxy();
  const listeners = await openTcpListeners(port, { ...listenOptions, host });
  // What a name like localhost stands for is known only now.
  if (authenticate === undefined && !listeners.every(isOnLoopback)) {
    for (const listener of listeners) listener.abort();
    throw openProxy();
  }
  await serveListeners(handler, listeners, { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs });
}

/**
 * The server as a handler for any listener: `serveListeners(socks5Handler(), [listener])`. Who can reach that listener is up to
 * who opened it.
 *
 * @throws TypeError, RangeError an option is wrong
 */
export function socks5Handler(options: Socks5ServerOptions = {}): ConnectionHandler<Stream> {
  const { permit = permitPublic, authenticate } = options;
  const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, connectTimeoutMs = 30_000 } = options;
  checkDuration(handshakeTimeoutMs);
  checkDuration(connectTimeoutMs);
  if (typeof permit !== 'function') throw new TypeError('permit is a function that takes a target');
  const check = passwordCheck(authenticate);
  return async (client) => {
    const upstream = await untilGone(async () => {
      const asked = await failAfter(handshakeTimeoutMs, () => receiveRequest(client, check));
      return asked === undefined ? undefined : await answer(client, asked, permit, connectTimeoutMs);
    });
    // A relay ends with both sides; that one of them broke off is how many connections end.
    if (upstream !== undefined) await untilGone(() => relayStreams(client, upstream));
  };
}

type PasswordCheck = (username: string, password: string) => boolean | Promise<boolean>;

interface Asked {
  readonly command: number;
  readonly target: ConnectTarget;
  readonly username: string | undefined;
}

/** What the client asks for; `undefined` if it was turned away before it could say so. */
async function receiveRequest(client: Stream, check: PasswordCheck | undefined): Promise<Asked | undefined> {
  const offered = await receiveMessage(client, methodOffer);
  const wanted = check === undefined ? socksMethods.none : socksMethods.password;
  const chosen = offered.includes(wanted) ? wanted : socksMethods.noAcceptable;
  await client.sendAll(encodeMethodChoice(chosen));
  if (chosen === socksMethods.noAcceptable) return undefined;
  let username: string | undefined;
  if (check !== undefined) {
    const credentials = await receiveMessage(client, passwordRequest);
    // Anything but true is a no.
    const isAccepted = (await check(credentials.username, credentials.password)) === true;
    await client.sendAll(encodePasswordStatus(isAccepted));
    if (!isAccepted) return undefined;
    username = credentials.username;
  }
  const { command, target } = await receiveMessage(client, socksRequest);
  return { command, target, username };
}

/** Connects, or not, and says so. @returns the connection to the target, if there is one */
async function answer(
  client: Stream,
  asked: Asked,
  permit: (target: Socks5Target) => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<SocketStream | undefined> {
  const outcome = await connectTo(asked, permit, timeoutMs);
  if (typeof outcome === 'number') {
    await client.sendAll(encodeSocksReply({ code: outcome, bound: UNKNOWN_ADDRESS }));
    return undefined;
  }
  let isAnswered = false;
  try {
    const bound = boundAddress(attributeOf(outcome, localAddress));
    await client.sendAll(encodeSocksReply({ code: socksReplies.succeeded, bound }));
    isAnswered = true;
  } finally {
    if (!isAnswered) outcome.abort();
  }
  return outcome;
}

/** The connection, or the code of a refusal. */
async function connectTo(
  { command, target: asked, username }: Asked,
  permit: (target: Socks5Target) => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<SocketStream | number> {
  if (command !== socksCommands.connect) return socksReplies.commandNotSupported;
  let target: ConnectTarget;
  try {
    target = checkedTarget(asked);
  } catch {
    return socksReplies.addressTypeNotSupported;
  }
  try {
    return await failAfter(timeoutMs, async () => {
      const addresses = await addressesOf(target);
      if (addresses.length === 0) return socksReplies.hostUnreachable;
      const permitted: InetAddress[] = [];
      for (const address of addresses) {
        const isPermitted = await permit({ address, host: target.host, username });
        if (isPermitted === true) permitted.push(address);
      }
      if (permitted.length === 0) return socksReplies.notAllowed;
      return await openTcpStream(target.host, target.port, { resolve: () => Promise.resolve(permitted) });
    });
  } catch (error) {
    return replyFor(error);
  }
}

/** Asked once: these are judged, and one of these is connected to. */
async function addressesOf({ host, port }: ConnectTarget): Promise<InetAddress[]> {
  if (ipVersion(host) !== 0) return [inetAddress(host, port)];
  const network = currentNetwork() ?? nodeNetwork;
  return (await network.lookup(host, {})).map((address) => ({ ...address, port }));
}

/** @throws `error` if it is not about connecting */
function replyFor(error: unknown): number {
  if (error instanceof TooSlowError) return socksReplies.ttlExpired;
  if (error instanceof ConnectError) return codeFor(error.attempts[0]?.error);
  if ((error as { readonly syscall?: unknown }).syscall === 'getaddrinfo') return socksReplies.hostUnreachable;
  throw error;
}

function codeFor(error: unknown): number {
  switch ((error as { readonly code?: unknown } | undefined)?.code) {
    case 'ECONNREFUSED':
      return socksReplies.connectionRefused;
    case 'ENETUNREACH':
      return socksReplies.networkUnreachable;
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
      return socksReplies.hostUnreachable;
    default:
      return socksReplies.generalFailure;
  }
}

const UNKNOWN_ADDRESS = { host: '0.0.0.0', port: 0 } as const;

function boundAddress(address: SocketAddress | undefined): ConnectTarget {
  return address === undefined || address.family === 'unix' ? UNKNOWN_ADDRESS : address;
}

/** A peer that goes away, or is too slow to say what it wants, is no error of the server. */
async function untilGone<T>(body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof BrokenResourceError || error instanceof IncompleteRead || error instanceof TooSlowError)
      return undefined;
    throw error;
  }
}

function permitPublic({ address }: Socks5Target): boolean {
  return isPublicIp(address.host);
}

function passwordCheck(authenticate: Socks5ServerOptions['authenticate']): PasswordCheck | undefined {
  if (authenticate === undefined || typeof authenticate === 'function') return authenticate;
  const { username, password } = (authenticate as Partial<typeof authenticate> | null) ?? {};
  if (typeof username !== 'string' || typeof password !== 'string' || username === '' || password === '')
    throw new TypeError('authenticate is { username, password }, neither of them empty, or a function that takes both');
  return (givenUsername, givenPassword) => {
    // Both are always compared: how long it takes shall not tell which one was wrong.
    const isUser = isSame(givenUsername, username);
    return isSame(givenPassword, password) && isUser;
  };
}

/** In a time that depends on the given text alone. */
function isSame(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < given.length; i++) difference |= given.charCodeAt(i) ^ expected.charCodeAt(i % expected.length);
  return difference === 0;
}

function isOnLoopback({ address }: SocketListener): boolean {
  return address.family === 'unix' || isLoopbackIp(address.host);
}

function openProxy(): MisuseError {
  return new MisuseError(
    'a SOCKS5 server beyond the loopback serves everybody who can reach it: give it authenticate, or a loopback host',
  );
}
