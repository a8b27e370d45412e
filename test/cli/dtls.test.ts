import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bowline, BowlineProcess } from '../support/bowline-process.js';
import { certificateFiles } from '../support/certificate-files.js';

const psk = 'psk=000102030405060708090a0b0c0d0e0f&pskIdentity=device-7';

async function listening(process: BowlineProcess): Promise<number> {
  return Number((await process.said(/^bowline: listening on dtls:.*:(\d+)$/m))[1]);
}

test('serve, relay and connect work over dtls:, with a certificate by flags and with a key, which nobody prints', async (t) => {
  const files = certificateFiles(t);
  const [cert = '', key = ''] = files.options(files.certificates.good).split('&');
  const server = new BowlineProcess(t, [
    ...['serve', 'dtls:127.0.0.1:0', '--echo', '-v'],
    ...['--cert', cert.slice('cert='.length), '--key', key.slice('key='.length)],
  ]);
  const far = `dtls:localhost:${await listening(server)}?ca=${files.roots}&idleMs=300`;
  const relay = new BowlineProcess(t, ['relay', `dtls:127.0.0.1:0?${psk}`, far, '-v']);
  const near = `dtls:127.0.0.1:${await listening(relay)}`;

  const { status, stdout, stderr } = await bowline(t, ['connect', `${near}?${psk}&idleMs=300`, '-v'], 'hello');
  assert.deepEqual([status, stdout], [0, 'hello'], stderr);
  // The goodbyes went all the way: the server, which would wait for a minute of silence, is done when it is told to be.
  server.child.kill('SIGINT');
  relay.child.kill('SIGINT');
  assert.deepEqual([(await server.ended).status, (await relay.ended).status], [0, 0]);
  for (const said of [stderr, relay.stderr, server.stderr]) assert.doesNotMatch(said, /0001020304|device-7/);
});

test('input that does not fit a datagram, a server that is not trusted and --workers are told in one line', async (t) => {
  const files = certificateFiles(t);
  const options = files.options(files.certificates.good);
  const server = new BowlineProcess(t, ['serve', `dtls:127.0.0.1:0?${options}`, '--echo']);
  const port = await listening(server);
  const long = await bowline(t, ['connect', `dtls:localhost:${port}`, '--ca', files.roots], 'x'.repeat(5000));
  assert.equal(long.status, 1);
  assert.match(
    long.stderr,
    /^bowline: dtls:localhost:\d+\?ca=\S+: sending failed: a message of 5000 bytes, where \d+ fit into a datagram\n$/,
  );
  const stranger = await bowline(t, ['connect', `dtls:localhost:${port}`, '--pin', files.certificates.untrusted.pin]);
  assert.equal(stranger.status, 1);
  assert.match(stranger.stderr, /^bowline: dtls:localhost:\S+: cannot connect: [^\n]+\n$/);
  const workers = await bowline(t, ['serve', `dtls:127.0.0.1:0?${options}`, '--echo', '--workers', '2']);
  assert.equal(workers.status, 2);
  assert.match(workers.stderr, /no --workers here: dtls: associations belong to one process/);
});
