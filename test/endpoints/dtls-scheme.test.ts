import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  AddressError,
  attributeOf,
  BrokenResourceError,
  CertificateError,
  ConnectError,
  localAddress,
  remoteAddress,
} from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import { MessageTooLongError } from 'bowline/dtls';
import { connect, listen, ListenError, parseAddress, redactAddress } from 'bowline/endpoints';
import { openUdpSocket, serveListeners } from 'bowline/sockets';
import { currentTime, openNursery, withClock } from 'bowline/tasks';
import { checkListener, MockClock, SimulatedNetwork } from 'bowline/testing';

import { certificateFiles } from '../support/certificate-files.js';
import { noOpenssl } from '../support/openssl.js';

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));
const allow = ['file'] as const;
const hex = '000102030405060708090a0b0c0d0e0f';
const psk = `psk=${hex}&pskIdentity=device-7`;

async function echo(stream: HalfCloseableStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** Serves at an address of the loopback while `body` runs. */
async function whileServing(options: string, body: (port: number) => Promise<void>): Promise<void> {
  const listeners = await listen(`dtls:127.0.0.1:0?${options}`, { allow });
  const [listener] = listeners;
  assert.ok(listener?.address !== undefined && listener.address.family !== 'unix');
  const { port } = listener.address;
  await openNursery(async (nursery) => {
    nursery.startSoon(() => serveListeners(echo, listeners, { onHandlerError: () => undefined }));
    await body(port);
    nursery.cancelScope.cancel();
  });
}

/** Two hosts on a simulated network, in virtual time. */
async function world(
  body: (on: {
    listen: (address: string) => ReturnType<typeof listen>;
    connect: (address: string) => Promise<HalfCloseableStream>;
  }) => Promise<void>,
): Promise<void> {
  await withClock(new MockClock(), async () => {
    const network = new SimulatedNetwork();
    network.host('server');
    await body({
      listen: (address) => network.host('server').run(() => listen(address, { allow })),
      connect: (address) => network.host('client').run(() => connect(address, { allow })),
    });
  });
}

async function failure(opening: Promise<HalfCloseableStream>): Promise<ConnectError> {
  try {
    (await opening).abort();
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error;
  }
  assert.fail('it was connected');
}

test('dtls: listeners keep the contract of listeners', async () => {
  await world(async (on) => {
    let port = 1000;
    await checkListener(async () => {
      port++;
      const [listener] = await on.listen(`dtls::${port}?${psk}`);
      assert.ok(listener !== undefined);
      return { listener, connect: () => on.connect(`dtls:server:${port}?${psk}`) };
    });
  });
});

test('both ways with certificates, and a server that is not who it has to be is not connected to', async (t) => {
  const files = certificateFiles(t);
  const { good, wrongHost } = files.certificates;
  await whileServing(`${files.options(good)}&alpn=b,a`, async (port) => {
    await using stream = await connect(`dtls:localhost:${port}?ca=${files.roots}&alpn=a`, { allow });
    for (const message of ['one', 'two']) {
      await stream.sendAll(bytes(message));
      assert.equal(text(await stream.receiveSome()), message);
    }
    assert.deepEqual(attributeOf(stream, remoteAddress), { family: 4, host: '127.0.0.1', port });
    await using pinning = await connect(`dtls:127.0.0.1:${port}?pin=${good.pin}&serverName=localhost`);
    await pinning.sendAll(bytes('x'));
    assert.equal(text(await pinning.receiveSome()), 'x');
  });
  await whileServing(files.options(wrongHost), async (port) => {
    const { cause } = await failure(connect(`dtls:127.0.0.1:${port}?ca=${files.roots}`, { allow }));
    assert.ok(cause instanceof CertificateError && cause.reason === 'name-mismatch', String(cause));
    await using anyone = await connect(`dtls:127.0.0.1:${port}?insecureAcceptAnyone`);
    await anyone.sendAll(bytes('x'));
    assert.equal(text(await anyone.receiveSome()), 'x');
  });
});

test('a listener with ca serves nobody without a certificate from there', async (t) => {
  const files = certificateFiles(t);
  const { good, clientCertificate } = files.certificates;
  await world(async (on) => {
    const [listener] = await on.listen(`dtls::9?${files.options(good)}&ca=${files.roots}`);
    const server = `dtls:server:9?serverName=localhost&ca=${files.roots}`;
    await failure(on.connect(server));
    await using stream = await on.connect(`${server}&${files.options(clientCertificate)}`);
    await stream.sendAll(bytes('me'));
    // The first that is accepted is the one that has a certificate.
    await using accepted = await listener?.accept();
    assert.equal(text((await accepted?.receiveSome()) ?? null), 'me');
    await listener?.close();
  });
});

test('a pre-shared key, in the address or in a file; another key, or a certificate in its place, is refused', async (t) => {
  const files = certificateFiles(t);
  const pskFile = join(files.folder, 'psk');
  writeFileSync(pskFile, `${hex}\n`, { mode: 0o600 });
  await world(async (on) => {
    const [keyed] = await on.listen(`dtls::9?pskFile=${pskFile}&pskIdentity=device-7`);
    await using stream = await on.connect(`dtls:server:9?${psk}`);
    await stream.sendAll(bytes('secret'));
    await using accepted = await keyed?.accept();
    assert.equal(text((await accepted?.receiveSome()) ?? null), 'secret');
    const other = `psk=${'ab'.repeat(16)}&pskIdentity=device-7`;
    const { message } = await failure(on.connect(`dtls:server:9?${other}`));
    assert.doesNotMatch(message, /abab|device-7/);
    const [certified] = await on.listen(`dtls::10?${files.options(files.certificates.good)}`);
    const { cause } = await failure(on.connect(`dtls:server:10?${psk}`));
    assert.ok(cause instanceof BrokenResourceError, String(cause));
    for (const listener of [keyed, certified]) await listener?.close();
  });
});

test('files are read only where that is allowed, and what is wrong with one shows nothing of it', async (t) => {
  const files = certificateFiles(t);
  const pskFile = join(files.folder, 'psk');
  writeFileSync(pskFile, 'hunter2', { mode: 0o600 });
  const server = `dtls:127.0.0.1:0?pskFile=${pskFile}&pskIdentity=x`;
  await assert.rejects(listen(server), /reading files is not allowed here.*allow: \['file'\]/);
  await assert.rejects(listen(server, { allow }), (error) => {
    assert.ok(error instanceof ListenError, String(error));
    assert.match(error.message, /the file of pskFile is no key of 16 to 256 bytes/);
    assert.doesNotMatch(error.message, /hunter/);
    return true;
  });
  await assert.rejects(connect(`dtls:127.0.0.1:1?ca=${files.roots}`), /not allowed here/);
});

test('one send is one message, and one that does not fit is an error that says what would', async () => {
  await world(async (on) => {
    const [listener] = await on.listen(`dtls::9?${psk}`);
    const client = await on.connect(`dtls:server:9?${psk}&ciphertextMtu=600`);
    const server = await listener?.accept();
    assert.ok(server !== undefined);
    await client.sendAll([bytes('a'), bytes('b')]);
    await client.sendAll(bytes('123456'));
    assert.equal(text(await server.receiveSome()), 'ab');
    for (const part of ['1234', '56']) assert.equal(text(await server.receiveSome(4)), part);
    await assert.rejects(client.sendAll(new Uint8Array(600)), (error) => {
      assert.ok(error instanceof MessageTooLongError);
      assert.equal(error.message, `a message of 600 bytes, where ${error.usableBytes} fit into a datagram`);
      return true;
    });
    await client.sendAll(bytes('still there'));
    assert.equal(text(await server.receiveSome()), 'still there');
    assert.deepEqual(attributeOf(server, localAddress), listener?.address);
    client.abort();
    server.abort();
    await listener?.close();
  });
});

test('the end: what the peer says at once, silence after idleMs, and a socket that stays until the last is closed', async () => {
  await world(async (on) => {
    const [listener] = await on.listen(`dtls::9?${psk}&idleMs=5000`);
    assert.ok(listener !== undefined);
    const [first, second] = [await on.connect(`dtls:server:9?${psk}`), await on.connect(`dtls:server:9?${psk}`)];
    const [one, two] = [await listener.accept(), await listener.accept()];
    const start = currentTime();
    await first.close();
    assert.equal(await one.receiveSome(), null);
    assert.ok(currentTime() - start < 1000);
    await one.close();
    await listener.close();
    await second.sendAll(bytes('x'));
    assert.equal(text(await two.receiveSome()), 'x');
    await second.sendEof();
    assert.equal(await second.receiveSome(), null);
    assert.equal(await two.receiveSome(), null);
    assert.ok(currentTime() - start > 5000);
    await two.close();
    await second.close();
    // The port is free again.
    const [again] = await on.listen(`dtls::9?${psk}`);
    await again?.close();
  });
});

test('nobody answers: connecting ends after handshakeTimeoutMs', async () => {
  await world(async (on) => {
    const start = currentTime();
    await failure(on.connect(`dtls:server:9?${psk}&handshakeTimeoutMs=4000`));
    assert.equal(Math.round(currentTime() - start), 4000);
  });
});

test('the grammar: what does not go together is refused, and no secret is shown', () => {
  const address = parseAddress(`dtls://[::1]:5684?${psk}&connectionId=0`, { role: 'connect' });
  assert.equal(redactAddress(address), 'dtls:[::1]:5684?psk=***&pskIdentity=***&connectionId=0');
  for (const [given, role, problem] of [
    ['dtls:5684', 'listen', /a port alone is written dtls::5684/],
    ['dtls::5684', 'connect', /the host is missing, as in dtls:localhost/],
    ['dtls::5684', 'listen', /a server needs a certificate, cert=FILE and key=FILE, or a pre-shared key/],
    ['dtls:h:1?key=/k', 'connect', /a key needs its certificate/],
    [`dtls:h:1?psk=${hex}`, 'connect', /together with pskIdentity=NAME/],
    ['dtls:h:1?pskIdentity=device-7', 'connect', /together with pskIdentity=NAME/],
    [`dtls:h:1?${psk}&pskFile=/k`, 'connect', /psk and pskFile are two ways/],
    [`dtls:h:1?${psk}&ca=/c`, 'connect', /stands in the place of ca/],
    [`dtls::1?${psk}&cert=/c`, 'listen', /stands in the place of ca, pin, cert/],
    ['dtls:h:1?psk=00010203&pskIdentity=device-7', 'connect', /psk must be a key of 16 to 256 bytes/],
    [`dtls::1?${psk}&serverName=x`, 'listen', /serverName is for connecting/],
    ['dtls:h:1?minVersion=1.2', 'connect', /unknown option/],
  ] as const) {
    assert.throws(
      () => parseAddress(given, { role }),
      (error) => {
        assert.ok(error instanceof AddressError, String(error));
        assert.match(error.message, problem);
        assert.doesNotMatch(error.message, /00010203|device-7/);
        return true;
      },
    );
  }
});

test('openssl s_server -dtls1_2 is talked to, with a certificate and with a key', { skip: noOpenssl }, async (t) => {
  const files = certificateFiles(t);
  const [cert = '', key = ''] = files.options(files.certificates.good).split('&');
  const ways = [
    [`ca=${files.roots}`, ['-cert', cert.slice(5), '-key', key.slice(4)]],
    [psk, ['-nocert', '-psk', hex, '-psk_identity', 'device-7']],
  ] as const;
  for (const [options, words] of ways) {
    const socket = await openUdpSocket({ host: '127.0.0.1' });
    const { port } = socket.address;
    await socket.close();
    const server = spawn('openssl', ['s_server', '-dtls1_2', '-4', '-accept', `127.0.0.1:${port}`, ...words]);
    t.after(() => server.kill('SIGKILL'));
    let said = '';
    const hears = async (what: string): Promise<void> => {
      while (!said.includes(what)) said += String((await once(server.stdout, 'data'))[0]);
    };
    await hears('ACCEPT');
    await using stream = await connect(`dtls:localhost:${port}?${options}`, { allow });
    await stream.sendAll(bytes('hello\n'));
    await hears('hello');
    server.stdin.write('olleh\n');
    assert.equal(text(await stream.receiveSome()), 'olleh\n');
    server.kill('SIGKILL');
  }
});
