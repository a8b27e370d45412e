/**
 * The cipher suites of DTLS 1.2 that are spoken here (RFC 9325 §4.2): AEAD, with forward secrecy or a pre-shared key.
 *
 * No CBC (Lucky Thirteen and its heirs), no RSA key transport, no DHE, nothing anonymous, no NULL. CCM_8 has a tag that can be
 * guessed; it is here because devices have nothing else, and is used only where it is asked for by name.
 */
import type { AeadName, HashName } from '../../core/crypto-provider.ts';

export interface CipherSuite {
  readonly id: number;
  /** IANA name. */
  readonly name: string;
  readonly keyExchange: 'ecdhe' | 'psk' | 'ecdhe-psk';
  /** What the server proves itself with; Ed25519 keys go with `ecdsa` (RFC 8422 §5.10). */
  readonly authentication: 'ecdsa' | 'rsa' | 'psk';
  readonly aead: AeadName;
  /** Of the key schedule. */
  readonly hash: 'sha256' | 'sha384';
}

/** In order of preference; the weak ones at the end. */
export const cipherSuites: readonly CipherSuite[] = Object.freeze([
  certificate(0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ecdsa', 'aes-128-gcm'),
  certificate(0xc02f, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'rsa', 'aes-128-gcm'),
  certificate(0xc02c, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ecdsa', 'aes-256-gcm', 'sha384'),
  certificate(0xc030, 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'rsa', 'aes-256-gcm', 'sha384'),
  certificate(0xcca9, 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ecdsa', 'chacha20-poly1305'),
  certificate(0xcca8, 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'rsa', 'chacha20-poly1305'),
  preShared(0xccac, 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 'ecdhe-psk', 'chacha20-poly1305'),
  preShared(0xd001, 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256', 'ecdhe-psk', 'aes-128-gcm'),
  preShared(0xd002, 'TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384', 'ecdhe-psk', 'aes-256-gcm', 'sha384'),
  preShared(0xd005, 'TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256', 'ecdhe-psk', 'aes-128-ccm'),
  preShared(0x00a8, 'TLS_PSK_WITH_AES_128_GCM_SHA256', 'psk', 'aes-128-gcm'),
  preShared(0x00a9, 'TLS_PSK_WITH_AES_256_GCM_SHA384', 'psk', 'aes-256-gcm', 'sha384'),
  preShared(0xccab, 'TLS_PSK_WITH_CHACHA20_POLY1305_SHA256', 'psk', 'chacha20-poly1305'),
  preShared(0xc0a4, 'TLS_PSK_WITH_AES_128_CCM', 'psk', 'aes-128-ccm'),
  certificate(0xc0ac, 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM', 'ecdsa', 'aes-128-ccm'),
  certificate(0xc0ae, 'TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8', 'ecdsa', 'aes-128-ccm-8'),
  preShared(0xc0a8, 'TLS_PSK_WITH_AES_128_CCM_8', 'psk', 'aes-128-ccm-8'),
]);

/** The suite of a number, or `undefined`. */
export function cipherSuiteOf(id: number): CipherSuite | undefined {
  return cipherSuites.find((suite) => suite.id === id);
}

function certificate(
  id: number,
  name: string,
  authentication: 'ecdsa' | 'rsa',
  aead: AeadName,
  hash: HashName & ('sha256' | 'sha384') = 'sha256',
): CipherSuite {
  return Object.freeze({ id, name, keyExchange: 'ecdhe', authentication, aead, hash });
}

function preShared(
  id: number,
  name: string,
  keyExchange: 'psk' | 'ecdhe-psk',
  aead: AeadName,
  hash: HashName & ('sha256' | 'sha384') = 'sha256',
): CipherSuite {
  return Object.freeze({ id, name, keyExchange, authentication: 'psk', aead, hash });
}
