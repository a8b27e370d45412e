import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { attributeOf } from 'bowline/core';
import { connect, listen } from 'bowline/endpoints';
import { tlsPeer } from 'bowline/tls';

import { parseArguments } from '#src/cli/arguments.js';
import { makeCertificate } from '#src/cli/cert.js';
import { describeFailure, EndpointFailure } from '#src/cli/failure.js';
import { UsageError } from '#src/cli/usage-error.js';

import { bowline } from '../support/bowline-process.js';
import { noOpenssl, openssl } from '../support/openssl.js';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-cert-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** `bowline cert` in this process. */
function cert(folder: string, ...words: string[]): { printed: string; warnings: string[] } {
  const command = parseArguments(['cert', folder, ...words]);
  assert.ok(command.name === 'cert');
  const warnings: string[] = [];
  return { printed: makeCertificate(command.wishes, (text) => warnings.push(text)), warnings };
}

function refusal(folder: string, ...words: string[]): string {
  let said = '';
  assert.throws(
    () => cert(folder, ...words),
    (error) => {
      assert.ok(error instanceof EndpointFailure || error instanceof UsageError, String(error));
      said = describeFailure(error);
      return true;
    },
  );
  return said;
}

test('the command makes an authority and a certificate, and says so in a table', async (t) => {
  const folder = join(temporaryFolder(t), 'new', 'dev');
  const { status, stdout, stderr } = await bowline(t, ['cert', folder]);
  assert.deepEqual([status, stderr], [0, '']);
  const leaf = new X509Certificate(readFileSync(join(folder, 'localhost.pem')));
  const expected = [
    /^authority {4}\S+ca\.pem$/,
    /^ {13}development CA [0-9a-f]{8}, until \d{4}-\d\d-\d\d, new$/,
    /^certificate {2}\S+localhost\.pem$/,
    /^ {13}for a server, until \d{4}-\d\d-\d\d$/,
    /^key {10}\S+localhost-key\.pem$/,
    /^ {13}ecdsa-p256$/,
    /^names {8}localhost, 127\.0\.0\.1, ::1$/,
    /^pin {10}sha256\/[0-9A-Za-z+/]{43}=$/,
  ];
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, expected.length, stdout);
  for (const [i, line] of lines.entries()) assert.match(line, expected[i] as RegExp);
  assert.equal(leaf.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
  assert.ok(leaf.verify(new X509Certificate(readFileSync(join(folder, 'ca.pem'))).publicKey));
});

test('a file that is there is not overwritten: one line, status 1; --force replaces it', async (t) => {
  const folder = temporaryFolder(t);
  cert(folder);
  const before = readFileSync(join(folder, 'localhost.pem'), 'utf8');
  const { status, stdout, stderr } = await bowline(t, ['cert', folder]);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^bowline: \S+localhost\.pem: is there already; --force replaces it\n$/);
  assert.equal(readFileSync(join(folder, 'localhost.pem'), 'utf8'), before);
  cert(folder, '--force');
  const after = new X509Certificate(readFileSync(join(folder, 'localhost.pem')));
  assert.notEqual(after.toString(), before);
  assert.ok(after.checkPrivateKey(createPrivateKey(readFileSync(join(folder, 'localhost-key.pem')))));
});

test('half of a pair is enough to refuse, and nothing is left of what was refused', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'localhost-key.pem'), 'mine');
  assert.match(refusal(folder), /localhost-key\.pem: is there already/);
  assert.match(refusal(folder, '--san', 'a b', '--name', 'x'), /^--san: "a b" is not the name of a host$/);
  assert.deepEqual(readdirSync(folder), ['localhost-key.pem']);
});

test('the authority is made once and kept, also by --force', (t) => {
  const folder = temporaryFolder(t);
  assert.match(cert(folder).printed, /, new$/m);
  const before = readFileSync(join(folder, 'ca.pem'), 'utf8');
  assert.doesNotMatch(cert(folder, '--force').printed, /, new$/m);
  cert(folder, '--client', '--alg', 'ed25519');
  assert.equal(readFileSync(join(folder, 'ca.pem'), 'utf8'), before);
});

const noModes = process.platform === 'win32' && 'files have no modes here';

test('keys are readable by their owner alone, whatever was there before', { skip: noModes }, (t) => {
  const folder = temporaryFolder(t);
  const modeOf = (name: string): number => statSync(join(folder, name)).mode & 0o777;
  cert(folder);
  chmodSync(join(folder, 'localhost-key.pem'), 0o644);
  cert(folder, '--force');
  assert.deepEqual([modeOf('ca-key.pem'), modeOf('localhost-key.pem')], [0o600, 0o600]);
  assert.deepEqual(readdirSync(folder).sort(), ['ca-key.pem', 'ca.pem', 'localhost-key.pem', 'localhost.pem']);
});

test('a key is not written through a link that somebody else has put there', { skip: noModes }, (t) => {
  const folder = temporaryFolder(t);
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'localhost-key.pem'));
  assert.match(refusal(folder), /localhost-key\.pem: is there already/);
  cert(folder, '--force');
  assert.ok(!readdirSync(folder).includes('elsewhere'));
});

test('an authority whose key others can read is told of', { skip: noModes }, (t) => {
  const folder = temporaryFolder(t);
  assert.deepEqual(cert(folder).warnings, []);
  chmodSync(join(folder, 'ca-key.pem'), 0o640);
  const [warning] = cert(folder, '--force').warnings;
  assert.match(warning ?? '', /ca-key\.pem: others can read this key: chmod 600$/);
});

test('what is no authority is refused, each fault in its own words', (t) => {
  const folder = temporaryFolder(t);
  cert(folder);
  const put = (name: string, from: string): void => writeFileSync(join(folder, name), readFileSync(join(folder, from)));
  put('keep.pem', 'ca.pem');
  put('keep-key.pem', 'ca-key.pem');
  const verdict = (): string => refusal(folder, '--force').replaceAll(folder, '');

  put('ca.pem', 'localhost.pem');
  assert.equal(verdict(), '/ca.pem: is not the certificate of a root authority');
  put('ca.pem', 'keep.pem');
  put('ca-key.pem', 'localhost-key.pem');
  assert.equal(verdict(), '/ca-key.pem: is not the key of /ca.pem');
  writeFileSync(join(folder, 'ca-key.pem'), 'secret nonsense');
  assert.match(verdict(), /^\/ca-key\.pem: cannot be used/);
  assert.doesNotMatch(verdict(), /secret/);
  rmSync(join(folder, 'ca-key.pem'));
  assert.equal(verdict(), '/ca-key.pem: is missing, but /ca.pem is there');
  put('ca-key.pem', 'keep-key.pem');
  rmSync(join(folder, 'ca.pem'));
  assert.equal(verdict(), '/ca.pem: is missing, but /ca-key.pem is there');
});

test('a folder that cannot be made is one line', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  assert.match(refusal(join(folder, 'file', 'dev')), /^\S+dev: cannot be made: not a directory$/);
});

test('--json prints one line that has the files', (t) => {
  const folder = temporaryFolder(t);
  const { printed } = cert(folder, '--json', '--san', 'a.test', '--days', '7');
  assert.match(printed, /^[^\n]*\n$/);
  const report = JSON.parse(printed) as Record<string, unknown>;
  assert.equal(report['certificate'], join(folder, 'a.test.pem'));
  assert.deepEqual(report['names'], ['a.test']);
  const leaf = new X509Certificate(readFileSync(report['certificate']));
  assert.equal(Date.parse(leaf.validTo), Math.floor(Date.parse(report['notAfter'] as string) / 1000) * 1000);
});

test('a client certificate is for clients, and has the name that was given', (t) => {
  const folder = temporaryFolder(t);
  cert(folder, '--client', '--name', 'alice', '--san', 'email:alice@a.test');
  const leaf = new X509Certificate(readFileSync(join(folder, 'alice.pem')));
  assert.deepEqual(
    [leaf.subject, leaf.subjectAltName, leaf.keyUsage],
    ['CN=alice', 'email:alice@a.test', ['1.3.6.1.5.5.7.3.2']],
  );
});

test('openssl accepts what was made, for its names and its use and no others', { skip: noOpenssl }, (t) => {
  const folder = temporaryFolder(t);
  cert(folder, '--san', 'api.test', '--san', '10.0.0.7', '--alg', 'rsa-pss-2048');
  cert(folder, '--client');
  const verdict = (name: string, ...words: string[]): number | null =>
    openssl('verify', '-x509_strict', '-CAfile', join(folder, 'ca.pem'), ...words, join(folder, name)).status;
  assert.equal(verdict('api.test.pem', '-purpose', 'sslserver', '-verify_hostname', 'api.test'), 0);
  assert.equal(verdict('api.test.pem', '-purpose', 'sslserver', '-verify_ip', '10.0.0.7'), 0);
  assert.notEqual(verdict('api.test.pem', '-verify_hostname', 'other.test'), 0);
  assert.notEqual(verdict('api.test.pem', '-purpose', 'sslclient'), 0);
  assert.equal(verdict('client.pem', '-purpose', 'sslclient'), 0);
  assert.notEqual(verdict('client.pem', '-purpose', 'sslserver'), 0);
});

test('what was made is accepted by a bowline client that is given the authority, on both sides', async (t) => {
  const folder = temporaryFolder(t);
  cert(folder);
  cert(folder, '--client', '--alg', 'ed25519');
  const path = (name: string): string => join(folder, name);
  const allow = ['file'] as const;
  const [listener] = await listen(
    `tls:127.0.0.1:0?cert=${path('localhost.pem')}&key=${path('localhost-key.pem')}&ca=${path('ca.pem')}`,
    { allow },
  );
  assert.ok(listener?.address?.family === 4);
  const accepted = listener.accept();
  const server = `tls:localhost:${listener.address.port}?ca=${path('ca.pem')}`;
  const stream = await connect(`${server}&cert=${path('client.pem')}&key=${path('client-key.pem')}`, { allow });
  const [peer] = attributeOf(await accepted, tlsPeer)?.certificates ?? [];
  assert.equal(peer?.subject, 'CN=client');
  stream.abort();
  (await accepted).abort();
  await listener.close();
});
