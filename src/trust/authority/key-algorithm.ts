/**
 * The kinds of keys that the development authority makes, and how things are signed with them.
 *
 * A table, because every kind is the same few facts: how node:crypto makes the key, the hash, and the AlgorithmIdentifier of
 * its signatures (RFC 5758 §3.2 ECDSA, RFC 4055 RSA and RSASSA-PSS, RFC 8410 EdDSA). The hash is as strong as the key. The
 * key `rsa-1024` and the hash `sha1` are here to be refused: tests of verifiers need certificates that nobody should issue.
 */
import { constants, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import { explicit, integer, nullValue, oid, sequence } from '../../protocols/x509/der-writer.ts';

export type KeyAlgorithm =
  | 'ecdsa-p256'
  | 'ecdsa-p384'
  | 'ecdsa-p521'
  | 'ed25519'
  | 'rsa-1024'
  | 'rsa-2048'
  | 'rsa-3072'
  | 'rsa-4096'
  | 'rsa-pss-2048'
  | 'rsa-pss-3072';

export type SignatureHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A private key of a known kind. */
export interface SigningKey {
  readonly algorithm: KeyAlgorithm;
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly spki: Bytes;
}

interface Row {
  readonly family: 'ecdsa' | 'eddsa' | 'rsa' | 'rsa-pss';
  readonly hash: SignatureHash;
  readonly generate: () => KeyObject;
}

const rows: Readonly<Record<KeyAlgorithm, Row>> = {
  'ecdsa-p256': ecdsa('P-256', 'sha256'),
  'ecdsa-p384': ecdsa('P-384', 'sha384'),
  'ecdsa-p521': ecdsa('P-521', 'sha512'),
  ed25519: { family: 'eddsa', hash: 'sha512', generate: () => generateKeyPairSync('ed25519').privateKey },
  'rsa-1024': rsa(1024),
  'rsa-2048': rsa(2048),
  'rsa-3072': rsa(3072),
  'rsa-4096': rsa(4096),
  'rsa-pss-2048': rsaPss(2048),
  'rsa-pss-3072': rsaPss(3072),
};

export const keyAlgorithms: readonly KeyAlgorithm[] = Object.freeze(Object.keys(rows) as KeyAlgorithm[]);

/**
 * Makes a key: well under a millisecond for elliptic curves, a tenth of a second and more for RSA, in this thread.
 *
 * @throws TypeError there is no such kind of key
 */
export function generateKey(algorithm: KeyAlgorithm): SigningKey {
  return { algorithm, ...withSpki(rowOf(algorithm).generate()) };
}

/**
 * A private key that was read from elsewhere.
 *
 * @throws TypeError it is not of a kind that the authority can sign with
 */
export function signingKeyOf(privateKey: KeyObject): SigningKey {
  const algorithm = algorithmOf(privateKey);
  if (algorithm === undefined || privateKey.type !== 'private') {
    throw new TypeError('the authority cannot sign with a key of this kind');
  }
  return { algorithm, ...withSpki(privateKey) };
}

/** An AlgorithmIdentifier, and the signature that it describes. */
export interface Signer {
  readonly identifier: Bytes;
  readonly sign: (data: Uint8Array) => Bytes;
}

/** @param hash default: the one that fits the key. Has no effect on Ed25519, which has its own */
export function signerOf({ algorithm, privateKey }: SigningKey, hash: SignatureHash = rowOf(algorithm).hash): Signer {
  const { family } = rowOf(algorithm);
  switch (family) {
    case 'eddsa':
      return { identifier: sequence(oid('1.3.101.112')), sign: (data) => copy(sign(null, data, privateKey)) };
    case 'ecdsa':
      return { identifier: sequence(oid(ecdsaWith[hash])), sign: (data) => copy(sign(hash, data, privateKey)) };
    case 'rsa':
      return {
        identifier: sequence(oid(rsaWith[hash]), nullValue()),
        sign: (data) => copy(sign(hash, data, privateKey)),
      };
    case 'rsa-pss':
      // The key is bound to its hash (see `rsaPss`), so another one cannot be chosen.
      return {
        identifier: pssIdentifier,
        sign: (data) =>
          copy(
            sign('sha256', data, {
              key: privateKey,
              padding: constants.RSA_PKCS1_PSS_PADDING,
              saltLength: PSS_SALT_BYTES,
            }),
          ),
      };
  }
}

const ecdsaWith: Readonly<Record<SignatureHash, string>> = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
};

const rsaWith: Readonly<Record<SignatureHash, string>> = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
};

/** "MUST be the number of octets in the hash value" for TLS (RFC 8446 §4.2.3). */
const PSS_SALT_BYTES = 32;

// RFC 4055 §2.1 and §3.1; the trailer field has its default and so is left out.
const sha256Identifier = sequence(oid('2.16.840.1.101.3.4.2.1'), nullValue());
const pssIdentifier = sequence(
  oid('1.2.840.113549.1.1.10'),
  sequence(
    explicit(0, sha256Identifier),
    explicit(1, sequence(oid('1.2.840.113549.1.1.8'), sha256Identifier)),
    explicit(2, integer(PSS_SALT_BYTES)),
  ),
);

function ecdsa(namedCurve: string, hash: SignatureHash): Row {
  return { family: 'ecdsa', hash, generate: () => generateKeyPairSync('ec', { namedCurve }).privateKey };
}

function rsa(modulusLength: number): Row {
  return {
    family: 'rsa',
    hash: 'sha256',
    generate: () => generateKeyPairSync('rsa', { modulusLength }).privateKey,
  };
}

function rsaPss(modulusLength: number): Row {
  return {
    family: 'rsa-pss',
    hash: 'sha256',
    generate: () =>
      generateKeyPairSync('rsa-pss', {
        modulusLength,
        hashAlgorithm: 'sha256',
        mgf1HashAlgorithm: 'sha256',
        // A number, which @types/node takes for text.
        saltLength: PSS_SALT_BYTES as unknown as string,
      }).privateKey,
  };
}

function rowOf(algorithm: KeyAlgorithm): Row {
  if (!Object.hasOwn(rows, algorithm)) {
    throw new TypeError(`there is no key algorithm ${String(algorithm)}; there are ${keyAlgorithms.join(', ')}`);
  }
  return rows[algorithm];
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyAlgorithm | undefined {
  const named = asymmetricKeyDetails?.namedCurve ?? '';
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  const name =
    asymmetricKeyType === 'ec'
      ? { prime256v1: 'ecdsa-p256', secp384r1: 'ecdsa-p384', secp521r1: 'ecdsa-p521' }[named]
      : asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss'
        ? `${asymmetricKeyType}-${bits}`
        : asymmetricKeyType;
  return keyAlgorithms.find((candidate) => candidate === name);
}

function withSpki(privateKey: KeyObject): Omit<SigningKey, 'algorithm'> {
  return { privateKey, spki: copy(createPublicKey(privateKey).export({ format: 'der', type: 'spki' })) };
}

function copy(data: Uint8Array): Bytes {
  return new Uint8Array(data);
}
