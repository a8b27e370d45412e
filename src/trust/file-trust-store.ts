/**
 * Known keys in a file, for `trustOnFirstUse`.
 *
 *     # anything after a hash
 *     device.example:8883 sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
 *     [2001:db8::1]:443 sha256/…
 *
 * A line for each key; a person may edit it. A place may have several keys, of which any will do. What is not of this form
 * makes the whole file unusable, with the number of the line: passing over a damaged line would be forgetting a key, and the next
 * stranger would be the first.
 *
 * Several processes may share a file. Looking takes no lock, as the file is only ever replaced whole (written beside, flushed,
 * renamed). Recording takes the lock of `file-lock.ts`, looks again, and replaces. The file belongs to its user alone: it is
 * made with mode 0600, and one that others may write to, or that belongs to another user, is refused as ssh refuses it.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { formatHostPort, parseHostPort } from '../core/host-port.ts';
import { quoteText } from '../core/quote.ts';
import { sleep } from '../tasks/timeouts.ts';
import { foreign } from '../tasks/waiter.ts';
import { isHeld, tryLock } from './file-lock.ts';
import type { FileLock } from './file-lock.ts';
import type { KnownPeer, TrustStore } from './trust-on-first-use.ts';
import { TrustStoreError } from './trust-store-error.ts';

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const WRITABLE_BY_OTHERS = 0o022;
/** Between two tries for the lock: it is held for the time that it takes to write a small file. */
const RETRY_MS = 10;

export interface FileTrustStore extends TrustStore {
  /**
   * @throws TypeError `place` is not `host:port` in lower case, or `pin` no pin
   * @throws TrustStoreError the file is damaged, or not this user's alone
   */
  remember(place: string, pin: string): Promise<readonly string[]>;
  /**
   * Everything that is known, in the order of the file.
   *
   * @throws TrustStoreError the file is damaged, or not this user's alone
   */
  entries(): Promise<readonly KnownPeer[]>;
  /**
   * Takes out all keys of a place, so that the next one is the first again.
   *
   * @param place `host:port`
   * @returns whether there were any
   * @throws TrustStoreError the file is damaged, or not this user's alone
   */
  forget(place: string): Promise<boolean>;
}

/**
 * @param file path or `file:` URL; made with its folder when the first key is recorded
 * @throws TypeError `file` is neither
 */
export function fileTrustStore(file: string | URL): FileTrustStore {
  if (typeof file !== 'string' && !(file instanceof URL)) throw new TypeError('file must be a path or a file: URL');
  const path = typeof file === 'string' ? file : fileURLToPath(file);
  if (path === '') throw new TypeError('file must not be empty');
  return Object.freeze({
    async remember(place: string, pin: string): Promise<readonly string[]> {
      const line = `${place} sha256/${pin}`;
      if (!FORM.test(line) || line.includes('#') || place !== place.toLowerCase())
        throw new TypeError('a place must be host:port in lower case, and a pin base64 of 32 bytes');
      const known = pinsOf(await foreign(read(path)), place);
      if (known.length > 0) return known;
      return change(path, (content) => {
        // Somebody else may have been first, between the look and the lock.
        const found = pinsOf(content, place);
        if (found.length > 0) return { result: found };
        const separator = content === '' || content.endsWith('\n') ? '' : '\n';
        return { result: [pin], content: `${content}${separator}${line}\n` };
      });
    },
    async entries(): Promise<readonly KnownPeer[]> {
      return peersOf(await foreign(read(path)));
    },
    async forget(place: string): Promise<boolean> {
      const { host, port } = parseHostPort(place, { allowEmptyHost: false });
      const wanted = formatHostPort({ host: host.toLowerCase(), port });
      return change(path, (content) => {
        const lines = content.split('\n');
        const left = lines.filter((line, i) => peerOf(line, i + 1)?.place !== wanted);
        return { result: left.length < lines.length, content: left.join('\n') };
      });
    },
  });
}

interface Change<T> {
  readonly result: T;
  /** Absent: the file stays as it is. */
  readonly content?: string | undefined;
}

/** Replaces the content while holding the lock. A step that has begun goes on to its end, cancelled or not. */
async function change<T>(path: string, edit: (content: string) => Change<T>): Promise<T> {
  for (;;) {
    const done = await foreign(tryChange(path, edit));
    if (done !== undefined) return done.result;
    // Not all at the same time again.
    await sleep(RETRY_MS * (1 + Math.random()));
  }
}

/** @returns `undefined`: somebody else has the lock */
async function tryChange<T>(given: string, edit: (content: string) => Change<T>): Promise<Change<T> | undefined> {
  await mkdir(dirname(given), { recursive: true, mode: 0o700 });
  const path = await realpath(given).catch(() => given);
  const lock = await tryLock(`${path}.lock`);
  if (lock === undefined) return undefined;
  try {
    const before = await read(path);
    peersOf(before);
    const edited = edit(before);
    if (edited.content !== undefined && edited.content !== before && !(await replace(path, edited.content, lock)))
      return undefined;
    return edited;
  } finally {
    await lock.release();
  }
}

/** @returns false: the lock was taken away, as this process stood still for too long; nothing was changed */
async function replace(path: string, content: string, lock: FileLock): Promise<boolean> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    if (!(await isHeld(lock))) return false;
    await rename(beside, path);
    return true;
  } finally {
    await rm(beside, { force: true });
  }
}

/** The content; empty where there is no file yet. */
async function read(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  try {
    const { mode, uid, size } = await file.stat();
    const user = process.getuid?.();
    if (user !== undefined && uid !== user && uid !== 0)
      throw new TrustStoreError(`${quoteText(path)} belongs to another user, who decides whom it trusts`);
    if (user !== undefined && (mode & WRITABLE_BY_OTHERS) !== 0)
      throw new TrustStoreError(
        `${quoteText(path)} can be written by other users (mode 0${(mode & 0o777).toString(8)}); make it 0600`,
      );
    if (size > MAX_FILE_BYTES)
      throw new TrustStoreError(`${quoteText(path)} has ${size} bytes, which is no list of keys`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function pinsOf(content: string, place: string): readonly string[] {
  return peersOf(content)
    .filter((peer) => peer.place === place)
    .map(({ pin }) => pin);
}

function peersOf(content: string): readonly KnownPeer[] {
  return content.split('\n').flatMap((line, i) => peerOf(line, i + 1) ?? []);
}

const FORM = /^(\S+:\d{1,5})\s+sha256\/([A-Za-z0-9+/]{43}=)$/;

function peerOf(line: string, number: number): KnownPeer | undefined {
  const bare = line.replace(/#.*$/, '').trim();
  if (bare === '') return undefined;
  const [, place, pin] = FORM.exec(bare) ?? [];
  if (place === undefined || pin === undefined)
    throw new TrustStoreError(`line ${number} of the known keys is not "host:port sha256/pin"`);
  return { place: place.toLowerCase(), pin };
}
