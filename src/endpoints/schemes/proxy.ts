/** Proxies on the way to a host: the connectors of bowline/proxies. */
import { httpConnectConnector } from '../../proxies/http-connect-client.ts';
import { socks4aConnector } from '../../proxies/socks4a-client.ts';
import { socks5Connector } from '../../proxies/socks5-client.ts';
import { httpProxyGrammar, socks4aGrammar, socks5Grammar } from '../grammar/proxy.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';

export const socks5: Scheme = defineScheme(socks5Grammar, {
  connector: ({ host, port, username, password }, { handshakeTimeoutMs }, via) =>
    socks5Connector({ proxy: { host, port }, username, password, handshakeTimeoutMs, via }),
});

export const socks4a: Scheme = defineScheme(socks4aGrammar, {
  connector: ({ host, port, username }, { handshakeTimeoutMs }, via) =>
    socks4aConnector({ proxy: { host, port }, userId: username, handshakeTimeoutMs, via }),
});

export const httpProxy: Scheme = defineScheme(httpProxyGrammar, {
  connector: ({ host, port, username, password }, { handshakeTimeoutMs, allowCleartext }, via) =>
    httpConnectConnector({
      ...{ proxy: { host, port }, username, via, handshakeTimeoutMs, allowCleartext },
      // "user" is "user:" in every other program.
      password: username === undefined ? undefined : (password ?? ''),
    }),
});
