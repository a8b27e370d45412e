/**
 * PEM (RFC 7468): base64 between two lines that say what it is, with anything around it.
 *
 * Read the way files are written: text outside of the blocks is skipped (OpenSSL writes subjects there), line lengths and
 * line ends do not matter. Inside a block everything but base64 and blanks is an error.
 */
import type { Bytes } from '../core/bytes.ts';
import { CertificateError } from '../core/errors.ts';

interface PemBlock {
  readonly label: string;
  /** With its first and last line. */
  readonly text: string;
  readonly body: string;
}

/**
 * The certificates in PEM text, or the one certificate in DER, in their order.
 *
 * @throws CertificateError there is none, or a block is not base64
 */
export function certificatesOf(source: string | Uint8Array): readonly Bytes[] {
  const found = blocksOf(source, 'CERTIFICATE', 'a certificate');
  if (found.length === 0)
    throw new CertificateError('there is no certificate: neither PEM nor DER', { reason: 'no-certificate' });
  return found;
}

/**
 * What stands in the PEM blocks with this label, or the DER itself.
 *
 * @param what for the message, such as `a certificate`
 * @throws TypeError `source` is neither text nor bytes
 * @throws CertificateError a block is not base64
 */
export function blocksOf(source: string | Uint8Array, label: string, what: string): readonly Bytes[] {
  if (typeof source !== 'string' && !(source instanceof Uint8Array))
    throw new TypeError(`${what} must be PEM text, or bytes of PEM or DER`);
  if (source instanceof Uint8Array && isDer(source)) return [new Uint8Array(source)];
  return [...pemBlocks(asText(source))].filter((block) => block.label === label).map(({ body }) => decodeBody(body));
}

/** The first private key block of a text that may have other blocks, such as the certificates. */
export function keyBlockOf(source: string): string {
  for (const { label, text } of pemBlocks(source)) if (label.endsWith('PRIVATE KEY')) return text;
  throw new CertificateError('there is no private key: neither PEM nor DER', { reason: 'bad-key' });
}

export function encodePem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/** Whether bytes are an ASN.1 SEQUENCE: a long one by its first length octet, a short one by its whole length. */
export function isDer(bytes: Uint8Array): boolean {
  const [first, length = 0] = bytes;
  return first === 0x30 && (length >= 0x80 || length === bytes.length - 2);
}

function* pemBlocks(text: string): Generator<PemBlock> {
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] as string;
    const last = `-----END ${label}-----`;
    const end = text.indexOf(last, begin.lastIndex);
    if (end === -1) throw new CertificateError(`a PEM block of ${label} has no end`, { reason: 'malformed' });
    yield { label, text: text.slice(match.index, end + last.length), body: text.slice(begin.lastIndex, end) };
    begin.lastIndex = end + last.length;
  }
}

function decodeBody(body: string): Bytes {
  const base64 = body.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0)
    throw new CertificateError('a PEM block is not base64', { reason: 'malformed' });
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function asText(source: string | Uint8Array): string {
  return typeof source === 'string' ? source : Buffer.from(source).toString('latin1');
}
