/** The cryptography of path validation by node:crypto: signatures and the hashes of OCSP. */
import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { SignatureCheck, X509Crypto } from '../protocols/x509/crypto.ts';
import type { PublicKeyInfo } from '../protocols/x509/public-key.ts';

export const x509Crypto: X509Crypto = Object.freeze({
  verifySignature,
  digest: (hash, data) => new Uint8Array(createHash(hash).update(data).digest()),
} satisfies X509Crypto);

function verifySignature({ algorithm, publicKey, data, signature }: SignatureCheck): boolean {
  if (algorithm.kind === 'unknown') return false;
  try {
    const key = keyObjectOf(publicKey);
    if (algorithm.kind === 'rsa-pss') {
      const { saltLength } = algorithm;
      return verify(algorithm.hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
    }
    return verify('hash' in algorithm ? algorithm.hash : null, data, key, signature);
  } catch {
    // A key that OpenSSL cannot take, or a signature that is none of its kind: not right, in any case.
    return false;
  }
}

/** Importing a P-256 key takes longer than a verification with it, and roots verify in every handshake. */
const keyObjects = new WeakMap<PublicKeyInfo, KeyObject>();

function keyObjectOf(publicKey: PublicKeyInfo): KeyObject {
  const known = keyObjects.get(publicKey);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.from(publicKey.raw), format: 'der', type: 'spki' });
  keyObjects.set(publicKey, key);
  return key;
}
