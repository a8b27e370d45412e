/**
 * Errors as people read them: one line, `where: what`, without names of classes and without stack traces.
 *
 * What the system said is deep in a chain of causes (`ConnectError` → attempts → an Error with an errno), so the line is
 * made from the innermost error that has a code, in the words of the system's own table. Everything else keeps the
 * message of the outermost. -vv prints the chain itself.
 */
import { getSystemErrorMap } from 'node:util';

import { BrokenResourceError, ConnectError, TooSlowError } from '../core/errors.ts';
import { escapeText } from '../core/quote.ts';

/** Something went wrong at an address of the command line. */
export class EndpointFailure extends Error {
  override readonly name = 'EndpointFailure';
  /** As it may be shown: without passwords. */
  readonly address: string;
  constructor(address: string, problem: string, cause: unknown) {
    super(`${address}: ${problem}`, { cause });
    this.address = address;
  }
}

/** A side of a connection broke while bytes were moving. */
export class SideBroken extends BrokenResourceError {
  /** As it may be shown. */
  readonly address: string;
  readonly during: 'receiving' | 'sending' | 'closing';
  constructor(address: string, during: SideBroken['during'], cause: unknown) {
    super(`${nameOfSide(address, during)}: ${during} failed`, { cause });
    this.address = address;
    this.during = during;
  }
}

function nameOfSide(address: string, during: SideBroken['during']): string {
  if (address !== 'stdio:') return address;
  return during === 'receiving' ? 'standard input' : 'standard output';
}

/** The error as one printable line. */
export function describeFailure(error: unknown): string {
  if (error instanceof EndpointFailure || error instanceof SideBroken) {
    const reason = error.cause === undefined ? '' : `: ${reasonOf(error.cause)}`;
    return oneLine(`${error.message}${reason}`);
  }
  return oneLine(reasonOf(error));
}

/** The chain of causes, outermost first, one printable line each. */
export function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  for (const cause of chainOf(error)) {
    const { name, message } = cause;
    const code = codeOf(cause);
    lines.push(oneLine(`${name}${code === undefined || message.includes(code) ? '' : ` [${code}]`}: ${message}`));
  }
  return lines;
}

/** Whether the error, or one behind it, has this code. */
export function hasCode(error: unknown, code: string): boolean {
  return chainOf(error).some((cause) => codeOf(cause) === code);
}

const MAX_CHAIN = 32;
const MAX_LINE_CHARACTERS = 500;

/** The error and what is behind it: causes, the attempts of a ConnectError, the members of an AggregateError. */
function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  const pending: unknown[] = [error];
  while (pending.length > 0 && chain.length < MAX_CHAIN) {
    const next = pending.shift();
    if (!(next instanceof Error) || chain.includes(next)) continue;
    chain.push(next);
    if (next instanceof ConnectError) pending.push(...next.attempts.map((attempt) => attempt.error));
    else if (next instanceof AggregateError) pending.push(...(next.errors as unknown[]));
    pending.push(next.cause);
  }
  return chain;
}

function codeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** Where the words of the system's table are missing or would mislead. */
const wording: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name cannot be looked up now',
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'the other side has closed the connection',
  EADDRINUSE: 'address already in use',
};

function systemWords(code: string): string | undefined {
  const known = wording[code];
  if (known !== undefined) return known;
  for (const [name, words] of getSystemErrorMap().values()) if (name === code) return words;
  return undefined;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConnectError && error.attempts.length > 1) {
    const reasons = error.attempts.map((attempt) => ({ at: attempt.address, why: reasonOf(attempt.error) }));
    const [first] = reasons;
    if (first !== undefined && reasons.every(({ why }) => why === first.why)) return first.why;
    return reasons.map(({ at, why }) => `${why} (${at})`).join(', ');
  }
  if (error instanceof TooSlowError) return error.message;
  for (const cause of chainOf(error)) {
    const code = codeOf(cause);
    const words = code === undefined ? undefined : systemWords(code);
    if (code !== undefined && words !== undefined) {
      // What is not Node's own "connect ECONNREFUSED 127.0.0.1:80" was written by somebody who knows more.
      if (!cause.message.includes(code)) return cause.message.replace(/^cannot (?:listen on|connect to) \S+: /, '');
      const { syscall, path } = cause as NodeJS.ErrnoException;
      // A command that is not there is "no such file or directory" to the system, which reads as if a socket were missing.
      if (code === 'ENOENT' && syscall?.startsWith('spawn')) return 'command not found';
      // Which file, where it is not the address itself: a certificate, a key.
      return syscall === 'open' && path !== undefined ? `${path}: ${words}` : words;
    }
  }
  // Its own message repeats the address, which whoever prints this has said.
  if (error instanceof ConnectError && error.attempts[0] !== undefined) return reasonOf(error.attempts[0].error);
  return error.message;
}

/** Nothing that a terminal would act on, whoever the text comes from. */
function oneLine(text: string): string {
  return escapeText(text.replace(/\s*\n\s*/g, ' '), MAX_LINE_CHARACTERS);
}
