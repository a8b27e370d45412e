/** bowline/endpoints: addresses as text, and what they open. The grammar is in docs/addresses.md. */
export { formatAddress, parseAddress, redactAddress } from './address.ts';
export type { Address, AddressOptions, ParseAddressOptions } from './address.ts';
export {
  file,
  flag,
  integer,
  ipAddress,
  listOf,
  matching,
  milliseconds,
  oneOf,
  onlyTo,
  secret,
  text,
} from './grammar/option-kinds.ts';
export type { OptionKind, OptionKinds, OptionValues, Permission, Role } from './grammar/option-kinds.ts';
export { defineGrammar } from './grammar/scheme-grammar.ts';
export type { SchemeGrammar } from './grammar/scheme-grammar.ts';
export { connect, listen, ListenError, serve } from './open.ts';
export type { OpenOptions, ServeAddressOptions } from './open.ts';
export { defineScheme } from './scheme.ts';
export type { DialContext, EndpointListener, OpenContext, Openers, Scheme } from './scheme.ts';
export { builtInSchemes } from './schemes/index.ts';
