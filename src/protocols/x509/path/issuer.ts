/**
 * Who may issue: basic constraints, key usage and path length (RFC 5280 §4.2.1.3, §4.2.1.9, §6.1.4 (k) to (n)).
 *
 * The path length of an issuer counts the certificates between it and the end entity's that are not self-issued: a CA that
 * changes its key signs its new key with the old one, and that must not use up the length.
 */
import { isCritical } from '../certificate-extensions.ts';
import { isSelfIssued } from '../certificate.ts';
import type { Certificate } from '../certificate.ts';
import { BASIC_CONSTRAINTS } from '../extensions/basic-constraints.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

/**
 * @param below the path from the end entity's certificate up to, but without, this one
 */
export function checkIssuer(issuer: Certificate, below: readonly Certificate[]): Finding | undefined {
  const { basicConstraints, keyUsage } = issuer.extensions;
  if (basicConstraints === undefined) return notCa('it issued a certificate, but has no basic constraints');
  if (!basicConstraints.ca) return notCa('it issued a certificate, but is not a CA');
  // §4.2.1.9: critical in every CA certificate, so that nobody who does not know the extension takes one for an end entity's.
  if (!isCritical(issuer.extensions, BASIC_CONSTRAINTS)) return notCa('its basic constraints are not critical');
  if (keyUsage !== undefined && !keyUsage.has('keyCertSign'))
    return notCa('it issued a certificate, but its key usage does not allow that');
  const { pathLength } = basicConstraints;
  const count = countedIntermediates(below);
  if (pathLength !== undefined && count > pathLength)
    return finding('path-length', `${count} issuers are below it, where its path length allows ${pathLength}`);
  return undefined;
}

/** Certificates of `path` that use up path length: all but the end entity's and the self-issued ones. */
export function countedIntermediates(path: readonly Certificate[]): number {
  return path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
}

function notCa(problem: string): Finding {
  return finding('not-a-ca', problem);
}
