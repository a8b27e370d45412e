/**
 * What a struct format means to the compiler: `'>HI'` is `[number, number]`.
 *
 * A format is read character by character. Digits are gathered until the character that they count; white space is skipped. A format
 * that is not a literal gives a list of values, and one that is wrong gives `never`, so that it cannot be used.
 */
import type { Bytes } from '../core/bytes.ts';

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';

/** Type of one value of each format character. */
interface ValueOf {
  b: number;
  B: number;
  h: number;
  H: number;
  i: number;
  I: number;
  l: number;
  L: number;
  q: bigint;
  Q: bigint;
  f: number;
  d: number;
  '?': boolean;
}

/** A value of a struct: a number, a bigint for 64 bits, a boolean for `?`, bytes for `s`. */
export type StructValue = number | bigint | boolean | Bytes;

/** The values of a struct format, in order. */
export type StructFields<Format extends string> = string extends Format
  ? StructValue[]
  : Format extends `${'<' | '>' | '!'}${infer Rest}`
    ? Fields<Rest>
    : never;

type Fields<
  Rest extends string,
  Done extends unknown[] = [],
  Count extends string = '',
> = Rest extends `${infer Head}${infer Tail}`
  ? Head extends Digit
    ? Fields<Tail, Done, `${Count}${Head}`>
    : Head extends keyof ValueOf
      ? Fields<Tail, [...Done, ...Repeat<ValueOf[Head], Count>]>
      : Head extends 's'
        ? Fields<Tail, [...Done, Bytes]>
        : Head extends 'x'
          ? Fields<Tail, Done>
          : Head extends ' '
            ? Count extends ''
              ? Fields<Tail, Done>
              : never
            : never
  : Count extends ''
    ? Done
    : never;

/** As many of `Value` as the digits say; no digits: one. The compiler counts to 999. */
type Repeat<Value, Count extends string> = Count extends ''
  ? [Value]
  : Count extends `${Digit}${Digit}${Digit}${Digit}${string}`
    ? Value[]
    : CountUp<Value, Count>;

type CountUp<Value, Count extends string, Counted extends Value[] = []> = Count extends `0${infer Rest}`
  ? Rest extends ''
    ? []
    : CountUp<Value, Rest>
  : `${Counted['length']}` extends Count
    ? Counted
    : CountUp<Value, Count, [...Counted, Value]>;
