/**
 * Certificates, CRLs and OCSP responses with anything in them, right or wrong, for tests.
 *
 * Everything has a default that validates; a test says what it wants to be different. Keys are made once and shared: which key signed
 * is what matters, not which key it was.
 */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { CertificateError } from 'bowline/core';
import type { Bytes } from 'bowline/core';
import { parseCertificate } from '#src/protocols/x509/certificate.js';
import type { Certificate } from '#src/protocols/x509/certificate.js';
import * as der from '#src/protocols/x509/der-writer.js';
import { keyUsages } from '#src/protocols/x509/extensions/key-usage.js';
import type { KeyUsageName } from '#src/protocols/x509/extensions/key-usage.js';
import { anchorOfCertificate, TrustAnchors } from '#src/protocols/x509/path/trust-anchor.js';
import { verifyPath } from '#src/protocols/x509/path/verify-path.js';
import type { PathRequest, VerifiedPath } from '#src/protocols/x509/path/verify-path.js';
import { nodeCrypto } from './node-crypto.js';

export const NOW = Date.UTC(2026, 5, 1);
export const DAY = 86_400_000;

export interface Key {
  readonly privateKey: KeyObject;
  readonly spki: Bytes;
  /** SHA-1 of the key, as key identifiers are. */
  readonly id: Bytes;
}

export function makeKey(privateKey: KeyObject, publicKey: KeyObject): Key {
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return { privateKey, spki, id: new Uint8Array(createHash('sha1').update(spki).digest()) };
}

const keys = new Map<string, Key>();

/** The P-256 key of that name. */
export function key(name: string): Key {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const made = makeKey(privateKey, publicKey);
  keys.set(name, made);
  return made;
}

export const ECDSA_SHA256 = der.sequence(der.oid('1.2.840.10045.4.3.2'));

/** A name with one common name; empty for the empty text. */
export function nameOf(commonName: string): Bytes {
  if (commonName === '') return der.sequence();
  return der.sequence(der.setOf(der.sequence(der.oid('2.5.4.3'), der.utf8String(commonName))));
}

export function extension(oid: string, critical: boolean, value: Uint8Array): Bytes {
  return critical
    ? der.sequence(der.oid(oid), der.boolean(true), der.octetString(value))
    : der.sequence(der.oid(oid), der.octetString(value));
}

export function basicConstraints(ca: boolean, pathLength?: number, critical = true): Bytes {
  const fields = [...(ca ? [der.boolean(true)] : []), ...(pathLength === undefined ? [] : [der.integer(pathLength)])];
  return extension('2.5.29.19', critical, der.sequence(...fields));
}

export function keyUsage(...names: readonly KeyUsageName[]): Bytes {
  return extension('2.5.29.15', true, der.namedBits(keyUsages.map((name) => names.includes(name))));
}

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
export const ANY_PURPOSE = '2.5.29.37.0';

export function extendedKeyUsage(...oids: readonly string[]): Bytes {
  return extension('2.5.29.37', false, der.sequence(...oids.map((oid) => der.oid(oid))));
}

export const dns = (name: string): Bytes => der.ia5String(name, 0x82);
export const email = (address: string): Bytes => der.ia5String(address, 0x81);
export const uri = (text: string): Bytes => der.ia5String(text, 0x86);
export const ip = (...octets: readonly number[]): Bytes => der.element(0x87, new Uint8Array(octets));
export const directory = (name: Uint8Array): Bytes => der.explicit(4, name);
export const otherName = (): Bytes => der.explicit(0, der.oid('1.2.3.4'), der.explicit(0, der.utf8String('x')));

export function alternativeNames(...names: readonly Uint8Array[]): Bytes {
  return extension('2.5.29.17', false, der.sequence(...names));
}

export function nameConstraints(permitted: readonly Uint8Array[], excluded: readonly Uint8Array[] = []): Bytes {
  const list = (number: number, names: readonly Uint8Array[]): Bytes[] =>
    names.length === 0 ? [] : [der.explicit(number, ...names.map((name) => der.sequence(name)))];
  return extension('2.5.29.30', true, der.sequence(...list(0, permitted), ...list(1, excluded)));
}

export interface Plan {
  readonly subject?: string;
  readonly issuer?: string;
  /** Whose key is in the certificate; default: the one named like the subject. */
  readonly key?: Key;
  /** Whose key signs; default: the one named like the issuer. */
  readonly signer?: Key;
  readonly serial?: number | Uint8Array;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly extensions?: readonly Uint8Array[];
  /** 1 to 3. */
  readonly version?: number;
  readonly outerAlgorithm?: Uint8Array;
  readonly signedAlgorithm?: Uint8Array;
  /** Makes the signature; default ECDSA with SHA-256. */
  readonly signature?: (tbs: Uint8Array, key: Key) => Uint8Array;
  /** Whole names, where a common name is not enough. */
  readonly subjectName?: Uint8Array;
  readonly issuerName?: Uint8Array;
}

let serials = 1000;

export function issueDer(plan: Plan): Bytes {
  const { subject = 'leaf', issuer = 'root', version = 3, extensions = [] } = plan;
  const subjectKey = plan.key ?? key(subject);
  const signer = plan.signer ?? key(issuer);
  const algorithm = plan.outerAlgorithm ?? ECDSA_SHA256;
  const tbs = der.sequence(
    ...(version === 1 ? [] : [der.explicit(0, der.integer(version - 1))]),
    typeof plan.serial === 'object' ? der.element(0x02, plan.serial) : der.integer(plan.serial ?? (serials += 1)),
    plan.signedAlgorithm ?? algorithm,
    plan.issuerName ?? nameOf(issuer),
    der.sequence(der.time(plan.notBefore ?? NOW - DAY), der.time(plan.notAfter ?? NOW + DAY)),
    plan.subjectName ?? nameOf(subject),
    subjectKey.spki,
    ...(extensions.length === 0 ? [] : [der.explicit(3, der.sequence(...extensions))]),
  );
  const signature = plan.signature?.(tbs, signer) ?? sign('sha256', tbs, signer.privateKey);
  return der.sequence(tbs, algorithm, der.bitString(signature));
}

export function issue(plan: Plan): Certificate {
  return parseCertificate(issueDer(plan));
}

/** A CA; `extra` extensions come besides basic constraints and key usage. */
export function authority(
  subject: string,
  issuer: string,
  plan: Plan = {},
  ...extra: readonly Uint8Array[]
): Certificate {
  const extensions = [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign'), ...extra];
  return issue({ subject, issuer, extensions, ...plan });
}

/** A server's certificate for `leaf.example`. */
export function server(issuer: string, plan: Plan = {}, ...extra: readonly Uint8Array[]): Certificate {
  const names = extra.some((other) => Buffer.from(other).includes(Buffer.from('0603551d11', 'hex')))
    ? []
    : [alternativeNames(dns('leaf.example'))];
  const extensions = [keyUsage('digitalSignature'), extendedKeyUsage(SERVER_AUTH), ...names, ...extra];
  return issue({ subject: 'leaf', issuer, extensions, ...plan });
}

export function anchors(...certificates: readonly Certificate[]): TrustAnchors {
  return new TrustAnchors(certificates.map(anchorOfCertificate));
}

/** `verifyPath` of a server by one root, with whatever is to be different. */
export function verify(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  root: Certificate,
  more: Partial<PathRequest> = {},
): VerifiedPath {
  return verifyPath({
    leaf,
    intermediates,
    anchors: anchors(root),
    now: NOW,
    role: 'server',
    crypto: nodeCrypto,
    ...more,
  });
}

/** Runs what has to be refused, for this reason, about the certificate at this depth. */
export function refused(run: () => unknown, reason: string, depth: number | undefined, message: RegExp = /./): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof CertificateError, String(error));
    assert.equal(error.reason, reason, error.message);
    assert.equal(error.depth, depth, error.message);
    assert.match(error.message, message);
    return true;
  });
}
