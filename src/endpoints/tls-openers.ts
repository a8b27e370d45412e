/** What `tls:` addresses open. Apart from the scheme, which loads this only when it is used (see schemes/tls.ts). */
import type { HostPort } from '../core/host-port.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { tcpConnector } from '../sockets/tcp.ts';
import { openTlsOverTcpListeners } from '../tls/tls-over-tcp.ts';
import type { OptionValues } from './grammar/option-kinds.ts';
import type { tlsGrammar } from './grammar/tls.ts';
import type { DialContext, EndpointListener, OpenContext } from './scheme.ts';
import type { TlsSchemeOptions } from './schemes/tls.ts';
import { secureClient } from './secure-client.ts';
import { clientContextOf, keptContext, serverContextOf } from './tls-contexts.ts';
import type { KeptContexts } from './tls-contexts.ts';

type Options = OptionValues<typeof tlsGrammar.options>;

export async function connectTls(
  target: HostPort,
  options: Options,
  { network, through }: DialContext,
  { adjust, session }: TlsSchemeOptions,
  kept: KeptContexts | undefined,
): Promise<HalfCloseableStream> {
  const { noDelay, keepAliveMs, localAddress, happyEyeballsDelayMs } = options;
  // Before anybody is bothered: a file that cannot be read is not the server's fault.
  const context = await keptContext(kept, options, () => clientContextOf(options, adjust));
  const dial = tcpConnector({ noDelay, keepAliveMs, localAddress, happyEyeballsDelayMs, network });
  return await secureClient(await through(dial)(target), context, options, target, session?.());
}

export async function listenTls(
  { host, port }: HostPort,
  options: Options,
  { network }: OpenContext,
): Promise<EndpointListener[]> {
  const { noDelay, keepAliveMs, backlog, reusePort, acceptQueue, maxConnections } = options;
  const { handshakeTimeoutMs, httpsCompatible } = options;
  return await openTlsOverTcpListeners(port, await serverContextOf(options), {
    host: host === '' ? null : host,
    ...{ noDelay, keepAliveMs, backlog, reusePort, acceptQueue, maxConnections, network },
    ...{ handshakeTimeoutMs, httpsCompatible },
  });
}
