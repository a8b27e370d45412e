/**
 * User name and password inside SOCKS5, once that method was chosen (RFC 1929). It has a version number of its own, 1.
 *
 *     client  | VER | ULEN |  UNAME   | PLEN |  PASSWD  |        server  | VER | STATUS |
 *             |  1  |  1   | 1 to 255 |  1   | 1 to 255 |                |  1  |   1    |
 *
 * Both are bytes to the RFC and UTF-8 here. They are never part of an error.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { checkVersion } from './version.ts';

export interface SocksCredentials {
  /** 1 to 255 bytes of UTF-8. */
  readonly username: string;
  /** 1 to 255 bytes of UTF-8. */
  readonly password: string;
}

const RULE = 'RFC 1929 §2';

/** @throws TypeError, RangeError a part is no text, or does not fit; the message does not show it */
export function encodePasswordRequest({ username, password }: SocksCredentials): Bytes {
  return new ByteWriter(64)
    .u8(1)
    .vector(1, partBytes('username', username))
    .vector(1, partBytes('password', password))
    .take();
}

export const passwordRequest: MessageFormat<SocksCredentials> = {
  name: 'a SOCKS password request',
  measure(bytes) {
    checkVersion(bytes, 1, RULE);
    const usernameEnd = 2 + (bytes[1] ?? 1);
    return usernameEnd + 1 + (bytes[usernameEnd] ?? 1);
  },
  parse(message) {
    const reader = new ByteReader(message, RULE);
    reader.skip(1);
    const username = textOf(reader, 'user name');
    const password = textOf(reader, 'password');
    reader.expectEnd();
    return { username, password };
  },
};

export function encodePasswordStatus(isAccepted: boolean): Bytes {
  return new ByteWriter(2)
    .u8(1)
    .u8(isAccepted ? 0 : 1)
    .take();
}

/** Whether the server accepted the password: status 0, and no other. */
export const passwordStatus: MessageFormat<boolean> = {
  name: 'a SOCKS password status',
  measure(bytes) {
    checkVersion(bytes, 1, RULE);
    return 2;
  },
  parse: (message) => message[1] === 0,
};

function partBytes(name: string, text: string): Uint8Array {
  if (typeof text !== 'string') throw new TypeError(`the ${name} for a SOCKS proxy is a string`);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < 1 || bytes.length > 255)
    throw new RangeError(`the ${name} for a SOCKS proxy has 1 to 255 bytes, not ${bytes.length}`);
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(reader: ByteReader, name: string): string {
  const bytes = reader.vector(1, 1);
  try {
    return utf8.decode(bytes);
  } catch {
    return reader.fail(`a ${name} that is not UTF-8`);
  }
}
