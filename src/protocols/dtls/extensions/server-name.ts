/**
 * server_name (RFC 6066 §3): which host the client means. The answer is an empty extension.
 *
 * Names are ASCII (A-labels), no address literals and no trailing dot. What does not look so is malformed; the name goes
 * into decisions and messages, so it is checked here once.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

const HOST_NAME = 0;
const SHAPE = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?$/;

export function serverNameExtension(name: string): Extension {
  const body = new ByteWriter()
    .block(2, (list) =>
      list.u8(HOST_NAME).vector(
        2,
        Uint8Array.from(name, (c) => c.charCodeAt(0)),
      ),
    )
    .take();
  return { type: extensionType.serverName, body };
}

/** The name in lower case, or `null`: only names of kinds that do not exist. @throws MalformedMessage */
export function parseServerName(body: Uint8Array): string | null {
  const reader = messageReader(body, 'server_name');
  const names = reader.items(2, (item) => ({ kind: item.u8(), name: item.vector(2, 1) }));
  reader.expectEnd();
  const hosts = names.filter(({ kind }) => kind === HOST_NAME);
  if (names.length === 0 || hosts.length > 1) reader.fail('not exactly one name of a kind');
  const [host] = hosts;
  if (host === undefined) return null;
  const text = String.fromCharCode(...host.name.subarray(0, 256));
  if (!SHAPE.test(text)) reader.fail('a name that is no host name');
  return text.toLowerCase();
}

/** Whether a name can be sent: no address, nothing that is not a host name in ASCII. */
export function isServerName(name: string): boolean {
  return SHAPE.test(name) && !/^[0-9.]+$/.test(name);
}
