/**
 * Cipher suites by their IANA names, and which of them may be used at all.
 *
 * The registry's names are what RFCs, DTLS and other programs use; OpenSSL has its own for those of TLS 1.2. This table is
 * the only place that knows both. The policy is RFC 9325 §4: forward secrecy and AEAD, so no RSA key transport, no CBC, no
 * RC4, no export, no NULL; a name that is not in the table is refused with the reason, whether it is weak or unknown.
 * Finite-field DHE is left out too (RFC 9325 §4.1: "SHOULD NOT"), for a server cannot tell good groups from bad ones.
 *
 * Suites that authenticate by a pre-shared key are offered only where a context has one, and those without (EC)DHE only
 * after those with it. CCM_8 (a tag of 8 bytes) has to be named: it is what small devices speak, and never a default.
 */
import { quoteText } from '../core/quote.ts';

export interface CipherSuite {
  /** IANA name. */
  readonly name: string;
  /** The two bytes on the wire as one number. */
  readonly id: number;
  /** OpenSSL's name; `undefined` where OpenSSL lacks it, or offers it at security level 0 only. */
  readonly openssl: string | undefined;
  readonly version: '1.2' | '1.3';
  /** How the parties are authenticated; `'any'` in 1.3, where the suite does not say. */
  readonly authentication: 'any' | 'ecdsa' | 'rsa' | 'psk' | 'ecdhe-psk';
  /** Used where a context names no suites (those with a pre-shared key: if it has one). */
  readonly isDefault: boolean;
}

/** Every suite that may be used, in order of preference. */
const cipherSuites: readonly CipherSuite[] = Object.freeze([
  suite('TLS_AES_128_GCM_SHA256', 0x1301, 'TLS_AES_128_GCM_SHA256', 'any'),
  suite('TLS_AES_256_GCM_SHA384', 0x1302, 'TLS_AES_256_GCM_SHA384', 'any'),
  suite('TLS_CHACHA20_POLY1305_SHA256', 0x1303, 'TLS_CHACHA20_POLY1305_SHA256', 'any'),
  suite('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 0xc02b, 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ecdsa'),
  suite('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 0xc02f, 'ECDHE-RSA-AES128-GCM-SHA256', 'rsa'),
  suite('TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 0xc02c, 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ecdsa'),
  suite('TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 0xc030, 'ECDHE-RSA-AES256-GCM-SHA384', 'rsa'),
  suite('TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 0xcca9, 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ecdsa'),
  suite('TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 0xcca8, 'ECDHE-RSA-CHACHA20-POLY1305', 'rsa'),
  suite('TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 0xccac, 'ECDHE-PSK-CHACHA20-POLY1305', 'ecdhe-psk'),
  suite('TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256', 0xd001, undefined, 'ecdhe-psk'),
  suite('TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384', 0xd002, undefined, 'ecdhe-psk'),
  suite('TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256', 0xd005, undefined, 'ecdhe-psk'),
  suite('TLS_PSK_WITH_AES_128_GCM_SHA256', 0x00a8, 'PSK-AES128-GCM-SHA256', 'psk'),
  suite('TLS_PSK_WITH_AES_256_GCM_SHA384', 0x00a9, 'PSK-AES256-GCM-SHA384', 'psk'),
  suite('TLS_PSK_WITH_CHACHA20_POLY1305_SHA256', 0xccab, 'PSK-CHACHA20-POLY1305', 'psk'),
  suite('TLS_PSK_WITH_AES_128_CCM', 0xc0a4, 'PSK-AES128-CCM', 'psk'),
  named('TLS_AES_128_CCM_SHA256', 0x1304, 'TLS_AES_128_CCM_SHA256', 'any'),
  named('TLS_AES_128_CCM_8_SHA256', 0x1305, undefined, 'any'),
  named('TLS_ECDHE_ECDSA_WITH_AES_128_CCM', 0xc0ac, 'ECDHE-ECDSA-AES128-CCM', 'ecdsa'),
  named('TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8', 0xc0ae, undefined, 'ecdsa'),
  named('TLS_PSK_WITH_AES_128_CCM_8', 0xc0a8, undefined, 'psk'),
]);

/**
 * The suites of these names, in their order.
 *
 * @throws TypeError not an array of strings
 * @throws RangeError the list is empty, or a name is unknown, weak, or there twice; the message says which and why
 */
export function cipherSuitesOf(names: readonly string[]): readonly CipherSuite[] {
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string'))
    throw new TypeError('cipherSuites must be an array of IANA names');
  if (names.length === 0) throw new RangeError('cipherSuites must not be empty: nothing could be negotiated');
  if (new Set(names).size !== names.length) throw new RangeError('cipherSuites has a name twice');
  return Object.freeze(names.map(cipherSuiteOf));
}

/** What a context uses that names no suites. */
export function defaultCipherSuites(hasPsk: boolean): readonly CipherSuite[] {
  return Object.freeze(cipherSuites.filter((suite) => suite.isDefault && (hasPsk || !usesPsk(suite))));
}

export function usesPsk({ authentication }: CipherSuite): boolean {
  return authentication === 'psk' || authentication === 'ecdhe-psk';
}

function cipherSuiteOf(name: string): CipherSuite {
  const known = cipherSuites.find((suite) => suite.name === name);
  if (known !== undefined) return known;
  const meant = cipherSuites.find(({ openssl }) => openssl === name);
  if (meant !== undefined)
    throw new RangeError(`${quoteText(name)} is the name that OpenSSL uses; its name in the registry is ${meant.name}`);
  const weakness = weaknesses.find(([pattern]) => pattern.test(name));
  throw new RangeError(
    `the cipher suite ${quoteText(name)} is refused: ${weakness === undefined ? 'it is not known here' : weakness[1]}`,
  );
}

/** Why a suite of the registry is not in the table; the first that fits. */
const weaknesses: readonly (readonly [RegExp, string])[] = [
  [/_SCSV$/, 'it is a signal and no suite; the library sends those that it needs'],
  [/_NULL_/, 'it does not encrypt (RFC 9325 §4.1)'],
  [/_anon_/i, 'nobody is authenticated (RFC 9325 §4.1)'],
  [/EXPORT/, 'its keys are short enough to guess (RFC 9325 §4.1)'],
  [
    /_RC4_|_DES_|_3DES_|_IDEA_|_RC2_|_SEED_|GOST|_KUZNYECHIK_|_MAGMA_/,
    'its cipher is broken or obsolete (RFC 9325 §4.1)',
  ],
  [/_MD5$/, 'MD5 is broken'],
  [/_CBC_/, 'CBC with a MAC of its own is not AEAD; padding oracles keep being found in it (RFC 9325 §4.2)'],
  [/^TLS_RSA_/, 'RSA key transport has no forward secrecy (RFC 9325 §4.1)'],
  [/^TLS_ECDH_|^TLS_DH_/, 'a static key exchange has no forward secrecy (RFC 9325 §4.1)'],
  [/^TLS_DHE_/, 'finite-field Diffie-Hellman in TLS 1.2 cannot be told to use a good group (RFC 9325 §4.1)'],
];

function suite(
  name: string,
  id: number,
  openssl: string | undefined,
  authentication: CipherSuite['authentication'],
): CipherSuite {
  return row(name, id, openssl, authentication, true);
}

/** One that is used only where it is named. */
function named(
  name: string,
  id: number,
  openssl: string | undefined,
  authentication: CipherSuite['authentication'],
): CipherSuite {
  return row(name, id, openssl, authentication, false);
}

function row(
  name: string,
  id: number,
  openssl: string | undefined,
  authentication: CipherSuite['authentication'],
  isDefault: boolean,
): CipherSuite {
  return Object.freeze({
    name,
    id,
    openssl,
    version: authentication === 'any' ? '1.3' : '1.2',
    authentication,
    isDefault,
  });
}
