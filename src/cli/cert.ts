/** `bowline cert FOLDER`: a certificate from the development authority of a folder. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { IssuedCertificate } from '../trust/authority/authority.ts';
import { generalName } from '../trust/authority/name.ts';
import { encodePem } from '../trust/pem.ts';
import { pinOf } from '../trust/pinned.ts';
import type { CertificateWishes } from './arguments.ts';
import { developmentAuthority } from './development-authority.ts';
import type { DevelopmentAuthority } from './development-authority.ts';
import { EndpointFailure } from './failure.ts';
import { labelTable } from './label-table.ts';
import { alreadyThere, replaceFile, writeNewFile } from './new-file.ts';
import { UsageError } from './usage-error.ts';

const DAY_MS = 86_400_000;

interface Made {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly names: readonly string[];
  readonly notAfter: number;
  readonly algorithm: string;
  readonly pin: string;
}

/**
 * Makes the certificate, and the authority where there is none yet.
 *
 * @param warn told of keys that others can read
 * @returns what to print: a table, or a line of JSON
 * @throws UsageError a name is no name
 * @throws EndpointFailure a file is there already, or cannot be read or written; or the authority does not last that long
 */
export function makeCertificate(wishes: CertificateWishes, warn: (text: string) => void): string {
  const { folder, fileName, force } = wishes;
  const files = { certificateFile: join(folder, `${fileName}.pem`), keyFile: join(folder, `${fileName}-key.pem`) };
  checkNames(wishes);
  if (!force) for (const file of Object.values(files)) if (existsSync(file)) throw alreadyThere(file);
  makeFolder(folder);
  const authority = developmentAuthority(folder, wishes.algorithm, warn);
  const issued = issue(authority, wishes);
  const write = force ? replaceFile : writeNewFile;
  write(files.keyFile, issued.key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, 0o600);
  write(files.certificateFile, issued.chain.map((der) => encodePem('CERTIFICATE', der)).join(''), 0o644);
  const made = {
    ...files,
    names: wishes.names,
    notAfter: issued.notAfter,
    algorithm: issued.key.algorithm,
    pin: pinOf(issued.key.spki),
  };
  return wishes.json ? asJson(authority, made) : asTable(authority, made, wishes);
}

/** Before anything is written. */
function checkNames({ names }: CertificateWishes): void {
  for (const name of names) {
    try {
      generalName(name);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(`--san: ${error.message}`);
    }
  }
}

function issue(
  { authority, file, notAfter: authorityEnds }: DevelopmentAuthority,
  { names, isForClient, fileName, days, algorithm }: CertificateWishes,
): IssuedCertificate {
  const now = Date.now();
  const notAfter = now + days * DAY_MS;
  if (authorityEnds < now) throw new EndpointFailure(file, 'has expired: take another folder', undefined);
  if (authorityEnds < notAfter) {
    const left = Math.floor((authorityEnds - now) / DAY_MS);
    throw new EndpointFailure(file, `ends before that: --days ${left} is the most`, undefined);
  }
  return authority.issue({
    names,
    key: algorithm,
    notAfter,
    commonName: isForClient ? fileName : undefined,
    purposes: [isForClient ? 'client' : 'server'],
  });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new EndpointFailure(folder, 'cannot be made', error);
  }
}

function asTable(authority: DevelopmentAuthority, made: Made, { isForClient }: CertificateWishes): string {
  const { certificateFile, keyFile, names, notAfter, algorithm, pin } = made;
  return labelTable([
    ['authority', authority.file],
    ['', `${authority.name}, until ${day(authority.notAfter)}${authority.isNew ? ', new' : ''}`],
    ['certificate', certificateFile],
    ['', `for a ${isForClient ? 'client' : 'server'}, until ${day(notAfter)}`],
    ['key', keyFile],
    ['', algorithm],
    ...(names.length === 0 ? [] : [['names', names.join(', ')] as const]),
    ['pin', `sha256/${pin}`],
  ]);
}

function asJson(authority: DevelopmentAuthority, made: Made): string {
  const { certificateFile, keyFile, names, notAfter, algorithm, pin } = made;
  const report = {
    authority: authority.file,
    isNewAuthority: authority.isNew,
    certificate: certificateFile,
    key: keyFile,
    names,
    notAfter: new Date(notAfter).toISOString(),
    algorithm,
    pin: `sha256/${pin}`,
  };
  return `${JSON.stringify(report)}\n`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
