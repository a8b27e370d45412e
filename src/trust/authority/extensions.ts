/** The extensions that the development authority writes (RFC 5280 §4.2, RFC 7633). */
import { createHash } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';
import { DerReader } from '../../protocols/x509/der-reader.ts';
import {
  boolean,
  explicit,
  implicit,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
} from '../../protocols/x509/der-writer.ts';
import { generalName, nameConstraint } from './name.ts';

export interface Extension {
  /** Dotted. */
  readonly oid: string;
  readonly critical: boolean;
  /** What is inside of the OCTET STRING. */
  readonly value: Uint8Array;
}

/** What a certificate may be used for. `any` is `anyExtendedKeyUsage`; `ocsp` signs OCSP responses for its issuer. */
export type Purpose = 'server' | 'client' | 'ocsp' | 'email' | 'code' | 'any';

export function extensionList(extensions: readonly Extension[]): Bytes {
  return sequence(...extensions.map(encodeExtension));
}

function encodeExtension({ oid: id, critical, value }: Extension): Bytes {
  // DEFAULT FALSE: DER has no element for it.
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** @param pathLength how many authorities may be below this one; `null`: any number. `undefined` for one that is no authority */
export function basicConstraints(pathLength: number | null | undefined): Extension {
  const value =
    pathLength === undefined
      ? sequence()
      : sequence(boolean(true), ...(pathLength === null ? [] : [integer(pathLength)]));
  return { oid: '2.5.29.19', critical: true, value };
}

/** The names of RFC 5280 §4.2.1.3, in the order of their bits. */
const keyUsageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
] as const;

export type KeyUsageBit = (typeof keyUsageBits)[number];

export function keyUsage(...uses: readonly KeyUsageBit[]): Extension {
  return { oid: '2.5.29.15', critical: true, value: namedBits(keyUsageBits.map((bit) => uses.includes(bit))) };
}

const purposes: Readonly<Record<Purpose, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  code: '1.3.6.1.5.5.7.3.3',
  email: '1.3.6.1.5.5.7.3.4',
  ocsp: '1.3.6.1.5.5.7.3.9',
  any: '2.5.29.37.0',
};

export function extendedKeyUsage(...uses: readonly Purpose[]): Extension {
  return { oid: '2.5.29.37', critical: false, value: sequence(...uses.map((use) => oid(purposes[use]))) };
}

/** @param critical it must be where the subject is empty (RFC 5280 §4.2.1.6) */
export function subjectAltName(names: readonly string[], critical: boolean): Extension {
  return { oid: '2.5.29.17', critical, value: sequence(...names.map(generalName)) };
}

export function nameConstraints(permitted: readonly string[], excluded: readonly string[]): Extension {
  const subtrees = (number: number, names: readonly string[]): Bytes[] =>
    names.length === 0 ? [] : [explicit(number, ...names.map((name) => sequence(nameConstraint(name))))];
  return { oid: '2.5.29.30', critical: true, value: sequence(...subtrees(0, permitted), ...subtrees(1, excluded)) };
}

/** The name of a key: the first 160 bits of the SHA-256 of its bits (RFC 7093 §2 method 1). @param spki SubjectPublicKeyInfo */
export function keyIdentifier(spki: Bytes): Bytes {
  return new Uint8Array(createHash('sha256').update(keyBits(spki)).digest().subarray(0, 20));
}

/** The BIT STRING of a SubjectPublicKeyInfo, without its tag: what key identifiers and OCSP hash. */
export function keyBits(spki: Bytes): Bytes {
  const info = new DerReader(spki, 'RFC 5280 §4.1').sequence();
  info.sequence();
  return info.bitStringOctets();
}

export function subjectKeyIdentifier(identifier: Uint8Array): Extension {
  return { oid: '2.5.29.14', critical: false, value: octetString(identifier) };
}

export function authorityKeyIdentifier(identifier: Uint8Array): Extension {
  return { oid: '2.5.29.35', critical: false, value: sequence(implicit(0, identifier)) };
}

export function crlNumber(number: number): Extension {
  return { oid: '2.5.29.20', critical: false, value: integer(number) };
}

/** "Must staple" (RFC 7633): the server always sends an OCSP response (feature 5). */
export function mustStaple(): Extension {
  return { oid: '1.3.6.1.5.5.7.1.24', critical: false, value: sequence(integer(5)) };
}
