/**
 * max_fragment_length (RFC 6066 §4): both sides keep their records below a power of two, because one of them is small.
 *
 * record_size_limit does it better; this is for peers that know nothing else. The server answers with the same value.
 */
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

export type MaxFragmentLength = 512 | 1024 | 2048 | 4096;

const lengths: readonly MaxFragmentLength[] = [512, 1024, 2048, 4096];

export function maxFragmentLengthExtension(length: MaxFragmentLength): Extension {
  return { type: extensionType.maxFragmentLength, body: Uint8Array.of(lengths.indexOf(length) + 1) };
}

/** `undefined`: a value that is not defined. @throws MalformedMessage */
export function parseMaxFragmentLength(body: Uint8Array): MaxFragmentLength | undefined {
  const reader = messageReader(body, 'max_fragment_length');
  const code = reader.u8();
  reader.expectEnd();
  return lengths[code - 1];
}
