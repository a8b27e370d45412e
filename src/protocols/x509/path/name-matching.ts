/**
 * Whether one name falls under one constraint, form by form (RFC 5280 §4.2.1.10).
 *
 * `'malformed'` where either side cannot be understood: then nothing can be said, and the path is refused. That is stricter than
 * many (a dNSName constraint with a leading dot is not in RFC 5280, and OpenSSL takes it for "subdomains only"), but a constraint
 * that two programs read in two ways constrains nothing.
 */
import { endsWithLabels, parseDnsName, parseDnsPattern } from '../dns-name.ts';
import type { GeneralName } from '../extensions/general-name.ts';
import { isNameWithin } from '../name.ts';

export type Match = boolean | 'malformed';

/** What list the constraint is in: a wildcard is judged by what it might stand for, so that differs. */
export type Side = 'permitted' | 'excluded';

export function matchName(name: GeneralName, constraint: GeneralName, side: Side): Match {
  if (name.kind === 'dns' && constraint.kind === 'dns') return matchDns(name.name, constraint.name, side);
  if (name.kind === 'ip' && constraint.kind === 'ip') return matchIp(name.octets, constraint.octets);
  if (name.kind === 'email' && constraint.kind === 'email') return matchEmail(name.address, constraint.address);
  if (name.kind === 'uri' && constraint.kind === 'uri') return matchUri(name.uri, constraint.uri);
  if (name.kind === 'directory' && constraint.kind === 'directory') return isNameWithin(name.name, constraint.name);
  // Forms whose constraints RFC 5280 does not define: "MUST either process the constraint or reject the certificate".
  return 'malformed';
}

/**
 * "Any DNS name that can be constructed by simply adding zero or more labels to the left-hand side of the name satisfies the
 * name constraint." The empty constraint is every name.
 *
 * `*.example.org` is permitted where everything it can stand for is, and excluded where anything it can stand for is: a subtree
 * `bar.example.org` is one of the names that it matches (CVE-2025-61727).
 */
function matchDns(name: string, constraint: string, side: Side): Match {
  const pattern = parseDnsPattern(name);
  const base = constraint === '' ? [] : parseDnsName(constraint);
  if (pattern === undefined || base === undefined) return 'malformed';
  if (endsWithLabels(pattern.labels, base)) return true;
  return (
    side === 'excluded' &&
    pattern.wildcard &&
    base.length === pattern.labels.length + 1 &&
    endsWithLabels(base, pattern.labels)
  );
}

/** An address and a mask "in the style of RFC 4632 (CIDR)": ones, then zeros. */
function matchIp(address: Uint8Array, constraint: Uint8Array): Match {
  const width = constraint.length / 2;
  const mask = constraint.subarray(width);
  const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, '0')).join('');
  if (bits.includes('01')) return 'malformed';
  if (address.length !== width) return false;
  return address.every((octet, i) => ((octet ^ (constraint[i] as number)) & (mask[i] as number)) === 0);
}

/** A mailbox, a host (its mailboxes), or a domain with a leading dot (all hosts in it, not itself). */
function matchEmail(address: string, constraint: string): Match {
  const mailbox = splitMailbox(address);
  if (mailbox === undefined) return 'malformed';
  if (!constraint.includes('@')) return matchHost(mailbox.host, constraint);
  const wanted = splitMailbox(constraint);
  if (wanted === undefined) return 'malformed';
  // The local part is the receiving host's affair, so it is compared exactly (RFC 5280 §7.5).
  return wanted.local === mailbox.local && wanted.host === mailbox.host;
}

function splitMailbox(address: string): { readonly local: string; readonly host: string } | undefined {
  const at = address.indexOf('@');
  // Quoted local parts may hold an '@'; nobody has one, and two programs would cut it in two places.
  if (at <= 0 || at !== address.lastIndexOf('@')) return undefined;
  const host = address.slice(at + 1);
  return parseDnsName(host) === undefined ? undefined : { local: address.slice(0, at), host: host.toLowerCase() };
}

/** The host part of a URI; one without a host, or with an address, cannot be judged: "the application MUST reject". */
function matchUri(uri: string, constraint: string): Match {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  const host = authority?.replace(/^.*@/, '').replace(/:[0-9]*$/, '');
  if (host === undefined || parseDnsName(host) === undefined || /^[0-9.]+$/.test(host)) return 'malformed';
  return matchHost(host, constraint);
}

/** For email and URI: a host exactly, or with a leading dot everything below it. */
function matchHost(host: string, constraint: string): Match {
  if (constraint === '') return true;
  const subdomains = constraint.startsWith('.');
  const base = parseDnsName(subdomains ? constraint.slice(1) : constraint);
  const labels = parseDnsName(host);
  if (base === undefined || labels === undefined) return 'malformed';
  return endsWithLabels(labels, base) && (subdomains ? labels.length > base.length : labels.length === base.length);
}
