/** Proxies on the way to a host, `via=`: `socks5://…`, `socks4a://…`, `http://…`, `https://…`. */
import { AddressError } from '../../core/errors.ts';
import { flag, milliseconds, onlyTo } from './option-kinds.ts';
import type { ProxyTarget } from './proxy-target.ts';
import { formatProxyTarget, parseProxyTarget, redactProxyTarget } from './proxy-target.ts';
import { defineGrammar } from './scheme-grammar.ts';
import { checkTlsOptions, tlsOptionKinds } from './tls.ts';

const handshakeTimeoutMs = onlyTo('connect', milliseconds(1));
const formats = { formatTarget: formatProxyTarget, redactTarget: redactProxyTarget };

export const socks5Grammar = defineGrammar({
  name: 'socks5',
  form: 'socks5://user:password@host:port',
  roles: ['via'],
  options: { handshakeTimeoutMs },
  parseTarget: (text): ProxyTarget => {
    const target = parseProxyTarget(text, 'socks5');
    const { username, password = '' } = target;
    if (username === undefined) return target;
    // RFC 1929 §2
    for (const part of [username, password]) {
      const length = new TextEncoder().encode(part).length;
      if (length < 1 || length > 255) throw refusal('user and password have 1 to 255 bytes each');
    }
    return target;
  },
  ...formats,
});

export const socks4aGrammar = defineGrammar({
  name: 'socks4a',
  form: 'socks4a://user@host:port',
  roles: ['via'],
  options: { handshakeTimeoutMs },
  parseTarget: (text): ProxyTarget => {
    const target = parseProxyTarget(text, 'socks4a');
    if (target.password !== undefined) throw refusal('SOCKS4 has no passwords');
    if (!/^[\x21-\x7e]{0,255}$/.test(target.username ?? ''))
      throw refusal('a user is at most 255 visible characters of ASCII');
    return target;
  },
  ...formats,
});

export const httpProxyGrammar = defineGrammar({
  name: 'http',
  form: 'http://user:password@host:port',
  roles: ['via'],
  optionsAfter: '#',
  options: { handshakeTimeoutMs, allowCleartext: onlyTo('connect', flag()) },
  parseTarget: (text) => parseHttpProxy(text, 'http'),
  ...formats,
});

export const httpsProxyGrammar = defineGrammar({
  name: 'https',
  form: 'https://user:password@host:port',
  roles: ['via'],
  optionsAfter: '#',
  options: {
    handshakeTimeoutMs,
    ca: onlyTo('connect', tlsOptionKinds.ca),
    pin: onlyTo('connect', tlsOptionKinds.pin),
    cert: onlyTo('connect', tlsOptionKinds.cert),
    key: onlyTo('connect', tlsOptionKinds.key),
    passphrase: onlyTo('connect', tlsOptionKinds.passphrase),
    serverName: tlsOptionKinds.serverName,
  },
  parseTarget: (text) => parseHttpProxy(text, 'https'),
  checkOptions: checkTlsOptions,
  ...formats,
});

function parseHttpProxy(text: string, scheme: string): ProxyTarget {
  const target = parseProxyTarget(text, scheme);
  if (target.username?.includes(':') === true) throw refusal('a user cannot have a colon');
  if (/\p{Cc}/u.test(`${target.username ?? ''}${target.password ?? ''}`))
    throw refusal('user and password cannot have control characters');
  return target;
}

function refusal(reason: string): AddressError {
  return new AddressError(`bad proxy address: ${reason}`, reason);
}
