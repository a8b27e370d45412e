/**
 * The options that say who a peer has to be and what it is shown: those that `tls:` and `dtls:` have in common.
 *
 * Who the peer has to be is the one decision here, and it has a default only for connecting: a server that a root of this system
 * vouches for, by the name in the address. `ca` and `pin` replace that; with both, both have to agree. A listener asks clients for a
 * certificate where it has one of the two to judge it by.
 */
import { AddressError } from '../../core/errors.ts';
import { file, flag, listOf, matching, milliseconds, onlyTo, secret, text } from './option-kinds.ts';

export const trustOptionKinds = {
  ca: file('a file of certificates in PEM'),
  pin: listOf(matching(/^(?:sha256\/)?[0-9A-Za-z+/]{43}=$/, 'the SHA-256 of a public key in base64')),
  cert: file('a file with a certificate in PEM'),
  key: file('a file with a private key in PEM'),
  passphrase: secret('a passphrase'),
  alpn: listOf(matching(/^[^,\p{Cc}]{1,255}$/u, 'the name of a protocol')),
  handshakeTimeoutMs: milliseconds(1),
  serverName: onlyTo('connect', text('the name of a host')),
  insecureAcceptAnyone: onlyTo('connect', flag()),
};

/** @throws AddressError one of them needs another, or goes with none */
export function checkTrustOptions(scheme: string, options: Readonly<Record<string, unknown>>): void {
  const has = (name: keyof typeof trustOptionKinds): boolean => isGiven(options, name);
  const refusal = (reason: string): AddressError => badAddress(scheme, reason);
  if (has('insecureAcceptAnyone') && (has('ca') || has('pin')))
    throw refusal('insecureAcceptAnyone accepts anyone: it goes with neither ca nor pin');
  if (has('key') && !has('cert')) throw refusal('a key needs its certificate, the option cert');
  if (has('passphrase') && !has('cert')) throw refusal('a passphrase is for a key, and there is none');
}

/** Whether an option is there, and is not the flag `0`. */
export function isGiven(options: Readonly<Record<string, unknown>>, name: string): boolean {
  return options[name] !== undefined && options[name] !== false;
}

export function badAddress(scheme: string, reason: string): AddressError {
  return new AddressError(`bad ${scheme} address: ${reason}`, reason);
}

/** Runs what reads the target of `below`, the scheme that this one stands on; its errors get the name of this one. */
export function parseTargetOf<T>(below: string, scheme: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw badAddress(scheme, error.reason.replaceAll(`${below}:`, `${scheme}:`));
  }
}
