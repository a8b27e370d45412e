/**
 * The Sockets API (WinterTC `connect()`, as in Cloudflare Workers) on top of any bowline connector: a library written for
 * that API runs over a proxy, over memory in a test, over whatever the connector dials.
 *
 * The socket is given at once; connecting, reading and writing fail through its promises and streams. Differences to say:
 * TLS is not this adapter's (`secureTransport: 'on'` and `startTls()` are refused), and `closed` rejects with the error that
 * ended the connection.
 *
 * Source: proposal-sockets-api of WinterTC.
 */
import type { SocketAddress } from '../core/address.ts';
import { formatSocketAddress } from '../core/address.ts';
import { attributeOf } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { ConnectTarget, Connector } from '../core/connector.ts';
import { ClosedResourceError, MisuseError } from '../core/errors.ts';
import { checkPort, parseHost, parseHostPort } from '../core/host-port.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { Waiter } from '../tasks/waiter.ts';
import { captureDetached } from '../tasks/detached.ts';
import { WebStreams } from './web-streams.ts';

export type SecureTransport = 'off' | 'on' | 'starttls';

export interface SocketsApiOptions {
  /** `'on'` is refused: give a connector that does TLS. Default `'off'`. */
  readonly secureTransport?: SecureTransport | undefined;
  /** Whether writing may go on after the end of the readable. Default `false`: it fails from then on. */
  readonly allowHalfOpen?: boolean | undefined;
}

export interface SocketsApiInfo {
  /** As `host:port`, where it is known. */
  readonly remoteAddress: string | undefined;
  readonly localAddress: string | undefined;
}

export interface SocketsApiSocket {
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when connected; rejects with what the connector throws. */
  readonly opened: Promise<SocketsApiInfo>;
  /** Resolves when the connection has been closed; rejects with the error that ended it. */
  readonly closed: Promise<void>;
  readonly upgraded: boolean;
  readonly secureTransport: SecureTransport;
  /** Closes both directions; gives up connecting. */
  close(): Promise<void>;
  /** @throws MisuseError always */
  startTls(): SocketsApiSocket;
}

/** `'host:port'`, or the two apart. */
export type SocketsApiAddress = string | { readonly hostname: string; readonly port: number };

export type SocketsApiConnect = (address: SocketsApiAddress, options?: SocketsApiOptions) => SocketsApiSocket;

/** Gives a `connect()` that dials with `connector`. */
export function toSocketsApi(connector: Connector): SocketsApiConnect {
  if (typeof connector !== 'function') throw new TypeError('a connector is a function');
  return (address, options = {}) => {
    const { secureTransport = 'off', allowHalfOpen = false } = options;
    if (secureTransport === 'on') throw new MisuseError('this connect() does no TLS: give it a connector that does');
    if (!['off', 'starttls'].includes(secureTransport)) throw new TypeError("secureTransport is 'off' or 'starttls'");
    return new ConnectorSocket(connector, toTarget(address), secureTransport, allowHalfOpen);
  };
}

class ConnectorSocket implements SocketsApiSocket {
  readonly readable: ReadableStream<Bytes>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<SocketsApiInfo>;
  readonly closed: Promise<void>;
  readonly upgraded = false;
  readonly secureTransport: SecureTransport;
  readonly #connecting = new CancelScope();
  readonly #streams: WebStreams;

  constructor(connector: Connector, target: ConnectTarget, secureTransport: SecureTransport, allowHalfOpen: boolean) {
    this.secureTransport = secureTransport;
    const opening = captureDetached()(() => dial(this.#connecting, connector, target));
    const closed = new Waiter<void>();
    this.closed = closed.waitIn(null);
    this.#streams = new WebStreams(opening, {
      onEnd: () => {
        if (!allowHalfOpen) this.#streams.refuseWriting(new ClosedResourceError('the peer has ended the connection'));
      },
      onClosed: (error) => {
        if (error === undefined || error instanceof ClosedResourceError) closed.resolve();
        else closed.rejectRepeatable(error);
      },
    });
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.opened = opening.then((stream) => ({
      remoteAddress: formatted(attributeOf(stream, remoteAddress)),
      localAddress: formatted(attributeOf(stream, localAddress)),
    }));
    // The failure to connect is told by both promises and both streams: it must not end a program that looks at one.
    this.opened.catch((error: unknown) => this.#streams.fail(error));
  }

  async close(): Promise<void> {
    this.#connecting.cancel('the socket was closed');
    await this.#streams.close(new ClosedResourceError());
  }

  startTls(): SocketsApiSocket {
    throw new MisuseError('this connect() does no TLS: give it a connector that does');
  }
}

async function dial(scope: CancelScope, connector: Connector, target: ConnectTarget): Promise<Stream> {
  const result = await scope.tryRun(() => connector(target));
  if (result.cancelled) throw new ClosedResourceError('the socket was closed before it was connected');
  return result.value;
}

function toTarget(address: SocketsApiAddress): ConnectTarget {
  if (typeof address === 'string') return parseHostPort(address, { allowEmptyHost: false });
  return { host: parseHost(address.hostname), port: checkPort(address.port) };
}

function formatted(address: SocketAddress | undefined): string | undefined {
  return address === undefined ? undefined : formatSocketAddress(address);
}
