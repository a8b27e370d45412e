/**
 * The header of a record (RFC 6347 §4.1, RFC 9146 §4).
 *
 *     type 1 | version 2 | epoch 2 | sequence number 6 | [connection ID] | length 2 | fragment
 *
 * Only a record of type 25 has the connection ID, and its length is not on the wire: whoever receives knows it, because it
 * chose the ID. A datagram holds one or more records. Where a length cannot be right the rest of the datagram is lost,
 * for nobody knows where the next record starts; anything else that is wrong with a record concerns that record alone.
 *
 * Sequence numbers have 48 bits, which a number holds exactly; they are never shifted, only divided.
 */
import { isContentType } from './content-type.ts';
import type { ContentType } from './content-type.ts';

export const RECORD_HEADER_BYTES = 13;

/** 0xfefd: versions of DTLS count downwards. */
export const DTLS_1_2 = 0xfefd;
/** On the wire of HelloVerifyRequest and first hellos only; never negotiated (RFC 6347 §4.2.1). */
export const DTLS_1_0 = 0xfeff;

export const MAX_SEQUENCE = 2 ** 48 - 1;

/** Most plaintext in a record (RFC 5246 §6.2.1). */
export const MAX_PLAINTEXT_BYTES = 2 ** 14;
/** Most that protection may add (RFC 5246 §6.2.3). */
const MAX_EXPANSION_BYTES = 2048;

export interface RecordHeader {
  readonly type: ContentType;
  readonly version: number;
  readonly epoch: number;
  readonly sequence: number;
  /** As received; empty in records of other types than 25. */
  readonly connectionId: Uint8Array;
  /** A view of the datagram. */
  readonly fragment: Uint8Array;
}

export interface ParsedRecord {
  /** `null`: not a record for us (type, version), but its length is good, so what follows it can be read. */
  readonly header: RecordHeader | null;
  /** Offset of what follows. */
  readonly end: number;
}

const NOTHING = new Uint8Array(0);

/**
 * The record at `offset`, or `null` where nothing can be read from there on.
 *
 * @param connectionIdBytes length of the ID that this side chose
 */
export function parseRecord(datagram: Uint8Array, offset: number, connectionIdBytes: number): ParsedRecord | null {
  const typeByte = datagram[offset];
  const idBytes = typeByte === 25 ? connectionIdBytes : 0;
  const start = offset + RECORD_HEADER_BYTES + idBytes;
  if (typeByte === undefined || start > datagram.length) return null;
  const length = u16(datagram, start - 2);
  const end = start + length;
  if (length > MAX_PLAINTEXT_BYTES + MAX_EXPANSION_BYTES || end > datagram.length) return null;
  const version = u16(datagram, offset + 1);
  if (!isContentType(typeByte) || (version !== DTLS_1_2 && version !== DTLS_1_0)) return { header: null, end };
  const header = {
    type: typeByte,
    version,
    epoch: u16(datagram, offset + 3),
    sequence: u16(datagram, offset + 5) * 2 ** 32 + u16(datagram, offset + 7) * 2 ** 16 + u16(datagram, offset + 9),
    connectionId: idBytes === 0 ? NOTHING : datagram.subarray(offset + 11, offset + 11 + idBytes),
    fragment: datagram.subarray(start, end),
  };
  return { header, end };
}

/** Writes a header at the start of `target`; gives the offset of the fragment. */
export function writeRecordHeader(
  target: Uint8Array,
  header: Omit<RecordHeader, 'fragment'>,
  fragmentBytes: number,
): number {
  target[0] = header.type;
  target[1] = header.version >>> 8;
  target[2] = header.version & 0xff;
  writeEpochAndSequence(target, 3, header.epoch, header.sequence);
  target.set(header.connectionId, 11);
  const at = 11 + header.connectionId.length;
  target[at] = fragmentBytes >>> 8;
  target[at + 1] = fragmentBytes & 0xff;
  return at + 2;
}

/** The eight bytes that make a record unique: 16 bits of epoch, 48 of sequence number. */
export function writeEpochAndSequence(target: Uint8Array, offset: number, epoch: number, sequence: number): void {
  const high = Math.floor(sequence / 2 ** 32);
  const low = sequence % 2 ** 32;
  target[offset] = epoch >>> 8;
  target[offset + 1] = epoch & 0xff;
  target[offset + 2] = high >>> 8;
  target[offset + 3] = high & 0xff;
  target[offset + 4] = low >>> 24;
  target[offset + 5] = (low >>> 16) & 0xff;
  target[offset + 6] = (low >>> 8) & 0xff;
  target[offset + 7] = low & 0xff;
}

function u16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] as number) * 256 + (bytes[offset + 1] as number);
}
