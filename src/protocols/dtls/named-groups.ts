/** Key exchange groups and their numbers (RFC 8422 §5.1.1), in order of preference. */
import type { GroupName } from '../../core/crypto-provider.ts';

export const groupIds: Readonly<Record<GroupName, number>> = {
  x25519: 0x001d,
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  secp521r1: 0x0019,
};

/** The group of a number, or `undefined`. */
export function groupOf(id: number): GroupName | undefined {
  return (Object.keys(groupIds) as GroupName[]).find((name) => groupIds[name] === id);
}
