/**
 * `tls:host:port`, and to listen on every interface `tls::port`: TCP with TLS over it, so it has all options of `tcp:`.
 *
 * Who the peer has to be is the one decision here, and it has a default only for connecting: a server that a root of this system
 * vouches for, by the name in the address. `ca` and `pin` replace that; with both, both have to agree. A listener asks clients for a
 * certificate where it has one of the two to judge it by.
 */
import { AddressError } from '../../core/errors.ts';
import type { HostPort } from '../../core/host-port.ts';
import { formatHostPort } from '../../core/host-port.ts';
import type { Role } from './option-kinds.ts';
import { file, flag, listOf, matching, milliseconds, oneOf, onlyTo, secret, text } from './option-kinds.ts';
import { defineGrammar } from './scheme-grammar.ts';
import { tcpGrammar } from './tcp.ts';

/** Protocols that begin in clear and are upgraded. */
export const startTlsProtocols = ['smtp', 'imap', 'pop3', 'xmpp', 'ldap', 'postgres'] as const;

/** What `tls:` takes besides the options of `tcp:`. */
export const tlsOptionKinds = {
  ca: file('a file of certificates in PEM'),
  pin: listOf(matching(/^(?:sha256\/)?[0-9A-Za-z+/]{43}=$/, 'the SHA-256 of a public key in base64')),
  cert: file('a file with a certificate in PEM'),
  key: file('a file with a private key in PEM'),
  passphrase: secret('a passphrase'),
  alpn: listOf(matching(/^[^,\p{Cc}]{1,255}$/u, 'the name of a protocol')),
  minVersion: oneOf(['1.2', '1.3']),
  maxVersion: oneOf(['1.2', '1.3']),
  handshakeTimeoutMs: milliseconds(1),
  httpsCompatible: flag(),
  serverName: onlyTo('connect', text('the name of a host')),
  startTls: onlyTo('connect', oneOf(startTlsProtocols)),
  insecureAcceptAnyone: onlyTo('connect', flag()),
};

export const tlsGrammar = defineGrammar({
  name: 'tls',
  form: 'tls:host:port',
  roles: ['connect', 'listen'],
  takesVia: true,
  options: { ...tcpGrammar.options, ...tlsOptionKinds },
  parseTarget: (value, role): HostPort => {
    try {
      return tcpGrammar.parseTarget(value, role);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      const reason = error.reason.replaceAll('tcp:', 'tls:');
      throw new AddressError(`bad tls address: ${reason}`, reason);
    }
  },
  formatTarget: formatHostPort,
  checkOptions: checkTlsOptions,
});

/** @throws AddressError one of them needs another, or goes with none */
export function checkTlsOptions(options: Readonly<Record<string, unknown>>, role: Role | 'via' | undefined): void {
  const has = (name: keyof typeof tlsOptionKinds): boolean => options[name] !== undefined && options[name] !== false;
  if (has('insecureAcceptAnyone') && (has('ca') || has('pin')))
    throw refusal('insecureAcceptAnyone accepts anyone: it goes with neither ca nor pin');
  if (has('key') && !has('cert')) throw refusal('a key needs its certificate, the option cert');
  if (has('passphrase') && !has('cert')) throw refusal('a passphrase is for a key, and there is none');
  if (role === 'listen' && !has('cert')) throw refusal('a server needs a certificate: cert=FILE and key=FILE');
  if (options['minVersion'] === '1.3' && options['maxVersion'] === '1.2')
    throw refusal('minVersion is above maxVersion');
}

function refusal(reason: string): AddressError {
  return new AddressError(`bad tls address: ${reason}`, reason);
}
