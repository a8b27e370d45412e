/**
 * A proxy as people write it into the environment: `http://user:password@proxy.example:3128`, `socks5://[::1]:1080`, or
 * `proxy.example:3128`, which is an HTTP proxy.
 *
 * The URL has a password in it, so an error says what is wrong with it and shows nothing of it.
 */
import type { ConnectTarget } from '../core/connector.ts';
import { AddressError } from '../core/errors.ts';
import { parseHostPort } from '../core/host-port.ts';

export type ProxyScheme = 'http' | 'https' | 'socks5' | 'socks4a';

export interface ProxyUrl {
  readonly scheme: ProxyScheme;
  readonly proxy: ConnectTarget;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** socks5h and socks4a resolve names at the proxy where others resolve them here; this library always does the former. */
const SCHEMES: Readonly<Record<string, { readonly scheme: ProxyScheme; readonly defaultPort: number }>> = {
  http: { scheme: 'http', defaultPort: 80 },
  https: { scheme: 'https', defaultPort: 443 },
  socks: { scheme: 'socks5', defaultPort: 1080 },
  socks5: { scheme: 'socks5', defaultPort: 1080 },
  socks5h: { scheme: 'socks5', defaultPort: 1080 },
  socks4: { scheme: 'socks4a', defaultPort: 1080 },
  socks4a: { scheme: 'socks4a', defaultPort: 1080 },
};

/**
 * @param source for messages: where the text stands, such as `HTTPS_PROXY`
 * @throws AddressError it is not a proxy; the message shows nothing of the text
 */
export function parseProxyUrl(text: string, source: string): ProxyUrl {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(?:([^@]*)@)?([^@/?#]*)\/?$/.exec(text.trim());
  if (match === null) throw refusal(source, 'it is not scheme://user:password@host:port');
  const [, schemeText = 'http', userInfo, hostPort = ''] = match;
  const known = SCHEMES[schemeText.toLowerCase()];
  if (known === undefined) throw refusal(source, `its scheme is none of ${Object.keys(SCHEMES).join(', ')}`);
  return {
    scheme: known.scheme,
    proxy: endpointOf(hostPort, known.defaultPort, source),
    ...credentialsOf(userInfo, source),
  };
}

function endpointOf(text: string, defaultPort: number, source: string): ConnectTarget {
  try {
    const endpoint = parseHostPort(text, { defaultPort, allowEmptyHost: false });
    if (endpoint.port === 0) throw refusal(source, 'its port is 0');
    return endpoint;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw refusal(source, error.reason);
  }
}

function credentialsOf(
  userInfo: string | undefined,
  source: string,
): { username: string | undefined; password: string | undefined } {
  if (userInfo === undefined) return { username: undefined, password: undefined };
  const colon = userInfo.indexOf(':');
  try {
    return colon === -1
      ? { username: decodeURIComponent(userInfo), password: '' }
      : {
          username: decodeURIComponent(userInfo.slice(0, colon)),
          password: decodeURIComponent(userInfo.slice(colon + 1)),
        };
  } catch {
    throw refusal(source, 'its user name or password is not percent-encoded text');
  }
}

function refusal(source: string, why: string): AddressError {
  return new AddressError(`${source} does not name a proxy: ${why}`, why);
}
