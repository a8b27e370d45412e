/**
 * Session tickets: a session, sealed so that only the server can open it, and only under the same circumstances.
 *
 *     ticket = key name (16) · nonce (12) · AES-256-GCM(sealed at (8) · session) · tag (16)
 *     additional data = key name · SHA-256 of the binding
 *
 * The key for a use is derived (HKDF) from the ticket key and a label, so that tickets of DTLS, and what OpenSSL
 * does with the keys that it is given for TLS, have nothing in common. Nonces are random: at 2^32 tickets per key
 * they would begin to be a risk, and a key lasts 12 hours.
 *
 * OpenSSL seals by itself (AES-CBC with HMAC) and knows no binding, so for TLS the binding goes into the derivation: other
 * circumstances, other keys, and a ticket of other circumstances has an unknown name.
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { Bytes } from '../core/bytes.ts';
import type { TicketKey, TicketKeys } from './ticket-keys.ts';

/** Under which circumstances a session may come back: exactly the same. */
export interface TicketBinding {
  readonly transport: 'tls' | 'dtls';
  readonly serverName: string | null;
  /** What was chosen; for TLS, where the ticket keys are needed before that, all that the server offers. */
  readonly alpnProtocols: readonly string[];
  readonly clientAuth: 'none' | 'request' | 'require';
}

const NAME_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TIME_BYTES = 8;

/**
 * Seals a session.
 *
 * @returns the ticket and for how long it can be opened; `undefined` where there is no key to seal with, so no ticket
 */
export function sealTicket(
  keys: TicketKeys,
  session: Uint8Array,
  binding: TicketBinding,
  now: number,
): { readonly ticket: Bytes; readonly lifetimeMs: number } | undefined {
  const { sealing } = keys.usable(now);
  if (sealing === undefined) return undefined;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(sealing), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData(sealing, binding));
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(Math.floor(now)));
  const parts = [sealing.name, nonce, cipher.update(time), cipher.update(session), cipher.final(), cipher.getAuthTag()];
  return { ticket: new Uint8Array(Buffer.concat(parts)), lifetimeMs: sealing.expiresAt - now };
}

/**
 * Opens a ticket.
 *
 * @returns the session and when it was sealed; `undefined` for anything but a ticket of these keys, still in time, under
 *   these circumstances: one answer, whatever was wrong
 */
export function openTicket(
  keys: TicketKeys,
  ticket: Uint8Array,
  binding: TicketBinding,
  now: number,
): { readonly session: Bytes; readonly sealedAt: number } | undefined {
  if (ticket.length < NAME_BYTES + NONCE_BYTES + TIME_BYTES + TAG_BYTES) return undefined;
  const bytes = Buffer.from(ticket);
  const key = keys.usable(now).opening.find(({ name }) => bytes.subarray(0, NAME_BYTES).equals(name));
  if (key === undefined) return undefined;
  const nonce = bytes.subarray(NAME_BYTES, NAME_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(key), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(additionalData(key, binding));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const opened = decipher.update(bytes.subarray(NAME_BYTES + NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  const sealedAt = Number(opened.readBigUInt64BE());
  return { session: new Uint8Array(opened.subarray(TIME_BYTES)), sealedAt };
}

/** What OpenSSL takes: key name, HMAC key and AES key, 16 bytes each. */
export interface OpensslTicketKey {
  readonly bytes: Bytes;
  readonly expiresAt: number;
}

/** For TLS: the keys in OpenSSL's form, for these circumstances; the first of `opening` seals, if `sealing` is it. */
export function opensslTicketKeys(
  keys: TicketKeys,
  binding: TicketBinding,
  now: number,
): { readonly sealing: OpensslTicketKey | undefined; readonly opening: readonly OpensslTicketKey[] } {
  const { sealing, opening } = keys.usable(now);
  const made = opening.map((key) => ({ key, openssl: opensslTicketKey(key, binding) }));
  return {
    sealing: made.find(({ key }) => key === sealing)?.openssl,
    opening: made.map(({ openssl }) => openssl),
  };
}

function opensslTicketKey({ name, secret, expiresAt }: TicketKey, binding: TicketBinding): OpensslTicketKey {
  const info = Buffer.concat([Buffer.from('bowline openssl ticket'), digestOf(binding)]);
  return { bytes: new Uint8Array(hkdfSync('sha256', secret, name, info, 48)), expiresAt };
}

/** Derived once per key, not per ticket. */
const sealingKeys = new WeakMap<TicketKey, KeyObject>();

function sealingKey(key: TicketKey): KeyObject {
  let made = sealingKeys.get(key);
  if (made === undefined) {
    made = createSecretKey(Buffer.from(hkdfSync('sha256', key.secret, key.name, 'bowline ticket', 32)));
    sealingKeys.set(key, made);
  }
  return made;
}

function additionalData({ name }: TicketKey, binding: TicketBinding): Buffer {
  return Buffer.concat([name, digestOf(binding)]);
}

/** Names do not differ by case; JSON keeps `null` and the borders of a list apart from everything else. */
function digestOf({ transport, serverName, alpnProtocols, clientAuth }: TicketBinding): Buffer {
  const text = JSON.stringify([transport, serverName?.toLowerCase() ?? null, alpnProtocols, clientAuth]);
  return createHash('sha256').update(text).digest();
}
