/**
 * connection_id (RFC 9146 §3): what the peer is to put into the header of each protected record that it sends here.
 *
 * The two directions are independent. An empty ID says "I can send with one, and want none myself".
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

export function connectionIdExtension(connectionId: Uint8Array): Extension {
  return { type: extensionType.connectionId, body: new ByteWriter().vector(1, connectionId).take() };
}

/** @throws MalformedMessage */
export function parseConnectionId(body: Uint8Array): Uint8Array {
  const reader = messageReader(body, 'connection_id');
  const connectionId = reader.vector(1);
  reader.expectEnd();
  return connectionId;
}
