/**
 * Where the head of a CONNECT exchange ends, to the byte.
 *
 * What follows the head is a tunnel, whose first bytes may already be there and belong to somebody else. So heads are cut off
 * by `MessageDecoder` (core), which never asks for more bytes than are missing: at the end of a line at least two, within a line at
 * least four. What a head means is read as for every other message (request-head.ts, response-head.ts).
 */
import { ProtocolError } from '../../core/errors.ts';
import { CR, LF } from './characters.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { MessageLimits } from './limits.ts';
import { findSectionEnd } from './section-end.ts';

/** See `MessageFormat.measure`. @throws ProtocolError the head is longer than allowed, or has a bare line feed */
export function measureHead(bytes: Uint8Array, seenBytes: number, maxHeadBytes: number): number {
  const end = findSectionEnd(bytes, 0, seenBytes);
  const length = end === -1 ? bytes.length + missingAtLeast(bytes) : end;
  if (length > maxHeadBytes) throw new ProtocolError(`a head of more than ${maxHeadBytes} bytes`, 'RFC 9110 §5.4');
  return length;
}

export function headLimits(maxHeadBytes: number): MessageLimits {
  return { ...DEFAULT_LIMITS, maxHeadBytes };
}

/** How many bytes there are to come before the head can be at its end. */
function missingAtLeast(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length === 0) return 2;
  if (bytes[length - 1] === CR) return length === 1 || bytes[length - 2] === LF ? 1 : 3;
  return bytes[length - 1] === LF ? 2 : 4;
}
