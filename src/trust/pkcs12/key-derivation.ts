/**
 * The key derivation of PKCS#12 itself (RFC 7292 Appendix B): what its MAC and its older ciphers use.
 *
 * Node has no access to it, so the construction is here, out of Node's hashes. Newer files use it for the MAC only; their ciphers have PBKDF2, which Node has.
 */
import { createHash } from 'node:crypto';

import type { Bytes } from '../../core/bytes.ts';

/** §B.3: what the bytes are for. */
export const purpose = { key: 1, iv: 2, mac: 3 } as const;

/** Sizes in bytes: v is the block of the compression function (§B.2). */
const blockBytes: Readonly<Record<string, number>> = { sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 };

export interface Derivation {
  /** As a BMPString with its end mark, from `bmpPassword`. */
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly hash: string;
}

export function derive({ password, salt, iterations, hash }: Derivation, use: number, lengthBytes: number): Bytes {
  const v = blockBytes[hash] as number;
  const diversifier = new Uint8Array(v).fill(use);
  const mixed = Buffer.concat([repeated(salt, v), repeated(password, v)]);
  const result = new Uint8Array(lengthBytes);
  for (let filled = 0; filled < lengthBytes;) {
    let digest = createHash(hash).update(diversifier).update(mixed).digest();
    for (let i = 1; i < iterations; i++) digest = createHash(hash).update(digest).digest();
    result.set(digest.subarray(0, lengthBytes - filled), filled);
    filled += digest.length;
    if (filled < lengthBytes) addToBlocks(mixed, repeated(digest, v).subarray(0, v), v);
  }
  return result;
}

/** §B.1: UTF-16, big end first, and two zero bytes. */
export function bmpPassword(text: string): Bytes {
  const utf16 = Buffer.from(`${text}\0`, 'utf16le').swap16();
  return new Uint8Array(utf16);
}

/** As many whole blocks as `bytes` begins; nothing for nothing. */
function repeated(bytes: Uint8Array, v: number): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.length / v) * v);
  for (let at = 0; at < result.length; at += bytes.length) result.set(bytes.subarray(0, result.length - at), at);
  return result;
}

/** §B.2 step 6C: to every block the digest and one, modulo 2 to the size of the block. */
function addToBlocks(blocks: Buffer, digest: Uint8Array, v: number): void {
  for (let start = 0; start < blocks.length; start += v) {
    let carry = 1;
    for (let i = v - 1; i >= 0; i--) {
      const sum = (blocks[start + i] as number) + (digest[i] as number) + carry;
      blocks[start + i] = sum & 0xff;
      carry = sum >> 8;
    }
  }
}
