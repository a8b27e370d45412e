import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { AddressError, attributeOf, CertificateError, ConnectError, ProtocolError } from 'bowline/core';
import type { HalfCloseableStream } from 'bowline/core';
import { connect, listen, ListenError } from 'bowline/endpoints';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { openTcpListeners, serveListeners } from 'bowline/sockets';
import { BufferedStream } from 'bowline/streams';
import { openNursery } from 'bowline/tasks';
import { startTls, tlsAlpnProtocol, tlsServerName, tlsVersion } from 'bowline/tls';
import { serverContext } from 'bowline/trust';

import { certificateFiles } from '../support/certificate-files.js';
import { smallHttpProxy, smallSocksProxy } from '../support/small-proxies.js';

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));
const allow = ['file'] as const;

async function echo(stream: HalfCloseableStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** Serves at an address while `body` runs. */
async function whileServing(
  address: string,
  handler: (stream: HalfCloseableStream) => Promise<void>,
  body: (port: number) => Promise<void>,
): Promise<void> {
  const listeners = await listen(address, { allow });
  const [listener] = listeners;
  assert.ok(listener?.address !== undefined && listener.address.family !== 'unix');
  const { port } = listener.address;
  await openNursery(async (nursery) => {
    nursery.startSoon(() => serveListeners(handler, listeners, { onHandlerError: () => undefined }));
    await body(port);
    nursery.cancelScope.cancel();
  });
}

/** Why `connect` refused; its message must be one line. */
async function failure(address: string): Promise<ConnectError> {
  try {
    const stream = await connect(address, { allow });
    stream.abort();
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error;
  }
  assert.fail(`${address} was connected to`);
}

/** Reports are expected here, and not to be printed. */
function collectReports(t: TestContext): ReportEvent[] {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => void events.push(event));
  t.after(() => void setReporter(before));
  return events;
}

test('both ways: a server with a certificate, a client that trusts its root', async (t) => {
  const files = certificateFiles(t);
  const { good } = files.certificates;
  let seen: unknown;
  const handler = async (stream: HalfCloseableStream): Promise<void> => {
    seen = attributeOf(stream, tlsServerName);
    await echo(stream);
  };
  await whileServing(`tls:127.0.0.1:0?${files.options(good)}&alpn=b,a`, handler, async (port) => {
    await using stream = await connect(`tls:localhost:${port}?ca=${files.roots}&alpn=a,b&noDelay=0`, { allow });
    await stream.sendAll(bytes('hello'));
    assert.equal(text(await stream.receiveSome()), 'hello');
    assert.equal(attributeOf(stream, tlsVersion), '1.3');
    assert.equal(attributeOf(stream, tlsAlpnProtocol), 'b');
    assert.equal(seen, 'localhost');
    await stream.sendEof();
    assert.equal(await stream.receiveSome(), null);
  });
});

test('a server that is not who it has to be is not connected to, and the reason is the error of the verifier', async (t) => {
  collectReports(t);
  const files = certificateFiles(t);
  const { certificates } = files;
  const cases = [
    [certificates.expired, 'expired'],
    [certificates.notYetValid, 'not-yet-valid'],
    [certificates.wrongHost, 'name-mismatch'],
    [certificates.untrusted, undefined],
    [certificates.selfSigned, undefined],
    [certificates.wrongUsage, undefined],
  ] as const;
  for (const [certificate, reason] of cases) {
    await whileServing(`tls:127.0.0.1:0?${files.options(certificate)}`, echo, async (port) => {
      const { cause, message } = await failure(`tls:127.0.0.1:${port}?ca=${files.roots}`);
      assert.ok(cause instanceof CertificateError, message);
      if (reason !== undefined) assert.equal(cause.reason, reason);
    }).catch((error: unknown) => {
      // Nobody serves an expired certificate by mistake: that is found when it is loaded.
      assert.ok(error instanceof ListenError && ['expired', 'not-yet-valid'].includes(reason ?? ''), String(error));
    });
  }
});

test('the name is that of the address, or serverName', async (t) => {
  collectReports(t);
  const files = certificateFiles(t);
  const certificate = files.certificates.issue({ names: ['inside.test'] });
  await whileServing(`tls:127.0.0.1:0?${files.options(certificate)}`, echo, async (port) => {
    const { cause } = await failure(`tls:127.0.0.1:${port}?ca=${files.roots}`);
    assert.ok(cause instanceof CertificateError && cause.reason === 'name-mismatch');
    await using stream = await connect(`tls:127.0.0.1:${port}?ca=${files.roots}&serverName=inside.test`, { allow });
    assert.equal(attributeOf(stream, tlsServerName), 'inside.test');
    stream.abort();
  });
});

test('a pin decides alone; with roots both decide', async (t) => {
  collectReports(t);
  const files = certificateFiles(t);
  const { selfSigned, good } = files.certificates;
  await whileServing(`tls:127.0.0.1:0?${files.options(selfSigned)}`, echo, async (port) => {
    const stream = await connect(`tls:127.0.0.1:${port}?pin=${good.pin},sha256/${selfSigned.pin}`);
    stream.abort();
    const other = await failure(`tls:127.0.0.1:${port}?pin=${good.pin}`);
    assert.ok(other.cause instanceof CertificateError && other.cause.reason === 'pin-mismatch');
    const both = await failure(`tls:127.0.0.1:${port}?pin=${selfSigned.pin}&ca=${files.roots}`);
    assert.ok(both.cause instanceof CertificateError && both.cause.reason !== 'pin-mismatch');
  });
});

test('insecureAcceptAnyone accepts anyone, and nothing shorter does', async (t) => {
  collectReports(t);
  const files = certificateFiles(t);
  await whileServing(`tls:127.0.0.1:0?${files.options(files.certificates.selfSigned)}`, echo, async (port) => {
    const stream = await connect(`tls:nobody.test:${port}?insecureAcceptAnyone&via=${await socks(t)}`);
    stream.abort();
    for (const short of ['insecure', 'insecureAcceptAnyone=maybe', `insecureAcceptAnyone&ca=${files.roots}`]) {
      await assert.rejects(connect(`tls:127.0.0.1:${port}?${short}`, { allow }), AddressError);
    }
    await failure(`tls:127.0.0.1:${port}?insecureAcceptAnyone=0&ca=${files.roots}`);
  });
});

async function socks(t: TestContext): Promise<string> {
  return `socks5://127.0.0.1:${(await smallSocksProxy(t)).port}`;
}

test('a listener that has roots wants certificates of its clients, and only good ones', async (t) => {
  const reports = collectReports(t);
  const files = certificateFiles(t);
  const { good, clientCertificate, clientWrongUsage } = files.certificates;
  let served = 0;
  const handler = async (stream: HalfCloseableStream): Promise<void> => {
    served += 1;
    await echo(stream);
  };
  await whileServing(`tls:127.0.0.1:0?${files.options(good)}&ca=${files.roots}`, handler, async (port) => {
    const server = `tls:127.0.0.1:${port}?ca=${files.roots}`;
    await using stream = await connect(`${server}&${files.options(clientCertificate)}`, { allow });
    await stream.sendAll(bytes('hello'));
    assert.equal(text(await stream.receiveSome()), 'hello');
    for (const options of ['', `&${files.options(clientWrongUsage)}`]) {
      // In TLS 1.3 a client is done before the server has judged it: it learns of it when it receives.
      await assert.rejects(async () => {
        await using refused = await connect(`${server}${options}`, { allow });
        await refused.receiveSome();
      });
    }
    assert.equal(served, 1);
    assert.equal(reports[0]?.kind, 'tls-handshake-failed');
  });
});

test('files are read only where that is allowed, before anything is connected', async (t) => {
  const files = certificateFiles(t);
  for (const option of [`ca=${files.roots}`, files.options(files.certificates.good)]) {
    await assert.rejects(connect(`tls:127.0.0.1:1?${option}`), /reading files is not allowed here.*allow: \['file'\]/);
  }
  await assert.rejects(listen(`tls:127.0.0.1:0?${files.options(files.certificates.good)}`), /not allowed here/);
});

test('what is wrong with files is one line, and shows no secret', async (t) => {
  const files = certificateFiles(t);
  const { good, chain } = files.certificates;
  const encrypted = join(files.folder, 'encrypted.pem');
  const key = createPrivateKey(good.key).export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes256',
    passphrase: 'hunter1',
  });
  writeFileSync(encrypted, `${good.cert}${String(key)}`, { mode: 0o600 });
  const refusal = async (options: string): Promise<string> => {
    try {
      await listen(`tls:127.0.0.1:0?${options}`, { allow });
    } catch (error) {
      assert.ok(error instanceof ListenError, String(error));
      assert.doesNotMatch(error.message, /\n|hunter/);
      return error.message;
    }
    assert.fail(`${options} was listened on`);
  };
  assert.match(await refusal(`cert=${files.folder}/none.pem`), /none\.pem/);
  assert.match(await refusal(`cert=${encrypted}&passphrase=hunter2`), /passphrase=\*\*\*/);
  const [certificateOfOne] = files.options(good).split('&');
  const [, keyOfOther] = files.options(chain).split('&');
  assert.match(await refusal(`${certificateOfOne}&${keyOfOther}`), /private key is not the one of the certificate/);
  const [listener] = await listen(`tls:127.0.0.1:0?cert=${encrypted}&passphrase=hunter1`, { allow });
  await listener?.close();
  const { message } = await failure(`tls:127.0.0.1:1?ca=${files.folder}/none.pem`);
  assert.match(message, /none\.pem.*ENOENT/);
});

test('versions can be bounded, and a server that has none of them is an error', async (t) => {
  collectReports(t);
  const files = certificateFiles(t);
  const { good } = files.certificates;
  await whileServing(`tls:127.0.0.1:0?${files.options(good)}&maxVersion=1.2`, echo, async (port) => {
    await using stream = await connect(`tls:127.0.0.1:${port}?ca=${files.roots}`, { allow });
    assert.equal(attributeOf(stream, tlsVersion), '1.2');
    stream.abort();
    await failure(`tls:127.0.0.1:${port}?ca=${files.roots}&minVersion=1.3`);
  });
});

test('startTls: the conversation in clear comes first, and what was slipped in behind it is refused', async (t) => {
  const files = certificateFiles(t);
  const context = serverContext({ identity: files.certificates.good.identity });
  let isEvil = false;
  const smtp = async (stream: HalfCloseableStream): Promise<void> => {
    const clear = new BufferedStream(stream);
    await clear.sendAll(bytes('220 mx.test\r\n'));
    assert.equal(await clear.receiveLine(), 'EHLO localhost');
    await clear.sendAll(bytes('250-mx.test\r\n250 STARTTLS\r\n'));
    assert.equal(await clear.receiveLine(), 'STARTTLS');
    await clear.sendAll(bytes(`220 go\r\n${isEvil ? '250 evil\r\n' : ''}`));
    await echo(await startTls(clear, context));
  };
  const listeners = await openTcpListeners(0, { host: '127.0.0.1' });
  const address = listeners[0]?.address;
  assert.ok(address?.family === 4);
  await openNursery(async (nursery) => {
    nursery.startSoon(() => serveListeners(smtp, listeners, { onHandlerError: () => undefined }));
    const server = `tls:localhost:${address.port}?startTls=smtp&ca=${files.roots}`;
    const stream = await connect(server, { allow });
    await stream.sendAll(bytes('MAIL'));
    assert.equal(text(await stream.receiveSome()), 'MAIL');
    stream.abort();
    isEvil = true;
    const { cause } = await failure(server);
    assert.ok(cause instanceof ProtocolError, String(cause));
    nursery.cancelScope.cancel();
  });
});

test('TLS through proxies: the server is checked by its own name, and a proxy over TLS gets its password', async (t) => {
  collectReports(t);
  const files = certificateFiles(t);
  const inside = files.certificates.issue({ names: ['inside.test'] });
  const { good } = files.certificates;
  const plainProxy = await smallHttpProxy(t);
  await whileServing(`tls:127.0.0.1:0?${files.options(inside)}`, echo, async (port) => {
    // A relay that takes TLS off in front of the proxy.
    const takeOff = async (stream: HalfCloseableStream): Promise<void> => {
      await using onward = await connect(`tcp:127.0.0.1:${plainProxy.port}`);
      const { relayStreams } = await import('bowline/streams');
      await relayStreams(stream, onward);
    };
    await whileServing(`tls:127.0.0.1:0?${files.options(good)}`, takeOff, async (proxyPort) => {
      const proxy = `https://joe:hunter2@127.0.0.1:${proxyPort}%23ca=${files.roots}`;
      await using stream = await connect(`tls:inside.test:${port}?ca=${files.roots}&via=${proxy}`, { allow });
      await stream.sendAll(bytes('hello'));
      assert.equal(text(await stream.receiveSome()), 'hello');
      assert.deepEqual(plainProxy.asked, [`joe:hunter2@inside.test:${port}`]);
      stream.abort();
      const untrusted = await failure(
        `tls:inside.test:${port}?ca=${files.roots}&via=https://joe:hunter2@127.0.0.1:${proxyPort}%23pin=${inside.pin}`,
      );
      assert.match(untrusted.message, /pin/);
      assert.doesNotMatch(untrusted.message, /hunter/);
      assert.equal(plainProxy.asked.length, 1);
    });
  });
});
