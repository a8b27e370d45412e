/**
 * For libraries that take an address and nothing else: a local listener whose connections go wherever a connector goes.
 *
 *     library ──▶ unix socket or 127.0.0.1 port ──▶ connector(target) ──▶ through proxies, TLS, a subprocess, memory …
 *
 * By default a Unix socket in a new folder that only this user may enter, because a port on loopback can be used by everyone
 * on the machine. Each connection dials anew and is relayed with half-close and back-pressure in both directions. If dialling
 * fails, the local connection is aborted and the error is reported (`handler-error`); a connection that breaks later ends both
 * sides, which the library and the far side see for themselves.
 *
 * It outlives the scope it is made in, and keeps the process alive, until it is closed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import type { SocketAddress } from '../core/address.ts';
import type { ConnectTarget, Connector } from '../core/connector.ts';
import { BrokenResourceError } from '../core/errors.ts';
import type { SocketListener, SocketStream } from '../core/network.ts';
import type { AsyncResource } from '../core/resource.ts';
import { serveListeners } from '../sockets/serve.ts';
import { openTcpListeners } from '../sockets/tcp.ts';
import { openUnixListener } from '../sockets/unix.ts';
import { relayStreams } from '../streams/pump.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { foreign } from '../tasks/waiter.ts';
import { captureDetached } from '../tasks/detached.ts';

export interface ForwardOptions {
  /** `'tcp'`: 127.0.0.1, on a free port. Default `'unix'`. */
  readonly listen?: 'unix' | 'tcp' | undefined;
  /** The path of the Unix socket. Default: in a private folder, which is removed at the end. */
  readonly path?: string | undefined;
  /** The port. Default 0, which takes a free one. */
  readonly port?: number | undefined;
  /** Most connections at a time. Default: as in `serveListeners`. */
  readonly maxConnections?: number | undefined;
}

/** Closing ends the listener and aborts its connections. */
export interface LoopbackForward extends AsyncResource {
  readonly address: SocketAddress;
  /** Of the Unix socket, or `undefined`. */
  readonly path: string | undefined;
  /** On 127.0.0.1, or `undefined`. */
  readonly port: number | undefined;
}

/**
 * Listens locally and relays every connection to `target`, dialled by `connector`.
 *
 * @throws what listening throws
 */
export async function forwardToLoopback(
  connector: Connector,
  target: ConnectTarget,
  options: ForwardOptions = {},
): Promise<LoopbackForward> {
  if (typeof connector !== 'function') throw new TypeError('a connector is a function');
  const { listen = 'unix', maxConnections } = options;
  if (!['unix', 'tcp'].includes(listen)) throw new TypeError("listen is 'unix' or 'tcp'");
  if (options.path !== undefined && listen !== 'unix') throw new TypeError('a path is for a Unix socket');
  if (options.port !== undefined && listen !== 'tcp') throw new TypeError("a port is for listen: 'tcp'");
  const folder = listen === 'unix' && options.path === undefined ? mkdtempSync(join(tmpdir(), 'bowline-')) : undefined;
  const removeFolder = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    const listener = await openListener(options, folder);
    return new Forward(listener, (near) => relay(near, connector, target), maxConnections, removeFolder);
  } catch (error) {
    removeFolder();
    throw error;
  }
}

async function openListener(options: ForwardOptions, folder: string | undefined): Promise<SocketListener> {
  if (options.listen !== 'tcp') {
    // On Windows it is a named pipe, and the folder only gives it a name that nobody else has.
    const own = (inFolder: string): string =>
      process.platform === 'win32' ? `\\\\.\\pipe\\${basename(inFolder)}` : join(inFolder, 'socket');
    return await openUnixListener(options.path ?? own(folder as string), { mode: 0o600 });
  }
  const [listener] = await openTcpListeners(options.port ?? 0, { host: '127.0.0.1' });
  return listener as SocketListener;
}

async function relay(near: SocketStream, connector: Connector, target: ConnectTarget): Promise<void> {
  const far = await connector(target);
  try {
    await relayStreams(near, far);
  } catch (error) {
    // Both sides have seen it.
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

class Forward implements LoopbackForward {
  readonly address: SocketAddress;
  readonly #scope = new CancelScope();
  readonly #serving: Promise<unknown>;
  readonly #onEnd: () => void;

  constructor(
    listener: SocketListener,
    handler: (near: SocketStream) => Promise<void>,
    maxConnections: number | undefined,
    onEnd: () => void,
  ) {
    this.address = listener.address;
    this.#onEnd = onEnd;
    const serving = captureDetached()(() =>
      this.#scope.run(() => serveListeners(handler, [listener], { maxConnections })),
    );
    // A listener that fails for good is told by close().
    serving.catch(ignore);
    this.#serving = serving;
  }

  get path(): string | undefined {
    return this.address.family === 'unix' ? this.address.path : undefined;
  }

  get port(): number | undefined {
    return this.address.family === 'unix' ? undefined : this.address.port;
  }

  async close(): Promise<void> {
    this.#scope.cancel();
    try {
      await foreign(this.#serving);
    } finally {
      this.#onEnd();
    }
  }

  abort(): void {
    this.#scope.cancel();
    this.#onEnd();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function ignore(): void {
  // See the caller.
}
