/**
 * Channel bindings: a value that both ends of one connection know, for an authentication above TLS to include, so that
 * it cannot be forwarded over another connection (RFC 5056).
 *
 *     tls-exporter            keying material of this connection (RFC 9266); the one to use
 *     tls-server-end-point    a hash of the server's certificate (RFC 5929 §4); survives a TLS terminator that shares it
 *
 * `tls-unique` is not offered: it does not exist in TLS 1.3, and is broken without the extended master secret.
 */
import { createHash } from 'node:crypto';

import type { Bytes } from '../core/bytes.ts';
import { parseCertificate } from '../protocols/x509/certificate.ts';
import type { HandshakeFacts } from './handshake-facts.ts';

export type ChannelBinding = 'tls-exporter' | 'tls-server-end-point';

type Exporter = (length: number, label: string, context: Uint8Array) => Bytes;

export function channelBinding(type: ChannelBinding, facts: HandshakeFacts, exporter: Exporter): Bytes | null {
  switch (type) {
    case 'tls-exporter':
      return exporter(32, 'EXPORTER-Channel-Binding', new Uint8Array(0));
    case 'tls-server-end-point':
      return facts.endPointCertificate === undefined ? null : endPoint(facts.endPointCertificate);
    default:
      throw new TypeError(`a channel binding is 'tls-exporter' or 'tls-server-end-point'`);
  }
}

/** RFC 5929 §4.1: by the hash of the certificate's signature, MD5 and SHA-1 replaced; undefined where it has no one hash. */
function endPoint(certificate: Bytes): Bytes | null {
  const { signatureAlgorithm } = parseCertificate(certificate);
  if (!('hash' in signatureAlgorithm)) return null;
  const { hash } = signatureAlgorithm;
  const used = hash === 'md5' || hash === 'sha1' ? 'sha256' : hash;
  return new Uint8Array(createHash(used).update(certificate).digest());
}
