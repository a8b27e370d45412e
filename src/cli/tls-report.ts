/**
 * What a TLS connection is, for people (a table) and for scripts (one object): what was agreed on, whether the peer is who it
 * has to be, and its certificates. What the peer has written in them is made safe to print where it is printed.
 */
import { formatSocketAddress } from '../core/address.ts';
import { attributeOf } from '../core/attributes.ts';
import { formatIpAddress, ipAddressFromBytes } from '../core/ip-address.ts';
import { remoteAddress } from '../core/network.ts';
import { parseCertificate } from '../protocols/x509/certificate.ts';
import type { Certificate } from '../protocols/x509/certificate.ts';
import { formatTime } from '../protocols/x509/der-time.ts';
import type { GeneralName } from '../protocols/x509/extensions/general-name.ts';
import { formatName } from '../protocols/x509/name.ts';
import { describePublicKey } from '../protocols/x509/public-key.ts';
import type { TlsStream } from '../tls/tls-stream.ts';
import { pinOf } from '../trust/pinned.ts';
import type { LabelledRow } from './label-table.ts';

const DAY_MS = 86_400_000;

/** How a peer was judged: by what, and what came of it. */
export interface Judgement {
  /** Such as "the roots of this system, for example.org". */
  readonly by: string;
  /** Why it was refused; `undefined`: it was accepted. */
  readonly refusal: string | undefined;
}

export interface TlsReport {
  readonly event: 'tls';
  readonly address: string;
  readonly connectedTo: string | null;
  readonly version: string;
  readonly cipherSuite: string;
  readonly keyExchangeGroup: string | null;
  readonly alpnProtocol: string | null;
  readonly verified: boolean;
  readonly verifiedBy: string;
  readonly refusal?: string;
  /** Whether a second connection with the session of the first was resumed; `null`: the server gave no session. */
  readonly resumption: boolean | null;
  readonly certificates: readonly CertificateReport[];
}

interface CertificateReport {
  readonly subject: string;
  readonly issuer: string;
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly key: string;
  readonly pin: string;
}

/** @param address as it may be shown */
export function tlsReport(
  address: string,
  stream: TlsStream,
  { by, refusal }: Judgement,
  resumption: boolean | null,
): TlsReport {
  const remote = attributeOf(stream, remoteAddress);
  return {
    event: 'tls',
    address,
    connectedTo: remote === undefined ? null : formatSocketAddress(remote),
    version: stream.version,
    cipherSuite: stream.cipherSuite,
    keyExchangeGroup: stream.keyExchangeGroup,
    alpnProtocol: stream.alpnProtocol,
    verified: refusal === undefined,
    verifiedBy: by,
    ...(refusal === undefined ? {} : { refusal }),
    resumption,
    certificates: stream.peer.chain.map(certificateReport),
  };
}

/** @param now milliseconds since 1970 */
export function tlsRows(report: TlsReport, now: number): LabelledRow[] {
  const { connectedTo, keyExchangeGroup, alpnProtocol, verified, verifiedBy, refusal } = report;
  return [
    ['address', report.address],
    ...(connectedTo === null ? [] : [['connected to', connectedTo] as const]),
    ['version', `TLS ${report.version}`],
    ['cipher suite', report.cipherSuite],
    ...(keyExchangeGroup === null ? [] : [['key exchange', keyExchangeGroup] as const]),
    ['protocol', alpnProtocol ?? 'none chosen (ALPN)'],
    ['verified', verified ? `yes, by ${verifiedBy}` : `NO, by ${verifiedBy}`],
    ...(refusal === undefined ? [] : [['', refusal] as const]),
    [
      'resumption',
      { true: 'yes', false: 'no', null: 'no: the server gave no session' }[String(report.resumption)] ?? '',
    ],
    ...report.certificates.flatMap((certificate, i) => certificateRows(certificate, i, now)),
  ];
}

function certificateRows(certificate: CertificateReport, depth: number, now: number): LabelledRow[] {
  const { subject, issuer, names, notBefore, notAfter, key, pin } = certificate;
  return [
    ['', ''],
    [`certificate ${depth}`, subject],
    ['  issuer', issuer],
    ...(names.length === 0 ? [] : [['  names', names.join(', ')] as const]),
    ['  valid', `${notBefore} to ${notAfter}, ${remaining(Date.parse(notBefore), Date.parse(notAfter), now)}`],
    ['  key', key],
    ['  pin', pin],
  ];
}

function remaining(notBefore: number, notAfter: number, now: number): string {
  if (now < notBefore) return 'not yet';
  const days = Math.floor((notAfter - now) / DAY_MS);
  if (days < 0) return 'expired';
  return days === 1 ? '1 day left' : `${days} days left`;
}

function certificateReport(der: Uint8Array): CertificateReport {
  let certificate: Certificate;
  try {
    certificate = parseCertificate(der);
  } catch (error) {
    const unknown = { issuer: '', names: [], notBefore: '', notAfter: '', key: '', pin: '' };
    return { subject: `cannot be read: ${error instanceof Error ? error.message : String(error)}`, ...unknown };
  }
  const { subject, issuer, extensions, publicKey, notBefore, notAfter } = certificate;
  return {
    subject: formatName(subject),
    issuer: formatName(issuer),
    names: (extensions.subjectAlternativeName ?? []).map(formatGeneralName),
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
    key: describePublicKey(publicKey),
    pin: `sha256/${pinOf(publicKey.raw)}`,
  };
}

function formatGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
      return name.name;
    case 'ip':
      return formatIpAddress(ipAddressFromBytes(name.octets));
    case 'email':
      return `email:${name.address}`;
    case 'uri':
      return `uri:${name.uri}`;
    case 'directory':
      return `directory:${formatName(name.name)}`;
    default:
      return `${name.kind}:…`;
  }
}
