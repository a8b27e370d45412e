/**
 * The name that a client asks for, read from its first message (RFC 8446 §4.1.2, RFC 6066 §3).
 *
 * A server whose identity depends on the name may have to ask somebody for it, and node:tls can wait for that only where
 * a name was sent. So the name is read here, before TLS begins; everything that was read is then fed to the engine, which
 * judges it. This judges nothing: whatever is no well-formed ClientHello has no name, and the engine will say what is wrong.
 */
import { ByteReader } from '../../core/byte-reader.ts';
import type { Bytes } from '../../core/bytes.ts';

/** More than any ClientHello has; OpenSSL takes no more either. */
const MAX_BYTES = 65_536;

const HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const VERSION_BYTES = 2;
const RANDOM_BYTES = 32;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** The first bytes are enough for nearly all of them. */
const USUAL_BYTES = 2048;

export class ClientHelloReader {
  #bytes: Bytes = new Uint8Array(USUAL_BYTES);
  #length = 0;
  /** Where the next record begins. */
  #at = 0;
  readonly #message: Bytes[] = [];
  #messageBytes = 0;

  /** All that was added, to be fed to the engine. */
  get taken(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @returns the name, `null` if there is none, `undefined` if more is needed to tell */
  add(records: Bytes): string | null | undefined {
    this.#append(records);
    while (this.#at + HEADER_BYTES <= this.#length) {
      const start = this.#at + HEADER_BYTES;
      const end = start + (((this.#bytes[start - 2] as number) << 8) | (this.#bytes[start - 1] as number));
      if (this.#bytes[this.#at] !== HANDSHAKE_RECORD || end === start) return null;
      if (end > this.#length) break;
      this.#message.push(this.#bytes.slice(start, end));
      this.#messageBytes += end - start;
      this.#at = end;
      const name = this.#nameInMessage();
      if (name !== undefined) return name;
    }
    return this.#length > MAX_BYTES ? null : undefined;
  }

  #append(records: Bytes): void {
    const needed = this.#length + records.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.taken);
      this.#bytes = larger;
    }
    this.#bytes.set(records, this.#length);
    this.#length = needed;
  }

  #nameInMessage(): string | null | undefined {
    if (this.#messageBytes < MESSAGE_HEADER_BYTES) return undefined;
    const header = this.#messageHeader();
    if (header[0] !== CLIENT_HELLO) return null;
    const length = ((header[1] as number) << 16) | ((header[2] as number) << 8) | (header[3] as number);
    if (length > MAX_BYTES) return null;
    if (this.#messageBytes < MESSAGE_HEADER_BYTES + length) return undefined;
    return nameIn(Buffer.concat(this.#message).subarray(MESSAGE_HEADER_BYTES, MESSAGE_HEADER_BYTES + length));
  }

  /** At least that: it may come in records of one byte each. */
  #messageHeader(): Uint8Array {
    const [first] = this.#message as [Bytes];
    return first.length >= MESSAGE_HEADER_BYTES ? first : Buffer.concat(this.#message.slice(0, MESSAGE_HEADER_BYTES));
  }
}

/**
 * A name as a client may ask for it, in lower case. The client can write anything there, and programs look files up by it; so
 * what no host is called (RFC 6066 §3: the ASCII form of a DNS name) is `null`, as if there were no name.
 */
export function requestedName(text: string): string | null {
  const name = text.toLowerCase();
  return name.length <= MAX_NAME_LENGTH && HOST.test(name) ? name : null;
}

const MAX_NAME_LENGTH = 255;
const HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/;

function nameIn(hello: Uint8Array): string | null {
  try {
    const reader = new ByteReader(hello, 'a ClientHello');
    reader.skip(VERSION_BYTES + RANDOM_BYTES);
    reader.vector(1);
    reader.vector(2);
    reader.vector(1);
    const extensions = reader.vectorReader(2);
    while (extensions.remaining > 0) {
      const type = extensions.u16();
      const body = extensions.vectorReader(2);
      if (type !== SERVER_NAME) continue;
      const names = body.vectorReader(2);
      if (names.u8() !== HOST_NAME) return null;
      return requestedName(Buffer.from(names.vector(2)).toString('latin1'));
    }
    return null;
  } catch {
    // Malformed: the engine will say so, with an alert.
    return null;
  }
}
