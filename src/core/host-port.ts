/**
 * `host:port`, as people write it: `example.org:443`, `192.0.2.1:80`, `[2001:db8::1]:80`, `[fe80::1%eth0]:22`, `:4040`.
 *
 * Two texts are refused that other programs guess about. An IPv6 address without brackets is ambiguous (`::1:80` is an
 * address, and so is `[::1]:80` without its brackets), so the error shows both ways to write it. And a host name whose
 * last label is a number, such as `127.1` or `0x7f.0.0.1`, is an IPv4 address to some resolvers and a name to others; by
 * the same rule as the URL standard ("ends in a number") it must be a whole IPv4 address or nothing.
 *
 * Names are checked for shape (labels of 1 to 63 letters, digits, `-` and `_`, 253 characters in all) and otherwise left as
 * they are: case, a final dot and letters beyond ASCII are the resolver's business. IP addresses become canonical text.
 */
import { AddressError } from './errors.ts';
import { formatIpAddress, tryParseIpAddress } from './ip-address.ts';
import { quoteText } from './quote.ts';

export interface HostPort {
  /** A host name, or the canonical text of an IP address with its zone, without brackets; empty where none was given. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

export interface ParseHostPortOptions {
  /** Port where the text has none; default: that is an error. */
  readonly defaultPort?: number | undefined;
  /** Take `:4040` (every interface, when listening); default true. */
  readonly allowEmptyHost?: boolean | undefined;
}

/** @throws AddressError the text is not `host:port`; the message says what is wrong with it */
export function parseHostPort(text: string, options: ParseHostPortOptions = {}): HostPort {
  if (typeof text !== 'string') throw new TypeError(`host:port must be a string, not ${typeof text}`);
  const { hostText, portText, isBracketed } = split(text);
  const host = isBracketed ? bracketedHost(text, hostText) : plainHost(text, hostText);
  if (host === '' && options.allowEmptyHost === false) throw refusal(text, 'the host is missing');
  if (portText !== undefined) return { host, port: parsePort(portText, text) };
  if (options.defaultPort === undefined)
    throw refusal(text, `the port is missing, as in ${isBracketed ? `[${host}]` : host}:443`);
  return { host, port: checkPort(options.defaultPort) };
}

/** The inverse of `parseHostPort`: brackets around a host that has a colon. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * A host name or IP address in its normal form: canonical text for an address, the name unchanged.
 *
 * @param text without brackets and not empty
 * @throws AddressError it is neither
 */
export function parseHost(text: string): string {
  if (typeof text !== 'string') throw new TypeError(`a host must be a string, not ${typeof text}`);
  const address = tryParseIpAddress(text);
  if (address !== undefined) return formatIpAddress(address);
  const problem = hostNameProblem(text);
  if (problem !== undefined) throw new AddressError(`${quoteText(text)} is not a host: ${problem}`, problem);
  return text;
}

/** @throws TypeError, RangeError `port` is not an integer from 0 to 65535 */
export function checkPort(port: number): number {
  if (typeof port !== 'number') throw new TypeError(`a port must be a number, not ${typeof port}`);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new RangeError(`a port must be an integer from 0 to 65535, not ${port}`);
  return port;
}

function split(text: string): { hostText: string; portText: string | undefined; isBracketed: boolean } {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end === -1) throw refusal(text, 'the bracket is not closed');
    const after = text.slice(end + 1);
    if (after !== '' && !after.startsWith(':')) throw refusal(text, 'expected a colon after the bracket');
    return { hostText: text.slice(1, end), portText: after === '' ? undefined : after.slice(1), isBracketed: true };
  }
  const colon = text.indexOf(':');
  if (colon === -1) return { hostText: text, portText: undefined, isBracketed: false };
  const last = text.lastIndexOf(':');
  if (colon !== last) throw refusal(text, ambiguity(text, last));
  return { hostText: text.slice(0, colon), portText: text.slice(colon + 1), isBracketed: false };
}

function ambiguity(text: string, lastColon: number): string {
  if (tryParseIpAddress(text)?.family === 6) {
    const head = text.slice(0, lastColon);
    const other =
      tryParseIpAddress(head) !== undefined && /^\d+$/.test(text.slice(lastColon + 1))
        ? `[${head}]:${text.slice(lastColon + 1)} or `
        : '';
    return `an IPv6 address stands in brackets: ${other}[${text}]:443`;
  }
  if (tryParseIpAddress(text.slice(0, lastColon))?.family === 6)
    return `an IPv6 address stands in brackets: [${text.slice(0, lastColon)}]${text.slice(lastColon)}`;
  return 'there is more than one colon';
}

function bracketedHost(text: string, hostText: string): string {
  const address = tryParseIpAddress(hostText);
  if (address?.family !== 6) throw refusal(text, 'only an IPv6 address stands in brackets');
  return formatIpAddress(address);
}

function plainHost(text: string, hostText: string): string {
  if (hostText === '') return '';
  const address = tryParseIpAddress(hostText);
  if (address !== undefined) return formatIpAddress(address);
  const problem = hostNameProblem(hostText);
  if (problem !== undefined) throw refusal(text, problem);
  return hostText;
}

function parsePort(digits: string, text: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(digits) || Number(digits) > 65535)
    throw refusal(text, 'the port must be a number from 0 to 65535');
  return Number(digits);
}

function hostNameProblem(text: string): string | undefined {
  if (text === '') return 'it is empty';
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  if (
    text.length > 254 ||
    labels.some((label) => !/^[\p{L}\p{N}\p{M}_](?:[\p{L}\p{N}\p{M}_-]{0,61}[\p{L}\p{N}\p{M}_])?$/u.test(label))
  ) {
    return 'a host name is made of labels of letters, digits and hyphens';
  }
  if (/^(?:\d+|0[xX][0-9A-Fa-f]*)$/.test(labels.at(-1) ?? ''))
    return 'it ends in a number but is not an IPv4 address of four decimal parts';
  return undefined;
}

function refusal(text: string, why: string): AddressError {
  return new AddressError(`${quoteText(text)} is not host:port: ${why}`, why);
}
