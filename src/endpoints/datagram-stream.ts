/**
 * Datagrams with one peer, in the shape of a stream: for `udp:` and `dtls:` in addresses, where everything is a stream.
 *
 * It is not a reliable one, and makes nothing up. One `sendAll` is one datagram (cut at `maxDatagramBytes` if it is longer),
 * and what one receive gives is from one datagram, so a relay between two of these keeps their boundaries. An empty
 * datagram is no bytes, so none is received.
 *
 * UDP has no end of file, so silence has to do: after `idleMs` in which nothing was sent or received, the stream has ended.
 * For a peer of a server (`endsWhenIdle: 'always'`) that is how its place is freed. A client's ends only when it has nothing
 * more to send (`'after sendEof'`): then it has that long to be answered. A DTLS peer can say that it has ended, but what
 * says so may be lost, and it ends both directions, so it is said when the stream is closed and not by `sendEof`.
 *
 * As socat's UDP addresses, which end by `-T` and `-t`.
 */
import type { AttributeKey } from '../core/attributes.ts';
import { attributes } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  DatagramError,
  EndOfChannel,
} from '../core/errors.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { InetAddress } from '../core/address.ts';
import type { Channel } from '../core/channel.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { DEFAULT_MAX_BYTES, lengthOf, piecesOf, wrongData, wrongMaxBytes } from '../streams/stream-arguments.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { currentTime } from '../tasks/environment.ts';
import { pass, quietIfCancelled } from '../tasks/waiter.ts';

export interface DatagramStreamOptions {
  readonly channel: Channel<Uint8Array, Bytes>;
  readonly localAddress: InetAddress;
  readonly remoteAddress: InetAddress;
  readonly idleMs: number;
  readonly endsWhenIdle: 'always' | 'after sendEof';
  /** Longer pieces are cut. `Infinity`: never, and what is too long for the channel is its error. */
  readonly maxDatagramBytes: number;
}

export class DatagramStream implements HalfCloseableStream {
  readonly #options: DatagramStreamOptions;
  #isOpen = true;
  #wasEnded = false;
  #isSending = false;
  #isReceiving = false;
  #hasEnded = false;
  #rest: Bytes | undefined;
  #lastActivity = currentTime();
  /** Of the receive that waits. */
  #waiting: CancelScope | undefined;

  constructor(options: DatagramStreamOptions) {
    this.#options = options;
  }

  // Sending

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    return wrong === undefined ? quietIfCancelled(this.#send(data)) : Promise.reject(wrong);
  }

  async #send(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    this.#checkSend();
    this.#isSending = true;
    try {
      await pass();
      const { channel, maxDatagramBytes } = this.#options;
      const whole = joined(data);
      for (let at = 0; at < whole.length; at += maxDatagramBytes) {
        await brokenIfRefused(channel.send(whole.subarray(at, at + maxDatagramBytes)));
      }
      this.#noteActivity();
    } finally {
      this.#isSending = false;
    }
  }

  async waitSendAllMightNotBlock(): Promise<void> {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#isSending) throw new BusyResourceError('another call is already sending');
    await pass();
  }

  /** Tells the peer nothing, as there is nothing to tell it with that would not end both directions. */
  async sendEof(): Promise<void> {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#isSending) throw new BusyResourceError('another call is already sending');
    await pass();
    if (this.#wasEnded) return;
    this.#wasEnded = true;
    this.#noteActivity();
  }

  #checkSend(): void {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#wasEnded) throw new ClosedResourceError('sendEof() was called: nothing more can be sent');
    if (this.#isSending) throw new BusyResourceError('another call is already sending');
  }

  // Receiving

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    return quietIfCancelled(this.#receive(maxBytes ?? DEFAULT_MAX_BYTES));
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  async #receive(maxBytes: number): Promise<Bytes | null> {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#isReceiving) throw new BusyResourceError('another call is already receiving');
    this.#isReceiving = true;
    try {
      await pass();
      while (this.#rest === undefined && !this.#hasEnded) await this.#receiveDatagram();
      return this.#take(maxBytes);
    } finally {
      this.#isReceiving = false;
    }
  }

  async #receiveDatagram(): Promise<void> {
    const scope = new CancelScope({ deadline: this.#idleAt() });
    this.#waiting = scope;
    try {
      const result = await scope.tryRun(() => brokenIfRefused(this.#options.channel.receive()));
      if (result.cancelled) {
        this.#hasEnded = true;
      } else if (result.value.length > 0) {
        this.#rest = result.value;
      }
    } catch (error) {
      if (!(error instanceof EndOfChannel)) throw error;
      this.#hasEnded = true;
    } finally {
      this.#waiting = undefined;
    }
    this.#noteActivity();
  }

  #take(maxBytes: number): Bytes | null {
    const rest = this.#rest;
    if (rest === undefined) return null;
    this.#rest = rest.length > maxBytes ? rest.subarray(maxBytes) : undefined;
    return rest.subarray(0, maxBytes);
  }

  #noteActivity(): void {
    this.#lastActivity = currentTime();
    if (this.#waiting !== undefined) this.#waiting.deadline = this.#idleAt();
  }

  #idleAt(): number {
    const { idleMs, endsWhenIdle } = this.#options;
    return endsWhenIdle === 'always' || this.#wasEnded ? this.#lastActivity + idleMs : Infinity;
  }

  // The rest

  close(): Promise<void> {
    this.#isOpen = false;
    return this.#options.channel.close();
  }

  abort(): void {
    this.#isOpen = false;
    this.#options.channel.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === localAddress) return this.#options.localAddress;
    return key === remoteAddress ? this.#options.remoteAddress : undefined;
  }
}

function joined(data: Uint8Array | readonly Uint8Array[]): Uint8Array {
  if (data instanceof Uint8Array) return data;
  const whole = new Uint8Array(lengthOf(data));
  let offset = 0;
  for (const piece of piecesOf(data)) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

/** For a stream, a peer that is not there is the end of it. */
async function brokenIfRefused<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof DatagramError)) throw error;
    throw new BrokenResourceError(error.message, { cause: error });
  }
}
