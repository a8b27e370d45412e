/** Opening DTLS by name: an endpoint of one's own for a client, or a port for a server. */
import type { InetAddress } from '../core/address.ts';
import { formatHostPort } from '../core/host-port.ts';
import type { Network, Resolver } from '../core/network.ts';
import { nodeNetwork } from '../sockets/node-network.ts';
import { resolveHost } from '../sockets/resolve-host.ts';
import type { ConnectionHandler } from '../sockets/serve.ts';
import { openUdpSocket } from '../sockets/udp.ts';
import type { OpenUdpSocketOptions } from '../sockets/udp.ts';
import { currentNetwork } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { clientSettingsOf, serverSettingsOf } from '../trust/context.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import type { DtlsChannel } from './dtls-channel.ts';
import { DtlsEndpoint } from './dtls-endpoint.ts';
import type { DtlsServeOptions } from './dtls-endpoint.ts';
import { checkDtlsOptions } from './dtls-options.ts';
import type { DtlsClientOptions } from './dtls-options.ts';

export interface OpenDtlsChannelOptions extends Partial<Omit<DtlsClientOptions, 'ownsEndpoint'>> {
  /** Looks the name up; default: the network's. */
  readonly resolve?: Resolver | undefined;
  /** Default: the ambient network (`withNetwork`), else this machine's. */
  readonly network?: Network | undefined;
}

/**
 * A channel to a DTLS server, on a socket of its own that is closed with it. Nothing is sent before it is used; of a name's
 * addresses the first is taken.
 *
 * @param host a name, or an IP address without brackets. `serverName` is this, unless it is given
 * @param port 1 to 65535
 * @throws ConnectError the name has no address
 * @throws MisuseError see `DtlsEndpoint.connect`
 */
export function openDtlsChannel(
  host: string,
  port: number,
  context: ClientContext,
  options: OpenDtlsChannelOptions = {},
): Promise<DtlsChannel<DtlsEndpoint>> {
  return quietIfCancelled(open(host, port, context, options));
}

export interface ServeDtlsOptions
  extends DtlsServeOptions, Pick<OpenUdpSocketOptions, 'host' | 'network' | 'reusePort' | 'receiveBufferBytes'> {}

/**
 * Serves DTLS on a UDP port until it is stopped or cancelled; see `serveListeners`.
 *
 * @param port 0 to 65535; for 0, `started` tells which one it became
 */
export async function serveDtls(
  handler: ConnectionHandler<DtlsChannel<DtlsEndpoint>>,
  port: number,
  context: ServerContext,
  options: ServeDtlsOptions = {},
): Promise<void> {
  const { host, network, reusePort, receiveBufferBytes, ...serveOptions } = options;
  serverSettingsOf(context);
  checkDtlsOptions(serveOptions);
  const socket = await openUdpSocket({ host, port, network, reusePort, receiveBufferBytes });
  const endpoint = new DtlsEndpoint(socket);
  try {
    await endpoint.serve(handler, context, serveOptions);
  } finally {
    await endpoint.close();
  }
}

async function open(
  host: string,
  port: number,
  context: ClientContext,
  options: OpenDtlsChannelOptions,
): Promise<DtlsChannel<DtlsEndpoint>> {
  const { resolve, network: givenNetwork, serverName = host, ...dtlsOptions } = options;
  clientSettingsOf(context);
  checkDtlsOptions(dtlsOptions);
  const network = givenNetwork ?? currentNetwork() ?? nodeNetwork;
  const [found] = await resolveHost(host, resolve, network, formatHostPort({ host, port }));
  const address: InetAddress = { ...(found as InetAddress), port };
  const socket = await openUdpSocket({ host: address.family === 4 ? '0.0.0.0' : '::', network });
  try {
    return new DtlsEndpoint(socket).connect(address, context, { ...dtlsOptions, serverName, ownsEndpoint: true });
  } catch (error) {
    socket.abort();
    throw error;
  }
}
