/**
 * What both sides said, byte for byte: the input of Finished, CertificateVerify and the master secret (RFC 6347 §4.2.6,
 * RFC 7627 §3).
 *
 * Messages go in as if they had not been cut. The first ClientHello and HelloVerifyRequest do not count, nor does
 * HelloRequest. CertificateVerify signs the messages themselves with a hash that is known only when it comes, so the bytes
 * are kept, some kilobytes for the time of a handshake, and hashed whole the few times that a hash is needed.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import type { CryptoProvider, HashName } from '../../../core/crypto-provider.ts';
import { encodeWhole } from './fragment.ts';
import type { HandshakeMessage } from './fragment.ts';

export class Transcript {
  #parts: Bytes[] = [];

  add(message: HandshakeMessage): void {
    this.#parts.push(encodeWhole(message));
  }

  /** Forgets everything: the first hello does not count when a cookie was asked for. */
  clear(): void {
    this.#parts = [];
  }

  hash(crypto: CryptoProvider, name: HashName): Bytes {
    return crypto.hash(name, this.#parts);
  }

  /** All messages one after another. */
  bytes(): Bytes {
    const writer = new ByteWriter();
    for (const part of this.#parts) writer.bytes(part);
    return writer.take();
  }
}
