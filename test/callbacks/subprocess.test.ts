/** Subprocess protocols: pipes in order, the end last and once. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { createSubprocess } from 'bowline/callbacks';
import type { SubprocessProtocol, SubprocessTransport } from 'bowline/callbacks';
import { ClosedResourceError, ConnectError } from 'bowline/core';

import { bytes, text } from '../framing/decode.js';

class Recorder implements SubprocessProtocol {
  readonly events: string[] = [];
  readonly #on: Partial<SubprocessProtocol>;
  transport!: SubprocessTransport;
  lost: Error | null | undefined;
  #end = (): void => undefined;
  readonly ended = new Promise<void>((resolve) => (this.#end = resolve));

  constructor(on: Partial<SubprocessProtocol> = {}) {
    this.#on = on;
  }

  connectionMade(transport: SubprocessTransport): void {
    this.transport = transport;
    this.events.push('made');
    this.#on.connectionMade?.(transport);
  }

  pipeDataReceived(fd: 1 | 2, chunk: Uint8Array<ArrayBuffer>): void {
    this.events.push(`${fd}: ${text(chunk)}`);
    this.#on.pipeDataReceived?.(fd, chunk);
  }

  pipeConnectionLost(fd: 0 | 1 | 2, error: Error | null): void {
    this.events.push(`${fd} ended${error === null ? '' : ' badly'}`);
  }

  processExited(exit: { exitCode: number | null; signal: string | null }): void {
    this.events.push(`exit ${exit.signal ?? exit.exitCode}`);
  }

  connectionLost(error: Error | null): void {
    this.lost = error;
    this.events.push('lost');
    this.#end();
  }
}

const node = process.execPath;

test('a child is written to and heard on both pipes, and its end comes last, once', async () => {
  const script = `
    process.stdin.on('data', (data) => { process.stdout.write('out ' + data); });
    process.stdin.on('end', () => { process.stderr.write('err'); process.exitCode = 3; });`;
  const { protocol, transport } = await createSubprocess(() => new Recorder(), node, ['-e', script], {
    stderr: 'pipe',
  });
  await transport.write(bytes('hello'));
  await transport.writeEof();
  await assert.rejects(transport.write(bytes('late')), ClosedResourceError);
  await protocol.ended;
  assert.equal(protocol.events[0], 'made');
  assert.equal(protocol.events.at(-1), 'lost');
  assert.deepEqual(protocol.events.slice(1, -1).sort(), [
    '0 ended',
    '1 ended',
    '1: out hello',
    '2 ended',
    '2: err',
    'exit 3',
  ]);
  assert.equal(protocol.lost, null);
  assert.deepEqual(transport.exit, { exitCode: 3, signal: null });
  assert.equal(transport.kill(), false);
});

test('an exception in a callback ends the child', { skip: process.platform === 'win32' && 'no signals' }, async () => {
  const errors: unknown[] = [];
  const thrown = new Error('of the program');
  const protocol = new Recorder({
    pipeDataReceived() {
      throw thrown;
    },
  });
  await createSubprocess(() => protocol, node, ['-e', 'console.log(1); setInterval(() => {}, 1e6)'], {
    onError: (error) => void errors.push(error),
  });
  await protocol.ended;
  assert.deepEqual(errors, [thrown]);
  assert.equal(protocol.lost, thrown);
});

test('kill, close and what cannot be started', { skip: process.platform === 'win32' && 'no signals' }, async () => {
  const { protocol, transport } = await createSubprocess(() => new Recorder(), node, [
    '-e',
    'setInterval(() => {}, 1e6)',
  ]);
  assert.ok(transport.pid > 0);
  assert.equal(transport.kill('SIGKILL'), true);
  await protocol.ended;
  assert.ok(protocol.events.includes('exit SIGKILL'));
  await transport.close();
  await assert.rejects(
    createSubprocess(() => new Recorder(), '/nonexistent/program'),
    ConnectError,
  );
  await assert.rejects(createSubprocess(1 as never, node), TypeError);
  await assert.rejects(transport.write('text' as never), TypeError);
});
