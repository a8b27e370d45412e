/**
 * The part of a scheme that is grammar: what may stand behind the colon, and which options there are.
 *
 * The other part, what to open, is in `scheme.ts`. They are apart so that reading an address is pure: no import of this
 * folder leads to a socket.
 */
import type { OptionKinds, Permission, Role } from './option-kinds.ts';

export interface SchemeGrammar<T = unknown, O extends OptionKinds = OptionKinds> {
  /** What stands in front of the colon; lower case. */
  readonly name: string;
  /** How the address looks, for the message of an error: `tcp:host:port`. */
  readonly form: string;
  /** Whether it can be connected to, listened on, or be a proxy on the way (`via=`). */
  readonly roles: readonly (Role | 'via')[];
  /** What code has to allow before an address of this scheme is used. */
  readonly permission?: Permission | undefined;
  /** What options follow. Default `?`; `#` for schemes whose target is a URL, which may hold a `?` of its own. */
  readonly optionsAfter?: '?' | '#' | undefined;
  /** The target is a command: a mark within quotes, or behind a backslash, does not begin the options. */
  readonly isCommand?: boolean | undefined;
  /** Connections are made by dialling a host and a port, so they can go through proxies: `via=` is taken. */
  readonly takesVia?: boolean | undefined;
  readonly options: O;

  /**
   * Reads what stands between the colon and the options.
   *
   * @param role what the address is for; `undefined`: not known yet, so be lenient
   * @throws AddressError whose `reason` repeats nothing that could be a secret
   */
  parseTarget(text: string, role: Role | 'via' | undefined): T;
  /** The inverse of `parseTarget`, in canonical form. */
  formatTarget(target: T): string;
  /** Like `formatTarget` without secrets; default: there are none. */
  redactTarget?(target: T): string;
  /**
   * Checks the options together, where they have to do with each other.
   *
   * @throws AddressError whose `reason` repeats nothing that could be a secret
   */
  checkOptions?(options: Readonly<Record<string, unknown>>, role: Role | 'via' | undefined): void;
}

/** Lets TypeScript find the types of target and options. */
export function defineGrammar<T, const O extends OptionKinds>(grammar: SchemeGrammar<T, O>): SchemeGrammar<T, O> {
  return grammar;
}
