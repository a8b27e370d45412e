/**
 * The one way in which a parser of handshake bytes fails.
 *
 * During a handshake nothing is authentic yet, so bytes that cannot be parsed are not evidence against the peer: they may
 * be damaged or forged. What cannot be parsed is dropped, as if it had been lost, and the true message comes again by
 * retransmission (RFC 6347 §4.1.2.7). So `MalformedMessage` never ends an association; a message that is well-formed and
 * wrong does, by `HandshakeFailure`.
 */
import { ByteReader } from '../../core/byte-reader.ts';

export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** A reader of peer bytes whose failure is a `MalformedMessage`. */
export function messageReader(bytes: Uint8Array, what: string): ByteReader {
  return new ByteReader(bytes, (problem) => new MalformedMessage(`${what}: ${problem}`));
}
