/**
 * Fragments of handshake messages (RFC 6347 §4.2.2, §4.2.3).
 *
 *     type 1 | length 3 | message_seq 2 | fragment_offset 3 | fragment_length 3 | bytes
 *
 * A record may hold several fragments, of different messages; a message may be cut anywhere, and cut differently each time
 * it is sent. A fragment of no bytes makes sense only for a message of no bytes (pion looped for ever on others,
 * CVE-2022-29190).
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { messageReader } from '../malformed.ts';

export const HANDSHAKE_HEADER_BYTES = 12;

/** Longest message that is taken or sent; the largest chains of real certificates are below 20 kB. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

export interface HandshakeFragment {
  readonly type: number;
  /** Of the whole message. */
  readonly length: number;
  readonly messageSeq: number;
  readonly offset: number;
  /** A view of the record. */
  readonly bytes: Uint8Array;
}

/** A whole message. */
export interface HandshakeMessage {
  readonly type: number;
  readonly messageSeq: number;
  readonly body: Bytes;
}

/**
 * The fragments in a record, in order.
 *
 * @throws MalformedMessage the record is not made of fragments exactly, or one of them cannot be
 */
export function parseFragments(content: Uint8Array): HandshakeFragment[] {
  const reader = messageReader(content, 'a handshake record');
  const fragments: HandshakeFragment[] = [];
  do {
    const type = reader.u8();
    const length = reader.u24();
    const messageSeq = reader.u16();
    const offset = reader.u24();
    const bytes = reader.vector(3);
    if (length > MAX_MESSAGE_BYTES) reader.fail(`a message of ${length} bytes`);
    if (offset + bytes.length > length) reader.fail('a fragment beyond the end of its message');
    if (bytes.length === 0 && length > 0) reader.fail('an empty fragment of a message that is not empty');
    fragments.push({ type, length, messageSeq, offset, bytes });
  } while (reader.remaining > 0);
  return fragments;
}

/** The part of a message from `offset` on, with its header. */
export function encodeFragment(message: HandshakeMessage, offset: number, lengthBytes: number): Bytes {
  return new ByteWriter(HANDSHAKE_HEADER_BYTES + lengthBytes)
    .u8(message.type)
    .u24(message.body.length)
    .u16(message.messageSeq)
    .u24(offset)
    .vector(3, message.body.subarray(offset, offset + lengthBytes))
    .take();
}

/** The message as if it had not been cut: what the transcript and signatures are over (RFC 6347 §4.2.6). */
export function encodeWhole(message: HandshakeMessage): Bytes {
  return encodeFragment(message, 0, message.body.length);
}
