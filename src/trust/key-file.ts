/**
 * Reading certificates and keys, from wherever a program names.
 *
 * A string that holds a PEM block is the text itself, any other string is a path: no path has "-----BEGIN" in it. Whether a key
 * file is exposed is asked of the open file, not of its path, so what is judged is what is read. Reading by the group is let pass: that is how
 * distributions let several services share a key (Debian's group `ssl-cert`); reading by everybody is reported.
 */
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { report } from '../observe/report.ts';
import { foreign } from '../tasks/waiter.ts';

/** More than any chain or key has: a path to a disk image must not be read whole. */
const MAX_FILE_BYTES = 1024 * 1024;
const READABLE_BY_OTHERS = 0o004;

/**
 * The text or the bytes that `source` is or names.
 *
 * @param hasKey report a file that everybody can read
 * @throws RangeError the file is larger than 1 MiB
 */
export async function readPem(source: string | URL | Uint8Array, hasKey: boolean): Promise<string | Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (typeof source === 'string' && source.includes('-----BEGIN ')) return source;
  if (typeof source !== 'string' && !(source instanceof URL))
    throw new TypeError('a certificate or a key must be PEM text, bytes, a path or a file: URL');
  return foreign(readFile(typeof source === 'string' ? source : fileURLToPath(source), hasKey));
}

async function readFile(path: string, hasKey: boolean): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size, mode } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new RangeError(`a file of ${size} bytes is no certificate and no key`);
    if (hasKey && process.platform !== 'win32' && (mode & READABLE_BY_OTHERS) !== 0)
      report({ kind: 'key-file-exposed', path, mode: mode & 0o777 });
    return await file.readFile();
  } finally {
    await file.close();
  }
}
