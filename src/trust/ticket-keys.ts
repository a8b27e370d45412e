/**
 * Keys of session tickets: what lets a server forget a session and the client bring it back (RFC 5077, RFC 8446 §4.6.1).
 *
 * Whoever has a ticket key can read every session of TLS 1.2 whose ticket it sealed, recorded ones too. So a key seals for 12
 * hours only, opens for 12 more, and is then gone: no ticket outlives 24 hours, and neither does the harm.
 *
 *     0 h        12 h        24 h
 *     ├─ seals ──┼─ opens ───┤ gone                key 1
 *                ├─ seals ───┼─ opens ───┤ gone    key 2
 *
 * A ticket is bound to its circumstances: to the server's name or certificate, the application protocols, and whether clients have
 * to authenticate. Under any other it does not open, so that a session that was made with one virtual host, or where
 * nobody asked for a certificate, cannot be carried over to another. How is for the shells: `openssl-tickets.ts` for TLS.
 *
 * Several servers behind a balancer share keys: one makes them (`generate`) and hands them to the others whenever `onRotate`
 * says so (`export`; those `import` them once and `update` afterwards). One that imports never makes a key of its own, for
 * it would be the only one that knows it; if it gets no news it stops making tickets, and clients make full handshakes.
 * Deriving the keys of all times from one secret would need no hand-over, and would make that secret open every
 * ticket of all times; it was rejected.
 *
 * What is exported is secret. Printing or inspecting the object shows times and nothing else.
 */
import type { KeyObject } from 'node:crypto';
import { createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

import type { Bytes } from '../core/bytes.ts';

/** How long a key seals, unless said otherwise. */
const ROTATION_MS = 12 * 60 * 60 * 1000;
/** How long a ticket can be used at most (RFC 9325 §3.4 asks for a week at most; a day is plenty). */
const MAX_LIFETIME_MS = 24 * 60 * 60 * 1000;
const NAME_BYTES = 16;
const SECRET_BYTES = 32;
const HEADER = Uint8Array.of(0x62, 0x6c, 0x74, 0x6b, 1);
const RECORD_BYTES = NAME_BYTES + 8 + SECRET_BYTES;
/** More than overlap at any rotation that is allowed. */
const MAX_KEYS = 64;

export interface TicketKeysOptions {
  /** How long a key seals, and then opens; 60,000 (a minute) to 43,200,000 (12 hours), which is the default. */
  readonly rotationMs?: number | undefined;
  /** Called when a new key is in use, to hand `keys.export()` to other servers. What it throws is dropped. */
  readonly onRotate?: ((keys: TicketKeys) => void) | undefined;
}

/** One key, for the shells. */
export interface TicketKey {
  /** Which one; stands in the ticket in clear. */
  readonly name: Bytes;
  readonly secret: KeyObject;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When it is gone. */
  readonly expiresAt: number;
}

export class TicketKeys {
  readonly #rotationMs: number;
  readonly #rotates: boolean;
  readonly #onRotate: ((keys: TicketKeys) => void) | undefined;
  /** Newest first. */
  #keys: readonly TicketKey[];

  /**
   * Keys that rotate by themselves.
   *
   * @throws RangeError `rotationMs` is out of range
   */
  static generate(options: TicketKeysOptions = {}): TicketKeys {
    const { rotationMs = ROTATION_MS, onRotate } = options;
    if (typeof rotationMs !== 'number' || !(rotationMs >= 60_000 && rotationMs <= ROTATION_MS))
      throw new RangeError('rotationMs must be 60,000 (a minute) to 43,200,000 (12 hours)');
    if (onRotate !== undefined && typeof onRotate !== 'function') throw new TypeError('onRotate must be a function');
    return new TicketKeys([], Math.floor(rotationMs), true, onRotate);
  }

  /**
   * The keys of another server, which rotate when `update` brings new ones.
   *
   * @param exported what `export` gave there
   * @throws RangeError it is not that
   */
  static import(exported: Uint8Array): TicketKeys {
    const { rotationMs, keys } = parseExported(exported);
    return new TicketKeys(keys, rotationMs, false, undefined);
  }

  private constructor(
    keys: readonly TicketKey[],
    rotationMs: number,
    rotates: boolean,
    onRotate: ((keys: TicketKeys) => void) | undefined,
  ) {
    this.#keys = keys;
    this.#rotationMs = rotationMs;
    this.#rotates = rotates;
    this.#onRotate = onRotate;
  }

  /**
   * Takes over the keys of another server; those that are known already stay.
   *
   * @throws RangeError it is not what `export` gives
   * @throws TypeError these keys were made by `generate`, and rotate by themselves
   */
  update(exported: Uint8Array): void {
    if (this.#rotates) throw new TypeError('keys that rotate by themselves take none from elsewhere; use import');
    const known = new Map([...this.#keys, ...parseExported(exported).keys].map((key) => [nameOf(key), key]));
    this.#keys = newestFirst([...known.values()]).slice(0, MAX_KEYS);
  }

  /** The keys that are in use now, for `import` and `update`. Secret: whoever has them can read sessions. */
  export(): Bytes {
    this.usable(Date.now());
    const result = new Uint8Array(HEADER.length + 4 + this.#keys.length * RECORD_BYTES);
    const view = new DataView(result.buffer);
    result.set(HEADER);
    view.setUint32(HEADER.length, this.#rotationMs);
    let offset = HEADER.length + 4;
    for (const { name, secret, createdAt } of this.#keys) {
      result.set(name, offset);
      view.setBigUint64(offset + NAME_BYTES, BigInt(createdAt));
      result.set(secret.export(), offset + NAME_BYTES + 8);
      offset += RECORD_BYTES;
    }
    return result;
  }

  /**
   * For the shells: the keys that open tickets at `now`, newest first; made anew where that is due. The first seals if
   * `sealing` says that it is one.
   */
  usable(now: number): { readonly sealing: TicketKey | undefined; readonly opening: readonly TicketKey[] } {
    let opening = this.#keys.filter(({ expiresAt }) => expiresAt > now);
    let sealing = opening.find(({ createdAt }) => now - createdAt < this.#rotationMs);
    const isNew = sealing === undefined && this.#rotates;
    if (isNew) {
      sealing = this.#newKey(now);
      opening = [sealing, ...opening];
    }
    this.#keys = opening;
    if (isNew) this.#tell();
    return { sealing, opening };
  }

  [inspect.custom](): string {
    const [newest] = this.#keys;
    const since = newest === undefined ? 'none yet' : `newest of ${new Date(newest.createdAt).toISOString()}`;
    return `TicketKeys { ${this.#keys.length} keys, ${since} }`;
  }

  #newKey(now: number): TicketKey {
    return ticketKey(
      new Uint8Array(randomBytes(NAME_BYTES)),
      randomBytes(SECRET_BYTES),
      Math.floor(now),
      this.#rotationMs,
    );
  }

  #tell(): void {
    try {
      this.#onRotate?.(this);
    } catch {
      // Whoever makes a ticket just then has nothing to do with it.
    }
  }
}

function ticketKey(name: Bytes, secret: Uint8Array, createdAt: number, rotationMs: number): TicketKey {
  const expiresAt = createdAt + Math.min(2 * rotationMs, MAX_LIFETIME_MS);
  return Object.freeze({ name, secret: createSecretKey(Buffer.from(secret)), createdAt, expiresAt });
}

function parseExported(exported: Uint8Array): { rotationMs: number; keys: readonly TicketKey[] } {
  if (!(exported instanceof Uint8Array)) throw new TypeError('exported ticket keys must be bytes');
  const bytes = new Uint8Array(exported);
  const start = HEADER.length + 4;
  const count = (bytes.length - start) / RECORD_BYTES;
  const hasHeader = HEADER.every((byte, i) => bytes[i] === byte);
  if (!hasHeader || !Number.isInteger(count) || count < 0 || count > MAX_KEYS)
    throw new RangeError('these are no exported ticket keys');
  const view = new DataView(bytes.buffer);
  const rotationMs = view.getUint32(HEADER.length);
  if (rotationMs < 60_000 || rotationMs > ROTATION_MS) throw new RangeError('these are no exported ticket keys');
  const keys = Array.from({ length: count }, (_, i) => {
    const at = start + i * RECORD_BYTES;
    const createdAt = Number(view.getBigUint64(at + NAME_BYTES));
    if (createdAt > 8.64e15) throw new RangeError('these are no exported ticket keys');
    const secret = bytes.subarray(at + NAME_BYTES + 8, at + RECORD_BYTES);
    return ticketKey(bytes.slice(at, at + NAME_BYTES), secret, createdAt, rotationMs);
  });
  return { rotationMs, keys: newestFirst(keys) };
}

function newestFirst(keys: readonly TicketKey[]): readonly TicketKey[] {
  return [...keys].sort((a, b) => b.createdAt - a.createdAt);
}

function nameOf({ name }: TicketKey): string {
  return Buffer.from(name).toString('hex');
}
