/**
 * `dtls:host:port`, and to listen on every interface `dtls::port`: UDP with DTLS over it.
 *
 * A pre-shared key stands in the place of certificates, on both sides, and so excludes the options about them: a client that
 * has one talks to nobody who cannot prove to have it too. It is random bytes, so it is written in hexadecimal. `psk` is for
 * where addresses are kept safe; what is on a command line can be seen by every user of the machine, hence `pskFile`.
 */
import type { HostPort } from '../../core/host-port.ts';
import { formatHostPort } from '../../core/host-port.ts';
import type { Role } from './option-kinds.ts';
import { file, flag, integer, matching, onlyTo, secret } from './option-kinds.ts';
import { defineGrammar } from './scheme-grammar.ts';
import { badAddress, checkTrustOptions, isGiven, parseTargetOf, trustOptionKinds } from './trust-options.ts';
import { udpGrammar } from './udp.ts';

const { idleMs, reuseAddress, reusePort, acceptQueue, maxConnections } = udpGrammar.options;

export const dtlsGrammar = defineGrammar({
  name: 'dtls',
  form: 'dtls:host:port',
  roles: ['connect', 'listen'],
  options: {
    ...trustOptionKinds,
    psk: { ...matching(pskPattern(), 'a key of 16 to 256 bytes in hexadecimal'), isSecret: true },
    pskFile: file('a file with a key in hexadecimal'),
    pskIdentity: secret('the name of a key'),
    ciphertextMtu: integer(128, 65_507),
    connectionId: flag(),
    ...{ idleMs, reuseAddress, reusePort, acceptQueue, maxConnections },
    maxHandshakes: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
  },
  parseTarget: (value, role): HostPort => parseTargetOf('udp', 'dtls', () => udpGrammar.parseTarget(value, role)),
  formatTarget: formatHostPort,
  checkOptions: checkDtlsAddress,
});

/** What a pre-shared key looks like as text. */
export function pskPattern(): RegExp {
  return /^(?:[0-9A-Fa-f]{2}){16,256}$/;
}

function checkDtlsAddress(options: Readonly<Record<string, unknown>>, role: Role | 'via' | undefined): void {
  checkTrustOptions('dtls', options);
  const has = (name: keyof typeof dtlsGrammar.options): boolean => isGiven(options, name);
  const hasKey = has('psk') || has('pskFile');
  if (has('psk') && has('pskFile')) throw badAddress('dtls', 'psk and pskFile are two ways to give one key');
  if (hasKey !== has('pskIdentity'))
    throw badAddress('dtls', 'a pre-shared key is psk=HEX or pskFile=FILE together with pskIdentity=NAME');
  if (hasKey && (['ca', 'pin', 'cert', 'insecureAcceptAnyone'] as const).some(has))
    throw badAddress('dtls', 'a pre-shared key stands in the place of ca, pin, cert and insecureAcceptAnyone');
  if (role === 'listen' && !hasKey && !has('cert'))
    throw badAddress('dtls', 'a server needs a certificate, cert=FILE and key=FILE, or a pre-shared key');
}
