/** ServerHelloDone (RFC 5246 §7.4.5): nothing, and that is checked. */
import { messageReader } from '../malformed.ts';

/** @throws MalformedMessage there is something in it */
export function parseServerHelloDone(body: Uint8Array): void {
  messageReader(body, 'ServerHelloDone').expectEnd();
}
