import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';

import { testCertificates } from 'bowline/testing';
import { clientContext, systemTrust, TrustStoreError } from 'bowline/trust';
import { systemTrustOf } from '#src/trust/system-trust.js';

const folder = mkdtempSync(join(tmpdir(), 'bowline-roots-'));
after(() => rmSync(folder, { recursive: true }));
const [one = '', two = ''] = [testCertificates(), testCertificates()].map(({ roots }) => roots.join(''));
const path = (name: string): string => join(folder, name);
const nowhere = { environment: {}, platform: 'linux', files: [], directories: [] } as const;

test('no store is an error that says where was looked, and never another list', () => {
  const files = [path('absent.crt')];
  const directories = [path('absent')];
  assert.throws(() => systemTrustOf({ ...nowhere, files, directories }), (error: Error) => {
    assert.ok(error instanceof TrustStoreError);
    assert.ok(error.message.includes('absent.crt') && error.message.includes('SSL_CERT_FILE'));
    return true;
  }); // prettier-ignore
});

test('the variables replace the system, and must name certificates that can be read', () => {
  writeFileSync(path('system.crt'), one);
  writeFileSync(path('mine.pem'), `# two\n${two}`);
  writeFileSync(path('empty.pem'), '');
  const files = [path('system.crt')];
  const with_ = (environment: Record<string, string>) => systemTrustOf({ ...nowhere, files, environment });
  assert.equal(with_({}).source, path('system.crt'));
  assert.equal(with_({ SSL_CERT_FILE: '', SSL_CERT_DIR: '' }).source, path('system.crt'));
  assert.equal(with_({ SSL_CERT_FILE: path('mine.pem') }).source, path('mine.pem'));
  assert.throws(() => with_({ SSL_CERT_FILE: path('absent.pem') }), TrustStoreError);
  assert.throws(() => with_({ SSL_CERT_FILE: path('empty.pem') }), TrustStoreError);
  assert.throws(() => with_({ SSL_CERT_DIR: path('absent') }), TrustStoreError);
  mkdirSync(path('nothing'));
  assert.throws(() => with_({ SSL_CERT_DIR: path('nothing') }), TrustStoreError);
});

test('a directory is read whole: twice the same counts once, and what is no certificate not at all', () => {
  const directory = path('certs');
  mkdirSync(directory);
  writeFileSync(join(directory, 'one.pem'), one);
  writeFileSync(join(directory, 'README'), 'no certificates here');
  symlinkSync('one.pem', join(directory, 'deadbeef.0'));
  symlinkSync('absent', join(directory, 'broken.0'));
  mkdirSync(join(directory, 'java'));
  const roots = systemTrustOf({ ...nowhere, directories: [directory] });
  assert.equal(roots.certificates.length, 1);
  writeFileSync(path('both.pem'), two);
  const environment = { SSL_CERT_FILE: path('both.pem'), SSL_CERT_DIR: [path('certs'), ''].join(delimiter) };
  assert.equal(systemTrustOf({ ...nowhere, environment }).certificates.length, 2);
});

test('a certificate of the system that is not well-formed is left out and counted', () => {
  const broken = `-----BEGIN CERTIFICATE-----\n${Buffer.from([0x30, 0x81, 0x80, 0]).toString('base64')}\n-----END CERTIFICATE-----\n`;
  writeFileSync(path('mixed.crt'), broken + one);
  const roots = systemTrustOf({ ...nowhere, files: [path('mixed.crt')] });
  assert.deepEqual([roots.certificates.length, roots.skipped], [1, 1]);
  writeFileSync(path('broken.crt'), broken);
  assert.throws(() => systemTrustOf({ ...nowhere, files: [path('broken.crt')] }), TrustStoreError);
});

test('the list is kept until its file changes', () => {
  const file = path('kept.crt');
  writeFileSync(file, one);
  const first = systemTrustOf({ ...nowhere, files: [file] });
  assert.equal(systemTrustOf({ ...nowhere, files: [file] }), first);
  writeFileSync(file, one + two);
  utimesSync(file, 1_000_000, 1_000_000);
  assert.equal(systemTrustOf({ ...nowhere, files: [file] }).certificates.length, 2);
});

test('Windows and macOS have a store that newer Nodes can read; older ones say so', () => {
  for (const platform of ['win32', 'darwin'] as const) {
    const native = (): string[] => [one, two];
    assert.equal(systemTrustOf({ ...nowhere, platform, native }).certificates.length, 2);
    assert.throws(() => systemTrustOf({ ...nowhere, platform, native: undefined }), /22\.15/);
    assert.throws(() => systemTrustOf({ ...nowhere, platform, native: () => [] }), TrustStoreError);
  }
});

test('a client context that leaves the verifier away trusts the system, or fails when it is made', () => {
  let roots: unknown;
  try {
    roots = systemTrust();
  } catch (error) {
    assert.ok(error instanceof TrustStoreError);
    assert.throws(() => clientContext(), TrustStoreError);
    return;
  }
  assert.equal(systemTrust(), roots);
  clientContext();
});
