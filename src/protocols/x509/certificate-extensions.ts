/**
 * The extensions of a certificate, parsed where bowline knows them.
 *
 * All that are known are parsed when the certificate is, critical or not: one that is malformed makes the certificate
 * malformed, rather than absent from the decisions that it was put in for. What is not known stays in `list` with its
 * critical flag; `unknownCritical` is what RFC 5280 §4.2 says a certificate must be rejected for.
 */
import type { Bytes } from '../../core/bytes.ts';
import {
  AUTHORITY_INFORMATION_ACCESS,
  parseAuthorityInformationAccess,
} from './extensions/authority-information-access.ts';
import type { AccessDescription } from './extensions/authority-information-access.ts';
import { BASIC_CONSTRAINTS, parseBasicConstraints } from './extensions/basic-constraints.ts';
import type { BasicConstraints } from './extensions/basic-constraints.ts';
import { CERTIFICATE_POLICIES, parseCertificatePolicies } from './extensions/certificate-policies.ts';
import type { CertificatePolicies } from './extensions/certificate-policies.ts';
import { CRL_DISTRIBUTION_POINTS, parseDistributionPoints } from './extensions/distribution-points.ts';
import type { DistributionPoint } from './extensions/distribution-points.ts';
import { EXTENDED_KEY_USAGE, parseExtendedKeyUsage } from './extensions/extended-key-usage.ts';
import type { ExtendedKeyUsage } from './extensions/extended-key-usage.ts';
import type { Extension } from './extensions/extension.ts';
import {
  AUTHORITY_KEY_IDENTIFIER,
  parseAuthorityKeyIdentifier,
  parseSubjectKeyIdentifier,
  SUBJECT_KEY_IDENTIFIER,
} from './extensions/key-identifiers.ts';
import type { AuthorityKeyIdentifier } from './extensions/key-identifiers.ts';
import { KEY_USAGE, parseKeyUsage } from './extensions/key-usage.ts';
import type { KeyUsage } from './extensions/key-usage.ts';
import { NAME_CONSTRAINTS, parseNameConstraints } from './extensions/name-constraints.ts';
import type { NameConstraints } from './extensions/name-constraints.ts';
import {
  INHIBIT_ANY_POLICY,
  parseInhibitAnyPolicy,
  parsePolicyConstraints,
  parsePolicyMappings,
  POLICY_CONSTRAINTS,
  POLICY_MAPPINGS,
} from './extensions/policy-constraints.ts';
import type { PolicyConstraints, PolicyMapping } from './extensions/policy-constraints.ts';
import { parseSubjectAlternativeName, SUBJECT_ALTERNATIVE_NAME } from './extensions/subject-alternative-name.ts';
import type { SubjectAlternativeName } from './extensions/subject-alternative-name.ts';
import { parseTlsFeature, TLS_FEATURE } from './extensions/tls-feature.ts';
import type { TlsFeature } from './extensions/tls-feature.ts';

export interface CertificateExtensions {
  /** Every extension as it was encoded, in that order. */
  readonly list: readonly Extension[];
  readonly authorityInformationAccess: readonly AccessDescription[] | undefined;
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly certificatePolicies: CertificatePolicies | undefined;
  readonly crlDistributionPoints: readonly DistributionPoint[] | undefined;
  readonly extendedKeyUsage: ExtendedKeyUsage | undefined;
  readonly inhibitAnyPolicy: number | undefined;
  readonly keyUsage: KeyUsage | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly policyConstraints: PolicyConstraints | undefined;
  readonly policyMappings: readonly PolicyMapping[] | undefined;
  readonly subjectAlternativeName: SubjectAlternativeName | undefined;
  readonly subjectKeyIdentifier: Bytes | undefined;
  readonly tlsFeature: TlsFeature | undefined;
}

/** @throws ProtocolError an extension that is known is malformed */
export function parseCertificateExtensions(list: readonly Extension[]): CertificateExtensions {
  const parsed = <T>(oid: string, parse: (value: Bytes) => T): T | undefined => {
    const found = list.find((extension) => extension.oid === oid);
    return found === undefined ? undefined : parse(found.value);
  };
  return {
    list,
    authorityInformationAccess: parsed(AUTHORITY_INFORMATION_ACCESS, parseAuthorityInformationAccess),
    authorityKeyIdentifier: parsed(AUTHORITY_KEY_IDENTIFIER, parseAuthorityKeyIdentifier),
    basicConstraints: parsed(BASIC_CONSTRAINTS, parseBasicConstraints),
    certificatePolicies: parsed(CERTIFICATE_POLICIES, parseCertificatePolicies),
    crlDistributionPoints: parsed(CRL_DISTRIBUTION_POINTS, parseDistributionPoints),
    extendedKeyUsage: parsed(EXTENDED_KEY_USAGE, parseExtendedKeyUsage),
    inhibitAnyPolicy: parsed(INHIBIT_ANY_POLICY, parseInhibitAnyPolicy),
    keyUsage: parsed(KEY_USAGE, parseKeyUsage),
    nameConstraints: parsed(NAME_CONSTRAINTS, parseNameConstraints),
    policyConstraints: parsed(POLICY_CONSTRAINTS, parsePolicyConstraints),
    policyMappings: parsed(POLICY_MAPPINGS, parsePolicyMappings),
    subjectAlternativeName: parsed(SUBJECT_ALTERNATIVE_NAME, parseSubjectAlternativeName),
    subjectKeyIdentifier: parsed(SUBJECT_KEY_IDENTIFIER, parseSubjectKeyIdentifier),
    tlsFeature: parsed(TLS_FEATURE, parseTlsFeature),
  };
}

/** Whether the extension is there and critical. */
export function isCritical({ list }: CertificateExtensions, oid: string): boolean {
  return list.some((extension) => extension.oid === oid && extension.critical);
}

/** Critical extensions that path validation does not process. */
export function unknownCritical({ list }: CertificateExtensions): Extension[] {
  return list.filter((extension) => extension.critical && !processed.has(extension.oid));
}

/** What validation acts on. AIA and TLS features are never critical in a conforming certificate, and are hints here. */
const processed = new Set([
  AUTHORITY_KEY_IDENTIFIER,
  BASIC_CONSTRAINTS,
  CERTIFICATE_POLICIES,
  CRL_DISTRIBUTION_POINTS,
  EXTENDED_KEY_USAGE,
  INHIBIT_ANY_POLICY,
  KEY_USAGE,
  NAME_CONSTRAINTS,
  POLICY_CONSTRAINTS,
  POLICY_MAPPINGS,
  SUBJECT_ALTERNATIVE_NAME,
  SUBJECT_KEY_IDENTIFIER,
  TLS_FEATURE,
]);
