/** The cryptography of validation by node:crypto, and certificates out of PEM, for tests. */
import { constants, createHash, createPublicKey, verify } from 'node:crypto';

import { parseCertificate } from '#src/protocols/x509/certificate.js';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import type { SignatureCheck, X509Crypto } from '#src/protocols/x509/crypto.js';

export const nodeCrypto: X509Crypto = {
  verifySignature({ algorithm, publicKey, data, signature }: SignatureCheck): boolean {
    if (algorithm.kind === 'unknown') return false;
    try {
      const key = createPublicKey({ key: Buffer.from(publicKey.raw), format: 'der', type: 'spki' });
      if (algorithm.kind === 'rsa-pss') {
        const { saltLength } = algorithm;
        return verify(algorithm.hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
      }
      return verify('hash' in algorithm ? algorithm.hash : null, data, key, signature);
    } catch {
      return false;
    }
  },
  digest: (hash, data) => new Uint8Array(createHash(hash).update(data).digest()),
};

/** The certificates of a PEM text. */
export function certificatesOf(pem: string): Certificate[] {
  return blocksOf(pem, 'CERTIFICATE').map((der) => parseCertificate(der));
}

/** DER of every block with this label. */
export function blocksOf(pem: string, label: string): Uint8Array<ArrayBuffer>[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`, 'g');
  return [...pem.matchAll(pattern)].map(([, base64 = '']) => new Uint8Array(Buffer.from(base64, 'base64')));
}
