/**
 * TLS over TCP in one call: what most programs need of bowline/tls.
 *
 * Opening does the handshake too, so that what it returns is a connection to a server that was judged; a cancel or a failure
 * leaves nothing open. The name that is dialled is the name that is checked, unless the program says otherwise.
 *
 * Source: Trio `open_ssl_over_tcp_stream` and its siblings, whose streams have not done their handshake yet.
 */
import type { SocketStream } from '../core/network.ts';
import { checkServe, serveListeners } from '../sockets/serve.ts';
import type { ConnectionHandler, ServeOptions } from '../sockets/serve.ts';
import { openTcpListeners, openTcpStream } from '../sockets/tcp.ts';
import type { OpenTcpListenersOptions, OpenTcpStreamOptions } from '../sockets/tcp.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { checkServerName } from '../trust/authenticate.ts';
import { clientContext, clientSettingsOf } from '../trust/context.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import { checkListener, TlsListener } from './tls-listener.ts';
import type { TlsListenerOptions } from './tls-listener.ts';
import { TlsStream } from './tls-stream.ts';
import type { TlsClientOptions } from './stream-options.ts';

export interface OpenTlsOverTcpStreamOptions
  extends OpenTcpStreamOptions, Omit<TlsClientOptions, 'serverName' | 'host' | 'port'> {
  /** Default: one that trusts the operating system's roots and checks the name. */
  readonly context?: ClientContext | undefined;
  /** The name to check the server by. Default: `host`. */
  readonly serverName?: string | null | undefined;
}

export interface OpenTlsOverTcpListenersOptions extends OpenTcpListenersOptions, TlsListenerOptions {}

export type ServeTlsOverTcpOptions = Omit<OpenTlsOverTcpListenersOptions, 'maxConnections'> &
  ServeOptions<TlsStream<SocketStream>, TlsListener<SocketStream>>;

/**
 * Connects, does the handshake and checks the server.
 *
 * @param host a name or an IP address; the server must be entitled to it
 * @param port 1 to 65535
 * @throws ConnectError no connection
 * @throws CertificateError the server was refused
 * @throws BrokenResourceError the handshake failed
 */
export function openTlsOverTcpStream(
  host: string,
  port: number,
  options: OpenTlsOverTcpStreamOptions = {},
): Promise<TlsStream<SocketStream>> {
  return quietIfCancelled(open(host, port, options));
}

async function open(
  host: string,
  port: number,
  options: OpenTlsOverTcpStreamOptions,
): Promise<TlsStream<SocketStream>> {
  const {
    context = defaultContext(),
    serverName = host,
    session,
    httpsCompatible,
    handshakeTimeoutMs,
    ...tcp
  } = options;
  // Before anything is connected.
  checkServerName(clientSettingsOf(context), serverName);
  const transport = await openTcpStream(host, port, tcp);
  let stream: TlsStream<SocketStream> | undefined;
  try {
    stream = TlsStream.client(transport, context, {
      serverName,
      host,
      port,
      session,
      httpsCompatible,
      handshakeTimeoutMs,
    });
    await stream.doHandshake();
    return stream;
  } catch (error) {
    // What was received and refused may have an answer on its way: an alert.
    if (stream === undefined) transport.abort();
    else await stream.close();
    throw error;
  }
}

/**
 * Listens on a TCP port. Give the result to `serveListeners`.
 *
 * @param port 0 to 65535; 0 is any free port, the same for all listeners
 */
export async function openTlsOverTcpListeners(
  port: number,
  context: ServerContext,
  options: OpenTlsOverTcpListenersOptions = {},
): Promise<TlsListener<SocketStream>[]> {
  const { httpsCompatible, handshakeTimeoutMs, maxHandshakes, onHandshakeFailed, ...tcp } = options;
  const tls = { httpsCompatible, handshakeTimeoutMs, maxHandshakes, onHandshakeFailed };
  checkListener(context, tls);
  const listeners = await openTcpListeners(port, tcp);
  return listeners.map((listener) => new TlsListener(listener, context, tls));
}

/** Listens on a TCP port and serves it: `openTlsOverTcpListeners` and `serveListeners` in one. */
export async function serveTlsOverTcp(
  handler: ConnectionHandler<TlsStream<SocketStream>>,
  port: number,
  context: ServerContext,
  options: ServeTlsOverTcpOptions = {},
): Promise<void> {
  const { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs, ...rest } = options;
  checkServe(handler, options);
  const listeners = await openTlsOverTcpListeners(port, context, rest);
  await serveListeners(handler, listeners, { started, handlerNursery, onHandlerError, maxConnections, stop, drainMs });
}

/** Made when first needed: it reads the operating system's roots. */
function defaultContext(): ClientContext {
  return (defaultOnce ??= clientContext());
}

let defaultOnce: ClientContext | undefined;
