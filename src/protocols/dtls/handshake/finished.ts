/**
 * Finished (RFC 5246 §7.4.9): the first protected message, which proves that both sides saw the same handshake and have the
 * same keys.
 *
 * `VerifiedFinished` is the proof that it was compared. It has no public constructor: `verify` is the only way to one, and
 * an established association cannot be made without one. (werift's 1.2 never compared Finished.)
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { CryptoProvider } from '../../../core/crypto-provider.ts';
import { VERIFY_DATA_BYTES } from '../key-schedule.ts';
import { messageReader } from '../malformed.ts';

export class VerifiedFinished {
  readonly #proof = true;

  private constructor() {}

  /** Compares in constant time. `null`: it does not match. */
  static verify(crypto: CryptoProvider, received: Uint8Array, expected: Uint8Array): VerifiedFinished | null {
    return crypto.equal(received, expected) ? new VerifiedFinished() : null;
  }

  /** Whether the value was made here. */
  static is(value: unknown): value is VerifiedFinished {
    return typeof value === 'object' && value !== null && #proof in value && value.#proof;
  }
}

export function encodeFinished(verifyData: Bytes): Bytes {
  return verifyData;
}

/** @throws MalformedMessage */
export function parseFinished(body: Uint8Array): Uint8Array {
  const reader = messageReader(body, 'Finished');
  const data = reader.bytes(VERIFY_DATA_BYTES);
  reader.expectEnd();
  return data;
}
