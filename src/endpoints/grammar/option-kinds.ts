/**
 * What the options of an address may look like.
 *
 * A scheme lists its options with a kind for each, under the names that they have in code (`noDelay`, `backlog`), so there
 * is one vocabulary. A kind turns text into a value and back, says in words what it expects, and carries what has to be
 * known before the value is used: whether it is a secret, which permission it needs, and whether it makes sense for only
 * one of connecting and listening.
 */
import { tryParseIpAddress, formatIpAddress } from '../../core/ip-address.ts';

/** What an address is used for. */
export type Role = 'connect' | 'listen';

/**
 * What code has to allow by name before an address may do it: start programs, use this program's standard streams, reach
 * Unix sockets, read files such as keys. Addresses often come from configuration or from users, who must not gain these.
 */
export type Permission = 'exec' | 'stdio' | 'unix' | 'file';

export interface OptionKind<T> {
  /** Completes "must be …". */
  readonly expects: string;
  /** The value, or `undefined` where the text is not one. Never throws. */
  parse(text: string): T | undefined;
  /** The inverse of `parse`. */
  format(value: T): string;
  /** Never shown. */
  readonly isSecret?: boolean | undefined;
  readonly permission?: Permission | undefined;
  /** Default: both. */
  readonly role?: Role | undefined;
}

/** Options by name. */
export type OptionKinds = Readonly<Record<string, OptionKind<unknown>>>;

/** The values of options, as the openers take them. */
export type OptionValues<O extends OptionKinds> = {
  readonly [K in keyof O]?: (O[K] extends OptionKind<infer T> ? T : never) | undefined;
};

export function integer(min: number, max: number): OptionKind<number> {
  return {
    expects:
      max === Number.MAX_SAFE_INTEGER ? `a whole number, at least ${min}` : `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const value = /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max && Number.isSafeInteger(value) ? value : undefined;
    },
    format: String,
  };
}

/** Milliseconds, so that the number is the one that code would have: `1500`. */
export function milliseconds(min: number): OptionKind<number> {
  // What Node's timers can hold.
  return { ...integer(min, 0x7fff_ffff), expects: 'a whole number of milliseconds' };
}

/** `1` and `0`, `true` and `false`, `yes` and `no`; the name alone means yes. */
export function flag(): OptionKind<boolean> {
  return {
    expects: '1 or 0',
    parse: (text) => (/^(?:|1|true|yes)$/.test(text) ? true : /^(?:0|false|no)$/.test(text) ? false : undefined),
    format: (value) => (value ? '1' : '0'),
  };
}

export function oneOf<const W extends string>(words: readonly W[]): OptionKind<W> {
  return {
    expects: words.join(' or '),
    parse: (text) => words.find((word) => word === text),
    format: String,
  };
}

export function ipAddress(): OptionKind<string> {
  return {
    expects: 'an IP address',
    parse: (text) => {
      const address = tryParseIpAddress(text);
      return address === undefined ? undefined : formatIpAddress(address);
    },
    format: String,
  };
}

/** Permission bits of a file, in octal: `660`, `0600`. */
export function fileMode(): OptionKind<number> {
  return {
    expects: 'an octal file mode such as 660',
    parse: (text) => (/^0?[0-7]{3}$/.test(text) ? parseInt(text, 8) : undefined),
    format: (value) => value.toString(8).padStart(3, '0'),
  };
}

/** Any text but the empty one. */
export function text(expects: string): OptionKind<string> {
  return {
    expects,
    parse: (value) => (value === '' || value.includes('\0') ? undefined : value),
    format: String,
  };
}

/** A value that no message, report or table shows. */
export function secret(expects: string): OptionKind<string> {
  return { ...text(expects), isSecret: true };
}

/** A file that this program would read, such as a key: needs `{ allow: ['file'] }` in code. */
export function file(expects: string): OptionKind<string> {
  return { ...text(expects), permission: 'file' };
}

/** The same kind, for addresses that are used one way only. */
export function onlyTo<T>(role: Role, kind: OptionKind<T>): OptionKind<T> {
  return { ...kind, role };
}

/** Several values in one, separated by commas: `h2,http/1.1`. None of them empty, none twice. */
export function listOf<T>(kind: OptionKind<T>): OptionKind<readonly T[]> {
  return {
    ...kind,
    expects: `${kind.expects}, or several with commas between them`,
    parse: (value) => {
      const items: T[] = [];
      for (const part of value.split(',')) {
        const item = kind.parse(part);
        if (item === undefined || items.includes(item)) return undefined;
        items.push(item);
      }
      return items;
    },
    format: (items) => items.map((item) => kind.format(item)).join(','),
  };
}

/** A text of which `pattern` matches the whole. */
export function matching(pattern: RegExp, expects: string): OptionKind<string> {
  return { expects, parse: (value) => (pattern.test(value) ? value : undefined), format: String };
}
