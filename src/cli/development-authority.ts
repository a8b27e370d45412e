/**
 * The development authority of a folder: `ca.pem` and `ca-key.pem`.
 *
 * It is made once. Whoever was told to trust it would have to be told again, so nothing here replaces it, not even --force;
 * who wants another one takes another folder.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { parseCertificate } from '../protocols/x509/certificate.ts';
import { Authority } from '../trust/authority/authority.ts';
import type { KeyAlgorithm } from '../trust/authority/key-algorithm.ts';
import { signingKeyOf } from '../trust/authority/key-algorithm.ts';
import { encodePem } from '../trust/pem.ts';
import { EndpointFailure } from './failure.ts';
import { writeNewFile } from './new-file.ts';

export interface DevelopmentAuthority {
  readonly authority: Authority;
  readonly file: string;
  readonly isNew: boolean;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/**
 * @param algorithm of a new one
 * @param warn told if the key of an existing one is not private
 * @throws EndpointFailure one of its files is missing, or cannot be read, or is not what it should be
 */
export function developmentAuthority(
  folder: string,
  algorithm: KeyAlgorithm,
  warn: (text: string) => void,
): DevelopmentAuthority {
  const file = join(folder, 'ca.pem');
  const keyFile = join(folder, 'ca-key.pem');
  const [hasCertificate, hasKey] = [existsSync(file), existsSync(keyFile)];
  if (hasCertificate !== hasKey) {
    const [there, missing] = hasKey ? [keyFile, file] : [file, keyFile];
    throw new EndpointFailure(missing, `is missing, but ${there} is there`, undefined);
  }
  if (hasCertificate) {
    warnIfOpen(keyFile, warn);
    return described(existing(file, keyFile), file, false);
  }
  const authority = Authority.root({ key: algorithm });
  // The key first: a certificate without a key is of no use, and says so too late.
  writeNewFile(keyFile, authority.key.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, 0o600);
  writeNewFile(file, encodePem('CERTIFICATE', authority.certificate), 0o644);
  return described(authority, file, true);
}

function existing(file: string, keyFile: string): Authority {
  const certificate = attempt(file, () => parseCertificate(new X509Certificate(readFileSync(file)).raw));
  const key = attempt(keyFile, () => signingKeyOf(createPrivateKey(readFileSync(keyFile))));
  const isRoot = certificate.subject.key === certificate.issuer.key;
  if (!isRoot || certificate.extensions.basicConstraints?.ca !== true) {
    throw new EndpointFailure(file, 'is not the certificate of a root authority', undefined);
  }
  if (!new X509Certificate(certificate.raw).checkPrivateKey(key.privateKey)) {
    throw new EndpointFailure(keyFile, `is not the key of ${file}`, undefined);
  }
  return Authority.existing(certificate.raw, { subject: certificate.subject.raw, key });
}

function described(authority: Authority, file: string, isNew: boolean): DevelopmentAuthority {
  const { subject, notAfter } = parseCertificate(authority.certificate);
  const name = subject.rdns.flatMap((level) => level.map(({ text }) => text ?? '')).at(-1) ?? '';
  return { authority, file, isNew, name, notAfter };
}

function warnIfOpen(keyFile: string, warn: (text: string) => void): void {
  if (process.platform === 'win32') return;
  const { mode } = attempt(keyFile, () => statSync(keyFile));
  if ((mode & 0o077) !== 0) warn(`${keyFile}: others can read this key: chmod 600`);
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new EndpointFailure(file, 'cannot be used', error);
  }
}
