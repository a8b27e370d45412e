/** What `dtls:` addresses open. Apart from the scheme, which loads this only when it is used (see schemes/dtls.ts). */
import type { HostPort } from '../core/host-port.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import type { DtlsChannel } from '../dtls/dtls-channel.ts';
import { DtlsEndpoint } from '../dtls/dtls-endpoint.ts';
import { openDtlsChannel } from '../dtls/dtls-over-udp.ts';
import { openUdpSocket } from '../sockets/udp.ts';
import { DatagramStream } from './datagram-stream.ts';
import type { DatagramStreamOptions } from './datagram-stream.ts';
import { DtlsStreamListener } from './dtls-stream-listener.ts';
import type { dtlsGrammar } from './grammar/dtls.ts';
import type { OptionValues } from './grammar/option-kinds.ts';
import { pskClientContextOf, pskServerContextOf } from './psk-contexts.ts';
import type { DialContext, EndpointListener, OpenContext } from './scheme.ts';
import { CONNECT_IDLE_MS, LISTEN_IDLE_MS } from './silence.ts';
import { clientContextOf, keptContext, serverContextOf } from './tls-contexts.ts';
import type { KeptContexts } from './tls-contexts.ts';

type Options = OptionValues<typeof dtlsGrammar.options>;

/** The same as for `tls:`. */
const CLIENT_HANDSHAKE_TIMEOUT_MS = 30_000;

export async function connectDtls(
  { host, port }: HostPort,
  options: Options,
  { network }: DialContext,
  kept: KeptContexts | undefined,
): Promise<HalfCloseableStream> {
  const { serverName = host, ciphertextMtu, connectionId, idleMs = CONNECT_IDLE_MS } = options;
  const { handshakeTimeoutMs = CLIENT_HANDSHAKE_TIMEOUT_MS } = options;
  const context = await keptContext(kept, options, () =>
    hasPsk(options) ? pskClientContextOf(options) : clientContextOf(options),
  );
  const settings = { serverName, ciphertextMtu, connectionId, handshakeTimeoutMs, network };
  const channel = await openDtlsChannel(host, port, context, settings);
  try {
    await channel.doHandshake();
  } catch (error) {
    // An alert may be on its way that tells the server why.
    await channel.close();
    throw error;
  }
  return streamOver(channel, idleMs, 'after sendEof');
}

export async function listenDtls(
  { host, port }: HostPort,
  options: Options,
  { network }: OpenContext,
): Promise<EndpointListener[]> {
  const { ciphertextMtu, connectionId, handshakeTimeoutMs, reuseAddress, reusePort } = options;
  const { acceptQueue, maxConnections, maxHandshakes, idleMs = LISTEN_IDLE_MS } = options;
  // Before a port is taken: a file that cannot be read is no reason to have had it.
  const context = await (hasPsk(options) ? pskServerContextOf(options) : serverContextOf(options));
  const socket = await openUdpSocket({ host: host === '' ? null : host, port, network, reuseAddress, reusePort });
  try {
    const endpoint = new DtlsEndpoint(socket, { maxAssociations: maxConnections });
    const limits = { acceptQueue, maxHandshakes };
    const listener = endpoint.listen(context, { ciphertextMtu, connectionId, handshakeTimeoutMs, ...limits });
    return [new DtlsStreamListener(endpoint, listener, (channel) => streamOver(channel, idleMs, 'always'))];
  } catch (error) {
    socket.abort();
    throw error;
  }
}

function hasPsk({ psk, pskFile }: Options): boolean {
  return psk !== undefined || pskFile !== undefined;
}

function streamOver(
  channel: DtlsChannel<DtlsEndpoint>,
  idleMs: number,
  endsWhenIdle: DatagramStreamOptions['endsWhenIdle'],
): DatagramStream {
  return new DatagramStream({
    ...{ channel, idleMs, endsWhenIdle },
    localAddress: channel.endpoint.socket.address,
    // With connection IDs a peer may move.
    get remoteAddress() {
      return channel.peerAddress;
    },
    // A message is never cut: what does not fit is an error that says what does.
    maxDatagramBytes: Infinity,
  });
}
