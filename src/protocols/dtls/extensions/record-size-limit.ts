/**
 * record_size_limit (RFC 8449): the longest plaintext of a protected record that this side takes.
 *
 * Each side states its own. Less than 64 is illegal; more than 2^14 means 2^14. It beats max_fragment_length.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

export const MIN_RECORD_SIZE_LIMIT = 64;

export function recordSizeLimitExtension(limitBytes: number): Extension {
  return { type: extensionType.recordSizeLimit, body: new ByteWriter(2).u16(limitBytes).take() };
}

/** @throws MalformedMessage */
export function parseRecordSizeLimit(body: Uint8Array): number {
  const reader = messageReader(body, 'record_size_limit');
  const limit = reader.u16();
  reader.expectEnd();
  return limit;
}
