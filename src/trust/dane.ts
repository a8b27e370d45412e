/**
 * DANE: the owner of a domain says in the DNS which keys its servers have (RFC 6698, RFC 7671).
 *
 * The TLSA records are passed in. Whoever looks them up must have them from a resolver that validates DNSSEC, over a path that
 * nobody can write to, and only where it says that they are secure: a forged record is a forged pin.
 *
 *     usage 0  PKIX-TA  valid as by `pki`, by a path that has a matching issuer or root in it
 *     usage 1  PKIX-EE  valid as by `pki`, and the peer's own certificate matches
 *     usage 2  DANE-TA  valid up to a matching issuer in the peer's chain, or one that stands whole in the record; the name counts
 *     usage 3  DANE-EE  the peer's own certificate or raw key matches; names and dates do not count (RFC 7671 §5.1)
 *
 * One matching record is enough. Of several digests for the same usage and selector only the strongest counts, so that a
 * broken one can be retired by adding a better one (RFC 7671 §9). Records that cannot be used (unknown numbers, a digest of the
 * wrong length) are passed over, as RFC 6698 §4.1 asks; if none is left that is an error when the verifier is made, and the
 * program decides whether it goes on without DANE.
 *
 * For usage 0 the one path that validation finds is looked at, not every path that there might be.
 */
import { createHash } from 'node:crypto';

import type { Bytes } from '../core/bytes.ts';
import { CertificateError } from '../core/errors.ts';
import type { Certificate } from '../protocols/x509/certificate.ts';
import { parseCertificate } from '../protocols/x509/certificate.ts';
import type { TrustAnchor } from '../protocols/x509/path/trust-anchor.ts';
import { anchorOfCertificate, anchorOfKey, TrustAnchors } from '../protocols/x509/path/trust-anchor.ts';
import { parsePublicKeyInfo } from '../protocols/x509/public-key.ts';
import type { ChainRules, PkiOptions } from './pki.ts';
import { checkName, parsedChain, pkiRules, verifyChain, verifyPkiPeer } from './pki.ts';
import type { ExpectedPeer, PeerIdentity, Verifier } from './verifier.ts';

/** A TLSA record, by its numbers. */
export interface TlsaRecord {
  /** 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE. */
  readonly usage: number;
  /** 0: the whole certificate, 1: its SubjectPublicKeyInfo. */
  readonly selector: number;
  /** 0: as it is, 1: SHA-256, 2: SHA-512. */
  readonly matchingType: number;
  readonly data: Uint8Array;
}

/**
 * A verifier of servers by TLSA records.
 *
 * @param records as numbers, or as text such as `3 1 1 d2abde24…`
 * @param options for usages 0 and 1, as for `pki`
 * @throws TypeError something is no record at all
 * @throws RangeError no record can be used
 */
export function dane(records: readonly (TlsaRecord | string)[], options: PkiOptions = {}): Verifier {
  if (!Array.isArray(records)) throw new TypeError('records must be an array of TLSA records');
  const all = (records as readonly (TlsaRecord | string)[]).map(parseRecord);
  const usable = strongestOnly(all.filter(isUsable));
  if (usable.length === 0) throw new RangeError('there is no TLSA record that can be used');
  const ofUsage = (usage: number): readonly Selected[] => usable.filter((record) => record.usage === usage);
  const needsPki = ofUsage(0).length + ofUsage(1).length > 0;
  const rules = needsPki ? pkiRules(options).rules : undefined;
  const needsName = needsPki || ofUsage(2).length > 0;

  const verify = (peer: PeerIdentity, expected: ExpectedPeer): void => {
    if (expected.role !== 'server') throw new CertificateError('TLSA records are about servers', { reason: 'dane' });
    if (matchesKey(peer, ofUsage(3))) return;
    const refusals: unknown[] = [];
    const accepted =
      attempt(refusals, () => isDomainIssued(peer, expected, ofUsage(2))) ||
      (rules !== undefined && attempt(refusals, () => isPkixMatch(peer, expected, rules, ofUsage(0), ofUsage(1))));
    if (accepted) return;
    // A record that matches, on a chain that is wrong: what is wrong tells more than that nothing else matched.
    if (refusals.length > 0) throw refusals[0];
    throw new CertificateError('no TLSA record matches the peer', { reason: 'dane', depth: 0 });
  };
  return Object.freeze(Object.assign(verify, { needsName, wantsStapledOcsp: needsPki }));
}

interface Selected extends TlsaRecord {
  readonly data: Bytes;
}

const DIGESTS = [undefined, { name: 'sha256', length: 32 }, { name: 'sha512', length: 64 }] as const;

/** Whether it accepts; what it refuses with is kept. */
function attempt(refusals: unknown[], accepts: () => boolean): boolean {
  try {
    return accepts();
  } catch (error) {
    refusals.push(error);
    return false;
  }
}

function matchesKey(peer: PeerIdentity, records: readonly Selected[]): boolean {
  if (records.length === 0) return false;
  if (peer.rawPublicKey !== undefined && peer.chain.length === 0) {
    const { rawPublicKey } = peer;
    return records.some((record) => record.selector === 1 && matchesBytes(record, rawPublicKey));
  }
  const { leaf } = parsedChain(peer);
  return records.some((record) => matches(record, leaf));
}

function isDomainIssued(peer: PeerIdentity, expected: ExpectedPeer, records: readonly Selected[]): boolean {
  if (records.length === 0) return false;
  const { leaf, intermediates } = parsedChain(peer);
  const anchors: TrustAnchor[] = [];
  for (const record of records) {
    anchors.push(...intermediates.filter((issuer) => matches(record, issuer)).map(anchorOfCertificate));
    if (record.matchingType === 0) anchors.push(...anchorsInRecord(record, [leaf, ...intermediates]));
  }
  // An issuer is somebody else; for the peer's own key there is usage 3, which says so.
  const issuers = anchors.filter(({ publicKey }) => !Buffer.from(publicKey.raw).equals(leaf.publicKey.raw));
  if (issuers.length === 0) return false;
  const path = verifyChain(peer, expected, { anchors: new TrustAnchors(issuers), extra: [] });
  checkName(path.certificates[0], expected.serverName);
  return true;
}

/** What stands whole in a record need not be sent (RFC 7671 §5.2.1). A bare key has no name: it may be any issuer's. */
function anchorsInRecord({ selector, data }: Selected, chain: readonly Certificate[]): readonly TrustAnchor[] {
  try {
    if (selector === 0) return [anchorOfCertificate(parseCertificate(data))];
    const key = parsePublicKeyInfo(data);
    return chain.map(({ issuer }) => anchorOfKey(issuer, key));
  } catch {
    return [];
  }
}

function isPkixMatch(
  peer: PeerIdentity,
  expected: ExpectedPeer,
  rules: ChainRules,
  issuers: readonly Selected[],
  ends: readonly Selected[],
): boolean {
  const { leaf } = parsedChain(peer);
  const matchesEnd = ends.some((record) => matches(record, leaf));
  if (issuers.length === 0 && !matchesEnd) return false;
  const [, ...above] = verifyPkiPeer(peer, expected, rules).certificates;
  return matchesEnd || issuers.some((record) => above.some((certificate) => matches(record, certificate)));
}

function matches(record: Selected, certificate: Certificate): boolean {
  return matchesBytes(record, record.selector === 0 ? certificate.raw : certificate.publicKey.raw);
}

function matchesBytes({ matchingType, data }: Selected, bytes: Uint8Array): boolean {
  const digest = DIGESTS[matchingType];
  const own = digest === undefined ? Buffer.from(bytes) : createHash(digest.name).update(bytes).digest();
  return own.equals(data);
}

function isUsable({ usage, selector, matchingType, data }: Selected): boolean {
  if (usage > 3 || selector > 1 || matchingType > 2) return false;
  const digest = DIGESTS[matchingType];
  return digest === undefined ? data.length > 0 : data.length === digest.length;
}

function strongestOnly(records: readonly Selected[]): readonly Selected[] {
  return records.filter(
    (record) =>
      record.matchingType !== 1 ||
      !records.some(
        ({ usage, selector, matchingType }) =>
          matchingType === 2 && usage === record.usage && selector === record.selector,
      ),
  );
}

function parseRecord(record: TlsaRecord | string): Selected {
  const { usage, selector, matchingType, data } = typeof record === 'string' ? parseText(record) : record;
  for (const number of [usage, selector, matchingType])
    if (!Number.isInteger(number) || number < 0 || number > 255)
      throw new TypeError('usage, selector and matchingType of a TLSA record must be 0 to 255');
  if (!(data instanceof Uint8Array)) throw new TypeError('the data of a TLSA record must be bytes');
  return Object.freeze({ usage, selector, matchingType, data: new Uint8Array(data) });
}

/** Presentation form (RFC 6698 §2.2): three numbers and hexadecimal digits, which may have blanks between them. */
function parseText(text: string): TlsaRecord {
  const [, usage, selector, matchingType, hex = ''] =
    /^\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+([\da-fA-F\s]+)$/.exec(text) ?? [];
  const digits = hex.replace(/\s+/g, '');
  if (usage === undefined || digits.length === 0 || digits.length % 2 !== 0)
    throw new TypeError('a TLSA record as text must be like "3 1 1 d2abde24…"');
  return {
    usage: Number(usage),
    selector: Number(selector),
    matchingType: Number(matchingType),
    data: new Uint8Array(Buffer.from(digits, 'hex')),
  };
}
