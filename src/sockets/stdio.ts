/**
 * This program's own standard input and output as one stream: what makes a network program a filter.
 *
 * They may be terminals, pipes, sockets or files, each of which Node wraps in a different class; the stream behaves the
 * same for all. Two things Node does not do are done here.
 *
 * *End of output.* Node never closes standard output, so whoever reads it (`bowline … | wc`) would see the end only when the
 * program exits, which it may be unable to do before its own input ends. `sendEof()` and `close()` really end it: a socket is shut
 * down, a pipe is closed and its descriptor put on the null device at once, so that no file opened later can get the
 * number 1 and `console.log` of another part of the program does not write into it. Terminals and files are left alone:
 * nobody waits for their end. If standard error is the same pipe (`2>&1`), the reader's end of file has to wait for it.
 *
 * *End of input.* Standard input that was opened here and closed is paused, so it does not keep the process alive.
 *
 * There is one standard input and output in a process, so there is one such stream at a time; the variable below is that
 * fact, not a convenience.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import process from 'node:process';

import type { Bytes } from '../core/bytes.ts';
import { BusyResourceError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { NodeReceiveStream } from './node-receive-stream.ts';
import { NodeSendStream } from './node-send-stream.ts';

const STDOUT = 1;

let opened: StdioStream | undefined;

/**
 * Opens standard input and output as a stream. Reading begins with the first receive.
 *
 * While it is open nothing else should read standard input; other writers of standard output go in between. A reader of
 * the output that has gone is `BrokenResourceError` (EPIPE), never a signal.
 *
 * @throws BusyResourceError it is open already: close it first
 */
export function stdioStream(): HalfCloseableStream {
  if (opened !== undefined)
    throw new BusyResourceError('standard input and output are in use by another stdioStream()');
  opened = new StdioStream();
  return opened;
}

class StdioStream implements HalfCloseableStream {
  readonly #receive = new NodeReceiveStream(process.stdin, {
    ownsChunks: true,
    release: () => {
      process.stdin.pause();
    },
  });
  readonly #send = new NodeSendStream(process.stdout, { end: endOutput, release: () => undefined });

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#send.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#send.waitSendAllMightNotBlock();
  }

  sendEof(): Promise<void> {
    return this.#send.sendEof();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.#receive.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#receive.receiveInto(buffer);
  }

  async close(): Promise<void> {
    this.#receive.abort();
    await this.#send.close();
    if (opened === this) opened = undefined;
  }

  abort(): void {
    this.#receive.abort();
    this.#send.abort();
    if (opened === this) opened = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }
}

function endOutput(): void {
  const output = fstatSync(STDOUT);
  if (output.isSocket()) process.stdout.end();
  else if (output.isFIFO() && process.platform !== 'win32') {
    closeSync(STDOUT);
    // The lowest free number, which is the one just freed unless another thread was faster.
    const plug = openSync(devNull, 'w');
    if (plug !== STDOUT) closeSync(plug);
  }
}
