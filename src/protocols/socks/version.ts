/** The first byte of every SOCKS message: it tells a peer that speaks something else before anything is waited for. */
import { ProtocolError } from '../../core/errors.ts';

/** @throws ProtocolError there is a first byte, and it is another one */
export function checkVersion(bytes: Uint8Array, expected: number, rule: string): void {
  const [version] = bytes;
  if (version === undefined || version === expected) return;
  throw new ProtocolError(`the peer does not speak this protocol: version ${version}, expected ${expected}`, rule);
}
