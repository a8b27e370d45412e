/**
 * The arguments of stream operations, checked before any state: every stream of bowline refuses the same things in the
 * same way. The checks return the error rather than throw it, because a stream's methods reject and never throw.
 */

/** Most that `receiveSome` gives where the caller does not say. */
export const DEFAULT_MAX_BYTES = 65_536;

/** What is wrong with `maxBytes`, if anything. `null` means the same as leaving it out. */
export function wrongMaxBytes(maxBytes: number | null | undefined): TypeError | RangeError | undefined {
  return maxBytes === undefined || maxBytes === null ? undefined : wrongCount('maxBytes', maxBytes, 1);
}

/** What is wrong with a number of bytes, if anything: it is an integer of at least `least`. */
export function wrongCount(name: string, value: number, least: number): TypeError | RangeError | undefined {
  if (!Number.isInteger(value)) return new TypeError(`${name} is an integer, not ${String(value)}`);
  if (value < least) return new RangeError(`${name} is ${least} or more, not ${value}`);
  return undefined;
}

/** What is wrong with the memory given to `receiveInto`, if anything. */
export function wrongBuffer(buffer: Uint8Array): TypeError | RangeError | undefined {
  if (!(buffer instanceof Uint8Array)) return new TypeError('the buffer is a Uint8Array');
  if (buffer.length === 0) return new RangeError('the buffer has room for 1 byte or more');
  return undefined;
}

/** For a `receiveInto` whose memory was given away (to a worker, say) or shrunk while it waited. The bytes stay for the next call. */
export function lostMemory(): TypeError {
  return new TypeError('the buffer of this receiveInto was detached or shrunk to nothing while it waited');
}

/** What is wrong with the data given to `sendAll`, if anything. */
export function wrongData(data: Uint8Array | readonly Uint8Array[]): TypeError | undefined {
  if (data instanceof Uint8Array) return undefined;
  if (!Array.isArray(data)) return new TypeError('data is a Uint8Array or an array of them; encode text first');
  for (const piece of data as unknown[]) {
    if (!(piece instanceof Uint8Array)) return new TypeError('data holds something that is not a Uint8Array');
  }
  return undefined;
}

/** The data as a list of pieces. */
export function piecesOf(data: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  return data instanceof Uint8Array ? [data] : data;
}

export function lengthOf(data: Uint8Array | readonly Uint8Array[]): number {
  if (data instanceof Uint8Array) return data.length;
  let length = 0;
  for (const piece of data) length += piece.length;
  return length;
}
