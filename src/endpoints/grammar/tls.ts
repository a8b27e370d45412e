/** `tls:host:port`, and to listen on every interface `tls::port`: TCP with TLS over it, so it has all options of `tcp:`. */
import type { HostPort } from '../../core/host-port.ts';
import { formatHostPort } from '../../core/host-port.ts';
import type { Role } from './option-kinds.ts';
import { flag, oneOf, onlyTo } from './option-kinds.ts';
import { defineGrammar } from './scheme-grammar.ts';
import { tcpGrammar } from './tcp.ts';
import { badAddress, checkTrustOptions, isGiven, parseTargetOf, trustOptionKinds } from './trust-options.ts';

/** Protocols that begin in clear and are upgraded. */
export const startTlsProtocols = ['smtp', 'imap', 'pop3', 'xmpp', 'ldap', 'postgres'] as const;

/** What `tls:` takes besides the options of `tcp:`. */
export const tlsOptionKinds = {
  ...trustOptionKinds,
  minVersion: oneOf(['1.2', '1.3']),
  maxVersion: oneOf(['1.2', '1.3']),
  httpsCompatible: flag(),
  startTls: onlyTo('connect', oneOf(startTlsProtocols)),
};

export const tlsGrammar = defineGrammar({
  name: 'tls',
  form: 'tls:host:port',
  roles: ['connect', 'listen'],
  takesVia: true,
  options: { ...tcpGrammar.options, ...tlsOptionKinds },
  parseTarget: (value, role): HostPort => parseTargetOf('tcp', 'tls', () => tcpGrammar.parseTarget(value, role)),
  formatTarget: formatHostPort,
  checkOptions: checkTlsOptions,
});

/** @throws AddressError one of them needs another, or goes with none */
export function checkTlsOptions(options: Readonly<Record<string, unknown>>, role: Role | 'via' | undefined): void {
  checkTrustOptions('tls', options);
  if (role === 'listen' && !isGiven(options, 'cert'))
    throw badAddress('tls', 'a server needs a certificate: cert=FILE and key=FILE');
  if (options['minVersion'] === '1.3' && options['maxVersion'] === '1.2')
    throw badAddress('tls', 'minVersion is above maxVersion');
}
