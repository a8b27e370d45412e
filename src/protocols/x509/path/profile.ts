/**
 * What every certificate of a path has to be, whatever its place: RFC 5280's profile, where breaking it makes the meaning of a
 * certificate doubtful.
 *
 * RFC 5280 has many sentences of the kind "conforming CAs MUST". Those that contradict each other inside one certificate, or
 * change what it is read as by others, are applied: version 3, a positive serial number of at most 20 octets, both algorithm
 * fields equal, no unknown critical extension, hints that are not critical, keyCertSign and cA together, constraints of issuers
 * only in issuers. Those that only make a CA's life tidy (a subject key identifier must be there) are not: a private CA without
 * one is no danger. `docs/differences.md` lists the cases of x509-limbo where that shows.
 */
import { isCritical, unknownCritical } from '../certificate-extensions.ts';
import type { Certificate } from '../certificate.ts';
import { equalBytes } from '../der-reader.ts';
import { AUTHORITY_INFORMATION_ACCESS } from '../extensions/authority-information-access.ts';
import { AUTHORITY_KEY_IDENTIFIER, SUBJECT_KEY_IDENTIFIER } from '../extensions/key-identifiers.ts';
import { SUBJECT_ALTERNATIVE_NAME } from '../extensions/subject-alternative-name.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

export function checkProfile(certificate: Certificate): Finding | undefined {
  const { extensions } = certificate;
  const [unknown] = unknownCritical(extensions);
  if (unknown !== undefined)
    return finding('unknown-critical-extension', `its critical extension ${unknown.oid} is not known`);
  if (certificate.version !== 3) return invalid(`it is of version ${certificate.version}; only version 3 is accepted`);
  // §4.1.1.2: "This field MUST contain the same algorithm identifier as the signature field in the sequence tbsCertificate."
  if (!equalBytes(certificate.outerAlgorithm.raw, certificate.signedAlgorithm.raw))
    return invalid('its two signature algorithms are not the same');
  for (const oid of neverCritical)
    if (isCritical(extensions, oid)) return invalid(`its extension ${oid} is critical, which it must not be`);
  return checkNames(certificate) ?? checkAuthorityFields(certificate);
}

/** §4.1.2.2: positive and at most 20 octets. Not asked of anchors: two of the roots in use have the number 0. */
export function checkSerial({ serial }: Certificate): Finding | undefined {
  const [first = 0] = serial;
  if (first >= 0x80) return invalid('its serial number is negative');
  if (serial.every((octet) => octet === 0)) return invalid('its serial number is zero');
  return serial.length - (first === 0 ? 1 : 0) > 20 ? invalid('its serial number has more than 20 octets') : undefined;
}

const neverCritical = [AUTHORITY_KEY_IDENTIFIER, SUBJECT_KEY_IDENTIFIER, AUTHORITY_INFORMATION_ACCESS];

/** §4.1.2.4, §4.1.2.6: an issuer has a name, and who has none has a critical subject alternative name. */
function checkNames({ issuer, subject, extensions }: Certificate): Finding | undefined {
  if (issuer.rdns.length === 0) return invalid('the name of its issuer is empty');
  if (subject.rdns.length > 0 || isCritical(extensions, SUBJECT_ALTERNATIVE_NAME)) return undefined;
  return invalid('its subject is empty, and no critical subject alternative name stands in for it');
}

/** §4.2.1.3, §4.2.1.9, §4.2.1.10: what only an issuer has, and what belongs together. */
function checkAuthorityFields({ extensions, subject }: Certificate): Finding | undefined {
  const { basicConstraints, keyUsage, nameConstraints } = extensions;
  const ca = basicConstraints?.ca === true;
  if (ca && subject.rdns.length === 0) return invalid('it is a CA without a name');
  if (!ca && keyUsage?.has('keyCertSign') === true)
    return invalid('it may sign certificates by its key usage, but is not a CA');
  if (!ca && basicConstraints?.pathLength !== undefined) return invalid('it has a path length, but is not a CA');
  if (!ca && nameConstraints !== undefined) return invalid('it has name constraints, but is not a CA');
  if (ca && keyUsage !== undefined && !keyUsage.has('keyCertSign') && !keyUsage.has('cRLSign'))
    return invalid('it is a CA, but may sign neither certificates nor CRLs by its key usage');
  return undefined;
}

function invalid(problem: string): Finding {
  return finding('invalid-certificate', problem);
}
