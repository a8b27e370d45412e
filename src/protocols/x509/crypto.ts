/**
 * The cryptography that validation needs, passed in: this folder computes no signature and no hash.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { PublicKeyInfo } from './public-key.ts';
import type { HashName, SignatureAlgorithm } from './signature-algorithm.ts';

/** One signature to be checked. The algorithm has passed the policy: it is one that is named, with a key that fits it. */
export interface SignatureCheck {
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: PublicKeyInfo;
  readonly data: Bytes;
  readonly signature: Bytes;
}

export interface X509Crypto {
  /** Whether the signature is right; false, never an exception, for a key or a signature that makes no sense. */
  verifySignature(check: SignatureCheck): boolean;
  /** For OCSP, whose certificate ids are hashes (SHA-1 mostly; nothing secret or disputed stands on them). */
  digest(hash: HashName, data: Bytes): Bytes;
}
