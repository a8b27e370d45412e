/**
 * Whether a certificate is for the service that was asked for (RFC 9525).
 *
 * Only subject alternative names count: the common name says nothing (§2, "MUST NOT"). What is expected decides the form: an IP
 * address is looked for among iPAddress names, octet by octet; everything else among dNSName names, label by label and without
 * regard to case.
 *
 * A wildcard stands for exactly one whole label, the leftmost (§6.3), and two labels or more have to follow it: `*.org` would be
 * everybody. Which suffixes with more labels are everybody's, too (`*.co.uk`), is a list that changes weekly and is not kept here.
 *
 * The expected name is ASCII: who has `bücher.example` converts it first (UTS 46, `domainToASCII` in Node). A trailing dot makes a name
 * absolute and is dropped; in the certificate it is no valid name.
 */
import { formatIpAddress, ipAddressFromBytes, tryParseIpAddress } from '../../core/ip-address.ts';
import { quoteText } from '../../core/quote.ts';
import type { Certificate } from './certificate.ts';
import { equalBytes } from './der-reader.ts';
import { parseDnsName, parseDnsPattern } from './dns-name.ts';
import { certificateError } from './path/refusal.ts';

/**
 * @param expected a DNS name in ASCII, or an IP address as text
 * @throws CertificateError (`name-mismatch`) no name of the certificate is it
 * @throws RangeError `expected` is neither
 */
export function checkServiceIdentity(certificate: Certificate, expected: string): void {
  const problem = identityProblem(certificate, expected);
  if (problem === undefined) return;
  throw certificateError({ reason: 'name-mismatch', problem, certificate, depth: 0 });
}

/** As `checkServiceIdentity`, as an answer. */
export function matchesServiceIdentity(certificate: Certificate, expected: string): boolean {
  return identityProblem(certificate, expected) === undefined;
}

function identityProblem(certificate: Certificate, expected: string): string | undefined {
  const names = certificate.extensions.subjectAlternativeName;
  const address = tryParseIpAddress(expected);
  if (address !== undefined) {
    if (address.scopeId !== undefined) throw new RangeError('an address with a zone is in no certificate');
    if (names?.some((name) => name.kind === 'ip' && equalBytes(name.octets, address.bytes)) === true) return undefined;
  } else {
    const labels = parseDnsName(expected.endsWith('.') ? expected.slice(0, -1) : expected);
    if (labels === undefined || isNumeric(labels.at(-1)))
      throw new RangeError(`${quoteText(expected)} is neither an IP address nor a DNS name in ASCII`);
    if (names?.some((name) => name.kind === 'dns' && matchesPattern(labels, name.name)) === true) return undefined;
  }
  if (names === undefined) return `it has no subject alternative name, so it is not for ${quoteText(expected)}`;
  return `it is not for ${quoteText(expected)}, but for ${listNames(certificate)}`;
}

function matchesPattern(labels: readonly string[], name: string): boolean {
  const pattern = parseDnsPattern(name);
  if (pattern === undefined) return false;
  if (pattern.wildcard && pattern.labels.length < 2) return false;
  const rest = pattern.wildcard ? labels.slice(1) : labels;
  return rest.length === pattern.labels.length && rest.every((label, i) => label === pattern.labels[i]);
}

/** No top-level domain is a number (RFC 3696 §2): `1.2.3` and `0x7f.1` are addresses to some programs, and names to none. */
function isNumeric(label: string | undefined): boolean {
  return label !== undefined && /^([0-9]+|0x[0-9a-f]*)$/.test(label);
}

const MAX_NAMES_SHOWN = 5;

function listNames({ extensions }: Certificate): string {
  const names = (extensions.subjectAlternativeName ?? []).flatMap((name) => {
    if (name.kind === 'dns') return [quoteText(name.name)];
    return name.kind === 'ip' ? [formatIpAddress(ipAddressFromBytes(name.octets))] : [];
  });
  if (names.length === 0) return 'no DNS name and no address';
  const shown = names.slice(0, MAX_NAMES_SHOWN).join(', ');
  return names.length > MAX_NAMES_SHOWN ? `${shown} and ${names.length - MAX_NAMES_SHOWN} more` : shown;
}
