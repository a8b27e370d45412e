/**
 * Decryption under a passphrase: PBES2 (RFC 8018) with AES-CBC or 3DES, and the 3DES of PKCS#12 (RFC 7292 Appendix C).
 *
 * RC2, the default of old exporters for the certificates, is recognised and refused: OpenSSL 3 has moved it out of reach, and
 * with 40 bits it protects nothing.
 */
import { createDecipheriv, pbkdf2Sync } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import { CertificateError } from '../../core/errors.ts';
import { DerReader } from '../../protocols/x509/der-reader.ts';
import { tag } from '../../protocols/x509/der-tag.ts';
import type { AlgorithmIdentifier } from '../../protocols/x509/signature-algorithm.ts';
import { readAlgorithmIdentifier } from '../../protocols/x509/signature-algorithm.ts';
import { bmpPassword, derive, purpose } from './key-derivation.ts';

/** A file may ask for any number; this is some seconds of work. OpenSSL writes 2,048, careful people 600,000. */
const MAX_ITERATIONS = 10_000_000;
/** Of the derivation that is done here, hash by hash. */
export const MAX_OWN_ITERATIONS = 1_000_000;

/**
 * @throws ProtocolError the parameters are malformed
 * @throws CertificateError the algorithm is not known, or the passphrase is wrong (as far as padding can tell)
 */
export function decrypt(algorithm: AlgorithmIdentifier, encrypted: Uint8Array, passphrase: string): Bytes {
  if (encrypted.length === 0) throw wrongPassphrase();
  const { cipher, key, iv } = cipherOf(algorithm, passphrase);
  const decipher = createDecipheriv(cipher, key, iv);
  const first = decipher.update(encrypted);
  try {
    return new Uint8Array(Buffer.concat([first, decipher.final()]));
  } catch (cause) {
    throw wrongPassphrase(cause);
  }
}

export function wrongPassphrase(cause?: unknown): CertificateError {
  return new CertificateError('the PKCS#12 file does not open with this passphrase', { reason: 'bad-key', cause });
}

export function unsupported(what: string): CertificateError {
  return new CertificateError(
    `the PKCS#12 file uses ${what}, which is not supported; export it anew, with AES-256 and SHA-256`,
    { reason: 'bad-key' },
  );
}

interface Cipher {
  readonly cipher: string;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

const RULE = 'RFC 7292 §4.2';
const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';

const ciphers = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16, ivBytes: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24, ivBytes: 16 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyBytes: 32, ivBytes: 16 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8 }],
]);

const pseudoRandomFunctions = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

const ownCiphers = new Map([
  ['1.2.840.113549.1.12.1.3', 24],
  ['1.2.840.113549.1.12.1.4', 16],
]);

const broken = new Map([
  ['1.2.840.113549.1.12.1.1', 'RC4'],
  ['1.2.840.113549.1.12.1.2', 'RC4'],
  ['1.2.840.113549.1.12.1.5', 'RC2'],
  ['1.2.840.113549.1.12.1.6', 'RC2'],
]);

function cipherOf({ oid, parameters }: AlgorithmIdentifier, passphrase: string): Cipher {
  const reader = new DerReader(parameters ?? new Uint8Array(0), RULE).sequence();
  if (oid === PBES2) return pbes2(reader, passphrase);
  const keyBytes = ownCiphers.get(oid);
  if (keyBytes === undefined) throw unsupported(broken.get(oid) ?? `the algorithm ${oid}`);
  const salt = reader.octetString();
  const iterations = reader.smallInteger(MAX_OWN_ITERATIONS);
  reader.expectEnd();
  const derivation = { password: bmpPassword(passphrase), salt, iterations, hash: 'sha1' };
  const key = derive(derivation, purpose.key, keyBytes);
  return {
    cipher: 'des-ede3-cbc',
    // Two-key 3DES: the first key once more.
    key: keyBytes === 24 ? key : Buffer.concat([key, key.subarray(0, 8)]),
    iv: derive(derivation, purpose.iv, 8),
  };
}

function pbes2(reader: DerReader, passphrase: string): Cipher {
  const derivation = readAlgorithmIdentifier(reader);
  const encryption = readAlgorithmIdentifier(reader);
  reader.expectEnd();
  if (derivation.oid !== PBKDF2) throw unsupported(`the key derivation ${derivation.oid}`);
  const cipher = ciphers.get(encryption.oid);
  if (cipher === undefined) throw unsupported(`the cipher ${encryption.oid}`);
  const iv = new DerReader(encryption.parameters ?? new Uint8Array(0), RULE).octetString();

  const inside = new DerReader(derivation.parameters ?? new Uint8Array(0), RULE).sequence();
  const salt = inside.octetString();
  const iterations = inside.smallInteger(MAX_ITERATIONS);
  if (iterations < 1 || iv.length !== cipher.ivBytes) inside.fail('a parameter that cannot be');
  if (inside.nextTag === tag.integer && inside.smallInteger(1024) !== cipher.keyBytes)
    inside.fail('a key of another length than the cipher has');
  const hash = inside.atEnd ? 'sha1' : pseudoRandomFunctions.get(readAlgorithmIdentifier(inside).oid);
  inside.expectEnd();
  if (hash === undefined) throw unsupported('an unknown pseudo-random function');
  return { cipher: cipher.name, key: pbkdf2Sync(passphrase, salt, iterations, cipher.keyBytes, hash), iv };
}
