/**
 * `NO_PROXY`: what is reached directly although a proxy is configured.
 *
 * There is no standard, only habits (curl, Go, Python), and this takes what they agree on:
 *
 *     example.org       the host and everything below it; `.example.org` and `*.example.org` say the same
 *     192.0.2.1         an address; 2001:db8::1 with or without brackets
 *     10.0.0.0/8        a block, for targets that are addresses: names are not looked up for this
 *     example.org:8080  any of these with a port counts for that port alone; IPv6 in brackets then
 *     *                 everything
 *
 * Entries are separated by commas or white space, names compared without regard to case and to a final dot. An entry that is
 * none of these is skipped, as everybody does: the variable is shared by programs that read it differently.
 */
import { cidrContains, parseCidr } from '../core/cidr.ts';
import type { Cidr } from '../core/cidr.ts';
import type { ConnectTarget } from '../core/connector.ts';
import { AddressError } from '../core/errors.ts';
import { tryParseIpAddress } from '../core/ip-address.ts';

type Match = (target: ConnectTarget) => boolean;

/** @returns whether a target is to be reached without a proxy */
export function parseNoProxy(text: string): Match {
  const entries = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry);
  return (target) => entries.some((matches) => matches(target));
}

function parseEntry(entry: string): Match {
  if (entry === '*') return () => true;
  const { host, port } = splitPort(entry);
  const matchesHost = parseHostEntry(host);
  return (target) => (port === undefined || port === target.port) && matchesHost(target.host);
}

function splitPort(entry: string): { host: string; port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(entry);
  if (bracketed !== null) return { host: bracketed[1] as string, port: portOf(bracketed[2]) };
  // More than one colon: an IPv6 address without brackets, and then it has no port.
  const plain = /^([^:]*):(\d{1,5})$/.exec(entry);
  return plain === null ? { host: entry, port: undefined } : { host: plain[1] as string, port: portOf(plain[2]) };
}

function portOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

function parseHostEntry(text: string): (host: string) => boolean {
  const block = blockOf(text);
  if (block !== undefined) return (host) => isIn(block, host);
  if (text.includes('/')) return () => false;
  const name = normalName(text.replace(/^\*?\./, ''));
  if (name === '') return () => false;
  return (host) => {
    const wanted = normalName(host);
    return wanted === name || (wanted.endsWith(`.${name}`) && tryParseIpAddress(wanted) === undefined);
  };
}

function blockOf(text: string): Cidr | undefined {
  try {
    return parseCidr(text);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

function isIn(block: Cidr, host: string): boolean {
  const ip = tryParseIpAddress(host);
  return ip !== undefined && cidrContains(block, ip);
}

function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
