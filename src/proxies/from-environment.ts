/**
 * The proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not.
 *
 * A lower-case variable counts before its upper-case form, as with curl; an empty one is as good as none. `HTTP_PROXY` in
 * capitals is not looked at where `REQUEST_METHOD` is set: in a CGI program it is the request's `Proxy` header, written by
 * whoever sends the request (CVE-2016-5385, "httpoxy").
 *
 * The variables go by the scheme of a URL, and a connector has a host and a port. So the scheme can be given; by default port
 * 80 is `http` and anything else `https`, which is the proxy for tunnels.
 *
 * All of it is read once, when the connector is made, and what is wrong with it is said then.
 */
import type { Connector, ConnectTarget } from '../core/connector.ts';
import type { Stream } from '../core/stream.ts';
import { environmentVariables } from '../platform/environment-variables.ts';
import { tcpConnector } from '../sockets/tcp.ts';
import { clientContext } from '../trust/context.ts';
import type { ClientContext } from '../trust/context.ts';
import { httpConnectConnector } from './http-connect-client.ts';
import { parseNoProxy } from './no-proxy.ts';
import { checkedEndpoint } from './proxy-target.ts';
import { parseProxyUrl } from './proxy-url.ts';
import type { ProxyUrl } from './proxy-url.ts';
import { socks4aConnector } from './socks4a-client.ts';
import { socks5Connector } from './socks5-client.ts';
import { overTls } from './tls-hop.ts';

export interface FromEnvironmentOptions {
  /** Default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** What the connections are for: `https` looks at HTTPS_PROXY, `http` at HTTP_PROXY. Default: by the port. */
  readonly scheme?: string | undefined;
  /** How to reach proxies, and targets that need none. Default: TCP. */
  readonly via?: Connector | undefined;
  /** What a proxy whose URL begins with https:// is checked by. Default: the system's roots, and its name. */
  readonly context?: ClientContext | undefined;
  /** See `httpConnectConnector`. Default `false`. */
  readonly allowCleartext?: boolean | undefined;
  /** See the connectors. Default 30,000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/**
 * A connector that goes through the proxy that the environment names for a target, or directly.
 *
 * @throws AddressError a variable does not name a proxy; the message shows nothing of its value
 */
export function fromEnvironment(options: FromEnvironmentOptions = {}): Connector {
  const environment = options.environment ?? environmentVariables();
  const direct: Connector = options.via ?? tcpConnector();
  const connectors = new Map<string, Connector>();
  for (const scheme of options.scheme === undefined ? ['http', 'https'] : [options.scheme.toLowerCase()])
    connectors.set(scheme, connectorFor(scheme, environment, direct, options));
  const bypasses = parseNoProxy(read(environment, 'no_proxy')?.value ?? '');
  return (target) => {
    let checked: ConnectTarget;
    try {
      checked = checkedEndpoint('target', target);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    if (bypasses(checked)) return direct(target);
    const scheme = options.scheme?.toLowerCase() ?? (checked.port === 80 ? 'http' : 'https');
    return (connectors.get(scheme) ?? direct)(target);
  };
}

function connectorFor(
  scheme: string,
  environment: Readonly<Record<string, string | undefined>>,
  direct: Connector,
  options: FromEnvironmentOptions,
): Connector {
  const found = read(environment, `${scheme}_proxy`) ?? read(environment, 'all_proxy');
  if (found === undefined) return direct;
  const url = parseProxyUrl(found.value, found.name);
  const { allowCleartext, handshakeTimeoutMs } = options;
  if (url.scheme === 'http' || url.scheme === 'https') {
    const { proxy, username, password } = url;
    const via = url.scheme === 'http' ? direct : overTls(direct, options.context ?? clientContext());
    return httpConnectConnector<Stream>({ via, proxy, username, password, allowCleartext, handshakeTimeoutMs });
  }
  return socksConnector(url, direct, handshakeTimeoutMs);
}

function socksConnector(
  { scheme, proxy, username, password }: ProxyUrl,
  via: Connector,
  handshakeTimeoutMs: number | undefined,
): Connector {
  if (scheme === 'socks4a') return socks4aConnector({ via, proxy, userId: username, handshakeTimeoutMs });
  return socks5Connector({ via, proxy, username, password, handshakeTimeoutMs });
}

/** @param name in lower case */
function read(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
): { readonly name: string; readonly value: string } | undefined {
  const names = [name, name.toUpperCase()];
  if (name === 'http_proxy' && environment['REQUEST_METHOD'] !== undefined) names.pop();
  for (const candidate of names) {
    const value = environment[candidate];
    if (value !== undefined && value.trim() !== '') return { name: candidate, value };
  }
  return undefined;
}
