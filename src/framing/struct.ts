/**
 * Records of fixed layout, in the notation of Python's `struct`.
 *
 *     character   bytes   value                     character   bytes   value
 *     b B         1       number                    q Q         8       bigint
 *     h H         2       number                    f d         4, 8    number
 *     i I l L     4       number                    ?           1       boolean
 *     x           1       none: padding             s           1       with its count one value: bytes of that length
 *
 * A number in front repeats the character (`3H` is `HHH`), but for `s`, where it is the length. The format begins with its byte order:
 * `<` little-endian, `>` or `!` big-endian. Python's native order and alignment are left out, because bytes on a wire have none; so are
 * `n N P`, which are the machine's, `p`, which nobody's protocol uses, and `e`, for want of 16-bit floats on Node 20. Packing is strict
 * as in Python: a value out of range is an error, and does not wrap. Other than there, text for `s` is not padded.
 *
 * Source: Python library reference, `struct`; Pants' `Struct` delimiter.
 */
import type { Codec } from './codec.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { scanningCodec } from './scanner.ts';
import type { StructFields, StructValue } from './struct-types.ts';

/** Largest record. A format is the program's own text, so this is about mistakes. */
const MAX_STRUCT_BYTES = 65_536;

/** How one value lies in the record. */
interface Field {
  readonly offset: number;
  read(view: DataView, offset: number): StructValue;
  write(view: DataView, offset: number, value: unknown): void;
}

/**
 * Records of fixed layout.
 *
 * @param format in the notation above, such as `'>HI16s'`; at most 65,536 bytes, at least 1
 * @returns a codec of tuples, which the compiler reads off the format: `struct('>HI')` has `[number, number]`
 * @throws TypeError, RangeError the format is wrong
 */
export function struct<const Format extends string>(
  format: Format,
): Codec<Readonly<StructFields<Format>>, StructFields<Format>> {
  const { fields, size } = parseFormat(format);
  return scanningCodec<readonly StructValue[], StructValue[]>(
    (values) => pack(fields, size, values),
    () => ({ scan: (buffer) => (buffer.size < size ? undefined : unpack(fields, size, buffer)) }),
  ) as unknown as Codec<Readonly<StructFields<Format>>, StructFields<Format>>;
}

function parseFormat(format: string): { readonly fields: readonly Field[]; readonly size: number } {
  if (typeof format !== 'string') throw new TypeError('a struct format is a string');
  const order = format[0];
  if (order !== '<' && order !== '>' && order !== '!') {
    throw new TypeError(`a struct format begins with its byte order, '<' or '>': ${JSON.stringify(format)}`);
  }
  if (!/^(?: |\d*[bBhHiIlLqQfd?sx])*$/.test(format.slice(1))) {
    throw new TypeError(`no such struct format: ${JSON.stringify(format)}`);
  }
  const fields: Field[] = [];
  let size = 0;
  for (const [, digits = '', character = ''] of format.slice(1).matchAll(/(\d*)([a-zA-Z?])/g)) {
    const count = digits === '' ? 1 : Number(digits);
    const width = character === 's' || character === 'x' ? 1 : (numbers[character] as NumberFormat).width;
    if (size + count * width > MAX_STRUCT_BYTES)
      throw new RangeError(`a struct of more than ${MAX_STRUCT_BYTES} bytes`);
    if (character === 's') fields.push(bytesField(size, count));
    else if (character !== 'x') {
      for (let i = 0; i < count; i++) fields.push(numberField(character, size + i * width, order === '<'));
    }
    size += count * width;
  }
  if (size === 0) throw new RangeError('a struct of no bytes');
  return { fields, size };
}

function unpack(fields: readonly Field[], size: number, buffer: ReadBuffer): StructValue[] {
  const { store, start } = buffer;
  const view = new DataView(store.buffer, store.byteOffset, store.length);
  const values: StructValue[] = [];
  for (const field of fields) values.push(field.read(view, start + field.offset));
  buffer.drop(size);
  return values;
}

function pack(fields: readonly Field[], size: number, values: readonly unknown[]): Uint8Array {
  if (!Array.isArray(values)) throw new TypeError('the values of a struct are an array');
  if (values.length !== fields.length) {
    throw new RangeError(`${values.length} values for a struct of ${fields.length}`);
  }
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  fields.forEach((field, index) => field.write(view, field.offset, values[index]));
  return bytes;
}

function bytesField(offset: number, length: number): Field {
  return {
    offset,
    read: (view, at) => new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + at, length).slice(),
    write(view, at, value) {
      if (!(value instanceof Uint8Array)) throw new TypeError(`'${length}s' takes bytes`);
      if (value.length !== length) throw new RangeError(`'${length}s' takes ${length} bytes, not ${value.length}`);
      new Uint8Array(view.buffer, view.byteOffset).set(value, at);
    },
  };
}

function numberField(character: string, offset: number, isLittleEndian: boolean): Field {
  const { check, read, write } = numbers[character] as NumberFormat;
  return {
    offset,
    read: (view, at) => read(view, at, isLittleEndian),
    write(view, at, value) {
      if (!check(value)) throw new RangeError(`${String(value)} does not fit '${character}'`);
      write(view, at, value as never, isLittleEndian);
    },
  };
}

interface NumberFormat {
  readonly width: number;
  readonly check: (value: unknown) => boolean;
  readonly read: (view: DataView, offset: number, isLittleEndian: boolean) => number | bigint | boolean;
  readonly write: (view: DataView, offset: number, value: never, isLittleEndian: boolean) => void;
}

const int32: NumberFormat = {
  width: 4,
  check: isInteger(-(2 ** 31), 2 ** 31 - 1),
  read: (view, at, little) => view.getInt32(at, little),
  write: (view, at, value, little) => view.setInt32(at, value, little),
};
const uint32: NumberFormat = {
  width: 4,
  check: isInteger(0, 2 ** 32 - 1),
  read: (view, at, little) => view.getUint32(at, little),
  write: (view, at, value, little) => view.setUint32(at, value, little),
};

const numbers: Readonly<Record<string, NumberFormat>> = {
  b: {
    width: 1,
    check: isInteger(-128, 127),
    read: (view, at) => view.getInt8(at),
    write: (view, at, value) => view.setInt8(at, value),
  },
  B: {
    width: 1,
    check: isInteger(0, 255),
    read: (view, at) => view.getUint8(at),
    write: (view, at, value) => view.setUint8(at, value),
  },
  '?': {
    width: 1,
    check: (value) => typeof value === 'boolean',
    read: (view, at) => view.getUint8(at) !== 0,
    write: (view, at, value) => view.setUint8(at, Number(value)),
  },
  h: {
    width: 2,
    check: isInteger(-32_768, 32_767),
    read: (view, at, little) => view.getInt16(at, little),
    write: (view, at, value, little) => view.setInt16(at, value, little),
  },
  H: {
    width: 2,
    check: isInteger(0, 65_535),
    read: (view, at, little) => view.getUint16(at, little),
    write: (view, at, value, little) => view.setUint16(at, value, little),
  },
  i: int32,
  I: uint32,
  l: int32,
  L: uint32,
  q: {
    width: 8,
    check: isBigInt(-(2n ** 63n), 2n ** 63n - 1n),
    read: (view, at, little) => view.getBigInt64(at, little),
    write: (view, at, value, little) => view.setBigInt64(at, value, little),
  },
  Q: {
    width: 8,
    check: isBigInt(0n, 2n ** 64n - 1n),
    read: (view, at, little) => view.getBigUint64(at, little),
    write: (view, at, value, little) => view.setBigUint64(at, value, little),
  },
  f: {
    width: 4,
    check: (value) => typeof value === 'number',
    read: (view, at, little) => view.getFloat32(at, little),
    write: (view, at, value, little) => view.setFloat32(at, value, little),
  },
  d: {
    width: 8,
    check: (value) => typeof value === 'number',
    read: (view, at, little) => view.getFloat64(at, little),
    write: (view, at, value, little) => view.setFloat64(at, value, little),
  },
};

function isInteger(least: number, most: number): (value: unknown) => boolean {
  return (value) => typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}

function isBigInt(least: bigint, most: bigint): (value: unknown) => boolean {
  return (value) => typeof value === 'bigint' && value >= least && value <= most;
}
