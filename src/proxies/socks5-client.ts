/**
 * Connecting through a SOCKS5 proxy (RFC 1928, RFC 1929).
 *
 * The name of the target goes to the proxy as it is, so nothing about it is asked of a resolver here: that is what makes
 * names behind the proxy reachable, and keeps them from leaking in front of it. Credentials are offered where there are some,
 * beside "no authentication", and the proxy chooses. The messages go out one after the other, each after the answer to the
 * one before; sending ahead would save a round trip and hand the password to a proxy that did not ask for it.
 *
 * A password goes to the proxy in clear, as the RFC has it. Beyond this machine, reach the proxy over TLS or a tunnel.
 */
import type { Connector, ConnectTarget } from '../core/connector.ts';
import type { SocketStream } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { ProtocolError } from '../core/errors.ts';
import type { Bytes } from '../core/bytes.ts';
import { encodeMethodOffer, methodChoice, socksMethods } from '../protocols/socks/method-selection.ts';
import { encodePasswordRequest, passwordStatus } from '../protocols/socks/password.ts';
import { describeSocksReply, socksReplies, socksReply } from '../protocols/socks/reply.ts';
import { encodeSocksRequest, socksCommands } from '../protocols/socks/request.ts';
import { tcpConnector } from '../sockets/tcp.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, receiveMessage, underDeadline } from './handshake.ts';
import { ProxyRefusedError } from './proxy-refused-error.ts';
import { checkedEndpoint, checkedTarget, showEndpoint } from './proxy-target.ts';
import { TunnelStream } from './tunnel-stream.ts';

export interface Socks5Options {
  /** 1 to 255 bytes of UTF-8; together with `password`. Default: no credentials are offered. */
  readonly username?: string | undefined;
  /** 1 to 255 bytes of UTF-8. */
  readonly password?: string | undefined;
  /** How long the proxy may take, from the first byte to the tunnel. Default 30,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

export interface Socks5ConnectorOptions<S extends Stream = Stream> extends Socks5Options {
  readonly proxy: ConnectTarget;
  /** How to reach the proxy. Default: TCP. Another proxy's connector makes a chain. */
  readonly via?: Connector<S> | undefined;
}

/**
 * A connector that dials through a SOCKS5 proxy.
 *
 * @throws TypeError, RangeError an option is wrong
 */
export function socks5Connector<S extends Stream = SocketStream>(
  options: Socks5ConnectorOptions<S>,
): Connector<TunnelStream<S>> {
  const proxy = checkedEndpoint('proxy', options.proxy);
  const via = options.via ?? (tcpConnector() as Connector<Stream> as Connector<S>);
  const handshake = handshakeOf(options);
  const dial = async (target: ConnectTarget): Promise<TunnelStream<S>> => {
    const wanted = checkedTarget(target);
    return await negotiate(await via(proxy), wanted, handshake, `the SOCKS proxy ${showEndpoint(proxy)}`);
  };
  return (target) => quietIfCancelled(dial(target));
}

/**
 * Asks the SOCKS5 proxy at the other end of `stream` for a connection. The stream is the tunnel's from now on; on failure,
 * and when it is cancelled, it is aborted.
 *
 * @throws ProxyRefusedError the proxy said no: to the credentials, or to the target
 * @throws ProtocolError, BrokenResourceError, TooSlowError it did not answer as a SOCKS5 proxy does, or in time
 */
export function socks5<S extends Stream>(
  stream: S,
  target: ConnectTarget,
  options: Socks5Options = {},
): Promise<TunnelStream<S>> {
  const open = async (): Promise<TunnelStream<S>> =>
    await negotiate(stream, checkedTarget(target), handshakeOf(options), 'the SOCKS proxy');
  return quietIfCancelled(open());
}

interface Handshake {
  /** The whole message with the password; `undefined`: no credentials. */
  readonly passwordRequest: Bytes | undefined;
  readonly timeoutMs: number;
}

function handshakeOf(options: Socks5Options): Handshake {
  const { username, password, handshakeTimeoutMs: timeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  checkDuration(timeoutMs);
  if (username === undefined && password === undefined) return { passwordRequest: undefined, timeoutMs };
  if (username === undefined || password === undefined)
    throw new TypeError('a SOCKS5 proxy takes a username and a password together');
  return { passwordRequest: encodePasswordRequest({ username, password }), timeoutMs };
}

async function negotiate<S extends Stream>(
  stream: S,
  target: ConnectTarget,
  { passwordRequest, timeoutMs }: Handshake,
  proxy: string,
): Promise<TunnelStream<S>> {
  await underDeadline(stream, proxy, timeoutMs, async () => {
    await authenticate(stream, passwordRequest, proxy);
    await stream.sendAll(encodeSocksRequest({ command: socksCommands.connect, target }));
    const { code } = await receiveMessage(stream, socksReply);
    if (code !== socksReplies.succeeded) throw refusedTarget(proxy, target, code);
  });
  return new TunnelStream(stream, target);
}

async function authenticate(stream: Stream, passwordRequest: Bytes | undefined, proxy: string): Promise<void> {
  const offered = passwordRequest === undefined ? [socksMethods.none] : [socksMethods.none, socksMethods.password];
  await stream.sendAll(encodeMethodOffer(offered));
  const chosen = await receiveMessage(stream, methodChoice);
  if (chosen === socksMethods.none) return;
  if (chosen === socksMethods.noAcceptable) {
    const wants = passwordRequest === undefined ? 'credentials, and none were given' : 'another kind of authentication';
    throw new ProxyRefusedError(`${proxy} wants ${wants}`, 'authentication', undefined);
  }
  if (chosen !== socksMethods.password || passwordRequest === undefined)
    throw new ProtocolError(`it chose the method ${chosen}, which was not offered`, 'RFC 1928 §3');
  await stream.sendAll(passwordRequest);
  if (!(await receiveMessage(stream, passwordStatus)))
    throw new ProxyRefusedError(`${proxy} refused the user name or password`, 'authentication', undefined);
}

function refusedTarget(proxy: string, target: ConnectTarget, code: number): ProxyRefusedError {
  const message = `${proxy} did not connect to ${showEndpoint(target)}: ${describeSocksReply(code)} (${code})`;
  return new ProxyRefusedError(message, 'refused', code);
}
