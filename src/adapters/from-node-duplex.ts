/**
 * Any Duplex of Node as a bowline stream: SSH channels, sockets of other libraries, transforms, `stream.duplexPair`.
 *
 * The whole contract holds over it: one caller a direction, end of file told from being cut off, errors by class, cancellation
 * that loses nothing. The table of what becomes of which event is in docs/adapters.md. Two things to know:
 *
 * Bytes are copied once in each direction, because a foreign stream may push views of memory that it goes on using, and
 * may keep what it was given after it said that it is done (`stream.duplexPair` does). Sockets of Node and of `toNodeDuplex`
 * do neither. For a `net.Socket` that nobody has read from, `adoptSocket` (bowline/sockets) is faster still.
 *
 * Sending can go on after the peer's end of file, whatever the Duplex was made with: `allowHalfOpen` is switched on.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { attributes, wrapped } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { fromNodeAddress } from '../sockets/node-address.ts';
import { NodeReceiveStream } from '../sockets/node-receive-stream.ts';
import { NodeSendStream } from '../sockets/node-send-stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { isStreamDuplex } from './to-node-duplex.ts';

/**
 * Makes a stream of a Duplex and owns it from now on: nothing else may read from it, write to it or destroy it.
 *
 * @throws TypeError not a Duplex, or one of objects or text, which has no bytes
 */
export function fromNodeDuplex(duplex: Duplex): HalfCloseableStream {
  checkDuplex(duplex);
  return new DuplexStream(duplex);
}

/** The addresses, where the Duplex is a socket. */
interface MaybeSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  resetAndDestroy?(): unknown;
}

class DuplexStream implements HalfCloseableStream {
  readonly #duplex: Duplex & MaybeSocket;
  readonly #receive: NodeReceiveStream;
  readonly #send: NodeSendStream;
  #closing: Promise<void> | undefined;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    duplex.allowHalfOpen = true;
    const isSocket = duplex instanceof Socket || isStreamDuplex(duplex);
    const release = (): void => undefined;
    this.#receive = new NodeReceiveStream(duplex, { ownsChunks: isSocket, prefetch: true, release });
    this.#send = new NodeSendStream(duplex, { keepsChunks: !isSocket, release });
  }

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

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  /** Ends the Duplex, waits until it says that everything is out (two seconds at most), and destroys it. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  abort(): void {
    this.#receive.abort();
    this.#send.abort();
    this.#cutOff();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get [wrapped](): Duplex {
    return this.#duplex;
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    const { remoteAddress: remoteHost, remotePort, localAddress: localHost, localPort } = this.#duplex;
    if (key === remoteAddress) return fromNodeAddress(remoteHost, remotePort);
    return key === localAddress ? fromNodeAddress(localHost, localPort) : undefined;
  }

  async #close(): Promise<void> {
    this.#receive.abort();
    await this.#send.close();
    if (this.#duplex.writableFinished) this.#duplex.destroy();
    else this.#cutOff();
  }

  /** Not by `destroy(error)`: the error would be ours, and nobody there waits for it. */
  #cutOff(): void {
    const duplex = this.#duplex;
    if (duplex.destroyed) return;
    if (typeof duplex.resetAndDestroy === 'function' && !duplex.writableEnded) {
      try {
        duplex.resetAndDestroy();
        return;
      } catch {
        // Only TCP can be reset.
      }
    }
    duplex.destroy();
  }
}

function checkDuplex(duplex: unknown): asserts duplex is Duplex {
  const { on, write, resume, writableLength, readableObjectMode, writableObjectMode, readableEncoding } = (duplex ??
    {}) as Partial<Duplex>;
  if (typeof on !== 'function' || typeof write !== 'function' || typeof resume !== 'function') {
    throw new TypeError('not a Duplex');
  }
  // Others (streamx) do not call back when a write is done, so there would be no back-pressure and no end of a send.
  if (typeof writableLength !== 'number') throw new TypeError('a Duplex, but not one of Node or made after it');
  if (readableObjectMode === true || writableObjectMode === true)
    throw new TypeError('a Duplex in object mode has no bytes');
  if (typeof readableEncoding === 'string') throw new TypeError('a Duplex with setEncoding() gives text and not bytes');
}
