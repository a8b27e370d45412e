/**
 * Proxies on the way to a host: the connectors of bowline/proxies.
 *
 * They are loaded when an address wants them, as TLS is (tls.ts). What can be wrong with their options, the grammar has found.
 */
import { httpProxyGrammar, httpsProxyGrammar, socks4aGrammar, socks5Grammar } from '../grammar/proxy.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';

export const socks5: Scheme = defineScheme(socks5Grammar, {
  connector: (proxy, options, dial) => async (target) => {
    const { throughSocks5 } = await import('../proxy-connectors.ts');
    return await throughSocks5(proxy, options, dial)(target);
  },
});

export const socks4a: Scheme = defineScheme(socks4aGrammar, {
  connector: (proxy, options, dial) => async (target) => {
    const { throughSocks4a } = await import('../proxy-connectors.ts');
    return await throughSocks4a(proxy, options, dial)(target);
  },
});

export const httpProxy: Scheme = defineScheme(httpProxyGrammar, {
  connector: (proxy, options, dial) => async (target) => {
    const { throughHttp } = await import('../proxy-connectors.ts');
    return await throughHttp(proxy, options, dial)(target);
  },
});

export const httpsProxy: Scheme = defineScheme(httpsProxyGrammar, {
  connector: (proxy, options, dial) => async (target) => {
    const { throughHttps } = await import('../proxy-connectors.ts');
    return await throughHttps(proxy, options, dial)(target);
  },
});
