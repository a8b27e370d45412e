/**
 * Putting numbers, bytes and length-prefixed blocks together: the inverse of `ByteReader`.
 *
 * Wire formats put a length in front of contents whose length is known only afterwards. `block` leaves room, runs the
 * function that writes the contents, and patches the length in place; blocks nest. A value that does not fit its field is
 * a mistake of this program, so it is a `RangeError`, never a silent wrap; what the failed call wrote is taken back, so a
 * writer never holds half a block.
 */
import type { LengthBytes } from './byte-reader.ts';
import type { Bytes } from './bytes.ts';
import { MisuseError } from './errors.ts';

export class ByteWriter {
  #buffer: Bytes;
  #length = 0;
  #openBlocks = 0;

  /** @param capacityBytes room to start with, an integer >= 1; it grows as needed */
  constructor(capacityBytes = 128) {
    if (!Number.isInteger(capacityBytes) || capacityBytes < 1)
      throw new RangeError(`capacityBytes must be an integer >= 1, not ${capacityBytes}`);
    this.#buffer = new Uint8Array(capacityBytes);
  }

  /** Bytes written since the last `take()`. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    return this.#number(value, 1);
  }

  u16(value: number): this {
    return this.#number(value, 2);
  }

  u24(value: number): this {
    return this.#number(value, 3);
  }

  u32(value: number): this {
    return this.#number(value, 4);
  }

  u48(value: number): this {
    return this.#number(value, 6);
  }

  u64(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} does not fit 8 bytes`);
    return this.#number(Number(value >> 32n), 4).#number(Number(value & 0xffff_ffffn), 4);
  }

  bytes(data: Uint8Array): this {
    const start = this.#grow(data.length);
    this.#buffer.set(data, start);
    return this;
  }

  /** `count` zero bytes. */
  zeros(count: number): this {
    if (!Number.isInteger(count) || count < 0) throw new RangeError(`a count must be an integer >= 0, not ${count}`);
    const start = this.#grow(count);
    this.#buffer.fill(0, start, start + count);
    return this;
  }

  /** `data` with its length in front. @throws RangeError the length does not fit `lengthBytes` */
  vector(lengthBytes: LengthBytes, data: Uint8Array): this {
    return this.#number(data.length, lengthBytes).bytes(data);
  }

  /**
   * A block with its length in front; `write` writes the contents into this same writer.
   *
   * @throws RangeError the contents are too long for `lengthBytes`; nothing of the block stays, then
   */
  block(lengthBytes: LengthBytes, write: (writer: this) => void): this {
    const start = this.#grow(lengthBytes);
    this.#openBlocks += 1;
    try {
      write(this);
      const contents = this.#length - start - lengthBytes;
      checkFits(contents, lengthBytes);
      this.#patch(start, contents, lengthBytes);
    } catch (error) {
      this.#length = start;
      throw error;
    } finally {
      this.#openBlocks -= 1;
    }
    return this;
  }

  /**
   * What was written, as bytes of their own; the writer is empty afterwards and can be used again.
   *
   * @throws MisuseError a block is being written
   */
  take(): Bytes {
    if (this.#openBlocks > 0) throw new MisuseError('take() inside a block, whose length is not known yet');
    const taken = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #number(value: number, width: number): this {
    checkFits(value, width);
    this.#patch(this.#grow(width), value, width);
    return this;
  }

  #patch(offset: number, value: number, width: number): void {
    let rest = value;
    for (let i = offset + width - 1; i >= offset; i--) {
      this.#buffer[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  /** Makes room for `count` bytes at the end and counts them as written; gives where they start. */
  #grow(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, start));
      this.#buffer = larger;
    }
    this.#length = needed;
    return start;
  }
}

function checkFits(value: number, width: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 256 ** width)
    throw new RangeError(`${value} does not fit ${width} bytes`);
}
