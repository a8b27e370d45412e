/**
 * How SOCKS5 begins: the client lists the authentication methods that it can do, the server picks one (RFC 1928 §3).
 *
 *     client  | VER | NMETHODS | METHODS  |        server  | VER | METHOD |
 *             |  1  |    1     | 1 to 255 |                |  1  |   1    |
 *
 * The list must not be empty: a client that can do nothing has nothing to wait for.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import type { Bytes } from '../../core/bytes.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import { checkVersion } from './version.ts';

/** Methods that bowline knows, and the answer that none is acceptable. */
export const socksMethods = { none: 0x00, password: 0x02, noAcceptable: 0xff } as const;

const RULE = 'RFC 1928 §3';

/** @param methods 1 to 255 of them, each 0 to 254 */
export function encodeMethodOffer(methods: readonly number[]): Bytes {
  if (methods.length === 0) throw new RangeError('at least one method is offered');
  return new ByteWriter(16).u8(5).vector(1, checkedMethods(methods)).take();
}

/** The methods that a client offers. */
export const methodOffer: MessageFormat<readonly number[]> = {
  name: 'a SOCKS method offer',
  measure(bytes) {
    checkVersion(bytes, 5, RULE);
    return 2 + (bytes[1] ?? 1);
  },
  parse(message) {
    const reader = new ByteReader(message, RULE);
    reader.skip(1);
    return [...reader.vector(1, 1)];
  },
};

/** @param method one that was offered, or `socksMethods.noAcceptable` */
export function encodeMethodChoice(method: number): Bytes {
  return new ByteWriter(2).u8(5).u8(method).take();
}

/** The method that the server chose. */
export const methodChoice: MessageFormat<number> = {
  name: 'a SOCKS method choice',
  measure(bytes) {
    checkVersion(bytes, 5, RULE);
    return 2;
  },
  parse: (message) => message[1] as number,
};

function checkedMethods(methods: readonly number[]): Uint8Array {
  for (const method of methods) {
    if (!Number.isInteger(method) || method < 0 || method >= socksMethods.noAcceptable)
      throw new RangeError(`a method is 0 to 254, not ${method}`);
  }
  return Uint8Array.from(methods);
}
