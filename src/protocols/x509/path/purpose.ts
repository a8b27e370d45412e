/**
 * What a path is for: key usage and extended key usage by role (RFC 5280 §4.2.1.3, §4.2.1.12; RFC 8446 §4.4.2.2).
 *
 * An end entity's certificate that lists purposes must list the one that it is used for; `anyExtendedKeyUsage` is not enough
 * there, as in OpenSSL and the rules of the web PKI, because it was put in by somebody who did not say "server". In an issuer an extended
 * key usage restricts what is below it: RFC 5280 does not say so, every browser and OpenSSL do, and CAs rely on it ("technically
 * constrained"). There `anyExtendedKeyUsage` lifts the restriction. Absent means any purpose.
 *
 * The end entity's key usage, where present, has to allow digital signatures: that is what a key does in TLS 1.3, DTLS, and every
 * suite with forward secrecy. Keys that only encipher belong to RSA key transport, which bowline does not speak.
 */
import type { Certificate } from '../certificate.ts';
import { keyPurposes } from '../extensions/extended-key-usage.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

/** Whose certificate it is. */
export type PeerRole = 'server' | 'client';

export function checkEndEntityPurpose({ extensions }: Certificate, role: PeerRole): Finding | undefined {
  const { keyUsage, extendedKeyUsage } = extensions;
  if (keyUsage !== undefined && !keyUsage.has('digitalSignature'))
    return finding('wrong-usage', 'its key usage does not allow digital signatures');
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.has(purposeOf(role)))
    return finding('wrong-usage', `its extended key usage does not name TLS ${role} authentication`);
  return undefined;
}

export function checkIssuerPurpose({ extensions }: Certificate, role: PeerRole): Finding | undefined {
  const { extendedKeyUsage } = extensions;
  if (extendedKeyUsage === undefined || extendedKeyUsage.has(purposeOf(role)) || extendedKeyUsage.has(keyPurposes.any))
    return undefined;
  return finding(
    'wrong-usage',
    `its extended key usage restricts what it issues to other purposes than TLS ${role} authentication`,
  );
}

function purposeOf(role: PeerRole): string {
  return role === 'server' ? keyPurposes.serverAuth : keyPurposes.clientAuth;
}
