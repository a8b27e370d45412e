/**
 * A listening TCP or Unix socket over a `net.Server`.
 *
 * Node accepts eagerly: every connection that the kernel has completed is taken at once, and there is no way to leave it
 * in the kernel's queue (libuv accepts in a loop, and closing the listening socket would refuse what waits there). So the
 * listener holds accepted sockets that nobody has asked for yet, at most `acceptQueue` of them, not reading; beyond that,
 * and beyond `maxConnections` in all, a new connection is closed at once and reported. A server that wants fewer
 * connections at a time should limit how many it handles (`serveListeners`), and let the accept queue hold a burst.
 *
 * When descriptors run out, libuv closes waiting connections without a word, which is why `maxConnections` has a default
 * (connection-limit.ts). Errors that do surface go to `accept()`; those that concern one lost connection are skipped.
 */
import type { Server, Socket } from 'node:net';

import type { SocketAddress } from '../core/address.ts';
import { attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import { BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import { localAddress } from '../core/network.ts';
import type { SocketListener, SocketStream } from '../core/network.ts';
import { publishAccept } from '../observe/connections.ts';
import { pass, Waiter } from '../tasks/waiter.ts';
import { ConnectionLimit } from './connection-limit.ts';
import { quietly, repeatable } from './socket-failure.ts';
import { adoptSocket } from './socket-stream.ts';
import type { AdoptOptions } from './socket-stream.ts';

/** Errors of accept that belong to a connection which is gone already (Linux accept(2), "Error handling"). */
const LOST_CONNECTION: ReadonlySet<string> = new Set([
  'EPERM',
  'ECONNABORTED',
  'EPROTO',
  'ENETDOWN',
  'ENOPROTOOPT',
  'EHOSTDOWN',
  'ENONET',
  'EHOSTUNREACH',
  'EOPNOTSUPP',
  'ENETUNREACH',
  'ENOSR',
  'ESOCKTNOSUPPORT',
  'EPROTONOSUPPORT',
  'ETIMEDOUT',
  'ECONNRESET',
]);

export interface ServerListenerOptions {
  readonly address: SocketAddress;
  readonly acceptQueue: number;
  /** `undefined`: as many as the descriptors of this process allow. */
  readonly maxConnections: number | undefined;
  /** What accepted streams say of themselves. */
  readonly streams?: AdoptOptions | undefined;
  /** Called when the listener closes, after the socket is closed. Must not throw. */
  readonly onClose?: (() => void) | undefined;
}

export class ServerListener implements SocketListener {
  readonly address: SocketAddress;
  readonly #server: Server;
  readonly #options: ServerListenerOptions;
  readonly #limit: ConnectionLimit;
  readonly #acceptor = new Waiter<SocketStream>();
  /** Accepted by the system, claimed by nobody, oldest first. */
  readonly #unclaimed: Socket[] = [];
  readonly #failures: Error[] = [];
  #isOpen = true;

  /** @param server listening; made with `pauseOnConnect` and `allowHalfOpen` */
  constructor(server: Server, options: ServerListenerOptions) {
    this.address = options.address;
    this.#server = server;
    this.#options = options;
    this.#limit = new ConnectionLimit(options.maxConnections);
    const { maxConnections } = this.#limit;
    if (maxConnections !== Infinity) server.maxConnections = maxConnections;
    server.on('connection', (socket) => this.#onConnection(socket));
    server.on('drop', () => this.#limit.refused('maxConnections', this.address));
    server.on('error', (error) => this.#onError(error));
    server.on('close', () => this.#shut());
  }

  accept(): Promise<SocketStream> {
    if (!this.#isOpen) return repeatable(new ClosedResourceError());
    if (this.#acceptor.pending) return Promise.reject(new BusyResourceError('another call is already accepting'));
    if (this.#unclaimed.length === 0 && this.#failures.length === 0) return this.#acceptor.wait();
    const gate = pass();
    if (gate !== undefined) return quietly(gate.then(() => this.accept()));
    const failure = this.#failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    return Promise.resolve(this.#claim(this.#unclaimed.shift() as Socket));
  }

  /** Stops listening and closes what nobody has claimed. Streams that were accepted live on. */
  close(): Promise<void> {
    this.#shut();
    return Promise.resolve();
  }

  abort(): void {
    this.#shut();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }

  #onConnection(socket: Socket): void {
    if (!this.#isOpen) {
      socket.destroy();
      return;
    }
    if (this.#limit.shouldCount) {
      this.#server.getConnections((_error, connections) => this.#limit.counted(connections, this.address));
    }
    if (!this.#limit.hasRoom()) {
      socket.destroy();
      this.#limit.refused('maxConnections', this.address);
    } else if (this.#acceptor.pending) {
      this.#acceptor.resolve(this.#claim(socket));
    } else if (this.#unclaimed.length < this.#options.acceptQueue) {
      this.#unclaimed.push(socket);
    } else {
      socket.destroy();
      this.#limit.refused('acceptQueue', this.address);
    }
  }

  #claim(socket: Socket): SocketStream {
    const stream = adoptSocket(socket, this.#options.streams);
    publishAccept(stream);
    return stream;
  }

  #onError(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    if (!this.#isOpen || (code !== undefined && LOST_CONNECTION.has(code))) return;
    if (this.#acceptor.pending) {
      this.#acceptor.reject(error);
    } else if ((this.#failures.at(-1) as NodeJS.ErrnoException | undefined)?.code !== code) {
      // While descriptors are short libuv says so at every turn of the event loop, and a server that backs off for
      // 100 ms would find hundreds of them: what has not been heard of yet is said once.
      this.#failures.push(error);
    }
  }

  #shut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // The descriptor is closed inside this call; the server's 'close' would also wait for every accepted stream.
    this.#server.close();
    for (const socket of this.#unclaimed.splice(0)) socket.destroy();
    this.#acceptor.rejectRepeatable(new ClosedResourceError());
    this.#options.onClose?.();
  }
}
