/** Test certificates as files, for what takes the names of files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { testCertificates } from 'bowline/testing';
import type { TestCertificate, TestCertificates } from 'bowline/testing';

export interface CertificateFiles {
  readonly certificates: TestCertificates;
  readonly folder: string;
  readonly roots: string;
  /** `cert=…&key=…` of a certificate, for an address. */
  options(certificate: TestCertificate): string;
}

/** Gone at the end of the test. */
export function certificateFiles(t: TestContext): CertificateFiles {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const certificates = testCertificates();
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  let count = 0;
  return {
    certificates,
    folder,
    roots: write('ca.pem', certificates.roots.join('')),
    options: ({ cert, key }) => {
      count += 1;
      return `cert=${write(`${count}.pem`, cert)}&key=${write(`${count}-key.pem`, key)}`;
    },
  };
}
