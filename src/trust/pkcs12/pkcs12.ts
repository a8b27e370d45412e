/**
 * PKCS#12 files (RFC 7292), also called PFX: certificates and keys in one file under a passphrase.
 *
 * Node hands such files to OpenSSL and gives nothing back: a TLS context made of one has a key that nobody can get at. DTLS
 * needs the key, and an identity should say what it is; so the file is taken apart here. The ciphers, hashes and PBKDF2 are
 * Node's.
 *
 *     PFX = data { AuthenticatedSafe } · MAC over that
 *     AuthenticatedSafe = any number of { safe contents, plain or encrypted }
 *     safe contents = any number of bags: key, encrypted key, certificate, or more safe contents
 *
 * The MAC is checked first, so that a wrong passphrase and a damaged file are told as such, and before anything is decrypted. A file
 * without one is refused unless it has a key that fits its certificate, which `Identity` checks of every one. Bags of other
 * kinds (CRLs, secrets) and friendly names are passed over.
 *
 * An empty passphrase has two encodings in use; both are tried.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import { CertificateError, ProtocolError } from '../../core/errors.ts';
import { DerReader } from '../../protocols/x509/der-reader.ts';
import { contextConstructed, contextPrimitive, tag } from '../../protocols/x509/der-tag.ts';
import { hashAlgorithmOf, readAlgorithmIdentifier } from '../../protocols/x509/signature-algorithm.ts';
import { derOf, pieceOf } from './ber.ts';
import { decrypt, MAX_OWN_ITERATIONS, unsupported, wrongPassphrase } from './decryption.ts';
import { bmpPassword, derive, purpose } from './key-derivation.ts';

export interface Pkcs12Contents {
  /** DER, in the order of the file. */
  readonly certificates: readonly Bytes[];
  /** PKCS#8, DER, not encrypted any more. Secret. */
  readonly keys: readonly Bytes[];
}

const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 4;
const RULE = 'RFC 7292 §4';
const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
} as const;

/**
 * @throws TypeError an argument has the wrong type
 * @throws CertificateError it is no PKCS#12 file, uses what is not supported, or does not open with the passphrase
 */
export function openPkcs12(file: Uint8Array, passphrase: string): Pkcs12Contents {
  if (!(file instanceof Uint8Array)) throw new TypeError('a PKCS#12 file must be bytes');
  if (typeof passphrase !== 'string') throw new TypeError('a passphrase must be a string');
  if (file.length > MAX_FILE_BYTES)
    throw new CertificateError(`a file of ${file.length} bytes is too large for PKCS#12`, { reason: 'malformed' });
  try {
    return readFile(file, passphrase);
  } catch (cause) {
    if (cause instanceof ProtocolError)
      throw new CertificateError('this is not a well-formed PKCS#12 file', { reason: 'malformed', cause });
    throw cause;
  }
}

function readFile(file: Uint8Array, passphrase: string): Pkcs12Contents {
  const pfx = new DerReader(derOf(file), RULE).sequence();
  if (pfx.smallInteger(255) !== 3) pfx.fail('a version other than 3');
  const content = pfx.sequence();
  const type = content.oid();
  if (type !== oids.data) throw unsupported('signatures of public keys in place of a passphrase');
  const safe = (content.explicit(0) ?? content.fail('no contents')).octetString();
  if (!pfx.atEnd) checkMac(pfx.sequence(), safe, passphrase);
  pfx.expectEnd();

  const found: Found = { certificates: [], keys: [], passphrase };
  const parts = new DerReader(derOf(safe), RULE).sequence();
  parts.items((reader) => {
    readSafe(reader.sequence(), found);
  });
  return found;
}

/** MacData: { DigestInfo, salt, iterations DEFAULT 1 }. */
function checkMac(reader: DerReader, safe: Bytes, passphrase: string): void {
  const info = reader.sequence();
  const algorithm = readAlgorithmIdentifier(info);
  const expected = info.octetString();
  info.expectEnd();
  const salt = reader.octetString();
  const iterations = reader.atEnd ? 1 : reader.smallInteger(MAX_OWN_ITERATIONS);
  reader.expectEnd();
  if (iterations < 1) reader.fail('no iterations');
  const hash = hashAlgorithmOf(algorithm, RULE);
  if (hash === undefined || hash === 'md5') throw unsupported(`a MAC by the algorithm ${algorithm.oid}`);
  if (expected.length !== digestBytes(hash)) reader.fail('a MAC of another length than its hash has');
  const isRight = (password: Uint8Array): boolean => {
    const key = derive({ password, salt, iterations, hash }, purpose.mac, expected.length);
    const own = createHmac(hash, key).update(safe).digest();
    return timingSafeEqual(own, expected);
  };
  if (isRight(bmpPassword(passphrase))) return;
  if (passphrase === '' && isRight(new Uint8Array(0))) return;
  throw wrongPassphrase();
}

function digestBytes(hash: string): number {
  return createHmac(hash, '').digest().length;
}

interface Found {
  readonly certificates: Bytes[];
  readonly keys: Bytes[];
  readonly passphrase: string;
}

/** ContentInfo: plain data, or EncryptedData { version, { type, algorithm, [0] IMPLICIT bytes } }. */
function readSafe(reader: DerReader, found: Found): void {
  const type = reader.oid();
  const inside = reader.explicit(0) ?? reader.fail('no contents');
  if (type === oids.data) {
    readBags(inside.octetString(), found, 0);
    return;
  }
  if (type !== oids.encryptedData) throw unsupported('encryption under public keys');
  const data = inside.sequence();
  data.smallInteger(255);
  const info = data.sequence();
  info.oid();
  const algorithm = readAlgorithmIdentifier(info);
  const whole = info.optional(contextPrimitive(0))?.contents;
  const pieces = whole ?? joined(info.inside(contextConstructed(0)));
  readBags(decrypt(algorithm, pieces, found.passphrase), found, 0);
}

/** A byte string in pieces, under an implicit tag, where `derOf` could not know that it is one. */
function joined(reader: DerReader): Bytes {
  const pieces = reader.items((one) => pieceOf(one.element(tag.octetString).raw));
  return new Uint8Array(Buffer.concat(pieces));
}

function readBags(contents: Uint8Array, found: Found, depth: number): void {
  const bags = new DerReader(derOf(contents), RULE).sequence();
  if (depth > MAX_DEPTH) bags.fail('bags in bags in bags');
  bags.items((reader) => {
    const bag = reader.sequence();
    const type = bag.oid();
    const value = bag.explicit(0) ?? bag.fail('an empty bag');
    readBag(type, value, found, depth);
  });
}

function readBag(type: string, value: DerReader, found: Found, depth: number): void {
  switch (type) {
    case oids.keyBag:
      found.keys.push(value.any().raw.slice());
      return;
    case oids.shroudedKeyBag: {
      const shrouded = value.sequence();
      const algorithm = readAlgorithmIdentifier(shrouded);
      found.keys.push(decrypt(algorithm, shrouded.octetString(), found.passphrase));
      return;
    }
    case oids.certBag: {
      const certificate = value.sequence();
      if (certificate.oid() !== oids.x509Certificate) return;
      const inside = certificate.explicit(0) ?? certificate.fail('no certificate in its bag');
      found.certificates.push(inside.octetString().slice());
      return;
    }
    case oids.safeContentsBag:
      readBags(value.any().raw, found, depth + 1);
      return;
    default:
      return;
  }
}
