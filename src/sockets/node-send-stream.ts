/**
 * The sending half of something that Node gives as a Writable: the input of a child process, our own standard output, a
 * foreign Duplex.
 *
 * A write that finished within the call (a socket with room) shows in `writableLength`, and then nothing waits; its callback,
 * which comes a tick later, is only counted. A write that fails within the call shows in `errored`.
 */
import type { Writable } from 'node:stream';

import type { SendStream } from '../core/stream.ts';
import { OutboundGate } from '../streams/outbound-gate.ts';
import type { OutboundSink } from '../streams/outbound-gate.ts';
import { piecesOf } from '../streams/stream-arguments.ts';
import { brokenMessage, ignoreErrors } from './node-receive-stream.ts';

export interface NodeSendStreamOptions {
  /** Whether the Writable may go on using a chunk after its callback, so that it must get a copy. Default `false`. */
  readonly keepsChunks?: boolean | undefined;
  /** Tells the reader that nothing more will come, in place of ending the Writable. Called when everything is out. */
  readonly end?: (() => void) | undefined;
  /** Lets go of the Writable, once, when this half is closed. */
  readonly release: () => void;
}

export class NodeSendStream implements SendStream, OutboundSink {
  readonly #writable: Writable;
  readonly #gate: OutboundGate = new OutboundGate(this);
  readonly #options: NodeSendStreamOptions;
  /** Write callbacks that have not come yet. */
  #owed = 0;

  constructor(writable: Writable, options: NodeSendStreamOptions) {
    this.#writable = writable;
    this.#options = options;
    writable.on('error', this.#onError).on('close', this.#onClose).on('finish', this.#onFinish);
    if (writable.errored) this.#onError(writable.errored);
    else if (writable.destroyed) this.#onClose();
    else if (writable.writableEnded) this.#onFinish();
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#gate.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#gate.waitSendAllMightNotBlock();
  }

  sendEof(): Promise<void> {
    return this.#gate.sendEof();
  }

  close(): Promise<void> {
    return this.#gate.close();
  }

  abort(): void {
    this.#gate.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#gate.close();
  }

  // For the gate

  write(data: Uint8Array | readonly Uint8Array[]): boolean {
    const writable = this.#writable;
    let pieces = piecesOf(data).filter((piece) => piece.length > 0);
    if (this.#options.keepsChunks === true && pieces.length > 0) pieces = [Buffer.concat(pieces)];
    if (pieces.length > 1) writable.cork();
    for (const piece of pieces) {
      this.#owed++;
      writable.write(piece, this.#onWritten);
    }
    if (pieces.length > 1) writable.uncork();
    if (writable.errored) this.#onError(writable.errored);
    return this.#owed === 0 || writable.writableLength === 0;
  }

  end(): boolean {
    if (this.#options.end === undefined) {
      this.#writable.end();
      return this.#writable.writableFinished;
    }
    this.#options.end();
    return true;
  }

  release(): void {
    this.#writable.off('error', this.#onError).off('close', this.#onClose).off('finish', this.#onFinish);
    ignoreErrors(this.#writable);
    this.#options.release();
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#owed--;
    if (error) this.#onError(error);
    else if (this.#owed === 0 || this.#writable.writableLength === 0) this.#gate.sent();
  };

  readonly #onFinish = (): void => {
    if (this.#gate.isEnding) this.#gate.ended();
    else this.#gate.fail('the stream was ended by somebody else');
  };

  readonly #onError = (cause: unknown): void => {
    this.#gate.fail(brokenMessage(cause), cause);
  };

  readonly #onClose = (): void => {
    if (!this.#gate.isEnded) this.#gate.fail('the stream was destroyed by the other side');
  };
}
