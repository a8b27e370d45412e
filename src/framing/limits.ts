/** The arguments that codecs have in common, and how a limit is told. */
import { FrameTooLarge } from '../core/errors.ts';

/** Longest frame where its end is searched for. */
export const DEFAULT_SEARCH_BYTES = 65_536;
/** Longest frame where its length is announced. */
export const DEFAULT_FRAME_BYTES = 1_048_576;

/** @throws TypeError, RangeError it is not an integer from `least` to `most` */
export function checkBytes(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isInteger(value)) throw new TypeError(`${name} is an integer, not ${String(value)}`);
  if (value < least || value > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new RangeError(`${name} is ${range}, not ${value}`);
  }
  return value;
}

/** @throws TypeError it is not one of them */
export function checkChoice<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (!choices.includes(value)) throw new TypeError(`${name} is ${choices.join(' or ')}, not ${String(value)}`);
  return value;
}

/** Checks what is to be sent. @throws TypeError, RangeError it is not bytes, or too many */
export function checkFrame(frame: Uint8Array, maxBytes: number): void {
  if (!(frame instanceof Uint8Array)) throw new TypeError('a frame of this codec is a Uint8Array');
  if (frame.length > maxBytes) throw new RangeError(`a frame of ${frame.length} bytes is over maxBytes = ${maxBytes}`);
}

/** The error for a frame that says it is `length` bytes long. */
export function tooLarge(length: number | bigint, maxBytes: number): FrameTooLarge {
  return new FrameTooLarge(`a frame of ${length} bytes is over the limit maxBytes = ${maxBytes}`, maxBytes);
}
