/**
 * Cutting what arrives at record boundaries, so that nothing behind a close_notify is ever fed to the TLS engine.
 *
 * `unwrap()` has to return exactly the bytes that follow the end of TLS (RFC 8446 §6.1: the transport may go on in clear).
 * The engine cannot give back what it was fed, and it does not say which record was the close_notify. So a record that may
 * be an alert is fed alone, after everything before it and before anything behind it: whoever feeds can look whether that
 * was the end. In TLS 1.3 an alert looks like data from outside; but it is short: 2 bytes, a content type and a tag. All
 * other records go together, and a long one goes in pieces as they come: no record is ever put together here, which would
 * copy every byte once more.
 *
 * An alert that somebody padded to more than ALONE_BYTES (RFC 8446 §5.4) is the one thing that this cannot see; its end of
 * file is told all the same, and only what follows it in the same batch is lost to `unwrap()`.
 *
 * Headers are not judged here. What is no TLS at all is handed on, for the engine to answer with the right alert.
 */
import type { Bytes } from '../../core/bytes.ts';

const HEADER_BYTES = 5;

/** A record of up to so many bytes after its header is fed alone. */
const ALONE_BYTES = 256;

const APPLICATION_DATA = 23;

const NOTHING = new Uint8Array(0);

export class RecordFeeder {
  /** On TLS 1.2 an alert says that it is one, so short records of data can be told from it and go together. */
  alertsAreVisible = false;
  #chunk: Bytes = NOTHING;
  #at = 0;
  /** The beginning of a record of which not even the kind of feeding is known, or that must be fed whole. */
  #held: Bytes = NOTHING;
  /** So many bytes are still to come of a record whose beginning was given out. */
  #missing = 0;

  /** Adds what the transport gave; `next()` must have returned `undefined` before. */
  add(chunk: Bytes): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next bytes to feed, at once and together; `undefined`: more has to be added first. */
  next(): Bytes | undefined {
    if (this.#held.length > 0) return this.#completeHeld();
    const chunk = this.#chunk;
    const start = this.#at;
    let at = start;
    for (;;) {
      const available = chunk.length - at;
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, available);
        this.#missing -= taken;
        at += taken;
        if (this.#missing > 0) break;
        continue;
      }
      if (available < HEADER_BYTES) {
        this.#hold(at);
        break;
      }
      const length = lengthAt(chunk, at);
      if (!this.#isFedAlone(chunk[at] as number, length)) {
        this.#missing = HEADER_BYTES + length;
        continue;
      }
      if (at > start) break;
      if (available < HEADER_BYTES + length) {
        this.#hold(at);
        break;
      }
      at += HEADER_BYTES + length;
      break;
    }
    this.#at = this.#held.length > 0 ? chunk.length : at;
    if (at === start) return undefined;
    return start === 0 && at === chunk.length ? chunk : chunk.subarray(start, at);
  }

  /** Everything that was added and not given out. */
  rest(): Bytes {
    const tail = this.#chunk.subarray(this.#at);
    if (this.#held.length === 0) return new Uint8Array(tail);
    return concat(this.#held, tail);
  }

  #isFedAlone(type: number, length: number): boolean {
    return length <= ALONE_BYTES && !(this.alertsAreVisible && type === APPLICATION_DATA);
  }

  /** Keeps the end of the chunk, of which nothing can be said yet; a few bytes, so the chunk's memory is let go. */
  #hold(at: number): void {
    this.#held = this.#chunk.slice(at);
  }

  #completeHeld(): Bytes | undefined {
    if (!this.#fillHeld(HEADER_BYTES)) return undefined;
    const held = this.#held;
    const length = lengthAt(held, 0);
    if (!this.#isFedAlone(held[0] as number, length)) {
      this.#missing = length - (held.length - HEADER_BYTES);
    } else if (!this.#fillHeld(HEADER_BYTES + length)) {
      return undefined;
    }
    const whole = this.#held;
    this.#held = NOTHING;
    return whole;
  }

  /** Takes from the chunk until so much is held. */
  #fillHeld(wanted: number): boolean {
    const missing = wanted - this.#held.length;
    if (missing <= 0) return true;
    const end = Math.min(this.#chunk.length, this.#at + missing);
    this.#held = concat(this.#held, this.#chunk.subarray(this.#at, end));
    this.#at = end;
    return this.#held.length >= wanted;
  }
}

function lengthAt(bytes: Bytes, at: number): number {
  return ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
}

function concat(a: Bytes, b: Bytes): Bytes {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
