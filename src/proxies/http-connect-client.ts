/**
 * Connecting through an HTTP proxy with CONNECT (RFC 9110 §9.3.6), with Basic credentials where it wants them (RFC 7617).
 *
 * Basic is the password in base64, so it is sent only over TLS or within this machine, unless `allowCleartext` says
 * otherwise; TLS to the proxy is a connector that dials TLS, given as `via`. The credentials go with the first request: a
 * proxy that wants them closes the connection after its 407 as often as not, and whoever configured them meant them.
 *
 * A refusal's body is not read, and what the proxy wrote as the reason is not repeated: only its status is.
 */
import type { Connector, ConnectTarget } from '../core/connector.ts';
import { MisuseError, ProtocolError } from '../core/errors.ts';
import type { SocketStream } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { encodeConnectRequest } from '../protocols/http1/connect-request.ts';
import { connectResponseFormat } from '../protocols/http1/connect-response.ts';
import type { ResponseHead } from '../protocols/http1/response-head.ts';
import { tcpConnector } from '../sockets/tcp.ts';
import { wrongCount } from '../streams/stream-arguments.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { isPrivateHop } from './cleartext.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, receiveMessage, underDeadline } from './handshake.ts';
import { ProxyRefusedError } from './proxy-refused-error.ts';
import { checkedEndpoint, checkedTarget, showEndpoint } from './proxy-target.ts';
import { TunnelStream } from './tunnel-stream.ts';

export interface HttpConnectOptions {
  /** Without a colon and control characters; together with `password`. Default: no credentials are sent. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Send the credentials also where somebody on the way could read them. Default `false`. */
  readonly allowCleartext?: boolean | undefined;
  /** More fields for the request, such as `User-Agent`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long the proxy may take, from the first byte to the tunnel. Default 30,000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Longest answer that is taken, up to the empty line. Default 16,384. */
  readonly maxHeadBytes?: number | undefined;
}

export interface HttpConnectConnectorOptions<S extends Stream = Stream> extends HttpConnectOptions {
  readonly proxy: ConnectTarget;
  /** How to reach the proxy. Default: TCP. A connector that dials TLS makes it an HTTPS proxy, another proxy's a chain. */
  readonly via?: Connector<S> | undefined;
}

/** Interim answers (1xx) that are waited through. */
const MAX_INTERIM = 8;

/**
 * A connector that dials through an HTTP proxy.
 *
 * @throws TypeError, RangeError an option is wrong
 */
export function httpConnectConnector<S extends Stream = SocketStream>(
  options: HttpConnectConnectorOptions<S>,
): Connector<TunnelStream<S>> {
  const proxy = checkedEndpoint('proxy', options.proxy);
  const via = options.via ?? (tcpConnector() as Connector<Stream> as Connector<S>);
  const handshake = handshakeOf(options);
  const dial = async (target: ConnectTarget): Promise<TunnelStream<S>> => {
    const wanted = checkedTarget(target);
    return await negotiate(await via(proxy), wanted, handshake, proxy);
  };
  return (target) => quietIfCancelled(dial(target));
}

/**
 * Asks the HTTP proxy at the other end of `stream` for a connection. The stream is the tunnel's from now on; on failure, and
 * when it is cancelled, it is aborted.
 *
 * @throws ProxyRefusedError the proxy said no; `status` is what it said
 * @throws MisuseError the credentials would be readable on the way, and `allowCleartext` is not set; nothing was sent
 * @throws ProtocolError, BrokenResourceError, TooSlowError it did not answer as an HTTP proxy does, or in time
 */
export function httpConnect<S extends Stream>(
  stream: S,
  target: ConnectTarget,
  options: HttpConnectOptions = {},
): Promise<TunnelStream<S>> {
  const open = async (): Promise<TunnelStream<S>> =>
    await negotiate(stream, checkedTarget(target), handshakeOf(options), undefined);
  return quietIfCancelled(open());
}

interface Handshake {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly hasCredentials: boolean;
  readonly allowCleartext: boolean;
  readonly timeoutMs: number;
  readonly maxHeadBytes: number;
}

function handshakeOf(options: HttpConnectOptions): Handshake {
  const { username, password, allowCleartext = false, headers = {} } = options;
  const { handshakeTimeoutMs: timeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, maxHeadBytes = 16_384 } = options;
  checkDuration(timeoutMs);
  const wrong = wrongCount('maxHeadBytes', maxHeadBytes, 64);
  if (wrong !== undefined) throw wrong;
  const fields = Object.entries(headers);
  const credentials = credentialsOf(username, password);
  if (credentials !== undefined) {
    if (fields.some(isAuthorization))
      throw new TypeError('credentials are given twice: as options, and among the headers');
    fields.push(['Proxy-Authorization', credentials]);
  }
  // Fails now, and not with the first connection, if a field does not fit.
  encodeConnectRequest({ host: 'localhost', port: 1 }, fields);
  const hasCredentials = fields.some(isAuthorization);
  return { fields, hasCredentials, allowCleartext, timeoutMs, maxHeadBytes };
}

function isAuthorization([name]: readonly [name: string, value: string]): boolean {
  return name.toLowerCase() === 'proxy-authorization';
}

function credentialsOf(username: string | undefined, password: string | undefined): string | undefined {
  if (username === undefined && password === undefined) return undefined;
  if (typeof username !== 'string' || typeof password !== 'string')
    throw new TypeError('an HTTP proxy takes a username and a password together');
  // RFC 7617 §2
  if (username.includes(':')) throw new RangeError('the username for an HTTP proxy cannot have a colon');
  if (/\p{Cc}/u.test(username + password))
    throw new RangeError('the username and password for an HTTP proxy cannot have control characters');
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

async function negotiate<S extends Stream>(
  stream: S,
  target: ConnectTarget,
  { fields, hasCredentials, allowCleartext, timeoutMs, maxHeadBytes }: Handshake,
  proxy: ConnectTarget | undefined,
): Promise<TunnelStream<S>> {
  const name = proxy === undefined ? 'the HTTP proxy' : `the HTTP proxy ${showEndpoint(proxy)}`;
  await underDeadline(stream, name, timeoutMs, async () => {
    if (hasCredentials && !allowCleartext && !(await isPrivateHop(stream, proxy)))
      throw new MisuseError(
        `the credentials for ${name} would be readable on the way: reach it over TLS, or set allowCleartext`,
      );
    await stream.sendAll(encodeConnectRequest(target, fields));
    const response = await receiveFinal(stream, maxHeadBytes);
    if (response.status < 200 || response.status > 299) throw refusal(name, target, response);
  });
  return new TunnelStream(stream, target);
}

async function receiveFinal(stream: Stream, maxHeadBytes: number): Promise<ResponseHead> {
  for (let interim = 0; interim <= MAX_INTERIM; interim++) {
    const response = await receiveMessage(stream, connectResponseFormat(maxHeadBytes));
    // 101 would be another protocol, which nobody asked for.
    if (response.status >= 200 || response.status === 101) return response;
  }
  throw new ProtocolError(`more than ${MAX_INTERIM} interim answers`, 'RFC 9110 §15.2');
}

function refusal(name: string, target: ConnectTarget, { status, fields }: ResponseHead): ProxyRefusedError {
  const message = `${name} did not connect to ${showEndpoint(target)}: status ${status}`;
  if (status !== 407) return new ProxyRefusedError(message, 'refused', status);
  const schemes = fields.all('proxy-authenticate').map((value) => /^[A-Za-z]+/.exec(value)?.[0].toLowerCase());
  const known = KNOWN_SCHEMES.filter((scheme) => schemes.includes(scheme.toLowerCase()));
  const wanted = known.length === 0 ? '' : `, it wants ${known.join(' or ')} authentication`;
  return new ProxyRefusedError(`${message}${wanted}`, 'authentication', status);
}

/** Of a proxy's own words only these are repeated. */
const KNOWN_SCHEMES = ['Basic', 'Digest', 'Bearer', 'NTLM', 'Negotiate'];
