/**
 * Signature schemes (RFC 8446 §4.2.3) as DTLS 1.2 reads them: a hash and a kind of key (RFC 5246 §7.4.1.4.1).
 *
 * Version 1.2 does not tie a hash to a curve: `ecdsa_secp256r1_sha256` means ECDSA with SHA-256 and any curve (RFC 8422
 * §5.1.1). No SHA-1, no MD5, no anonymous; RSA keys below 2,048 bits are refused (RFC 9325 §4.5).
 */
import type { KeyKind, SignatureAlgorithm } from '../../core/crypto-provider.ts';

export interface SignatureScheme {
  readonly id: number;
  /** IANA name. */
  readonly name: string;
  readonly algorithm: SignatureAlgorithm;
  /** Kinds of keys that can make it. */
  readonly key: 'ec' | 'ed25519' | 'rsa' | 'rsa-pss';
}

const MIN_RSA_BITS = 2048;

/** In order of preference. */
export const signatureSchemes: readonly SignatureScheme[] = Object.freeze([
  scheme(0x0403, 'ecdsa_secp256r1_sha256', { kind: 'ecdsa', hash: 'sha256' }, 'ec'),
  scheme(0x0503, 'ecdsa_secp384r1_sha384', { kind: 'ecdsa', hash: 'sha384' }, 'ec'),
  scheme(0x0603, 'ecdsa_secp521r1_sha512', { kind: 'ecdsa', hash: 'sha512' }, 'ec'),
  scheme(0x0807, 'ed25519', { kind: 'ed25519' }, 'ed25519'),
  scheme(0x0804, 'rsa_pss_rsae_sha256', { kind: 'rsa-pss', hash: 'sha256' }, 'rsa'),
  scheme(0x0805, 'rsa_pss_rsae_sha384', { kind: 'rsa-pss', hash: 'sha384' }, 'rsa'),
  scheme(0x0806, 'rsa_pss_rsae_sha512', { kind: 'rsa-pss', hash: 'sha512' }, 'rsa'),
  scheme(0x0809, 'rsa_pss_pss_sha256', { kind: 'rsa-pss', hash: 'sha256' }, 'rsa-pss'),
  scheme(0x080a, 'rsa_pss_pss_sha384', { kind: 'rsa-pss', hash: 'sha384' }, 'rsa-pss'),
  scheme(0x080b, 'rsa_pss_pss_sha512', { kind: 'rsa-pss', hash: 'sha512' }, 'rsa-pss'),
  scheme(0x0401, 'rsa_pkcs1_sha256', { kind: 'rsa-pkcs1', hash: 'sha256' }, 'rsa'),
  scheme(0x0501, 'rsa_pkcs1_sha384', { kind: 'rsa-pkcs1', hash: 'sha384' }, 'rsa'),
  scheme(0x0601, 'rsa_pkcs1_sha512', { kind: 'rsa-pkcs1', hash: 'sha512' }, 'rsa'),
]);

export function signatureSchemeOf(id: number): SignatureScheme | undefined {
  return signatureSchemes.find((known) => known.id === id);
}

/** Whether a key of this kind may make or check signatures of this scheme. */
export function fits({ key }: SignatureScheme, kind: KeyKind): boolean {
  switch (kind.kind) {
    case 'rsa':
    case 'rsa-pss':
      return key === kind.kind && kind.modulusBits >= MIN_RSA_BITS;
    case 'ec':
      return key === 'ec' && kind.group !== null;
    case 'ed25519':
      return key === 'ed25519';
    case 'other':
      return false;
  }
}

/** Which suites a key can authenticate (RFC 8422 §2, §5.10); `null`: none. */
export function authenticationOf(kind: KeyKind): 'ecdsa' | 'rsa' | null {
  switch (kind.kind) {
    case 'ec':
    case 'ed25519':
      return 'ecdsa';
    case 'rsa':
    case 'rsa-pss':
      return 'rsa';
    case 'other':
      return null;
  }
}

function scheme(id: number, name: string, algorithm: SignatureAlgorithm, key: SignatureScheme['key']): SignatureScheme {
  return Object.freeze({ id, name, algorithm, key });
}
