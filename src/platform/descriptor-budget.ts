/**
 * How many file descriptors this process may open, and how many are open.
 *
 * When a listening socket runs out of descriptors, libuv accepts and closes the waiting connections (its "EMFILE trick")
 * and Node says nothing. So a server has to stay below the limit by itself, and for that it has to know it. Linux tells
 * both numbers under /proc; elsewhere they are unknown, and the caller does without.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';

/** Descriptors that are left free: for files, look-ups, and the runtime's own needs. */
const RESERVE_SHARE = 0.05;
const MIN_RESERVE = 8;
/** Counting may list a directory, so while it is tight the last count holds for this long. */
const RECOUNT_MS = 20;

/**
 * Whether this process can do with more descriptors, asked for every connection that is accepted.
 *
 * Counting takes a system call, or on an older kernel 0.1 µs a descriptor, so it is done only when a good part of what was
 * free may have been used since the last time: then a thousand connections cost a dozen counts.
 */
export class DescriptorBudget {
  readonly #limit: number | undefined;
  readonly #count: () => number | undefined;
  readonly #now: () => number;
  #uncounted = 0;
  #hasRoom = true;
  #countedAt = -Infinity;

  /** The parameters are for tests. */
  constructor(
    limit: number | undefined = descriptorLimit(),
    count: () => number | undefined = descriptorsInUse,
    now: () => number = () => performance.now(),
  ) {
    this.#limit = limit === Infinity ? undefined : limit;
    this.#count = count;
    this.#now = now;
  }

  /** Takes one more into account. True where nothing is known. */
  hasRoom(): boolean {
    if (this.#limit === undefined) return true;
    if (this.#hasRoom ? --this.#uncounted >= 0 : this.#now() - this.#countedAt < RECOUNT_MS) return this.#hasRoom;
    const inUse = this.#count();
    if (inUse === undefined) return true;
    const spare = this.#limit - inUse - Math.max(MIN_RESERVE, this.#limit * RESERVE_SHARE);
    this.#countedAt = this.#now();
    this.#hasRoom = spare >= 0;
    // Others take descriptors meanwhile: a relay opens one more for each connection, or three for a child process.
    this.#uncounted = Math.floor(spare / 4);
    return this.#hasRoom;
  }
}

let processBudget: DescriptorBudget | undefined;

/** Whether this process can do with another connection. */
export function hasRoomForConnection(): boolean {
  return (processBudget ??= new DescriptorBudget()).hasRoom();
}

/** The soft RLIMIT_NOFILE, which Node raises to the hard one when it starts; `undefined` where it cannot be known. */
export function descriptorLimit(): number | undefined {
  return parseLimits(readOrUndefined('/proc/self/limits'));
}

/** Descriptors open now; `undefined` where that cannot be known. May read a directory: not for every connection. */
export function descriptorsInUse(): number | undefined {
  try {
    // The size of this folder is the number of open files since Linux 6.2; before, it is 0.
    const { size } = statSync(OWN_DESCRIPTORS);
    // Of the entries one is the folder itself, closed again by now.
    return size > 0 ? size : readdirSync(OWN_DESCRIPTORS).length - 1;
  } catch {
    return undefined;
  }
}

const OWN_DESCRIPTORS = '/proc/self/fd';

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
