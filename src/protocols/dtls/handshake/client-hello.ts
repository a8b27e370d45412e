/**
 * ClientHello (RFC 5246 §7.4.1.2, RFC 6347 §4.2.1): what the client can do, and the cookie that proves its address.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { readExtensions, writeExtensions } from '../extensions/extension-list.ts';
import type { ExtensionList } from '../extensions/extension-list.ts';
import { messageReader } from '../malformed.ts';

export const RANDOM_BYTES = 32;

export interface ClientHello {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cookie: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly compressionMethods: Uint8Array;
  readonly extensions: ExtensionList;
}

export function encodeClientHello(hello: ClientHello): Bytes {
  const writer = new ByteWriter(256)
    .u16(hello.version)
    .bytes(hello.random)
    .vector(1, hello.sessionId)
    .vector(1, hello.cookie)
    .block(2, (suites) => {
      for (const suite of hello.cipherSuites) suites.u16(suite);
    })
    .vector(1, hello.compressionMethods);
  writeExtensions(writer, hello.extensions);
  return writer.take();
}

/** @throws MalformedMessage */
export function parseClientHello(body: Uint8Array): ClientHello {
  const reader = messageReader(body, 'ClientHello');
  const version = reader.u16();
  const random = reader.bytes(RANDOM_BYTES);
  const sessionId = reader.vector(1, 0, 32);
  const cookie = reader.vector(1);
  const cipherSuites = reader.items(2, (item) => item.u16());
  if (cipherSuites.length === 0) reader.fail('no cipher suites');
  const compressionMethods = reader.vector(1, 1);
  const extensions = readExtensions(reader);
  reader.expectEnd();
  return { version, random, sessionId, cookie, cipherSuites, compressionMethods, extensions };
}
