/** What proxies in addresses connect with. Apart from the schemes, which load this only when it is used (see schemes/proxy.ts). */
import type { Connector } from '../core/connector.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { httpConnectConnector } from '../proxies/http-connect-client.ts';
import { socks4aConnector } from '../proxies/socks4a-client.ts';
import { socks5Connector } from '../proxies/socks5-client.ts';
import type { OptionValues } from './grammar/option-kinds.ts';
import type { httpProxyGrammar, httpsProxyGrammar, socks4aGrammar, socks5Grammar } from './grammar/proxy.ts';
import type { ProxyTarget } from './grammar/proxy-target.ts';

type Dial = Connector<HalfCloseableStream>;

export function throughSocks5(
  { host, port, username, password }: ProxyTarget,
  { handshakeTimeoutMs }: OptionValues<typeof socks5Grammar.options>,
  via: Dial,
): Dial {
  return socks5Connector({ proxy: { host, port }, username, password, handshakeTimeoutMs, via });
}

export function throughSocks4a(
  { host, port, username }: ProxyTarget,
  { handshakeTimeoutMs }: OptionValues<typeof socks4aGrammar.options>,
  via: Dial,
): Dial {
  return socks4aConnector({ proxy: { host, port }, userId: username, handshakeTimeoutMs, via });
}

export function throughHttp(
  { host, port, username, password }: ProxyTarget,
  { handshakeTimeoutMs, allowCleartext }: OptionValues<typeof httpProxyGrammar.options>,
  via: Dial,
): Dial {
  // "user" is "user:" in every other program.
  const credentials = username === undefined ? {} : { username, password: password ?? '' };
  return httpConnectConnector({ proxy: { host, port }, ...credentials, handshakeTimeoutMs, allowCleartext, via });
}

/** TLS to the proxy itself; what goes through it then is another matter. */
export function throughHttps(
  target: ProxyTarget,
  options: OptionValues<typeof httpsProxyGrammar.options>,
  dial: Dial,
): Dial {
  const { handshakeTimeoutMs } = options;
  const via: Dial = async (proxy) => {
    const [{ secureClient }, { clientContextOf }] = [
      await import('./secure-client.ts'),
      await import('./tls-contexts.ts'),
    ];
    const context = await clientContextOf(options);
    return await secureClient(await dial(proxy), context, options, proxy);
  };
  // What is readable on the way depends on this hop, which is encrypted.
  return throughHttp(target, { handshakeTimeoutMs, allowCleartext: true }, via);
}
