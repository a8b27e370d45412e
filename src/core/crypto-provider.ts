/**
 * The primitives that a protocol core may ask for, and nothing else of cryptography.
 *
 * A core is pure: it gets randomness, ciphers and signatures handed in as a `CryptoProvider`. `platform/crypto.ts` makes
 * the one over `node:crypto`; a test may wrap it to make randomness repeatable or to break a signature. The interface
 * lives here, in the vocabulary, because both the cores and the platform must see it and neither sees the other.
 *
 * Keys are opaque handles. Node 24 takes three to six times as long for an AEAD or HMAC call with a key in a Buffer as with
 * a KeyObject, and a handle is not printed by accident; so secrets are bytes only while they are being derived.
 *
 * What depends on bytes of the peer does not throw: it returns `null` or `false`. A failed decryption is the normal path
 * under attack, so it must be cheap and keep no error object.
 */
import type { Bytes } from './bytes.ts';

export type HashName = 'sha256' | 'sha384' | 'sha512';

export type AeadName = 'aes-128-gcm' | 'aes-256-gcm' | 'aes-128-ccm' | 'aes-128-ccm-8' | 'chacha20-poly1305';

/** Key exchange groups by their IANA names. */
export type GroupName = 'x25519' | 'secp256r1' | 'secp384r1' | 'secp521r1';

/** What a signature is made with. The hash of ed25519 is part of it. */
export type SignatureAlgorithm =
  { readonly kind: 'ecdsa' | 'rsa-pkcs1' | 'rsa-pss'; readonly hash: HashName } | { readonly kind: 'ed25519' };

/** `rsa-pss` is a key that may be used with RSASSA-PSS alone. */
export type KeyKind =
  | { readonly kind: 'rsa' | 'rsa-pss'; readonly modulusBits: number }
  | { readonly kind: 'ec'; readonly group: GroupName | null }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'other' };

export interface SecretKey {
  readonly type: 'secret';
}

export interface PrivateKey {
  readonly type: 'private';
}

export interface PublicKey {
  readonly type: 'public';
}

/** One key of an AEAD cipher, for any number of records. */
export interface Aead {
  /** Encrypts into `target` at `offset`: as many bytes as `plaintext` has, then the tag. */
  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, target: Uint8Array, offset: number): void;
  /** The plaintext, in memory of its own; `null` where the tag does not fit. */
  open(nonce: Uint8Array, aad: Uint8Array, ciphertextAndTag: Uint8Array): Bytes | null;
}

/** A fresh key pair of a key exchange. */
export interface KeyShare {
  /** As on the wire: 32 bytes of x25519, or an uncompressed point. */
  readonly publicKey: Bytes;
  /** `null`: the peer's share is no point of the curve, is compressed, or gives an all-zero secret. */
  agree(peerPublicKey: Uint8Array): Bytes | null;
}

export interface CryptoProvider {
  randomBytes(length: number): Bytes;
  /** In constant time for equal lengths; unequal lengths are unequal. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  hash(name: HashName, parts: readonly Uint8Array[]): Bytes;
  hmac(name: HashName, key: SecretKey, parts: readonly Uint8Array[]): Bytes;
  /** The bytes are copied. */
  secretKey(bytes: Uint8Array): SecretKey;
  secretBytes(key: SecretKey): Bytes;
  aead(name: AeadName, key: SecretKey): Aead;
  keyShare(group: GroupName): KeyShare;
  kindOf(key: PrivateKey | PublicKey): KeyKind;
  sign(algorithm: SignatureAlgorithm, key: PrivateKey, data: Uint8Array): Bytes;
  verify(algorithm: SignatureAlgorithm, key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean;
  /** The key in a certificate (X.509, DER); `null` where it cannot be read. */
  keyOfCertificate(der: Uint8Array): PublicKey | null;
  /** The key of a SubjectPublicKeyInfo (DER); `null` where it cannot be read. */
  keyOfInfo(der: Uint8Array): PublicKey | null;
}
