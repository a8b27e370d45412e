/** application_layer_protocol_negotiation (RFC 7301): names in order of preference; the answer is exactly one of them. */
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

/** @param protocols each 1 to 255 bytes, as they go over the wire */
export function alpnExtension(protocols: readonly Uint8Array[]): Extension {
  const body = new ByteWriter()
    .block(2, (list) => {
      for (const protocol of protocols) list.vector(1, protocol);
    })
    .take();
  return { type: extensionType.applicationLayerProtocolNegotiation, body };
}

/** @throws MalformedMessage */
export function parseAlpn(body: Uint8Array): Uint8Array[] {
  const reader = messageReader(body, 'ALPN');
  const protocols = reader.items(2, (item) => item.vector(1, 1));
  reader.expectEnd();
  if (protocols.length === 0) reader.fail('an empty list');
  return protocols;
}
