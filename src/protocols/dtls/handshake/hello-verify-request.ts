/**
 * HelloVerifyRequest (RFC 6347 §4.2.1): a server asks the client to say its hello again with a cookie.
 *
 * The version in it means nothing: servers send 1.0 or 1.2 whatever they speak, so it is not looked at.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import type { Bytes } from '../../../core/bytes.ts';
import { messageReader } from '../malformed.ts';
import { DTLS_1_0 } from '../record/header.ts';

export interface HelloVerifyRequest {
  readonly cookie: Uint8Array;
}

export function encodeHelloVerifyRequest({ cookie }: HelloVerifyRequest): Bytes {
  return new ByteWriter(64).u16(DTLS_1_0).vector(1, cookie).take();
}

/** @throws MalformedMessage */
export function parseHelloVerifyRequest(body: Uint8Array): HelloVerifyRequest {
  const reader = messageReader(body, 'HelloVerifyRequest');
  reader.skip(2);
  const cookie = reader.vector(1);
  reader.expectEnd();
  return { cookie };
}
