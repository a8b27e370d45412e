/**
 * The options about TLS that can be written as flags: `--pin P tls:host:443` is `tls:host:443?pin=P`, and so for `dtls:`. They are a shorthand and
 * nothing else, so that there is one place where they are understood and judged, the grammar of addresses.
 */
import type { OptionRow } from './command-table.ts';
import { UsageError } from './usage-error.ts';

const flagNames = ['ca', 'pin', 'cert', 'key', 'alpn', 'server-name', 'starttls', 'insecure-accept-anyone'] as const;

/** Names of flags, and the options of `tls:` and `dtls:` that they are. */
const optionOfFlag: Readonly<Record<(typeof flagNames)[number], string>> = {
  ca: 'ca',
  pin: 'pin',
  cert: 'cert',
  key: 'key',
  alpn: 'alpn',
  'server-name': 'serverName',
  starttls: 'startTls',
  'insecure-accept-anyone': 'insecureAcceptAnyone',
};

export const tlsOptionRows: readonly OptionRow[] = [
  {
    name: 'ca',
    value: 'FILE',
    about: 'tls: trust these roots, not those of the system; a listener wants certificates of clients',
  },
  {
    name: 'pin',
    value: 'PIN',
    repeats: true,
    about: 'tls: the peer has this key, whoever has certified it (sha256/…)',
  },
  { name: 'cert', value: 'FILE', about: 'tls: show this certificate; a listener needs one' },
  { name: 'key', value: 'FILE', about: 'tls: the private key of --cert, if it is not in the same file' },
  { name: 'alpn', value: 'NAMES', about: 'tls: speak one of these application protocols: h2,http/1.1' },
];

export const tlsClientOptionRows: readonly OptionRow[] = [
  ...tlsOptionRows,
  {
    name: 'server-name',
    value: 'NAME',
    about: 'tls: check the server by this name (default: the host of the address)',
  },
  { name: 'starttls', value: 'PROTOCOL', about: 'tls: begin in clear: smtp, imap, pop3, xmpp, ldap, postgres' },
  { name: 'insecure-accept-anyone', about: 'tls: check nothing: whoever is on the way can read and change all of it' },
];

/**
 * The addresses with the flags in the one that they are for, the only one that is `tls:` or `dtls:`.
 *
 * @param flags as given, by name; what is no flag about TLS is ignored
 * @throws UsageError no address is, or more than one
 */
export function withTlsFlags(
  addresses: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): readonly string[] {
  const given = flagNames.filter((name) => flags[name] !== undefined);
  const [first] = given;
  if (first === undefined) return addresses;
  const places = addresses.flatMap((address, i) => (/^d?tls:/i.test(address) ? [i] : []));
  const [place] = places;
  if (place === undefined) throw new UsageError(`--${first} is for a tls: or dtls: address`);
  if (places.length > 1) {
    throw new UsageError(`--${first} could be for either address: write it there, as ${optionOfFlag[first]}=…`);
  }
  const options = given.map((name) => `${optionOfFlag[name]}=${encodeFlag(flags[name])}`).join('&');
  return addresses.map((address, i) =>
    i === place ? `${address}${address.includes('?') ? '&' : '?'}${options}` : address,
  );
}

function encodeFlag(value: unknown): string {
  return value === true ? '1' : encodeURIComponent(String(value));
}
