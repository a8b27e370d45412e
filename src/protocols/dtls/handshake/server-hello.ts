/** ServerHello (RFC 5246 §7.4.1.3): what the server chose out of the client's hello. */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { readExtensions, writeExtensions } from '../extensions/extension-list.ts';
import type { ExtensionList } from '../extensions/extension-list.ts';
import { messageReader } from '../malformed.ts';
import { RANDOM_BYTES } from './client-hello.ts';

export interface ServerHello {
  readonly version: number;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  readonly compressionMethod: number;
  readonly extensions: ExtensionList;
}

export function encodeServerHello(hello: ServerHello): Bytes {
  const writer = new ByteWriter(128)
    .u16(hello.version)
    .bytes(hello.random)
    .vector(1, hello.sessionId)
    .u16(hello.cipherSuite)
    .u8(hello.compressionMethod);
  writeExtensions(writer, hello.extensions);
  return writer.take();
}

/** @throws MalformedMessage */
export function parseServerHello(body: Uint8Array): ServerHello {
  const reader = messageReader(body, 'ServerHello');
  const hello = {
    version: reader.u16(),
    random: reader.bytes(RANDOM_BYTES),
    sessionId: reader.vector(1, 0, 32),
    cipherSuite: reader.u16(),
    compressionMethod: reader.u8(),
    extensions: readExtensions(reader),
  };
  reader.expectEnd();
  return hello;
}
