/**
 * Pre-shared keys (RFC 4279, RFC 9257): both sides know a secret and a name for it, and need no certificates.
 *
 * The key has to be at least 128 bits of randomness (RFC 9257 §4.1). Whoever sees one handshake can try passwords against
 * it off-line, so a key is refused that is too short to be random, unless the program says that it knows.
 *
 * Keys are kept as KeyObjects: those are not printed by `console.log`, and Node 24 takes three to six times as long for an
 * operation with a key in a Buffer.
 *
 * Identities are UTF-8 of 1 to 128 bytes without NUL: OpenSSL treats them as C strings of at most that length, so longer
 * ones, or two that differ after a NUL, would be one thing here and another thing there.
 */
import { createSecretKey, KeyObject } from 'node:crypto';

import { isWellFormed } from './text.ts';

export interface PreSharedKeyOptions {
  /** 1 to 128 bytes of UTF-8, without NUL. Sent in clear. */
  readonly identity: string;
  /** At least 16 bytes, random. */
  readonly key: Uint8Array | KeyObject;
  /** Take a key of 1 to 15 bytes, such as devices are sold with. Whoever records a handshake can guess it. */
  readonly insecureAllowShortKey?: boolean | undefined;
}

/** A secret with its name; checked. Make one with `preSharedKey`. */
export interface PreSharedKey {
  readonly identity: string;
  readonly key: KeyObject;
}

/**
 * Chooses the key to use.
 *
 * @param hint what the server said to help choosing; `null` where it said nothing
 * @returns `null`: none fits, the handshake fails. TLS asks synchronously (OpenSSL cannot wait), so a promise is an error
 *   there; DTLS waits.
 */
export type ClientPskSource = (hint: string | null) => PreSharedKey | null | Promise<PreSharedKey | null>;

export interface ServerPskOptions {
  /** Sent to clients to help them choose. */
  readonly hint?: string | undefined;
  /**
   * The key that goes with an identity that a client named; `null` where there is none, which the client cannot tell from
   * a wrong key. TLS asks synchronously, DTLS waits.
   */
  readonly find: (identity: string) => PreSharedKey | null | Promise<PreSharedKey | null>;
}

const MIN_KEY_BYTES = 16;
/** OpenSSL's PSK_MAX_PSK_LEN is 512 from 3.0 on, and 256 before. */
const MAX_KEY_BYTES = 256;
const MAX_IDENTITY_BYTES = 128;

/**
 * @throws TypeError an argument has the wrong type
 * @throws RangeError the identity or the key has a length that is not allowed
 */
export function preSharedKey(options: PreSharedKeyOptions): PreSharedKey {
  const { key, insecureAllowShortKey = false } = options;
  const identity = checkPskText(options.identity, 'the identity of a pre-shared key');
  const secret = key instanceof KeyObject ? key : key instanceof Uint8Array ? secretOf(key) : undefined;
  if (secret?.type !== 'secret') throw new TypeError('a pre-shared key must be bytes or a secret KeyObject');
  const length = secret.symmetricKeySize ?? 0;
  const minimum = insecureAllowShortKey ? 1 : MIN_KEY_BYTES;
  if (length < minimum || length > MAX_KEY_BYTES)
    throw new RangeError(
      `a pre-shared key must have ${minimum} to ${MAX_KEY_BYTES} bytes, not ${length} (RFC 9257 §4.1 asks for 128 random bits)`,
    );
  const made = Object.freeze({ identity, key: secret });
  genuine.add(made);
  return made;
}

/** Whether it was made, and so checked, by `preSharedKey`. */
export function isPreSharedKey(value: unknown): value is PreSharedKey {
  return typeof value === 'object' && value !== null && genuine.has(value);
}

/** A text that goes over the wire as an identity or a hint. */
export function checkPskText(text: string, what: string): string {
  if (typeof text !== 'string') throw new TypeError(`${what} must be a string, not ${typeof text}`);
  const length = Buffer.byteLength(text);
  if (length === 0 || length > MAX_IDENTITY_BYTES || text.includes('\0') || !isWellFormed(text))
    throw new RangeError(`${what} must be 1 to ${MAX_IDENTITY_BYTES} bytes of UTF-8 without NUL`);
  return text;
}

const genuine = new WeakSet<object>();

function secretOf(bytes: Uint8Array): KeyObject {
  // A copy: what the caller does to the buffer afterwards (wiping it, one hopes) is its own affair.
  return createSecretKey(Buffer.from(bytes));
}
