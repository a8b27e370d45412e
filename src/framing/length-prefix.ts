/**
 * How a length is written in front of a frame: as a number of fixed width, or in one of the two variable forms in wide use.
 *
 *     varint   LEB128: seven bits a byte, lowest first, the top bit says that more follow (Protocol Buffers, WebAssembly)
 *     quic     the top two bits of the first byte say 1, 2, 4 or 8 bytes; big-endian (RFC 9000 §16)
 *
 * Both read longer forms than were needed, as their specifications allow; a varint of more than 10 bytes is an error. Lengths
 * are numbers, and inexact from 2^53 on, which no limit reaches.
 */
import { FramingError } from '../core/errors.ts';
import type { ReadBuffer } from './read-buffer.ts';

export type LengthFormat =
  'u8' | 'u16be' | 'u16le' | 'u24be' | 'u24le' | 'u32be' | 'u32le' | 'u64be' | 'u64le' | 'varint' | 'quic';

export interface LengthPrefix {
  /** Largest length that can be written. */
  readonly largest: number;
  /** Bytes of the prefix at the start of the buffer; 0 if it is not complete. */
  size(buffer: ReadBuffer): number;
  /** The length in it, which is complete. */
  read(buffer: ReadBuffer, size: number): number;
  /** Bytes of the prefix for a length. */
  sizeFor(length: number): number;
  write(length: number): Uint8Array;
}

const MAX_VARINT_BYTES = 10;

/** @throws TypeError there is no such format */
export function lengthPrefix(format: LengthFormat): LengthPrefix {
  if (format === 'varint') return varint;
  if (format === 'quic') return quic;
  const match = /^u(8|16|24|32|64)(be|le)?$/.exec(format);
  if (match === null || (match[1] === '8') !== (match[2] === undefined)) {
    throw new TypeError(`no such length format: ${String(format)} (u8, u16be … u64le, varint, quic)`);
  }
  return fixedWidth(Number(match[1]) / 8, match[2] === 'le');
}

function fixedWidth(width: number, isLittleEndian: boolean): LengthPrefix {
  return {
    largest: Math.min(256 ** width - 1, Number.MAX_SAFE_INTEGER),
    size: (buffer) => (buffer.size < width ? 0 : width),
    read(buffer) {
      const { store, start } = buffer;
      let value = 0;
      for (let i = 0; i < width; i++) {
        value = value * 256 + (store[isLittleEndian ? start + width - 1 - i : start + i] as number);
      }
      return value;
    },
    sizeFor: () => width,
    write(length) {
      const bytes = writeBigEndian(length, width);
      return isLittleEndian ? bytes.reverse() : bytes;
    },
  };
}

const varint: LengthPrefix = {
  largest: Number.MAX_SAFE_INTEGER,
  size(buffer) {
    const length = Math.min(buffer.size, MAX_VARINT_BYTES);
    for (let i = 0; i < length; i++) if (buffer.at(i) < 0x80) return i + 1;
    if (length === MAX_VARINT_BYTES) throw new FramingError(`a varint of more than ${MAX_VARINT_BYTES} bytes`);
    return 0;
  },
  read(buffer, size) {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 128 + (buffer.at(i) & 0x7f);
    return value;
  },
  sizeFor(length) {
    let size = 1;
    for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) size++;
    return size;
  },
  write(length) {
    const bytes = new Uint8Array(this.sizeFor(length));
    let rest = length;
    for (let i = 0; i < bytes.length; i++, rest = Math.floor(rest / 128)) {
      bytes[i] = (rest % 128) + (i < bytes.length - 1 ? 0x80 : 0);
    }
    return bytes;
  },
};

const quic: LengthPrefix = {
  largest: Number.MAX_SAFE_INTEGER,
  size(buffer) {
    if (buffer.size === 0) return 0;
    const size = 1 << (buffer.at(0) >> 6);
    return buffer.size < size ? 0 : size;
  },
  read(buffer, size) {
    let value = buffer.at(0) & 0x3f;
    for (let i = 1; i < size; i++) value = value * 256 + buffer.at(i);
    return value;
  },
  sizeFor: (length) => (length < 2 ** 6 ? 1 : length < 2 ** 14 ? 2 : length < 2 ** 30 ? 4 : 8),
  write(length) {
    const bytes = writeBigEndian(length, this.sizeFor(length));
    bytes[0] = (bytes[0] as number) | (Math.log2(bytes.length) << 6);
    return bytes;
  },
};

function writeBigEndian(value: number, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  let rest = value;
  for (let i = width - 1; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}
