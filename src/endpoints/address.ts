/** Addresses with their schemes: what grammar/parse-address.ts does, for the schemes that can be opened. */
import { AddressError } from '../core/errors.ts';
import type { Permission, Role } from './grammar/option-kinds.ts';
import type { ParsedAddress } from './grammar/parse-address.ts';
import { formatParsed, parseAddressText, redactParsed } from './grammar/parse-address.ts';
import type { Scheme } from './scheme.ts';
import { builtInSchemes } from './schemes/index.ts';

/** An endpoint address that was read. Make one with `parseAddress`. */
export type Address = ParsedAddress<Scheme>;

export interface AddressOptions {
  /** Every scheme that may be used. Default: those of the library. */
  readonly schemes?: readonly Scheme[] | undefined;
}

export interface ParseAddressOptions extends AddressOptions {
  /** What the address is for; options and schemes that make no sense for it are refused. Default: either. */
  readonly role?: Role | undefined;
}

/**
 * Reads an address such as `tcp:example.org:443?noDelay=0`. Opens nothing and looks nothing up.
 *
 * @throws AddressError it is not an address; the message is one line and shows no secret
 */
export function parseAddress(text: string, options: ParseAddressOptions = {}): Address {
  return parseAddressText(text, options.schemes ?? builtInSchemes, options.role);
}

/** Canonical text that `parseAddress` reads back, passwords included: for files and child processes, not for people. */
export function formatAddress(address: Address): string {
  return formatParsed(address);
}

/** The address in one line for people, without passwords and without the arguments of commands. */
export function redactAddress(address: Address): string {
  return redactParsed(address);
}

/** @throws AddressError the address, or a proxy on its way, needs a permission that `allow` does not name */
export function checkAllowed(address: Address, allow: readonly Permission[] = []): void {
  for (const one of [address, ...address.via]) {
    const needed = [
      one.scheme.permission,
      ...Object.keys(one.options).map((name) => one.scheme.options[name]?.permission),
    ];
    for (const permission of needed) {
      if (permission === undefined || allow.includes(permission)) continue;
      const reason = `${one.scheme.permission === permission ? `${one.scheme.name}: addresses are` : 'reading files is'} not allowed here; code allows it with { allow: ['${permission}'] }`;
      throw new AddressError(`${redactParsed(address)}: ${reason}`, reason);
    }
  }
}
