/**
 * A lock between processes: a file that exists while somebody holds it.
 *
 * Made with O_EXCL, so exactly one of many makes it. It says who holds it: process, machine, and a word that no other lock
 * has. A holder may die without taking its file along; then the next one takes it away:
 *
 *     made before this process started, by its own number    a process before us had the number (in containers, always 1)
 *     the process is not there any more, on this machine     it died
 *     older than 10 s                                        whatever it is: a lock is held for milliseconds
 *
 * Taking away needs a second lock, or two could do it: the slower one would take away what the faster one has just made.
 *
 * The last rule can be wrong about a process that stood still for 10 s (a laptop that slept). So before the one step that matters the
 * holder looks whether the lock is still its own.
 *
 * Rejected: `flock`, which Node does not have; a port or a socket as a lock, which does not work across containers.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Age at which a lock counts as left behind. */
const STALE_LOCK_MS = 10_000;

export interface FileLock {
  readonly path: string;
  /** What its file says while it is this one. */
  readonly content: string;
  /** Does nothing where it was taken away. */
  release(): Promise<void>;
}

/**
 * Takes the lock if it is free, or was left behind.
 *
 * @returns `undefined`: somebody has it, or it has only just become free; try again in a while
 */
export async function tryLock(path: string): Promise<FileLock | undefined> {
  const made = await make(path);
  if (made === undefined) await removeStale(path);
  return made;
}

/** Whether it was not taken away meanwhile. */
export async function isHeld({ path, content }: FileLock): Promise<boolean> {
  return (await contentOf(path)) === content;
}

async function make(path: string): Promise<FileLock | undefined> {
  const content = `${process.pid} ${hostname()} ${randomBytes(12).toString('hex')}\n`;
  let file;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
  const lock: FileLock = {
    path,
    content,
    release: async () => {
      if (await isHeld(lock)) await rm(path, { force: true });
    },
  };
  return lock;
}

async function removeStale(path: string): Promise<void> {
  const before = await contentOf(path);
  if (before === undefined || !(await isStale(path, before))) return;
  const breaker = `${path}.break`;
  const right = await make(breaker);
  if (right === undefined) {
    // Whoever was taking a lock away died in the middle of it, which takes longer to find out and is all that is lost.
    if (await isOlderThan(breaker, STALE_LOCK_MS)) await rm(breaker, { force: true });
    return;
  }
  try {
    if ((await contentOf(path)) === before) await rm(path, { force: true });
  } finally {
    await right.release();
  }
}

async function isStale(path: string, content: string): Promise<boolean> {
  if (await isOlderThan(path, STALE_LOCK_MS)) return true;
  const [pid = '', host] = content.trim().split(' ');
  // Not written yet, or not one of ours: only its age can tell.
  if (host !== hostname() || !/^\d+$/.test(pid)) return false;
  if (Number(pid) === process.pid) return isOlderThan(path, process.uptime() * 1000 + 1000);
  return !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function isOlderThan(path: string, ms: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > ms;
  } catch {
    // Gone: then it is nobody's, and the next try will take it.
    return false;
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
