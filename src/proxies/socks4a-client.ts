/**
 * Connecting through a SOCKS4 proxy with the 4A extension: names are resolved at the proxy. For old proxies; there are no
 * passwords and no IPv6 addresses in it.
 */
import type { Connector, ConnectTarget } from '../core/connector.ts';
import type { SocketStream } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { describeSocks4Reply, encodeSocks4Request, socks4Reply, SOCKS4_GRANTED } from '../protocols/socks/socks4.ts';
import { tcpConnector } from '../sockets/tcp.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, receiveMessage, underDeadline } from './handshake.ts';
import { ProxyRefusedError } from './proxy-refused-error.ts';
import { checkedEndpoint, checkedTarget, showEndpoint } from './proxy-target.ts';
import { TunnelStream } from './tunnel-stream.ts';

export interface Socks4aOptions {
  /** Names the user to the proxy, which takes it at its word: visible ASCII, at most 255 characters. Default: nobody. */
  readonly userId?: string | undefined;
  /** How long the proxy may take to answer. Default 30,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

export interface Socks4aConnectorOptions<S extends Stream = Stream> extends Socks4aOptions {
  readonly proxy: ConnectTarget;
  /** How to reach the proxy. Default: TCP. Another proxy's connector makes a chain. */
  readonly via?: Connector<S> | undefined;
}

/**
 * A connector that dials through a SOCKS4A proxy. IPv6 addresses as targets are a RangeError.
 *
 * @throws TypeError, RangeError an option is wrong
 */
export function socks4aConnector<S extends Stream = SocketStream>(
  options: Socks4aConnectorOptions<S>,
): Connector<TunnelStream<S>> {
  const proxy = checkedEndpoint('proxy', options.proxy);
  const via = options.via ?? (tcpConnector() as Connector<Stream> as Connector<S>);
  const { userId = '', handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  checkDuration(handshakeTimeoutMs);
  // Fails now, and not with the first connection, if the user id does not fit.
  encodeSocks4Request({ target: proxy.host.includes(':') ? { host: '0.0.0.0', port: 1 } : proxy, userId });
  const dial = async (target: ConnectTarget): Promise<TunnelStream<S>> => {
    const wanted = checkedTarget(target);
    const request = encodeSocks4Request({ target: wanted, userId });
    const stream = await via(proxy);
    const name = `the SOCKS proxy ${showEndpoint(proxy)}`;
    await underDeadline(stream, name, handshakeTimeoutMs, async () => {
      await stream.sendAll(request);
      const { code } = await receiveMessage(stream, socks4Reply);
      if (code === SOCKS4_GRANTED) return;
      const message = `${name} did not connect to ${showEndpoint(wanted)}: ${describeSocks4Reply(code)} (${code})`;
      throw new ProxyRefusedError(message, code === 91 ? 'refused' : 'authentication', code);
    });
    return new TunnelStream(stream, wanted);
  };
  return (target) => quietIfCancelled(dial(target));
}
