/**
 * Unix sockets (and Windows named pipes) by path.
 *
 * A socket file outlives the process that made it, so a server that was killed leaves one behind, and the next server must
 * take its place: but not that of a server which is alive, and never that of a file which is no socket. So:
 *
 *     nothing there        listen under a temporary name beside it, then link it to its name, which fails if one appeared
 *     a socket             try to connect: refused means stale, anything else is somebody's
 *     a stale socket       listen under a temporary name, check that the file is still the same one, rename over it
 *     anything else        an error, and the file stays
 *
 * The rename means that clients find a listening socket at every moment, and the mode is set before the name exists. At
 * close the file is removed if it is still ours (same device and inode), so a successor that has taken over keeps its own.
 *
 * The workers of a node:cluster share one socket, which the primary makes under the name they ask for. So a worker gets a
 * stale file out of the way and asks for the real name; the file belongs to the primary, which removes it.
 *
 * Abstract names (Linux; they begin with a NUL character) and pipe names have no file, and none of this applies.
 *
 * Source: Trio `open_unix_socket`; Trio has no listener (its #279), systemd's and nginx's behaviour was the model.
 */
import cluster from 'node:cluster';
import { chmodSync, linkSync, lstatSync, renameSync, statSync, unlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { UnixAddress } from '../core/address.ts';
import { formatSocketAddress } from '../core/address.ts';
import { MisuseError } from '../core/errors.ts';
import type { SocketListener, SocketStream } from '../core/network.ts';
import { maxSocketPathBytes, supportsAbstractSockets } from '../platform/features.ts';
import { currentTime } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { announced } from './announced-connect.ts';
import { failedConnect } from './happy-eyeballs.ts';
import { ACCEPT_QUEUE, listenOn, newServer, startConnect } from './node-network.ts';
import { checkServe, serveListeners } from './serve.ts';
import type { ConnectionHandler, ServeOptions } from './serve.ts';
import { checkBacklog, checkCount } from './socket-options.ts';
import { ServerListener } from './socket-listener.ts';

const UNNAMED: UnixAddress = Object.freeze({ family: 'unix', path: '' });

/**
 * Connects to a Unix socket.
 *
 * @param path of the socket file, also as a file: URL; an abstract name with its leading NUL (Linux); a pipe name such as `\\.\pipe\x` (Windows)
 * @throws ConnectError nobody listens there
 */
export function openUnixSocket(path: string | URL): Promise<SocketStream> {
  return quietIfCancelled(dial(path));
}

async function dial(path: string | URL): Promise<SocketStream> {
  const address = toUnixAddress(path);
  const target = formatSocketAddress(address);
  return await announced(target, async () => {
    const startedAt = currentTime();
    try {
      return await startConnect({ path: address.path }, { remoteAddress: address, localAddress: UNNAMED }).result;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw failedConnect(target, [{ address: target, error, durationMs: currentTime() - startedAt }]);
    }
  });
}

export interface OpenUnixListenerOptions {
  /** Permissions of the socket file, such as `0o660`; default what the umask leaves. Who may write to it may connect. */
  readonly mode?: number | undefined;
  readonly backlog?: number | undefined;
  /** Most accepted sockets that nobody has asked for yet; default 128. */
  readonly acceptQueue?: number | undefined;
  /** Most open connections; default a share of the free file descriptors. */
  readonly maxConnections?: number | undefined;
}

/**
 * Listens on a Unix socket, in the place of a stale socket file if there is one.
 *
 * @throws Error with code `EADDRINUSE`: a server is listening there, or the file is not a socket
 */
export function openUnixListener(place: string | URL, options: OpenUnixListenerOptions = {}): Promise<SocketListener> {
  return quietIfCancelled(listen(place, options));
}

async function listen(place: string | URL, options: OpenUnixListenerOptions): Promise<SocketListener> {
  const address = toUnixAddress(place);
  const { path } = address;
  const { mode } = options;
  checkMode(mode);
  const backlog = checkBacklog(options.backlog);
  const acceptQueue = checkCount('acceptQueue', options.acceptQueue, () => ACCEPT_QUEUE);
  const maxConnections = checkCount('maxConnections', options.maxConnections, () => undefined);
  const streams = { localAddress: address, remoteAddress: UNNAMED };
  const server = newServer(false, null);
  if (!hasFile(path)) {
    await listenOn(server, { path, backlog });
    return new ServerListener(server, { address, acceptQueue, maxConnections, streams });
  }
  if (cluster.isWorker) {
    await clearForPrimary(path);
    await listenOn(server, { path, backlog });
    if (mode !== undefined) chmodSync(path, mode);
    return new ServerListener(server, { address, acceptQueue, maxConnections, streams });
  }
  const stale = await findStale(path);
  if (stale === 'alive') throw inUse(path, 'a server is listening there');
  const temporary = temporaryBeside(path);
  await listenOn(server, { path: temporary, backlog });
  let own: Stats;
  try {
    if (mode !== undefined) chmodSync(temporary, mode);
    own = lstatSync(temporary);
    takeName(temporary, path, stale);
  } catch (error) {
    // Removes the temporary file as well.
    server.close();
    throw error;
  }
  // Absolute, because the working directory may be another one by then.
  const file = resolve(path);
  const onClose = (): void => unlinkOwn(file, own);
  return new ServerListener(server, { address, acceptQueue, maxConnections, streams, onClose });
}

export type ServeUnixOptions = Omit<OpenUnixListenerOptions, 'maxConnections'> &
  ServeOptions<SocketStream, SocketListener>;

/** Listens on a Unix socket and serves it: `openUnixListener` and `serveListeners` in one. */
export async function serveUnix(
  handler: ConnectionHandler<SocketStream>,
  path: string | URL,
  options: ServeUnixOptions = {},
): Promise<void> {
  const { mode, backlog, acceptQueue, ...serveOptions } = options;
  checkServe(handler, options);
  const listener = await openUnixListener(path, { mode, backlog, acceptQueue });
  await serveListeners(handler, [listener], serveOptions);
}

function toUnixAddress(place: string | URL): UnixAddress {
  const path = place instanceof URL ? fileURLToPath(place) : place;
  if (typeof path !== 'string')
    throw new TypeError(`the path of a socket is a string or a file: URL, not ${typeof path}`);
  if (path === '') throw new RangeError('the path of a socket cannot be empty');
  if (path.includes('\0', 1)) throw new RangeError('the path of a socket cannot contain NUL characters');
  if (path.startsWith('\0') && !supportsAbstractSockets) {
    throw new MisuseError('abstract socket names exist on Linux only');
  }
  const length = Buffer.byteLength(path);
  if (length > maxSocketPathBytes) {
    throw new RangeError(`the path of a socket has at most ${maxSocketPathBytes} bytes here, not ${length}`);
  }
  return { family: 'unix', path };
}

/** Random characters of a name for a moment; fewer where the path is near its limit. */
const TEMPORARY_CHARACTERS = 8;
const FEWEST_TEMPORARY_CHARACTERS = 2;

function temporaryBeside(path: string): string {
  const name = basename(path);
  const room = maxSocketPathBytes - (Buffer.byteLength(path) - Buffer.byteLength(name)) - 2;
  if (room < FEWEST_TEMPORARY_CHARACTERS) {
    const needed = FEWEST_TEMPORARY_CHARACTERS + 2;
    throw new RangeError(
      `the path of this socket is too long: beside ${name} there is no room for ${needed} characters`,
    );
  }
  const random = randomBytes(TEMPORARY_CHARACTERS / 2).toString('hex');
  // The letter in front: Node takes a path that reads as a number, such as `.12345678`, for a port.
  return join(dirname(path), `.s${random.slice(0, room)}`);
}

function checkMode(mode: number | undefined): void {
  if (mode === undefined) return;
  if (!Number.isInteger(mode)) throw new TypeError('mode is an integer such as 0o660');
  if (mode < 0 || mode > 0o777) throw new RangeError(`mode is 0 to 0o777, not 0o${mode.toString(8)}`);
}

function hasFile(path: string): boolean {
  return !path.startsWith('\0') && process.platform !== 'win32';
}

/** The stale socket at `path`, `undefined` if nothing is there, or `'alive'` if somebody listens. */
async function findStale(path: string): Promise<Stats | 'alive' | undefined> {
  const there = statsOf(path);
  if (there === undefined) {
    // Listening would say EACCES for a missing folder (libuv).
    statSync(dirname(path));
    return undefined;
  }
  if (!there.isSocket()) throw inUse(path, 'the file there is not a socket, and is left alone');
  const probe = startConnect({ path });
  try {
    // Politely: the live server may be saying something already.
    await (await probe.result).close();
  } catch (error) {
    const code = isSystemError(error) ? error.code : undefined;
    if (code === 'ECONNREFUSED') return there;
    // It went away by itself in the meantime.
    if (code === 'ENOENT') return undefined;
    // A full queue of a live server.
    if (code !== 'EAGAIN') throw error;
  }
  return 'alive';
}

/** For a worker: a live socket may be the one that the primary made for another worker; if it is not, the primary will say so. */
async function clearForPrimary(path: string): Promise<void> {
  const stale = await findStale(path);
  if (stale !== undefined && stale !== 'alive') unlinkOwn(path, stale);
}

/** Gives a listening socket its real name. */
function takeName(temporary: string, path: string, stale: Stats | undefined): void {
  if (stale === undefined) {
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (isSystemError(error) && error.code === 'EEXIST') throw inUse(path, 'somebody else took the name just now');
      throw error;
    }
    unlinkSync(temporary);
    return;
  }
  if (!isSameFile(statsOf(path), stale)) throw inUse(path, 'somebody else took the name just now');
  renameSync(temporary, path);
}

function unlinkOwn(path: string, own: Stats): void {
  try {
    if (isSameFile(statsOf(path), own)) unlinkSync(path);
  } catch {
    // The folder is gone or read-only now. The next server will find a stale socket, which is harmless.
  }
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Also by the time it was made: a number of an inode is soon used again. */
function isSameFile(a: Stats | undefined, b: Stats): boolean {
  return a !== undefined && a.dev === b.dev && a.ino === b.ino && a.mtimeMs === b.mtimeMs;
}

function inUse(path: string, why: string): Error {
  const message = `cannot listen on ${formatSocketAddress({ family: 'unix', path })}: ${why}`;
  return Object.assign(new Error(message), { code: 'EADDRINUSE', path });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
