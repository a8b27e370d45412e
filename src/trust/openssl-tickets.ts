/**
 * Ticket keys for OpenSSL, which seals and opens the tickets of TLS by itself (AES-128-CBC with HMAC, RFC 5077 §4).
 *
 * Node's public way is `setTicketKeys`: one key, and the moment that it is replaced every ticket that is out there is void. Overlapping
 * keys need OpenSSL's callback, which Node has a binding for and no documentation (`enableTicketKeyCallback` of its
 * SecureContext; the same on Node 20 to 26). It is used where it is there. Where it is not, the newest key is set before each
 * connection, and a rotation costs the clients one full handshake.
 *
 * When a ticket is opened the name that the client asked for is not known yet. What has to agree is the server's certificate, which is the
 * rule of RFC 8446 §4.6.1: a session may go on under every name that its certificate is for. That, the protocols on offer and
 * the policy for clients are mixed into the key: under other circumstances a ticket has the name of no key.
 */
import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Server } from 'node:tls';

import type { TicketKey, TicketKeys } from './ticket-keys.ts';

/** Under which circumstances a session may come back: exactly the same. */
export interface TicketBinding {
  /** The server's own certificate, DER. */
  readonly certificate: Uint8Array | undefined;
  /** All that the server offers. */
  readonly alpnProtocols: readonly string[];
  readonly clientAuth: 'none' | 'request' | 'require';
}

/** For how long a client may keep a ticket: as long as a key opens after it has sealed for the last time. */
export const TICKET_LIFETIME_SECONDS = 12 * 60 * 60;

/** Lets a server of node:tls seal and open tickets with these keys, from its next connection on. */
export function useTicketKeys(server: Server, keys: TicketKeys, binding: TicketBinding): void {
  const derived = new WeakMap<TicketKey, OpensslKey>();
  const info = Buffer.concat([Buffer.from('bowline openssl ticket'), digestOf(binding)]);
  const opensslKeyOf = (key: TicketKey): OpensslKey => {
    let made = derived.get(key);
    if (made === undefined) {
      const bytes = Buffer.from(hkdfSync('sha256', key.secret, key.name, info, 3 * PART_BYTES));
      derived.set(key, (made = keyFrom(bytes)));
    }
    return made;
  };
  const context = callbackContextOf(server);
  if (context === undefined) setNewestKey(server, keys, opensslKeyOf);
  else setCallback(context, keys, opensslKeyOf);
}

const PART_BYTES = 16;

interface OpensslKey {
  /** All of it, in the order of `setTicketKeys`. */
  readonly bytes: Buffer;
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
}

function keyFrom(bytes: Buffer): OpensslKey {
  const part = (i: number): Buffer => bytes.subarray(i * PART_BYTES, (i + 1) * PART_BYTES);
  return { bytes, name: part(0), hmac: part(1), aes: part(2) };
}

/** OpenSSL's answer: 0 unknown, 1 good, 2 good, and give the client a new one. */
type TicketAnswer = readonly [0 | 1 | 2, hmac: Buffer, aes: Buffer, name?: Buffer, iv?: Buffer];

/** Node's object around an SSL_CTX, as far as it is used here. */
interface CallbackContext {
  enableTicketKeyCallback(): void;
  onticketkeycallback: (name: Buffer, iv: Buffer, isSealing: boolean) => TicketAnswer;
}

function callbackContextOf(server: Server): CallbackContext | undefined {
  const { _sharedCreds: shared } = server as unknown as { _sharedCreds?: { context?: Partial<CallbackContext> } };
  const context = shared?.context;
  return typeof context?.enableTicketKeyCallback === 'function' ? (context as CallbackContext) : undefined;
}

function setCallback(context: CallbackContext, keys: TicketKeys, opensslKeyOf: (key: TicketKey) => OpensslKey): void {
  context.onticketkeycallback = (name, _iv, isSealing) => {
    const { sealing, opening } = keys.usable(Date.now());
    if (isSealing) {
      // Without a key to seal with there should be no ticket, but OpenSSL 3.0 would then send an empty one, which is an error in
      // TLS 1.3. So it is one that nobody can open.
      const { hmac, aes, name: own } = sealing === undefined ? nobodysKey() : opensslKeyOf(sealing);
      return [1, hmac, aes, own, randomBytes(PART_BYTES)];
    }
    const key = opening.find((one) => opensslKeyOf(one).name.equals(name));
    if (key === undefined) return [0, NOTHING, NOTHING];
    const { hmac, aes } = opensslKeyOf(key);
    return [key === sealing ? 1 : 2, hmac, aes];
  };
  context.enableTicketKeyCallback();
}

const NOTHING = Buffer.alloc(PART_BYTES);

function nobodysKey(): OpensslKey {
  return keyFrom(randomBytes(3 * PART_BYTES));
}

function setNewestKey(server: Server, keys: TicketKeys, opensslKeyOf: (key: TicketKey) => OpensslKey): void {
  let current: Buffer | undefined;
  const refresh = (): void => {
    const { sealing } = keys.usable(Date.now());
    const next = sealing === undefined ? nobodysKey().bytes : opensslKeyOf(sealing).bytes;
    if (current?.equals(next) === true) return;
    server.setTicketKeys(next);
    current = next;
  };
  refresh();
  server.prependListener('connection', refresh);
}

/** JSON keeps `null` and the borders of a list apart from everything else. */
function digestOf({ certificate, alpnProtocols, clientAuth }: TicketBinding): Buffer {
  const fingerprint = certificate === undefined ? null : createHash('sha256').update(certificate).digest('hex');
  return createHash('sha256')
    .update(JSON.stringify([fingerprint, alpnProtocols, clientAuth]))
    .digest();
}
