/** NewSessionTicket (RFC 5077 §3.3): the server's state, sealed, for the client to keep. An empty ticket is none. */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { messageReader } from '../malformed.ts';

export interface NewSessionTicket {
  /** Seconds; 0 where the server does not say. */
  readonly lifetimeHintSeconds: number;
  readonly ticket: Uint8Array;
}

export function encodeNewSessionTicket({ lifetimeHintSeconds, ticket }: NewSessionTicket): Bytes {
  return new ByteWriter(256).u32(lifetimeHintSeconds).vector(2, ticket).take();
}

/** @throws MalformedMessage */
export function parseNewSessionTicket(body: Uint8Array): NewSessionTicket {
  const reader = messageReader(body, 'NewSessionTicket');
  const lifetimeHintSeconds = reader.u32();
  const ticket = reader.vector(2);
  reader.expectEnd();
  return { lifetimeHintSeconds, ticket };
}
