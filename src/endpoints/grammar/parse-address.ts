/**
 * Endpoint addresses: `scheme:target?option=value&…`, read and written.
 *
 *     address = scheme ":" [ "//" ] target [ mark options ]        "-" alone is "stdio:"
 *     options = option *( "&" option )
 *     option  = name [ "=" value ] | "via=" address                mark is "?", or "#" where the scheme says so
 *
 * Values are percent-encoded. What the target is, and whether it is percent-encoded, is the scheme's business
 * (scheme-grammar.ts). `via=` names a proxy on the way, nearest first; its value is an address of its own. An option that
 * the scheme does not have, an option given twice, and an option for the other role are errors, so that a typing mistake
 * never passes for a default.
 *
 * An address may hold a password, and an address that cannot be read may hold one anywhere. So every message here is made
 * from `redactAddress` and from the schemes' reasons, which repeat nothing of the text. What cannot be read is shown up
 * to its options, and without what stands before an `@`.
 *
 * Pure: nothing is opened, looked up or started here.
 */
import { AddressError } from '../../core/errors.ts';
import { escapeText, quoteText } from '../../core/quote.ts';
import { indexOutsideQuotes } from './command-words.ts';
import type { OptionKind, Role } from './option-kinds.ts';
import { decodePercent, encodePercent } from './percent.ts';
import type { SchemeGrammar } from './scheme-grammar.ts';

/** An address that was read; `S` is what is known of its scheme. */
export interface ParsedAddress<S extends SchemeGrammar = SchemeGrammar> {
  readonly scheme: S;
  /** As the scheme's `parseTarget` made it. */
  readonly target: unknown;
  /** By name; only those that were given. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Proxies to go through, nearest first. */
  readonly via: readonly ParsedAddress<S>[];
}

/** Longest text that is read: a command line may be long. */
const MAX_ADDRESS_CHARACTERS = 65_536;
/** Most proxies in a row. */
const MAX_VIA = 16;
/** Characters of an address that a message shows. */
const MAX_SHOWN_CHARACTERS = 200;

/**
 * @param schemes all that may be used
 * @param role what the address is for: excludes what makes no sense for it; `undefined`: not known
 * @throws AddressError the text is not an address; one line, which names the address without its secrets, and the reason
 */
export function parseAddressText<S extends SchemeGrammar>(
  text: string,
  schemes: readonly S[],
  role: Role | 'via' | undefined,
): ParsedAddress<S> {
  if (typeof text !== 'string') throw new TypeError(`an address must be a string, not ${typeof text}`);
  if (text.length > MAX_ADDRESS_CHARACTERS)
    throw refusal('an address', `it is longer than ${MAX_ADDRESS_CHARACTERS} characters`);
  try {
    return parse(text === '-' ? 'stdio:' : text, schemes, role);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw refusal(redactUnread(text, schemes), error.reason);
  }
}

/** Canonical text, secrets and all: `parseAddressText` reads it back. For people use `redactParsed`. */
export function formatParsed(address: ParsedAddress): string {
  return write(address, false);
}

/** The address for messages, reports and tables: without passwords and command arguments, on one line, not too long. */
export function redactParsed(address: ParsedAddress): string {
  return escapeText(write(address, true), MAX_SHOWN_CHARACTERS);
}

function parse<S extends SchemeGrammar>(
  text: string,
  schemes: readonly S[],
  role: Role | 'via' | undefined,
): ParsedAddress<S> {
  // A half of a surrogate pair is no character, and has no percent-encoding.
  if (/\p{Cs}/u.test(text)) throw wrong('it holds half a surrogate pair');
  const name = schemeName(text);
  const scheme = schemes.find((candidate) => candidate.name === name);
  if (name === undefined || scheme === undefined)
    throw wrong(`${unknownScheme(text, name)}; known are ${list(schemes.map((s) => s.form))}`);
  const { targetText, optionsText } = split(text.slice(name.length + 1), scheme);
  if (role !== undefined && !scheme.roles.includes(role)) {
    throw wrong({ connect: 'cannot be connected to', listen: 'cannot be listened on', via: 'is not a proxy' }[role]);
  }
  const target = scheme.parseTarget(targetText, role);
  const read = parseOptions(optionsText, scheme, schemes, role);
  scheme.checkOptions?.(read.options, role);
  return { scheme, target, ...read };
}

function schemeName(text: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
}

/** Text behind the first colon, as target and options; two slashes at its start mean nothing. */
function split(rest: string, scheme: SchemeGrammar): { targetText: string; optionsText: string | undefined } {
  const body = rest.startsWith('//') ? rest.slice(2) : rest;
  const mark = scheme.optionsAfter ?? '?';
  const at = scheme.isCommand === true ? indexOutsideQuotes(body, mark) : body.indexOf(mark);
  if (at === -1) return { targetText: body, optionsText: undefined };
  return { targetText: body.slice(0, at), optionsText: body.slice(at + 1) };
}

function parseOptions<S extends SchemeGrammar>(
  text: string | undefined,
  scheme: S,
  schemes: readonly S[],
  role: Role | 'via' | undefined,
): { options: Readonly<Record<string, unknown>>; via: readonly ParsedAddress<S>[] } {
  const options: Record<string, unknown> = {};
  const via: ParsedAddress<S>[] = [];
  for (const piece of text === undefined || text === '' ? [] : text.split('&')) {
    const equals = piece.indexOf('=');
    const name = equals === -1 ? piece : piece.slice(0, equals);
    const value = decodePercent(equals === -1 ? '' : piece.slice(equals + 1));
    if (name === 'via' && scheme.takesVia === true) {
      if (value === undefined) throw wrong('the value of via is not percent-encoded text');
      via.push(parseVia(value, schemes, role, via.length));
      continue;
    }
    const kind = Object.hasOwn(scheme.options, name) ? scheme.options[name] : undefined;
    if (kind === undefined) throw wrong(unknownOption(name, via.length > 0, scheme, role));
    if (Object.hasOwn(options, name)) throw wrong(`the option ${name} is given twice`);
    if (!isFor(kind, role)) {
      throw wrong(`the option ${name} is for ${kind.role === 'listen' ? 'listening' : 'connecting'}`);
    }
    const parsed = value === undefined ? undefined : kind.parse(value);
    if (parsed === undefined) throw wrong(`the option ${name} must be ${kind.expects}`);
    options[name] = parsed;
  }
  return { options, via };
}

function parseVia<S extends SchemeGrammar>(
  text: string,
  schemes: readonly S[],
  role: Role | 'via' | undefined,
  before: number,
): ParsedAddress<S> {
  if (role === 'listen') throw wrong('the option via is for connecting');
  if (role === 'via') throw wrong('proxies are listed side by side, not inside each other');
  if (before === MAX_VIA) throw wrong(`more than ${MAX_VIA} proxies`);
  try {
    return parse(text, schemes, 'via');
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    // The value may be the first half of one whose "&" was not encoded, so no more of it is shown.
    throw wrong(`via ${escapeText(schemeName(text) ?? '', MAX_SHOWN_CHARACTERS)}:…: ${error.reason}`);
  }
}

function isFor(kind: OptionKind<unknown>, role: Role | 'via' | undefined): boolean {
  return kind.role === undefined || role === undefined || kind.role === (role === 'via' ? 'connect' : role);
}

/** Repeats the name only where it cannot be a piece of a password that has an `&` in it. */
function unknownOption(
  name: string,
  isAfterVia: boolean,
  scheme: SchemeGrammar,
  role: Role | 'via' | undefined,
): string {
  const kinds = Object.entries(scheme.options);
  const known = kinds.filter(([, kind]) => isFor(kind, role)).map(([knownName]) => knownName);
  if (scheme.takesVia === true && role !== 'listen' && role !== 'via') known.push('via');
  const mayBeSecret =
    isAfterVia ||
    (scheme.redactTarget !== undefined && scheme.isCommand !== true) ||
    kinds.some(([, kind]) => kind.isSecret === true) ||
    !/^[A-Za-z_-]{1,32}$/.test(name);
  const hint = scheme.isCommand === true ? '; a question mark of the command stands in quotes' : '';
  const subject = mayBeSecret ? 'unknown option' : `unknown option ${name}`;
  return `${subject}; ${scheme.name}: has ${known.length === 0 ? 'none' : list(known.sort())}${hint}`;
}

function unknownScheme(text: string, name: string | undefined): string {
  if (text === '') return 'it is empty';
  if (/^[./]/.test(text)) return 'there is no scheme; a path is written unix:/path';
  if (name === undefined) return 'there is no scheme';
  return /^[^:]*:\d+$/.test(text) ? 'there is no scheme; host:port is written tcp:host:port' : 'the scheme is unknown';
}

function write(address: ParsedAddress, isRedacted: boolean): string {
  const { scheme, target, options, via } = address;
  const targetText =
    isRedacted && scheme.redactTarget !== undefined ? scheme.redactTarget(target) : scheme.formatTarget(target);
  const pieces: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const kind = scheme.options[name] as OptionKind<unknown>;
    pieces.push(`${name}=${kind.isSecret === true && isRedacted ? '***' : encodeValue(kind.format(value))}`);
  }
  for (const proxy of via) pieces.push(`via=${encodeValue(write(proxy, isRedacted))}`);
  // Slashes that belong to the target would be taken for those that mean nothing.
  const slashes = targetText.startsWith('//') ? '//' : '';
  const tail = pieces.length === 0 ? '' : `${scheme.optionsAfter ?? '?'}${pieces.join('&')}`;
  return `${scheme.name}:${slashes}${targetText}${tail}`;
}

/** Encodes what would end a value, or would not survive a URL parser, a shell in quotes or a terminal. */
function encodeValue(value: string): string {
  return encodePercent(value, /[^0-9A-Za-z._~!*(),;:@/[\]…-]/gu);
}

/** What may be shown of a text that could not be read. */
function redactUnread(text: string, schemes: readonly SchemeGrammar[]): string {
  const name = schemeName(text);
  const scheme = schemes.find((candidate) => candidate.name === name);
  if (name === undefined || scheme === undefined) {
    // Where a password would stand is known only of known schemes.
    if (name !== undefined && !/^[^:]*:\d+$/.test(text)) return `${escapeText(name, MAX_SHOWN_CHARACTERS)}:…`;
    return quoteText(withoutUserInfo(text), MAX_SHOWN_CHARACTERS);
  }
  const rest = text.slice(name.length + 1);
  return `${name}:${escapeText(redactRest(rest, scheme), MAX_SHOWN_CHARACTERS)}`;
}

function redactRest(rest: string, scheme: SchemeGrammar): string {
  if (scheme.isCommand === true) {
    const program = /^(?:\/\/)?[0-9A-Za-z./_-]+/.exec(rest)?.[0] ?? '';
    return `${program}${program === rest ? '' : ' …'}`;
  }
  const { targetText, optionsText } = split(rest, scheme);
  // A mark in front of an "@" may be a part of a password, and the target only its first half.
  if (scheme.redactTarget === undefined || optionsText?.includes('@') !== true) {
    try {
      const target = scheme.parseTarget(targetText, undefined);
      const shown = scheme.redactTarget?.(target) ?? scheme.formatTarget(target);
      return `${shown}${optionsText === undefined ? '' : `${scheme.optionsAfter ?? '?'}…`}`;
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
    }
  }
  return withoutUserInfo(rest);
}

/** Without what stands before the last "@", and without options. */
function withoutUserInfo(text: string): string {
  const at = text.lastIndexOf('@');
  const rest = at === -1 ? text : `***${text.slice(at)}`;
  return rest.replace(/[?#&].*/s, '?…');
}

function list(items: readonly string[]): string {
  return items.join(', ');
}

/** What is wrong, still without the address. */
function wrong(reason: string): AddressError {
  return new AddressError(reason);
}

function refusal(shown: string, reason: string): AddressError {
  return new AddressError(`${shown}: ${reason}`, reason);
}
