/**
 * Whether one name falls under one constraint, form by form (RFC 5280 §4.2.1.10).
 *
 * `'malformed'` where either side cannot be understood: then nothing can be said, and the path is refused. That is stricter than
 * many (a dNSName constraint with a leading dot is not in RFC 5280, and OpenSSL takes it for "subdomains only"), but a constraint
 * that two programs read in two ways constrains nothing.
 *
 * Names and constraints are read once each and then compared as often as there are pairs, so that the whole budget of comparisons
 * takes some 5 ms, ten signatures or so (measured on the case nc-dos-2 of x509-limbo).
 */
import { endsWithLabels, parseDnsName, parseDnsPattern } from '../dns-name.ts';
import type { DnsPattern } from '../dns-name.ts';
import type { GeneralName } from '../extensions/general-name.ts';
import { isNameWithin } from '../name.ts';
import type { Name } from '../name.ts';

export type Match = boolean | 'malformed';

/** What list the constraint is in: a wildcard is judged by what it might stand for, so that differs. */
export type Side = 'permitted' | 'excluded';

/** A name, ready to be compared; `undefined`: it cannot be understood. */
export type ReadName =
  | { readonly kind: 'dns'; readonly pattern: DnsPattern }
  | { readonly kind: 'ip'; readonly octets: Uint8Array }
  /** The local part is the receiving host's affair, so it is compared exactly (RFC 5280 §7.5). */
  | { readonly kind: 'email'; readonly local: string; readonly host: readonly string[] }
  | { readonly kind: 'uri'; readonly host: readonly string[] }
  | { readonly kind: 'directory'; readonly name: Name }
  | undefined;

/** A constraint, ready to be compared; `undefined`: it cannot be understood, or nobody defined what it means. */
export type ReadConstraint =
  | { readonly kind: 'dns'; readonly base: readonly string[] }
  | { readonly kind: 'ip'; readonly octets: Uint8Array; readonly mask: Uint8Array }
  /** `local`: one mailbox alone. */
  | { readonly kind: 'email'; readonly local: string | undefined; readonly hosts: Hosts }
  | { readonly kind: 'uri'; readonly hosts: Hosts }
  | { readonly kind: 'directory'; readonly name: Name }
  | undefined;

/** A host alone, or everything below a domain. */
interface Hosts {
  readonly base: readonly string[];
  readonly below: boolean;
}

export function readName(name: GeneralName): ReadName {
  switch (name.kind) {
    case 'dns': {
      const pattern = parseDnsPattern(name.name);
      return pattern === undefined ? undefined : { kind: 'dns', pattern };
    }
    case 'ip':
      return { kind: 'ip', octets: name.octets };
    case 'email':
      return readMailbox(name.address);
    case 'uri': {
      const host = hostOfUri(name.uri);
      return host === undefined ? undefined : { kind: 'uri', host };
    }
    case 'directory':
      return { kind: 'directory', name: name.name };
    default:
      return undefined;
  }
}

export function readConstraint(constraint: GeneralName): ReadConstraint {
  switch (constraint.kind) {
    case 'dns': {
      // The empty constraint is every name: "zero or more labels" in front of nothing.
      const base = constraint.name === '' ? [] : parseDnsName(constraint.name);
      return base === undefined ? undefined : { kind: 'dns', base };
    }
    case 'ip':
      return readBlock(constraint.octets);
    case 'email': {
      const { address } = constraint;
      const mailbox = address.includes('@') ? readMailbox(address) : undefined;
      if (mailbox !== undefined)
        return { kind: 'email', local: mailbox.local, hosts: { base: mailbox.host, below: false } };
      const hosts = address.includes('@') ? undefined : readHosts(address);
      return hosts === undefined ? undefined : { kind: 'email', local: undefined, hosts };
    }
    case 'uri': {
      const hosts = readHosts(constraint.uri);
      return hosts === undefined ? undefined : { kind: 'uri', hosts };
    }
    case 'directory':
      return { kind: 'directory', name: constraint.name };
    default:
      // Forms without rules: "MUST either process the constraint or reject the certificate".
      return undefined;
  }
}

/** Name and constraint are of one form. */
export function matches(name: ReadName, constraint: ReadConstraint, side: Side): Match {
  if (name === undefined || constraint === undefined) return 'malformed';
  if (name.kind === 'dns' && constraint.kind === 'dns') return matchDns(name.pattern, constraint.base, side);
  if (name.kind === 'ip' && constraint.kind === 'ip') return matchIp(name.octets, constraint.octets, constraint.mask);
  if (name.kind === 'email' && constraint.kind === 'email')
    return (
      (constraint.local === undefined || constraint.local === name.local) && matchHost(name.host, constraint.hosts)
    );
  if (name.kind === 'uri' && constraint.kind === 'uri') return matchHost(name.host, constraint.hosts);
  return name.kind === 'directory' && constraint.kind === 'directory' && isNameWithin(name.name, constraint.name);
}

/**
 * "Any DNS name that can be constructed by simply adding zero or more labels to the left-hand side of the name satisfies the
 * name constraint."
 *
 * `*.example.org` is permitted where everything it can stand for is, and excluded where anything it can stand for is: a subtree
 * `bar.example.org` is one of the names that it matches (CVE-2025-61727).
 */
function matchDns({ labels, wildcard }: DnsPattern, base: readonly string[], side: Side): boolean {
  if (endsWithLabels(labels, base)) return true;
  return side === 'excluded' && wildcard && base.length === labels.length + 1 && endsWithLabels(base, labels);
}

function matchIp(address: Uint8Array, block: Uint8Array, mask: Uint8Array): boolean {
  if (address.length !== block.length) return false;
  return address.every((octet, i) => ((octet ^ (block[i] as number)) & (mask[i] as number)) === 0);
}

function matchHost(host: readonly string[], { base, below }: Hosts): boolean {
  return endsWithLabels(host, base) && (below ? host.length > base.length : host.length === base.length);
}

/** An address and a mask "in the style of RFC 4632 (CIDR)": ones, then zeros. */
function readBlock(octets: Uint8Array): ReadConstraint {
  const width = octets.length / 2;
  const mask = octets.subarray(width);
  const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, '0')).join('');
  return bits.includes('01') ? undefined : { kind: 'ip', octets: octets.subarray(0, width), mask };
}

function readMailbox(address: string): (ReadName & { kind: 'email' }) | undefined {
  const at = address.indexOf('@');
  // Quoted local parts may hold an '@'; nobody has one, and two programs would cut it in two places.
  if (at <= 0 || at !== address.lastIndexOf('@')) return undefined;
  const host = parseDnsName(address.slice(at + 1));
  return host === undefined ? undefined : { kind: 'email', local: address.slice(0, at), host };
}

/** A URI without a host, or with an address for one, cannot be judged: "the application MUST reject". */
function hostOfUri(uri: string): readonly string[] | undefined {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  if (authority === undefined) return undefined;
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:[0-9]*$/, '');
  return /^[0-9.]+$/.test(host) ? undefined : parseDnsName(host);
}

/** For email and URI: a host, everything below a domain (a leading dot), or everything at all (empty). */
function readHosts(text: string): Hosts | undefined {
  if (text === '') return { base: [], below: true };
  const below = text.startsWith('.');
  const base = parseDnsName(below ? text.slice(1) : text);
  return base === undefined ? undefined : { base, below };
}
