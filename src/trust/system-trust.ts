/**
 * The root certificates of the operating system.
 *
 * Node brings a list of its own and uses that; an administrator who adds a company's root to the system, or takes one out
 * of it, is not heard. Here the system decides, or nobody: where no store is found that is an error that says where was
 * looked, never a silent change to another list.
 *
 *     SSL_CERT_FILE or SSL_CERT_DIR set    what they name, and nothing else; both if both are set. The directory may be
 *                                          several, with the separator of PATH. Unreadable or empty is an error
 *     Windows, macOS                       the system's API, which Node has from 22.15 and 23.9 on
 *     other systems                        the first bundle file of the list below that exists, else the first directory
 *
 * The variables mean what they mean to OpenSSL; that they also switch the default off is Go's rule, and the safer one:
 * a deployment that names its roots wants no others. The list of files is where distributions put them (Go and rustls keep the same
 * one). Only the roots of the list matter here, so the hashed names in the directories are not needed; every file is read.
 *
 * A result is kept until the files or the variables change, as one default context per connection would read 200 KB each.
 */
import type { Stats } from 'node:fs';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as tls from 'node:tls';

import type { Bytes } from '../core/bytes.ts';
import { quoteText } from '../core/quote.ts';
import { certificatesOf } from './pem.ts';
import { TrustRoots } from './trust-roots.ts';
import { TrustStoreError } from './trust-store-error.ts';

const bundleFiles: readonly string[] = [
  // Debian, Ubuntu, Alpine, Arch, Gentoo
  '/etc/ssl/certs/ca-certificates.crt',
  // Fedora, RHEL 7 and later
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  // Fedora, RHEL 6
  '/etc/pki/tls/certs/ca-bundle.crt',
  // SUSE
  '/var/lib/ca-certificates/ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
  // Alpine without the package ca-certificates, OpenBSD
  '/etc/ssl/cert.pem',
  // FreeBSD
  '/usr/local/etc/ssl/cert.pem',
  '/usr/local/share/certs/ca-root-nss.crt',
];

const directories: readonly string[] = [
  '/etc/ssl/certs',
  '/etc/pki/tls/certs',
  // NetBSD
  '/etc/openssl/certs',
  // Android
  '/system/etc/security/cacerts',
];

/** What a test may replace. */
export interface SystemTrustSurroundings {
  readonly platform?: NodeJS.Platform | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly files?: readonly string[] | undefined;
  readonly directories?: readonly string[] | undefined;
  /** Node's access to the store of Windows and macOS: PEM of each; `undefined` where this Node has none. */
  readonly native?: (() => readonly string[]) | undefined;
}

/**
 * The root certificates that this system trusts.
 *
 * @throws TrustStoreError there are none, or they cannot be read
 */
export function systemTrust(): TrustRoots {
  return systemTrustOf({});
}

/** `systemTrust` in given surroundings. */
export function systemTrustOf(surroundings: SystemTrustSurroundings): TrustRoots {
  const { platform = process.platform, environment = process.env } = surroundings;
  const file = environment['SSL_CERT_FILE'] ?? '';
  const directory = environment['SSL_CERT_DIR'] ?? '';
  if (file !== '' || directory !== '') return named(file, directory === '' ? [] : directory.split(delimiter));
  if (platform === 'win32' || platform === 'darwin')
    return native(platform, 'native' in surroundings ? surroundings.native : nodeSystemStore());
  const files = surroundings.files ?? bundleFiles;
  const folders = surroundings.directories ?? directories;
  for (const path of files) {
    const found = exists(path) ? fromFiles(path, [path]) : undefined;
    if (found !== undefined) return found;
  }
  for (const path of folders) {
    const found = exists(path) ? fromFiles(path, filesIn(path)) : undefined;
    if (found !== undefined) return found;
  }
  throw new TrustStoreError(
    `no root certificates are found on this system; install its package ca-certificates, set SSL_CERT_FILE, or use ` +
      `pki({ roots }). Looked for ${[...files, ...folders].join(', ')}`,
  );
}

function named(file: string, folders: readonly string[]): TrustRoots {
  const named = [file, ...folders].filter((path) => path !== '');
  const source = named.join(delimiter);
  try {
    const paths = [...(file === '' ? [] : [file]), ...folders.filter((path) => path !== '').flatMap(filesIn)];
    const found = fromFiles(source, paths, file);
    if (found !== undefined) return found;
  } catch (cause) {
    throw new TrustStoreError(`SSL_CERT_FILE or SSL_CERT_DIR names ${quoteText(source)}, which cannot be read`, {
      cause,
    });
  }
  throw new TrustStoreError(`SSL_CERT_FILE or SSL_CERT_DIR names ${quoteText(source)}, where no certificate is`);
}

function native(platform: NodeJS.Platform, store: (() => readonly string[]) | undefined): TrustRoots {
  if (store === undefined)
    throw new TrustStoreError(
      `the root certificates of ${platform} can be read from Node 22.15 or 23.9 on; with ${process.version}, use pki({ roots }) or set SSL_CERT_FILE`,
    );
  const roots = TrustRoots.lenient(`the store of ${platform}`, [...store()].flatMap(certificatesOf));
  if (roots === undefined) throw new TrustStoreError(`the store of ${platform} has no root certificates`);
  return roots;
}

function nodeSystemStore(): (() => readonly string[]) | undefined {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'system') => readonly string[] };
  return getCACertificates === undefined ? undefined : () => getCACertificates('system');
}

interface Kept {
  readonly stamp: string;
  readonly roots: TrustRoots;
}

/** By source; few, for a process has one set of variables. */
const kept = new Map<string, Kept>();

/** @param required a file that has to be readable and hold certificates; others in a directory may be anything */
function fromFiles(source: string, paths: readonly string[], required = ''): TrustRoots | undefined {
  const stamp = JSON.stringify(paths.map(stampOf));
  const known = kept.get(source);
  if (known?.stamp === stamp) return known.roots;
  const certificates = new Map<string, Bytes>();
  for (const path of paths) {
    for (const der of certificatesIn(path, path === required))
      certificates.set(Buffer.from(der).toString('latin1'), der);
  }
  const roots = TrustRoots.lenient(source, [...certificates.values()]);
  if (roots !== undefined) kept.set(source, { stamp, roots });
  return roots;
}

function certificatesIn(path: string, required: boolean): readonly Bytes[] {
  try {
    return certificatesOf(readFileSync(path));
  } catch (error) {
    // A directory of certificates has other things in it: READMEs, links to nowhere, revocation lists.
    if (required) throw error;
    return [];
  }
}

function filesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name))
    .filter((path) => statOf(path)?.isFile() === true);
}

function exists(path: string): boolean {
  return statOf(path) !== undefined;
}

function stampOf(path: string): readonly [string, number, number, number] {
  const status = statOf(path);
  return [path, status?.mtimeMs ?? 0, status?.size ?? -1, status?.ino ?? 0];
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
