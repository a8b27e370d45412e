/**
 * From words to a command. Pure: no file, no environment, no process. Whatever does not make sense is a UsageError of one
 * line that names the word; addresses are kept as text and judged by the command that uses them, before it starts.
 */
import { parseArgs } from 'node:util';

import type { KeyAlgorithm } from '../trust/authority/key-algorithm.ts';
import { commandTable } from './command-table.ts';
import type { CommandName, CommandRow } from './command-table.ts';
import { parseCount, parseDuration, parseSize } from './quantities.ts';
import { withTlsFlags } from './tls-flags.ts';
import { UsageError } from './usage-error.ts';

export interface Settings {
  /** `undefined`: what the limit on open files allows. */
  readonly maxConnections: number | undefined;
  readonly maxChildren: number;
  /** `undefined`: never. */
  readonly idleTimeoutMs: number | undefined;
  /** `undefined`: never. */
  readonly connectTimeoutMs: number | undefined;
  readonly drainMs: number;
  readonly workers: number;
  readonly json: boolean;
  readonly progress: boolean;
  /** 0, 1 (every connection) or 2 (also the causes of errors). */
  readonly verbosity: 0 | 1 | 2;
}

export type Service =
  | { readonly kind: 'echo' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'source'; readonly sizeBytes: number }
  | { readonly kind: 'exec'; readonly command: string };

/** What `bowline cert` is to make. */
export interface CertificateWishes {
  readonly folder: string;
  readonly names: readonly string[];
  readonly isForClient: boolean;
  /** Of the files, without `.pem`. */
  readonly fileName: string;
  readonly days: number;
  readonly algorithm: KeyAlgorithm;
  readonly force: boolean;
  readonly json: boolean;
}

export type Command =
  | { readonly name: 'help'; readonly topic: CommandName | undefined }
  | { readonly name: 'version' }
  | {
      readonly name: 'relay';
      readonly listen: string;
      readonly connect: string;
      /** --through */
      readonly through: string | undefined;
      readonly settings: Settings;
    }
  | {
      readonly name: 'connect';
      readonly address: string;
      /** --info */
      readonly info: boolean;
      readonly settings: Settings;
    }
  | { readonly name: 'serve'; readonly address: string; readonly service: Service; readonly settings: Settings }
  | { readonly name: 'cert'; readonly wishes: CertificateWishes };

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

const MAX_CONNECTIONS = 1_000_000;
const MAX_CHILDREN = 10_000;
const MAX_WORKERS = 256;
const DEFAULT_MAX_CHILDREN = 32;
const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
const DEFAULT_DRAIN_MS = 10_000;
/** Someone at a terminal who presses Ctrl-C wants the prompt back. */
const DEFAULT_DRAIN_OF_CONNECT_MS = 1000;

const DEFAULT_NAMES = ['localhost', '127.0.0.1', '::1'] as const;
const DEFAULT_DAYS = 365;
/** Ten years, as long as the authority. */
const MAX_DAYS = 3650;
/** Those that anybody accepts. */
const algorithms = [
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
  'ed25519',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'rsa-pss-2048',
  'rsa-pss-3072',
] as const satisfies readonly KeyAlgorithm[];

/**
 * Understands the arguments of the program (without `node` and the script).
 *
 * @throws UsageError they make no sense
 */
export function parseArguments(words: readonly string[]): Command {
  const [first, ...rest] = words;
  if (first === undefined) throw new UsageError("no command given; see 'bowline --help'");
  if (first === '--help' || first === '-h') return { name: 'help', topic: undefined };
  if (first === '--version' || first === '-V') return { name: 'version' };
  if (first === 'help') {
    if (rest.length > 1) throw new UsageError('help takes one command');
    return { name: 'help', topic: rest[0] === undefined ? undefined : rowOf(rest[0]).name };
  }
  if (first.startsWith('-')) {
    throw new UsageError(`the command comes first, then its options; '${first}' is not a command`);
  }
  const row = rowOf(first);
  const { values, operands } = parseWith(row, rest);
  if (values['help'] === true) return { name: 'help', topic: row.name };
  if (operands.length !== row.operands.length) {
    throw new UsageError(`${row.name} takes ${row.operands.join(' and ')}; see 'bowline help ${row.name}'`);
  }
  const [one = '', two = ''] = withTlsFlags(operands, flagsOf(values));
  const settings = settingsOf(row, values);
  switch (row.name) {
    case 'relay':
      return { name: 'relay', listen: one, connect: two, through: textOf(values['through']), settings };
    case 'connect':
      return { name: 'connect', address: one, info: values['info'] === true, settings };
    case 'serve':
      return { name: 'serve', address: one, service: serviceOf(values), settings };
    case 'cert':
      return { name: 'cert', wishes: certificateWishes(one, values) };
  }
}

function rowOf(word: string): CommandRow {
  const row = commandTable.find(({ name }) => name === word);
  if (row !== undefined) return row;
  const names = commandTable.map(({ name }) => name).join(', ');
  throw new UsageError(`'${word}' is not a command; there are ${names} and help`);
}

function parseWith(row: CommandRow, words: readonly string[]): { values: Values; operands: string[] } {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: true }> = {};
  const repeating = new Set<string>();
  for (const { name, short, value, repeats } of row.options) {
    if (repeats === true) repeating.add(name);
    options[name] = { type: value === undefined ? 'boolean' : 'string', ...(short && { short }), multiple: true };
  }
  let parsed;
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${complaintOf(error as Error)}; see 'bowline help ${row.name}'`);
  }
  const values: Record<string, string | boolean | (string | boolean)[]> = {};
  for (const [name, given] of Object.entries(parsed.values)) {
    if (given === undefined) continue;
    const value = given[0];
    if (name === 'verbose' || repeating.has(name)) values[name] = given;
    else if (given.length > 1 && typeof value === 'string') throw new UsageError(`--${name} was given twice`);
    else if (value !== undefined) values[name] = value;
  }
  return { values, operands: parsed.positionals };
}

/** What parseArgs has to say, without its advice, which is about quoting and goes over several lines. */
function complaintOf(error: Error): string {
  const [sentence = ''] = error.message.split(/\. |\n/);
  return sentence
    .replace(/\.$/, '')
    .replace(/^Unknown/, 'unknown')
    .replace(/^Option/, 'option');
}

function textOf(value: Values[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function settingsOf(row: CommandRow, values: Values): Settings {
  const count = (name: string, max: number, fallback: number): number => {
    const text = values[name];
    return typeof text === 'string' ? parseCount(text, `--${name}`, { min: 1, max }) : fallback;
  };
  const duration = (name: string, fallback: number | undefined): number | undefined => {
    const text = values[name];
    return typeof text === 'string' ? parseDuration(text, `--${name}`) : fallback;
  };
  const maxConnections = count('max-connections', MAX_CONNECTIONS, 0) || undefined;
  const workers = count('workers', MAX_WORKERS, 1);
  const maxChildren = count('max-children', MAX_CHILDREN, Math.max(DEFAULT_MAX_CHILDREN, workers));
  for (const [name, limit] of [
    ['max-connections', maxConnections],
    ['max-children', maxChildren],
  ] as const) {
    if (limit !== undefined && limit < workers) {
      throw new UsageError(
        `--${name} ${limit} is shared by the workers: with --workers ${workers} it is at least ${workers}`,
      );
    }
  }
  const verbosity = Array.isArray(values['verbose']) ? values['verbose'].length : 0;
  return {
    maxConnections,
    maxChildren,
    workers,
    // 0 is how "never" is written in nc and socat.
    idleTimeoutMs: duration('idle-timeout', undefined) || undefined,
    connectTimeoutMs: duration('connect-timeout', DEFAULT_CONNECT_TIMEOUT_MS) || undefined,
    drainMs: duration('drain', row.name === 'connect' ? DEFAULT_DRAIN_OF_CONNECT_MS : DEFAULT_DRAIN_MS) ?? 0,
    json: values['json'] === true,
    progress: values['progress'] === true,
    verbosity: verbosity >= 2 ? 2 : verbosity === 1 ? 1 : 0,
  };
}

function serviceOf(values: Values): Service {
  const services: Service[] = [];
  if (values['echo'] === true) services.push({ kind: 'echo' });
  if (values['discard'] === true) services.push({ kind: 'discard' });
  const { source, exec } = values;
  if (typeof source === 'string') services.push({ kind: 'source', sizeBytes: parseSize(source, '--source') });
  if (typeof exec === 'string') services.push({ kind: 'exec', command: exec });
  const [service] = services;
  if (service === undefined || services.length > 1) {
    throw new UsageError('serve takes exactly one of --echo, --discard, --source and --exec');
  }
  return service;
}

function certificateWishes(folder: string, values: Values): CertificateWishes {
  const isForClient = values['client'] === true;
  const given = textsOf(values['san']);
  const names: readonly string[] = given.length === 0 && !isForClient ? DEFAULT_NAMES : given;
  // A colon or an asterisk is no part of a file's name everywhere.
  const [first = ''] = names;
  const fileName = textOf(values['name']) ?? (isForClient ? 'client' : first.replace(/[^0-9A-Za-z._-]/g, '_'));
  if (!/^[0-9A-Za-z_][0-9A-Za-z._-]{0,99}$/.test(fileName)) {
    throw new UsageError(
      `--name takes the name of a file without a folder: letters, digits and . _ -, not '${fileName}'`,
    );
  }
  if (/^ca(-key)?$/i.test(fileName)) throw new UsageError(`--name ${fileName}: that is the authority's`);
  const days = textOf(values['days']);
  const algorithm = textOf(values['alg']) ?? 'ecdsa-p256';
  if (!isAlgorithm(algorithm)) {
    throw new UsageError(`--alg takes one of ${algorithms.join(', ')}, not '${algorithm}'`);
  }
  return {
    folder,
    names,
    isForClient,
    fileName,
    days: days === undefined ? DEFAULT_DAYS : parseCount(days, '--days', { min: 1, max: MAX_DAYS }),
    algorithm,
    force: values['force'] === true,
    json: values['json'] === true,
  };
}

/** Those that repeat as one text, as the options of addresses have it. */
function flagsOf(values: Values): Record<string, string | boolean | undefined> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
}

function textsOf(value: Values[string]): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function isAlgorithm(text: string): text is (typeof algorithms)[number] {
  return (algorithms as readonly string[]).includes(text);
}
