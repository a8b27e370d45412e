/**
 * SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 3279, RFC 5480, RFC 8410): which kind of key, and how large.
 *
 * The key itself goes to the provider of cryptography as the whole encoding (`raw`); what is read here is what decides
 * whether a key is acceptable at all: the size of a modulus, the curve. Keys of kinds that bowline does not use (DSA, X25519 …)
 * are read as far as their name, so that a refusal can say what they are.
 */
import type { Bytes } from '../../core/bytes.ts';
import { DerReader } from './der-reader.ts';
import { tag } from './der-tag.ts';
import { readAlgorithmIdentifier } from './signature-algorithm.ts';
import type { AlgorithmIdentifier } from './signature-algorithm.ts';

export type CurveName = 'P-256' | 'P-384' | 'P-521';

export type PublicKeyKind =
  /** `pssOnly`: the key may be used with RSASSA-PSS alone (RFC 4055 §1.2). */
  | { readonly kind: 'rsa'; readonly modulusBits: number; readonly exponent: bigint; readonly pssOnly: boolean }
  /** `curve` is undefined for a curve that has no name here, or whose parameters are written out. */
  | { readonly kind: 'ec'; readonly curve: CurveName | undefined }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ed448' }
  | { readonly kind: 'other'; readonly oid: string };

export interface PublicKeyInfo {
  /** The whole SubjectPublicKeyInfo: what `pinned()` hashes and the provider of cryptography imports. */
  readonly raw: Bytes;
  readonly algorithm: AlgorithmIdentifier;
  readonly key: PublicKeyKind;
  /** Contents of the BIT STRING: what key identifiers and OCSP hash. */
  readonly bits: Bytes;
}

/** @param spki a SubjectPublicKeyInfo, DER. @throws ProtocolError it is malformed */
export function parsePublicKeyInfo(spki: Uint8Array): PublicKeyInfo {
  const reader = new DerReader(new Uint8Array(spki), RULE);
  const info = readPublicKeyInfo(reader);
  reader.expectEnd();
  return info;
}

export function readPublicKeyInfo(reader: DerReader): PublicKeyInfo {
  const element = reader.element(tag.sequence);
  const inside = reader.insideOf(element);
  const algorithm = readAlgorithmIdentifier(inside);
  const bits = inside.bitStringOctets();
  inside.expectEnd();
  return { raw: element.raw, algorithm, key: keyKind(algorithm, bits), bits };
}

/** Such as `RSA 2048` or `P-256`. */
export function describePublicKey({ key }: PublicKeyInfo): string {
  switch (key.kind) {
    case 'rsa':
      return `RSA${key.pssOnly ? '-PSS' : ''} ${key.modulusBits}`;
    case 'ec':
      return key.curve ?? 'an unknown curve';
    case 'ed25519':
      return 'Ed25519';
    case 'ed448':
      return 'Ed448';
    case 'other':
      return otherKinds.get(key.oid) ?? `the algorithm ${key.oid}`;
  }
}

const keyOids = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
} as const;

const RULE = 'RFC 5280 §4.1.2.7';

const otherKinds = new Map([
  ['1.2.840.10040.4.1', 'DSA'],
  ['1.3.101.110', 'X25519'],
  ['1.3.101.111', 'X448'],
]);

const curves = new Map<string, { readonly name: CurveName; readonly fieldBytes: number }>([
  ['1.2.840.10045.3.1.7', { name: 'P-256', fieldBytes: 32 }],
  ['1.3.132.0.34', { name: 'P-384', fieldBytes: 48 }],
  ['1.3.132.0.35', { name: 'P-521', fieldBytes: 66 }],
]);

function keyKind(algorithm: AlgorithmIdentifier, bits: Bytes): PublicKeyKind {
  const parameters = new DerReader(algorithm.parameters ?? new Uint8Array(0), RULE);
  switch (algorithm.oid) {
    case keyOids.rsa:
      if (!parameters.atEnd) parameters.null();
      return rsaKey(bits, false);
    case keyOids.rsaPss:
      return rsaKey(bits, true);
    case keyOids.ec:
      return ecKey(parameters, bits);
    case keyOids.ed25519:
    case keyOids.ed448: {
      const kind = algorithm.oid === keyOids.ed25519 ? 'ed25519' : 'ed448';
      if (!parameters.atEnd) parameters.fail('parameters of an EdDSA key, which has none');
      if (bits.length !== (kind === 'ed25519' ? 32 : 57)) parameters.fail('an EdDSA key of the wrong size');
      return { kind };
    }
    default:
      return { kind: 'other', oid: algorithm.oid };
  }
}

function rsaKey(bits: Bytes, pssOnly: boolean): PublicKeyKind {
  const reader = new DerReader(bits, RULE);
  const key = reader.sequence();
  const modulus = key.integerBytes();
  const exponent = key.integerBytes();
  key.expectEnd();
  reader.expectEnd();
  if ((modulus[0] as number) >= 0x80 || (exponent[0] as number) >= 0x80)
    reader.fail('an RSA key with a negative number');
  const leading = modulus[0] === 0 ? 1 : 0;
  const significant = modulus.length - leading;
  const modulusBits = significant === 0 ? 0 : significant * 8 - (Math.clz32(modulus[leading] as number) - 24);
  if (((modulus.at(-1) as number) & 1) === 0) reader.fail('an RSA modulus that is even');
  // An exponent of more than 8 octets makes verification slow and has no use; BigInt of the whole input would be, too.
  if (exponent.length > 9) reader.fail('an RSA exponent above 64 bits');
  const value = exponent.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  if (value < 3n || (value & 1n) === 0n) reader.fail('an RSA exponent that is even or below 3');
  return { kind: 'rsa', modulusBits, exponent: value, pssOnly };
}

function ecKey(parameters: DerReader, bits: Bytes): PublicKeyKind {
  const curve = parameters.nextTag === tag.oid ? curves.get(parameters.oid()) : undefined;
  if (curve === undefined) return { kind: 'ec', curve: undefined };
  const compressed = bits[0] === 0x02 || bits[0] === 0x03;
  if (bits.length !== 1 + curve.fieldBytes * (compressed ? 1 : 2) || !(compressed || bits[0] === 0x04))
    parameters.fail(`a point that is not one of ${curve.name}`);
  return { kind: 'ec', curve: curve.name };
}
