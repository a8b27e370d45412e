/**
 * Errors of bowline as libraries written for `net.Socket` expect them: an errno in `code`, by which they decide whether to
 * reconnect, to retry or to be silent. The table is in docs/adapters.md. The original is the `cause`.
 */
import { constants } from 'node:os';

import { BrokenResourceError, ClosedResourceError } from '../core/errors.ts';

export type Syscall = 'read' | 'write' | 'shutdown';

interface SystemErrorFields {
  code?: unknown;
  errno?: unknown;
  syscall?: unknown;
}

/** What a net.Socket would have said. Errors that are no matter of the connection pass unchanged. */
export function toNodeError(error: unknown, syscall: Syscall): Error {
  if (error instanceof ClosedResourceError) return systemError('ECONNABORTED', syscall, error);
  if (error instanceof BrokenResourceError) {
    return systemError(errnoOf(error) ?? (syscall === 'read' ? 'ECONNRESET' : 'EPIPE'), syscall, error);
  }
  return error instanceof Error ? error : new Error(`the stream threw a ${typeof error}`, { cause: error });
}

/** The errno that the system gave, if one is in the chain of causes. */
function errnoOf(error: Error): string | undefined {
  // A longer chain is a cycle, not a cause.
  for (let depth = 0, link: unknown = error.cause; depth < 16 && link instanceof Error; depth++, link = link.cause) {
    const { code } = link as SystemErrorFields;
    if (typeof code === 'string' && code in constants.errno) return code;
  }
  return undefined;
}

function systemError(code: string, syscall: Syscall, cause: Error): Error {
  const error: Error & SystemErrorFields = new Error(`${syscall} ${code}`, { cause });
  error.code = code;
  error.errno = -(constants.errno as Record<string, number>)[code]!;
  error.syscall = syscall;
  return error;
}
