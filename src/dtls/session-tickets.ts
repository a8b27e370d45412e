/**
 * Sealing tickets with the context's ticket keys, which rotate and may be shared by a fleet (RFC 5077 §4).
 *
 *     name of the key 16 | nonce 12 | AES-256-GCM of the state | tag 16
 *
 * The key that seals is derived for this use, so that a ticket of TLS that was sealed with the same secret never opens
 * here. A ticket is as old as its key at most, which the keys' rotation bounds to a day.
 */
import type { Bytes } from '../core/bytes.ts';
import { nodeCrypto, secretKeyHandle } from '../platform/crypto.ts';
import type { SessionTickets } from '../protocols/dtls/session.ts';
import type { TicketKey, TicketKeys } from '../trust/ticket-keys.ts';

const NAME_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LABEL = new TextEncoder().encode('bowline dtls 1.2 ticket');
/** What clients are told; a key may be near its end, so less than the most that it can be. */
const LIFETIME_SECONDS = 12 * 60 * 60;

export function sessionTickets(keys: TicketKeys): SessionTickets {
  return {
    lifetimeSeconds: LIFETIME_SECONDS,
    seal(state: Uint8Array): Bytes {
      const { sealing } = keys.usable(Date.now());
      // A server that got no news of its fleet's keys makes no tickets: an empty one is none (RFC 5077 §3.3).
      if (sealing === undefined) return new Uint8Array(0);
      const ticket = new Uint8Array(NAME_BYTES + NONCE_BYTES + state.length + TAG_BYTES);
      const nonce = nodeCrypto.randomBytes(NONCE_BYTES);
      ticket.set(sealing.name);
      ticket.set(nonce, NAME_BYTES);
      aeadOf(sealing).seal(nonce, sealing.name, state, ticket, NAME_BYTES + NONCE_BYTES);
      return ticket;
    },
    open(ticket: Uint8Array): Bytes | null {
      if (ticket.length < NAME_BYTES + NONCE_BYTES + TAG_BYTES) return null;
      const name = ticket.subarray(0, NAME_BYTES);
      const key = keys.usable(Date.now()).opening.find((candidate) => nodeCrypto.equal(candidate.name, name));
      if (key === undefined) return null;
      const nonce = ticket.subarray(NAME_BYTES, NAME_BYTES + NONCE_BYTES);
      return aeadOf(key).open(nonce, name, ticket.subarray(NAME_BYTES + NONCE_BYTES));
    },
  };
}

function aeadOf({ secret }: TicketKey): ReturnType<typeof nodeCrypto.aead> {
  const derived = nodeCrypto.hmac('sha256', secretKeyHandle(secret), [LABEL]);
  return nodeCrypto.aead('aes-256-gcm', nodeCrypto.secretKey(derived));
}
