/**
 * Which keys and signatures are good enough.
 *
 * RSA of 2048 to 8192 bits with PKCS #1 v1.5 or RSASSA-PSS (same hash for message and mask, salt as long as the hash: the only
 * parameters that TLS has code points for, RFC 8446 §4.2.3), ECDSA on P-256, P-384 and P-521, Ed25519 and Ed448; SHA-256, SHA-384
 * or SHA-512. SHA-1 and MD5 are broken for signatures, small RSA keys are too small, and what is not named here (DSA, brainpool,
 * explicit curve parameters, which were CVE-2020-0601) is not used by anybody who needs it. The upper limit on RSA is about
 * time: verification is quadratic in the modulus, and public exponents of more than 32 bits make it cubic.
 */
import { describePublicKey } from '../public-key.ts';
import type { PublicKeyInfo } from '../public-key.ts';
import type { HashName, SignatureAlgorithm } from '../signature-algorithm.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

export function checkPublicKey(publicKey: PublicKeyInfo): Finding | undefined {
  const { key } = publicKey;
  switch (key.kind) {
    case 'rsa':
      if (key.modulusBits < MIN_RSA_BITS || key.modulusBits > MAX_RSA_BITS)
        return weak(
          `its key is ${describePublicKey(publicKey)}; RSA keys have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`,
        );
      return key.exponent > MAX_RSA_EXPONENT ? weak('the public exponent of its RSA key is above 32 bits') : undefined;
    case 'ec':
      return key.curve === undefined ? weak('its key is on a curve other than P-256, P-384 and P-521') : undefined;
    case 'ed25519':
    case 'ed448':
      return undefined;
    case 'other':
      return weak(`its key is for ${describePublicKey(publicKey)}, which is not accepted`);
  }
}

/** Whether the algorithm is acceptable, and one that this key can have been used with. */
export function checkSignatureAlgorithm(algorithm: SignatureAlgorithm, signer: PublicKeyInfo): Finding | undefined {
  const { key } = signer;
  const mismatch = finding(
    'bad-signature',
    `it is signed with ${algorithm.kind}, but its issuer's key is ${describePublicKey(signer)}`,
  );
  switch (algorithm.kind) {
    case 'unknown':
      return weak(`it is signed with the unknown algorithm ${algorithm.oid}`);
    case 'rsa-pkcs1':
      if (!strongHashes.has(algorithm.hash)) return weak(`it is signed with ${algorithm.hash}`);
      return key.kind === 'rsa' && !key.pssOnly ? undefined : mismatch;
    case 'rsa-pss':
      if (!strongHashes.has(algorithm.hash)) return weak(`it is signed with ${algorithm.hash}`);
      if (algorithm.maskHash !== algorithm.hash || algorithm.saltLength !== hashBytes(algorithm.hash))
        return weak('it is signed with uncommon parameters of RSASSA-PSS');
      return key.kind === 'rsa' ? undefined : mismatch;
    case 'ecdsa':
      if (!strongHashes.has(algorithm.hash)) return weak(`it is signed with ${algorithm.hash}`);
      return key.kind === 'ec' ? undefined : mismatch;
    case 'ed25519':
    case 'ed448':
      return key.kind === algorithm.kind ? undefined : mismatch;
  }
}

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MAX_RSA_EXPONENT = 0xffff_ffffn;

const strongHashes = new Map<HashName, number>([
  ['sha256', 32],
  ['sha384', 48],
  ['sha512', 64],
]);

function hashBytes(hash: HashName): number | undefined {
  return strongHashes.get(hash);
}

function weak(problem: string): Finding {
  return finding('weak-algorithm', problem);
}
