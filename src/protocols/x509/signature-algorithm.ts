/**
 * Algorithm identifiers, and which signature scheme one means (RFC 3279, RFC 4055, RFC 5758, RFC 8410).
 *
 * This file knows names and parameters; whether a scheme is good enough is decided in `path/algorithm-policy.ts`. So SHA-1 and
 * MD5 have a place here: "refused as weak" is a better answer than "unknown". Parameters are held to the letter of
 * their RFC, because they are under the signature of the one field and copied into the other: RSA has NULL (absent is let
 * through, as old issuers wrote), ECDSA and EdDSA have none.
 */
import type { Bytes } from '../../core/bytes.ts';
import { DerReader } from './der-reader.ts';
import { tag } from './der-tag.ts';

export interface AlgorithmIdentifier {
  readonly raw: Bytes;
  readonly oid: string;
  /** The element of the parameters, if any. */
  readonly parameters: Bytes | undefined;
}

export type HashName = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

export type SignatureAlgorithm =
  | { readonly kind: 'rsa-pkcs1'; readonly hash: HashName }
  | { readonly kind: 'rsa-pss'; readonly hash: HashName; readonly maskHash: HashName; readonly saltLength: number }
  | { readonly kind: 'ecdsa'; readonly hash: HashName }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ed448' }
  | { readonly kind: 'unknown'; readonly oid: string };

export function readAlgorithmIdentifier(reader: DerReader): AlgorithmIdentifier {
  const element = reader.element(tag.sequence);
  const inside = reader.insideOf(element);
  const oid = inside.oid();
  const parameters = inside.atEnd ? undefined : inside.any().raw;
  inside.expectEnd();
  return { raw: element.raw, oid, parameters };
}

/**
 * The scheme that the identifier means.
 *
 * @param rule cited by the failure
 * @throws ProtocolError the parameters are not those of the algorithm
 */
export function signatureAlgorithmOf(identifier: AlgorithmIdentifier, rule: string): SignatureAlgorithm {
  const { oid, parameters } = identifier;
  const reader = new DerReader(parameters ?? NOTHING, rule);
  const rsaHash = rsaPkcs1Hashes.get(oid);
  if (rsaHash !== undefined) {
    if (!reader.atEnd) reader.null();
    return { kind: 'rsa-pkcs1', hash: rsaHash };
  }
  if (oid === RSASSA_PSS) return readPssParameters(reader);
  const ecdsaHash = ecdsaHashes.get(oid);
  if (ecdsaHash === undefined && oid !== ED25519 && oid !== ED448) return { kind: 'unknown', oid };
  if (parameters !== undefined) reader.fail(`parameters of ${oid}, which has none`);
  if (ecdsaHash !== undefined) return { kind: 'ecdsa', hash: ecdsaHash };
  return { kind: oid === ED25519 ? 'ed25519' : 'ed448' };
}

/** The hash that an AlgorithmIdentifier of a hash means, as in OCSP and RSASSA-PSS. */
export function hashAlgorithmOf(identifier: AlgorithmIdentifier, rule: string): HashName | undefined {
  const reader = new DerReader(identifier.parameters ?? NOTHING, rule);
  if (!reader.atEnd) reader.null();
  return hashes.get(identifier.oid);
}

const hashOids: Readonly<Record<HashName, string>> = {
  md5: '1.2.840.113549.2.5',
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

const signatureOids = {
  rsaSha256: '1.2.840.113549.1.1.11',
  rsaSha384: '1.2.840.113549.1.1.12',
  rsaSha512: '1.2.840.113549.1.1.13',
  rsassaPss: '1.2.840.113549.1.1.10',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  ecdsaSha384: '1.2.840.10045.4.3.3',
  ecdsaSha512: '1.2.840.10045.4.3.4',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
} as const;

const NOTHING: Bytes = new Uint8Array(0);
const RSASSA_PSS = signatureOids.rsassaPss;
const MGF1 = '1.2.840.113549.1.1.8';
const ED25519 = signatureOids.ed25519;
const ED448 = signatureOids.ed448;

const hashes = new Map(Object.entries(hashOids).map(([name, oid]) => [oid, name as HashName]));

const rsaPkcs1Hashes = new Map<string, HashName>([
  ['1.2.840.113549.1.1.4', 'md5'],
  ['1.2.840.113549.1.1.5', 'sha1'],
  ['1.2.840.113549.1.1.14', 'sha224'],
  [signatureOids.rsaSha256, 'sha256'],
  [signatureOids.rsaSha384, 'sha384'],
  [signatureOids.rsaSha512, 'sha512'],
]);

const ecdsaHashes = new Map<string, HashName>([
  ['1.2.840.10045.4.1', 'sha1'],
  ['1.2.840.10045.4.3.1', 'sha224'],
  [signatureOids.ecdsaSha256, 'sha256'],
  [signatureOids.ecdsaSha384, 'sha384'],
  [signatureOids.ecdsaSha512, 'sha512'],
]);

/** RSASSA-PSS-params (RFC 4055 §3.1); what is absent has the default of the ASN.1, which is SHA-1 all over. */
function readPssParameters(reader: DerReader): SignatureAlgorithm {
  const parameters = reader.sequence();
  const hash = readHash(parameters.explicit(0)) ?? 'sha1';
  const maskHash = readMask(parameters.explicit(1)) ?? 'sha1';
  const salt = parameters.explicit(2);
  const saltLength = salt === undefined ? 20 : salt.smallInteger(65_535);
  salt?.expectEnd();
  const trailer = parameters.explicit(3);
  if (trailer !== undefined && trailer.smallInteger(255) !== 1) trailer.fail('a trailer field other than 1');
  trailer?.expectEnd();
  parameters.expectEnd();
  reader.expectEnd();
  return { kind: 'rsa-pss', hash, maskHash, saltLength };
}

function readHash(reader: DerReader | undefined): HashName | undefined {
  if (reader === undefined) return undefined;
  const identifier = readAlgorithmIdentifier(reader);
  reader.expectEnd();
  if (identifier.parameters !== undefined && !isNull(identifier.parameters)) reader.fail('parameters of a hash');
  return hashes.get(identifier.oid) ?? reader.fail(`the unknown hash ${identifier.oid}`);
}

function readMask(reader: DerReader | undefined): HashName | undefined {
  if (reader === undefined) return undefined;
  const mask = reader.sequence();
  reader.expectEnd();
  if (mask.oid() !== MGF1) mask.fail('a mask generation function other than MGF1');
  return readHash(mask);
}

function isNull(parameters: Bytes): boolean {
  return parameters.length === 2 && parameters[0] === tag.null && parameters[1] === 0;
}
