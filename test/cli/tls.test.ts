import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import tls from 'node:tls';

import type { TestCertificate } from 'bowline/testing';

import { parseArguments } from '#src/cli/arguments.js';
import { withTlsFlags } from '#src/cli/tls-flags.js';
import { UsageError } from '#src/cli/usage-error.js';

import { bowline, BowlineProcess } from '../support/bowline-process.js';
import { certificateFiles } from '../support/certificate-files.js';
import { rawServer, readAll } from '../support/raw-tcp.js';

/** Node's own server, which ends each connection when it has got all of it, with what it has got. */
async function nodeServer(
  t: TestContext,
  { cert, key }: TestCertificate,
  options: tls.TlsOptions = {},
): Promise<number> {
  const server = tls.createServer({ cert, key, allowHalfOpen: true, ...options }, (socket) => {
    socket.on('error', () => undefined);
    void readAll(socket).then((all) => socket.end(all));
  });
  const sockets = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket: { destroy(): unknown }) => void sockets.add(socket));
  server.on('tlsClientError', () => undefined);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

test('flags about TLS are options of the one address that is tls:', () => {
  const pin = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
  assert.deepEqual(withTlsFlags(['tcp::1', 'tls:h:2'], { pin, json: true }), [
    'tcp::1',
    `tls:h:2?pin=${encodeURIComponent(pin)}`,
  ]);
  assert.deepEqual(
    withTlsFlags(['TLS:h:2?noDelay'], { 'server-name': 'a&b', starttls: 'smtp', 'insecure-accept-anyone': true }),
    ['TLS:h:2?noDelay&serverName=a%26b&startTls=smtp&insecureAcceptAnyone=1'],
  );
  assert.deepEqual(withTlsFlags(['tcp:h:1'], { json: true }), ['tcp:h:1']);
  assert.throws(
    () => withTlsFlags(['tcp:h:1'], { ca: 'x' }),
    (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, '--ca is for a tls: or dtls: address');
      return true;
    },
  );
  assert.throws(
    () => withTlsFlags(['tls::1', 'tls:h:1'], { starttls: 'x' }),
    /--starttls could be for either address: write it there, as startTls=…/,
  );
});

test('the command line takes them, pins several times', () => {
  const command = parseArguments(['connect', 'tls:h:1', '--pin', 'a', '--pin', 'b', '--info']);
  assert.ok(command.name === 'connect' && command.info);
  assert.equal(command.address, 'tls:h:1?pin=a%2Cb');
});

test('serve and connect, over TLS with certificates on both sides', async (t) => {
  const files = certificateFiles(t);
  const { good, clientCertificate } = files.certificates;
  const flags = (certificate: TestCertificate): string[] =>
    files
      .options(certificate)
      .split('&')
      .flatMap((option) => {
        const [name = '', file = ''] = option.split('=');
        return [`--${name}`, file];
      });
  const server = new BowlineProcess(t, ['serve', 'tls:127.0.0.1:0', '--echo', '--ca', files.roots, ...flags(good)]);
  const match = await server.said(/^bowline: listening on tls:127\.0\.0\.1:(\d+)$/m);
  const address = `tls:127.0.0.1:${match[1]}`;
  const welcome = await bowline(t, ['connect', address, '--ca', files.roots, ...flags(clientCertificate)], 'hello');
  assert.deepEqual(welcome, { status: 0, stdout: 'hello', stderr: '' });
  const refused = await bowline(t, ['connect', address, '--ca', files.roots], 'hello');
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^bowline: tls:[^\n]*\n$/);
  await server.said(/handshake/);
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).status, 0);
});

test('connect: who is not accepted is one line and status 1, and gets no byte', async (t) => {
  const files = certificateFiles(t);
  const { certificates } = files;
  for (const [certificate, expected] of [
    [certificates.expired, /expired/],
    [certificates.wrongHost, /it is not for "127\.0\.0\.1"/],
    [certificates.untrusted, /CN=/],
  ] as const) {
    const port = await nodeServer(t, certificate);
    const { status, stdout, stderr } = await bowline(t, ['connect', `tls:127.0.0.1:${port}`, '--ca', files.roots], 'x');
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^bowline: tls:127\.0\.0\.1:\d+\?ca=\S+: cannot connect: [^\n]*\n$/);
    assert.match(stderr, expected);
  }
});

test('connect over TLS 1.2, which has no half-close: the answer arrives all the same', async (t) => {
  const files = certificateFiles(t);
  const server = tls.createServer(
    { cert: files.certificates.good.cert, key: files.certificates.good.key, maxVersion: 'TLSv1.2' },
    (socket) => {
      socket.once('data', (data: Buffer) => socket.end(data));
    },
  );
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const result = await bowline(t, ['connect', `tls:127.0.0.1:${port}`, '--ca', files.roots], 'hello');
  assert.deepEqual(result, { status: 0, stdout: 'hello', stderr: '' });
});

test('relay takes TLS off, and puts it on', async (t) => {
  const files = certificateFiles(t);
  const inner = await rawServer(t, (socket) => void readAll(socket).then((all) => socket.end(all)));
  const off = new BowlineProcess(t, [
    'relay',
    `tls:127.0.0.1:0?${files.options(files.certificates.good)}`,
    `tcp:127.0.0.1:${inner}`,
  ]);
  const offPort = (await off.said(/listening on tls:127\.0\.0\.1:(\d+)/))[1];
  const on = new BowlineProcess(t, ['relay', 'tcp:127.0.0.1:0', `tls:localhost:${offPort}`, '--ca', files.roots]);
  const port = await on.port();
  for (const word of ['one', 'two']) {
    const { status, stdout } = await bowline(t, ['connect', `tcp:127.0.0.1:${port}`], word);
    assert.deepEqual([status, stdout], [0, word]);
  }
});

test('--info shows the handshake, the verdict and the certificates; the status tells the verdict', async (t) => {
  const files = certificateFiles(t);
  const { chain } = files.certificates;
  const port = await nodeServer(t, chain, { ALPNProtocols: ['h2'], ecdhCurve: 'X25519' });
  const words = ['connect', '--info', `tls:localhost:${port}`, '--alpn', 'h2'];
  const { status, stdout, stderr } = await bowline(t, [...words, '--ca', files.roots]);
  assert.deepEqual([status, stderr], [0, '']);
  for (const line of [
    /^connected to {3}127\.0\.0\.1:\d+$/m,
    /^version {8}TLS 1\.3$/m,
    /^cipher suite {3}TLS_AES_\w+$/m,
    /^key exchange {3}X25519$/m,
    /^protocol {7}h2$/m,
    /^verified {7}yes, by the roots in \S+ca\.pem, for localhost$/m,
    /^resumption {5}yes$/m,
    /^certificate 0 {2}CN=localhost$/m,
    /^ {2}issuer {7}CN=intermediate CA [0-9a-f]{8}, O=bowline$/m,
    /^ {2}names {8}localhost, 127\.0\.0\.1, ::1$/m,
    /^ {2}valid {8}\d{4}-\d\d-\d\dT\S+Z to \S+Z, (?:29|30) days left$/m,
    /^ {2}key {10}P-256$/m,
    /^certificate 1 {2}CN=intermediate CA/m,
  ]) {
    assert.match(stdout, line);
  }
  assert.ok(stdout.includes(`  pin          sha256/${chain.pin}\n`), stdout);
});

test('--info of a server that would be refused shows all the same, with the reason, and status 1', async (t) => {
  const files = certificateFiles(t);
  const { expired } = files.certificates;
  const port = await nodeServer(t, expired);
  const address = `tls:127.0.0.1:${port}`;
  const table = await bowline(t, ['connect', '--info', address, '--ca', files.roots]);
  assert.equal(table.status, 1);
  assert.match(table.stdout, /^verified {7}NO, by the roots in [^\n]*\n {15}[^\n]*expired/m);
  assert.match(table.stdout, /^ {2}valid .*, expired$/m);
  assert.match(table.stderr, /^bowline: tls:[^\n]*: not verified: [^\n]*expired[^\n]*\n$/);
  const json = await bowline(t, ['connect', '--info', address, '--pin', expired.pin, '--json']);
  assert.equal(json.status, 0);
  const [report, end] = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(report?.['verified'], true);
  assert.equal(report['verifiedBy'], 'its pin');
  assert.equal(end?.['event'], 'end');
  const [certificate] = report['certificates'] as Record<string, unknown>[];
  assert.equal(certificate?.['pin'], `sha256/${expired.pin}`);
});

test('--info is for tls: addresses, and accepts nobody by request', async (t) => {
  for (const [address, expected] of [
    ['tcp:127.0.0.1:1', /^bowline: --info is for a tls: address\n$/],
    ['tls:127.0.0.1:1?insecureAcceptAnyone', /^bowline: --info shows anyone/],
    [`tls:127.0.0.1:1?ca=${join('/', 'nonexistent')}`, /^bowline: tls:.*: cannot connect: /],
  ] as const) {
    const { status, stdout, stderr } = await bowline(t, ['connect', '--info', address]);
    assert.equal(stdout, '');
    assert.match(stderr, expected);
    assert.equal(status, address.includes('nonexistent') ? 1 : 2);
  }
});

test('what a server has written into its certificate cannot move the cursor', async (t) => {
  const files = certificateFiles(t);
  const hostile = files.certificates.issue({ commonName: 'evil\u001b[2J\r\nverified yes', names: ['uri:\u001b[2J'] });
  const port = await nodeServer(t, hostile);
  const { stdout, stderr } = await bowline(t, ['connect', '--info', `tls:127.0.0.1:${port}`, '--ca', files.roots]);
  assert.ok(!(stdout + stderr).includes('\u001b') && !stdout.includes('\r'));
  assert.doesNotMatch(stdout, /^verified yes/m);
});
