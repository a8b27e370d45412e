/**
 * Cutting single messages out of bytes as they arrive, for protocols whose messages are headers and handshakes: short,
 * bounded, and followed by bytes that belong to somebody else.
 *
 * A format says two things about bytes: how long the message that they begin with is at least (`measure`), and what a whole
 * message means (`parse`). The decoder does the rest, the same for every format. `measure` fails on the first byte that
 * cannot be right, so a peer that speaks another protocol is found out at once and not when a length field that is none has
 * been waited for; and it is where limits are, so an endless message ends in an error.
 *
 * `wantedBytes` is never more than what is missing. Whoever receives no more than that at a time takes no byte that belongs
 * to what follows the message, so a tunnel or a TLS handshake behind it needs no buffer in between.
 *
 * The methods are those of every decoder of bowline (bowline/framing).
 */
import type { Bytes } from './bytes.ts';
import { IncompleteRead } from './errors.ts';

export interface MessageFormat<out R> {
  /** For errors, with its article: `a SOCKS reply`. */
  readonly name: string;

  /**
   * The least length that a message beginning with `bytes` can have. Where that is no more than there is, it is the length.
   *
   * @param seenBytes how many of the bytes an earlier call has seen, so that a search can go on where it was
   * @throws ProtocolError no message begins so, or it is longer than allowed
   */
  measure(bytes: Uint8Array, seenBytes: number): number;

  /** Reads one message of exactly the measured length. The bytes may be kept. @throws ProtocolError */
  parse(message: Bytes): R;
}

export class MessageDecoder<R> {
  readonly #format: MessageFormat<R>;
  #store: Bytes = new Uint8Array(0);
  #size = 0;
  #seen = 0;
  /** Length of the message, as far as that is known. */
  #length: number;
  #failure: { readonly error: unknown } | undefined;

  constructor(format: MessageFormat<R>) {
    this.#format = format;
    this.#length = format.measure(this.#store, 0);
  }

  /** How many more bytes the message has at least; 0 if `next` will give one, or fail. */
  get wantedBytes(): number {
    return Math.max(0, this.#length - this.#size);
  }

  /** Takes bytes, which are copied. */
  push(chunk: Uint8Array): void {
    const size = this.#size + chunk.length;
    if (size > this.#store.length) {
      const grown = new Uint8Array(Math.max(size, this.#store.length * 2));
      grown.set(this.#store.subarray(0, this.#size));
      this.#store = grown;
    }
    this.#store.set(chunk, this.#size);
    this.#size = size;
    this.#measure();
  }

  /** The next message, or `undefined` if it is not whole yet. @throws ProtocolError, again at every later call */
  next(): R | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.wantedBytes > 0) return undefined;
    const message = this.#store.slice(0, this.#length);
    this.#store = this.#store.slice(this.#length, this.#size);
    this.#size = this.#store.length;
    this.#seen = 0;
    try {
      return this.#format.parse(message);
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      this.#measure();
    }
  }

  /** Says that no more bytes will come. @throws IncompleteRead they ended inside a message */
  end(): void {
    if (this.#size === 0) return;
    const partial = this.#store.slice(0, this.#size);
    throw new IncompleteRead(`the end came after ${this.#size} bytes of ${this.#format.name}`, partial);
  }

  /** What was pushed and is not part of a message that was given. The decoder is empty afterwards. */
  takeRest(): Bytes {
    const rest = this.#store.slice(0, this.#size);
    this.#size = 0;
    this.#seen = 0;
    this.#measure();
    return rest;
  }

  #measure(): void {
    if (this.#failure !== undefined) return;
    try {
      this.#length = this.#format.measure(this.#store.subarray(0, this.#size), this.#seen);
      this.#seen = this.#size;
    } catch (error) {
      this.#failure = { error };
      this.#length = 0;
    }
  }
}
