/**
 * Certificates (RFC 5280 §4.1): from DER to a value that says everything the certificate says.
 *
 * Parsing is strict and total: what comes back is well-formed down to every extension that bowline knows, and what is not is one
 * `ProtocolError` that cites the section. Parsing decides nothing about trust. A certificate that is well-formed and useless
 * (expired, of version 1, with a serial number of zero, signed with MD5) parses, so that a refusal by `verifyPath` can say why,
 * and so that tools can show it.
 *
 * The input is copied once; every field is a view of that copy. A certificate is a plain value: nobody changes it.
 */
import type { Bytes } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { escapeText } from '../../core/quote.ts';
import { parseCertificateExtensions } from './certificate-extensions.ts';
import type { CertificateExtensions } from './certificate-extensions.ts';
import { DerReader } from './der-reader.ts';
import { contextPrimitive, tag } from './der-tag.ts';
import { readExtensions } from './extensions/extension.ts';
import { formatName, readName } from './name.ts';
import type { Name } from './name.ts';
import { readPublicKeyInfo } from './public-key.ts';
import type { PublicKeyInfo } from './public-key.ts';
import { readAlgorithmIdentifier, signatureAlgorithmOf } from './signature-algorithm.ts';
import type { AlgorithmIdentifier, SignatureAlgorithm } from './signature-algorithm.ts';

export interface Certificate {
  /** The whole certificate, DER. */
  readonly raw: Bytes;
  /** TBSCertificate: what is signed. */
  readonly tbs: Bytes;
  readonly version: 1 | 2 | 3;
  /** Contents octets of the INTEGER: two's complement, at least one. */
  readonly serial: Bytes;
  readonly issuer: Name;
  readonly subject: Name;
  /** Milliseconds since 1970; the certificate is valid at both ends of the interval. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: PublicKeyInfo;
  /** The scheme of the signature. */
  readonly signatureAlgorithm: SignatureAlgorithm;
  /** The two fields that name it, which must be the same (RFC 5280 §4.1.1.2). */
  readonly outerAlgorithm: AlgorithmIdentifier;
  readonly signedAlgorithm: AlgorithmIdentifier;
  readonly signature: Bytes;
  readonly extensions: CertificateExtensions;
}

/** As much as a whole chain may have; real certificates have 1 to 4 KiB. */
const MAX_CERTIFICATE_BYTES = 64 * 1024;

/**
 * @param der one certificate; copied
 * @throws ProtocolError it is not a certificate, in whatever way
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES)
    throw new ProtocolError(`a certificate of ${der.length} bytes; ${MAX_CERTIFICATE_BYTES} are allowed`, RULE);
  const raw = new Uint8Array(der);
  const input = new DerReader(raw, RULE);
  const certificate = input.sequence();
  input.expectEnd();

  const tbs = certificate.element(tag.sequence);
  const fields = certificate.insideOf(tbs);
  const outerAlgorithm = readAlgorithmIdentifier(certificate);
  const signature = certificate.bitStringOctets();
  certificate.expectEnd();

  const version = readVersion(fields);
  const serial = fields.integerBytes();
  const signedAlgorithm = readAlgorithmIdentifier(fields);
  const issuer = readName(fields);
  const validity = fields.sequence();
  const notBefore = validity.time();
  const notAfter = validity.time();
  validity.expectEnd();
  const subject = readName(fields);
  const publicKey = readPublicKeyInfo(fields);
  // Unique identifiers: version 2 or 3 (§4.1.2.8). They mean nothing to anybody.
  for (const number of version === 1 ? [] : [1, 2])
    if (fields.nextTag === contextPrimitive(number)) fields.bitString(contextPrimitive(number));
  const list = version === 3 ? fields.explicit(3) : undefined;
  const extensions = list === undefined ? [] : readExtensions(list);
  list?.expectEnd();
  fields.expectEnd();

  return {
    raw,
    tbs: tbs.raw,
    version,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    signatureAlgorithm: signatureAlgorithmOf(outerAlgorithm, 'RFC 5280 §4.1.1.2'),
    outerAlgorithm,
    signedAlgorithm,
    signature,
    extensions: parseCertificateExtensions(extensions),
  };
}

/** Whether subject and issuer are one name (RFC 5280 §6.1): a key change, or a root. */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.subject.key === certificate.issuer.key;
}

/** One line for people: the subject, or the first name where the subject is empty. Safe to print. */
export function describeCertificate(certificate: Certificate): string {
  if (certificate.subject.rdns.length > 0) return formatName(certificate.subject);
  const [name] = certificate.extensions.subjectAlternativeName ?? [];
  return name?.kind === 'dns' ? escapeText(`DNS:${name.name}`, 200) : 'a certificate with an empty subject';
}

const RULE = 'RFC 5280 §4.1';

/** `[0] EXPLICIT Version DEFAULT v1`; the numbers on the wire are one less. */
function readVersion(fields: DerReader): 1 | 2 | 3 {
  const explicit = fields.explicit(0);
  if (explicit === undefined) return 1;
  const number = explicit.smallInteger(2);
  explicit.expectEnd();
  if (number === 0) fields.fail('a default value that is written out');
  return number === 1 ? 2 : 3;
}
