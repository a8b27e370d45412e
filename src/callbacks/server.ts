/**
 * A server of connections in the manner of Pants: `await new Server(Echo).listen(4040)`.
 *
 * What it adds to `createServer` is the set of its connections, and sending to all of them. It says how a connection is made in one of
 * three ways: a subclass of Connection, a function that gives one, or handlers for a plain one.
 */
import type { AsyncResource } from '../core/resource.ts';
import { MisuseError } from '../core/errors.ts';
import type { SocketAddress } from '../core/address.ts';
import { encodeText } from '../framing/text.ts';
import { Connection } from './connection.ts';
import type { ConnectionHandlers } from './connection.ts';
import { createServer } from './protocol-server.ts';
import type { CreateServerOptions, ProtocolServer, ServerTarget } from './protocol-server.ts';

/** How a server makes a connection. */
export type ConnectionMaker<C extends Connection> = (new () => C) | (() => C) | ConnectionHandlers;

export class Server<C extends Connection = Connection> implements AsyncResource {
  readonly #make: () => Connection;
  readonly #options: CreateServerOptions;
  readonly #connections = new Set<C>();
  #server: ProtocolServer | undefined;

  /**
   * @param connection a subclass of Connection, a function that makes one, or handlers
   * @throws TypeError it is none of them
   */
  constructor(connection: ConnectionMaker<C>, options: CreateServerOptions = {}) {
    this.#make = toFactory(connection);
    this.#options = options;
  }

  /** The connections that have not ended. */
  get connections(): ReadonlySet<C> {
    return this.#connections;
  }

  /** Where it listens; empty before `listen`. */
  get addresses(): readonly SocketAddress[] {
    return this.#server?.addresses ?? [];
  }

  /** The TCP port, once it listens on one. */
  get port(): number | undefined {
    return this.#server?.port;
  }

  /**
   * Listens and accepts from now on.
   *
   * @param target a TCP port on all addresses (0: any free one), `{ host, port }`, `{ path }`, or listeners
   * @throws MisuseError it listens already; otherwise as `createServer`
   */
  async listen(target: ServerTarget): Promise<this> {
    if (this.#server !== undefined) throw new MisuseError('a server listens once');
    this.#server = await createServer(() => this.#accept(), target, this.#options);
    return this;
  }

  /** Sends the same to every connection; one that is too slow is given up at its `maxWriteBufferBytes`. */
  broadcast(data: Uint8Array | string, options: { readonly except?: Connection | undefined } = {}): void {
    const bytes = typeof data === 'string' ? encodeText(data) : data;
    if (!(bytes instanceof Uint8Array)) throw new TypeError('only bytes and text can be written');
    for (const connection of this.#connections) {
      if (connection !== options.except) void connection.write(bytes);
    }
  }

  /** Accepts no more; connections go on. */
  stop(): void {
    this.#server?.stop();
  }

  /** Accepts no more, waits for connections to end by themselves, aborts what is left after `drainMs`. Default 10,000. */
  async drain(drainMs?: number): Promise<void> {
    await this.#server?.drain(drainMs);
  }

  /** Accepts no more and closes every connection gracefully. */
  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** Accepts no more and aborts every connection. */
  abort(): void {
    this.#server?.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For connections, when they end. */
  forget(connection: Connection): void {
    this.#connections.delete(connection as C);
  }

  #accept(): Connection {
    const connection = this.#make();
    if (!(connection instanceof Connection)) throw new TypeError('the function gives no Connection');
    connection.server = this as unknown as Server;
    this.#connections.add(connection as C);
    return connection;
  }
}

function toFactory(maker: ConnectionMaker<Connection>): () => Connection {
  if (typeof maker === 'object') return () => new Connection(maker);
  if (typeof maker !== 'function')
    throw new TypeError('a server needs a subclass of Connection, a function or handlers');
  const isClass = maker === Connection || (maker as { prototype?: unknown }).prototype instanceof Connection;
  return isClass ? () => new (maker as new () => Connection)() : (maker as () => Connection);
}
