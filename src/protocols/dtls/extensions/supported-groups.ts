/** supported_groups (RFC 8422 §5.1.1): key exchange groups in order of preference; unknown ones are passed over. */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { GroupName } from '../../../core/crypto-provider.ts';
import { messageReader } from '../malformed.ts';
import { groupIds, groupOf } from '../named-groups.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

export function supportedGroupsExtension(groups: readonly GroupName[]): Extension {
  const body = new ByteWriter()
    .block(2, (list) => {
      for (const group of groups) list.u16(groupIds[group]);
    })
    .take();
  return { type: extensionType.supportedGroups, body };
}

/** @throws MalformedMessage */
export function parseSupportedGroups(body: Uint8Array): GroupName[] {
  const reader = messageReader(body, 'supported_groups');
  const ids = reader.items(2, (item) => item.u16());
  reader.expectEnd();
  if (ids.length === 0) reader.fail('an empty list');
  return ids.map(groupOf).filter((group) => group !== undefined);
}
