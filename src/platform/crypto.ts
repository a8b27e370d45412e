/**
 * The `CryptoProvider` over `node:crypto`.
 *
 * - AEAD: `authTagLength` is always given, for Node's GCM otherwise takes tags of 4 bytes as valid. CCM wants the length of
 *   the plaintext with the associated data. `final()` throws where the tag is wrong; a stack trace costs more than the
 *   decryption, so it is switched off around the call (a forged record of 100 bytes: 5 to 9 µs with and 25 µs without that,
 *   Node 20, twelve frames deep).
 * - ECDH: `computeSecret` refuses points off the curve but takes compressed ones, so the form is checked here. X25519
 *   throws for an all-zero result (RFC 7748 §6.1).
 * - Keys are KeyObjects behind the handle types; `keyHandle` and `secretHandle` are the way in for the shells.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  KeyObject,
  randomFillSync,
  sign,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto';
import type { CipherCCM, CipherCCMTypes, CipherGCMTypes, DecipherCCM } from 'node:crypto';

import type { Bytes } from '../core/bytes.ts';
import type {
  Aead,
  AeadName,
  CryptoProvider,
  GroupName,
  HashName,
  KeyKind,
  KeyShare,
  PrivateKey,
  PublicKey,
  SecretKey,
  SignatureAlgorithm,
} from '../core/crypto-provider.ts';

/** The handle of a private KeyObject. @throws TypeError it is not one */
export function privateKeyHandle(key: KeyObject): PrivateKey {
  if (key.type !== 'private') throw new TypeError(`a private key is wanted, not a ${key.type} one`);
  return key as KeyObject & PrivateKey;
}

/** The handle of a secret KeyObject. @throws TypeError it is not one */
export function secretKeyHandle(key: KeyObject): SecretKey {
  if (key.type !== 'secret') throw new TypeError(`a secret key is wanted, not a ${key.type} one`);
  return key as KeyObject & SecretKey;
}

export const nodeCrypto: CryptoProvider = Object.freeze({
  randomBytes: (length: number) => randomFillSync(new Uint8Array(length)),
  equal: (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b),
  hash(name: HashName, parts: readonly Uint8Array[]): Bytes {
    const hash = createHash(name);
    for (const part of parts) hash.update(part);
    return ownBytes(hash.digest());
  },
  hmac(name: HashName, key: SecretKey, parts: readonly Uint8Array[]): Bytes {
    const hmac = createHmac(name, keyObject(key));
    for (const part of parts) hmac.update(part);
    return ownBytes(hmac.digest());
  },
  secretKey: (bytes: Uint8Array) => secretKeyHandle(createSecretKey(Buffer.from(bytes))),
  secretBytes: (key: SecretKey) => ownBytes(keyObject(key).export()),
  aead: (name: AeadName, key: SecretKey) => (isCcm(name) ? ccm(name, key) : gcmLike(name, key)),
  keyShare: (group: GroupName) => (group === 'x25519' ? x25519Share() : pointShare(group)),
  kindOf: (key: PrivateKey | PublicKey) => kindOf(keyObject(key)),
  sign: (algorithm: SignatureAlgorithm, key: PrivateKey, data: Uint8Array) =>
    ownBytes(sign(hashOf(algorithm), data, { key: keyObject(key), ...padding(algorithm) })),
  verify(algorithm: SignatureAlgorithm, key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
    try {
      return verify(hashOf(algorithm), data, { key: keyObject(key), ...padding(algorithm) }, signature);
    } catch {
      return false;
    }
  },
  keyOfCertificate: (der: Uint8Array) => publicKey(() => new X509Certificate(der).publicKey),
  keyOfInfo: (der: Uint8Array) =>
    publicKey(() => createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })),
});

function keyObject(handle: SecretKey | PrivateKey | PublicKey): KeyObject {
  if (handle instanceof KeyObject) return handle;
  throw new TypeError('this key comes from another provider of cryptography');
}

function publicKey(make: () => KeyObject): PublicKey | null {
  try {
    return make() as KeyObject & PublicKey;
  } catch {
    return null;
  }
}

/** The same memory as a plain Uint8Array, or a copy where it is a part of something larger, such as Node's pool. */
function ownBytes(buffer: Buffer): Bytes {
  if (buffer.byteLength === buffer.buffer.byteLength && buffer.buffer instanceof ArrayBuffer)
    return new Uint8Array(buffer.buffer);
  return new Uint8Array(buffer);
}

type CcmName = 'aes-128-ccm' | 'aes-128-ccm-8';

function isCcm(name: AeadName): name is CcmName {
  return name === 'aes-128-ccm' || name === 'aes-128-ccm-8';
}

function gcmLike(name: Exclude<AeadName, CcmName>, handle: SecretKey): Aead {
  // The three have the same interface; the types of Node know the names of GCM in this overload.
  const cipherName = name as CipherGCMTypes;
  const key = keyObject(handle);
  const options = { authTagLength: 16 };
  return {
    seal(nonce, aad, plaintext, target, offset) {
      const cipher = createCipheriv(cipherName, key, nonce, options);
      cipher.setAAD(aad);
      target.set(cipher.update(plaintext), offset);
      cipher.final();
      target.set(cipher.getAuthTag(), offset + plaintext.length);
    },
    open(nonce, aad, sealed) {
      const length = sealed.length - 16;
      if (length < 0) return null;
      const decipher = createDecipheriv(cipherName, key, nonce, options);
      decipher.setAAD(aad);
      decipher.setAuthTag(sealed.subarray(length));
      const plaintext = decipher.update(sealed.subarray(0, length));
      return finishes(() => decipher.final()) ? ownBytes(plaintext) : null;
    },
  };
}

function ccm(name: CcmName, handle: SecretKey): Aead {
  const cipherName: CipherCCMTypes = 'aes-128-ccm';
  const key = keyObject(handle);
  const authTagLength = name === 'aes-128-ccm' ? 16 : 8;
  const options = { authTagLength };
  return {
    seal(nonce, aad, plaintext, target, offset) {
      const cipher: CipherCCM = createCipheriv(cipherName, key, nonce, options);
      cipher.setAAD(aad, { plaintextLength: plaintext.length });
      target.set(cipher.update(plaintext), offset);
      cipher.final();
      target.set(cipher.getAuthTag(), offset + plaintext.length);
    },
    open(nonce, aad, sealed) {
      const length = sealed.length - authTagLength;
      if (length < 0) return null;
      const decipher: DecipherCCM = createDecipheriv(cipherName, key, nonce, options);
      decipher.setAuthTag(sealed.subarray(length));
      decipher.setAAD(aad, { plaintextLength: length });
      // CCM checks the tag in update(): it has the whole message there.
      let plaintext: Buffer | undefined;
      const good = finishes(() => {
        plaintext = decipher.update(sealed.subarray(0, length));
        decipher.final();
      });
      return good && plaintext !== undefined ? ownBytes(plaintext) : null;
    },
  };
}

/** Whether `step` returns; without paying for the stack trace of an error that nobody reads. */
function finishes(step: () => void): boolean {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    step();
    return true;
  } catch {
    return false;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** What comes before the 32 bytes of the key in an X25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const X25519_INFO = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00);

function x25519Share(): KeyShare {
  const pair = generateKeyPairSync('x25519');
  const info = pair.publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKey: new Uint8Array(info.subarray(X25519_INFO.length)),
    agree(peer) {
      if (peer.length !== 32) return null;
      try {
        const key = Buffer.concat([X25519_INFO, peer]);
        const peerKey = createPublicKey({ key, format: 'der', type: 'spki' });
        return ownBytes(diffieHellman({ privateKey: pair.privateKey, publicKey: peerKey }));
      } catch {
        return null;
      }
    },
  };
}

const curves = {
  secp256r1: { name: 'prime256v1', pointBytes: 65 },
  secp384r1: { name: 'secp384r1', pointBytes: 97 },
  secp521r1: { name: 'secp521r1', pointBytes: 133 },
} as const;

function pointShare(group: keyof typeof curves): KeyShare {
  const { name, pointBytes } = curves[group];
  const ecdh = createECDH(name);
  return {
    publicKey: new Uint8Array(ecdh.generateKeys()),
    agree(peer) {
      if (peer.length !== pointBytes || peer[0] !== 0x04) return null;
      try {
        return ownBytes(ecdh.computeSecret(peer));
      } catch {
        return null;
      }
    },
  };
}

function kindOf(key: KeyObject): KeyKind {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return { kind: key.asymmetricKeyType, modulusBits: details?.modulusLength ?? 0 };
    case 'ec': {
      const found = Object.entries(curves).find(([, curve]) => curve.name === details?.namedCurve);
      return { kind: 'ec', group: found === undefined ? null : (found[0] as GroupName) };
    }
    case 'ed25519':
      return { kind: 'ed25519' };
    default:
      return { kind: 'other' };
  }
}

function hashOf(algorithm: SignatureAlgorithm): HashName | null {
  return algorithm.kind === 'ed25519' ? null : algorithm.hash;
}

function padding(algorithm: SignatureAlgorithm): { padding?: number; saltLength?: number } {
  switch (algorithm.kind) {
    case 'rsa-pss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    case 'rsa-pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING };
    case 'ecdsa':
    case 'ed25519':
      return {};
  }
}
