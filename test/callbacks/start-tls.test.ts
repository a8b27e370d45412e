/** STARTTLS from inside protocols: 001-2, with barriers in both directions. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { connectAcceptedStream, Connection } from 'bowline/callbacks';
import { CertificateError, ClosedResourceError, ProtocolError } from 'bowline/core';
import type { Stream } from 'bowline/core';
import { lines } from 'bowline/framing';
import { memoryStreamPair, testCertificates } from 'bowline/testing';
import { startTls } from 'bowline/tls';
import { clientContext, Identity, pinned, serverContext } from 'bowline/trust';

import { socketPair } from '../support/socket-pair.js';
import { bytes, text } from '../framing/decode.js';
import { RecordingProtocol } from './recording-protocol.js';

const certificates = testCertificates();
const context = clientContext({ verify: pinned([certificates.good.pin]) });
const server = serverContext({
  identity: Identity.from({ cert: certificates.good.cert, key: certificates.good.key }),
});

/** A server that upgrades when it is asked to, and then echoes. */
class Upgrading extends Connection {
  override readDelimiter = lines();
  isSecure = false;
  lost: Error | null | undefined;

  override onRead(line: string): void {
    if (line === 'STARTTLS' && !this.isSecure) {
      this.isSecure = true;
      void this.write('GO\n');
      this.startTls(server).catch(() => undefined);
    } else {
      void this.write(`${this.isSecure ? 'secure' : 'clear'}: ${line}\n`);
    }
  }

  override onClose(error: Error | null): void {
    this.lost = error;
  }
}

const makers: Readonly<Record<string, () => Promise<readonly [Stream, Stream]>>> = {
  memory: async () => memoryStreamPair(),
  sockets: async () => {
    const pair = await socketPair();
    return [pair.client, pair.server];
  },
};

for (const [name, makePair] of Object.entries(makers)) {
  test(`a connection of both ends begins TLS and goes on, over ${name}`, async () => {
    const [near, far] = await makePair();
    connectAcceptedStream(() => new Upgrading(), far);
    const heard: string[] = [];
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    class Client extends Connection {
      override readDelimiter = lines();

      override onConnect(): void {
        void this.write('hello\nSTARTTLS\n');
      }

      override onRead(line: string): void {
        heard.push(line);
        if (line === 'GO') void this.#upgrade();
        if (heard.length === 3) finish();
      }

      async #upgrade(): Promise<void> {
        const upgraded = this.startTls(context, { serverName: 'localhost' });
        // Written before the handshake is done, and protected all the same.
        await this.write('hello again\n');
        await upgraded;
      }
    }
    const { protocol } = connectAcceptedStream(() => new Client(), near);
    await finished;
    assert.deepEqual(heard, ['clear: hello', 'GO', 'secure: hello again']);
    await protocol.close();
  });
}

test('lines that were sent in clear behind STARTTLS are refused, not taken for protected ones', async () => {
  const [near, far] = memoryStreamPair();
  const { protocol } = connectAcceptedStream(() => new Upgrading(), far);
  await near.sendAll(bytes('STARTTLS\nINJECTED\n'));
  while (protocol.lost === undefined) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(protocol.lost instanceof ProtocolError);
  const received = await near.receiveSome();
  assert.ok(received === null || text(received) === 'GO\n');
});

test('on a transport: what was written goes out in clear first, nothing in between; the protocol stays', async () => {
  const [near, far] = memoryStreamPair();
  const protocol = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => protocol, near);
  void transport.write(bytes('in clear'));
  const secured = transport.startTls(context, { serverName: 'localhost' });
  await assert.rejects(transport.write(bytes('too soon')), ClosedResourceError);
  assert.equal(text((await far.receiveSome()) as Uint8Array), 'in clear');
  const peer = await startTls(far, server);
  const tls = await secured;
  assert.notEqual(tls, transport);
  await tls.write(bytes('hidden'));
  assert.equal(text((await peer.receiveSome()) as Uint8Array), 'hidden');
  await peer.sendAll(bytes('answer'));
  await protocol.heard('data answer');
  assert.deepEqual(protocol.events, ['made', 'data answer']);
  // The old transport still stands for the connection.
  await transport.close();
  assert.deepEqual(protocol.events, ['made', 'data answer', 'lost']);
});

test('a peer that is refused is the end of the connection, told in both places', async () => {
  const [near, far] = memoryStreamPair();
  const protocol = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => protocol, near);
  const strict = clientContext({ verify: pinned([testCertificates().good.pin]) });
  const upgrading = transport.startTls(strict, { serverName: 'localhost' });
  void startTls(far, server).catch(() => undefined);
  await assert.rejects(upgrading, CertificateError);
  await protocol.heard('lost');
  assert.ok(protocol.lost instanceof CertificateError);
  assert.equal(protocol.events.length, 2);
});

test('an abort during the handshake ends it', async () => {
  const [near, far] = memoryStreamPair();
  const protocol = new RecordingProtocol();
  const { transport } = connectAcceptedStream(() => protocol, near);
  const upgrading = transport.startTls(context, { serverName: 'localhost' });
  const failed = assert.rejects(upgrading);
  await far.receiveSome();
  transport.abort();
  await failed;
  await protocol.heard('lost');
  assert.equal(protocol.events.length, 2);
});
