/**
 * How many file descriptors this process may open, and how many are open.
 *
 * When a listening socket runs out of descriptors, libuv accepts and closes the waiting connections (its "EMFILE trick")
 * and Node says nothing. So a server has to stay below the limit by itself, and for that it has to know it. Linux tells
 * both numbers under /proc; elsewhere they are unknown, and the caller does without.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** The soft RLIMIT_NOFILE, which Node raises to the hard one when it starts; `undefined` where it cannot be known. */
export function descriptorLimit(): number | undefined {
  return parseLimits(readOrUndefined('/proc/self/limits'));
}

/** Descriptors open now; `undefined` where that cannot be known. Reads a directory: not for every connection. */
export function descriptorsInUse(): number | undefined {
  try {
    // One of them is the directory itself, closed again by now.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** The soft limit in the text of /proc/PID/limits. */
export function parseLimits(text: string | undefined): number | undefined {
  const match = text === undefined ? null : /^Max open files\s+(\d+|unlimited)\s/m.exec(text);
  if (match === null) return undefined;
  return match[1] === 'unlimited' ? Infinity : Number(match[1]);
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
