/**
 * Streams in memory, with hooks: for tests that play the peer, and as the plainest transport to run a protocol over.
 *
 * A MemorySendStream keeps what is sent until the test takes it (`getData`); a MemoryReceiveStream gives what the test
 * puts in (`putData`, `putEof`). `memoryStreamPair()` connects two of each into streams that talk to each other, by hooks
 * that pump after every send. The hooks stay in reach: a test takes one away to hold data back, or puts one in its place that
 * cancels, fails or closes something at the worst moment.
 *
 * Every operation gives the event loop a turn before it has its effect. So a cancel or a close can hit it before, two
 * calls at once do meet, and nothing of the peer's ever runs inside a call of this side.
 *
 * Memory here is unlimited and a send never waits; `memoryStreamPair({ capacityBytes })` pushes back.
 *
 * Source: Trio `MemorySendStream`, `MemoryReceiveStream`, `memory_stream_pump`, `memory_stream_pair`.
 */
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError, WouldBlock } from '../core/errors.ts';
import type { ReceiveStream, SendStream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { wrongCount, wrongData, wrongMaxBytes } from '../streams/stream-arguments.ts';
import { StapledStream } from '../streams/stapled-stream.ts';
import { checkpoint, quietIfCancelled } from '../tasks/waiter.ts';
import { MemoryByteQueue } from './memory-byte-queue.ts';
import { pipe, pipePair } from './pipe-streams.ts';

/** May wait; the operation waits for it. */
export type AsyncHook = () => Promise<unknown>;

export interface MemorySendStreamHooks {
  readonly sendAllHook?: AsyncHook | undefined;
  readonly waitSendAllMightNotBlockHook?: AsyncHook | undefined;
  readonly closeHook?: (() => void) | undefined;
}

/** A stream whose sent bytes the test takes out at the other side. */
export class MemorySendStream implements SendStream {
  /** Called after the data of a `sendAll` can be had from `getData`. A cancel in here does not take the data back. */
  sendAllHook: AsyncHook | undefined;
  waitSendAllMightNotBlockHook: AsyncHook | undefined;
  /** Called by every `close` and `abort`. Must not throw. */
  closeHook: (() => void) | undefined;
  readonly #outgoing = new MemoryByteQueue();
  #isBusy = false;

  constructor(hooks: MemorySendStreamHooks = {}) {
    this.sendAllHook = hooks.sendAllHook;
    this.waitSendAllMightNotBlockHook = hooks.waitSendAllMightNotBlockHook;
    this.closeHook = hooks.closeHook;
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#exclusively(async () => {
      this.#outgoing.put(data);
      await this.sendAllHook?.();
    });
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.#exclusively(async () => {
      await this.waitSendAllMightNotBlockHook?.();
    });
  }

  async close(): Promise<void> {
    this.abort();
  }

  /** What was sent can still be taken by `getData`. */
  abort(): void {
    this.#outgoing.close();
    this.closeHook?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Takes what was sent, joined; waits for the first byte.
   *
   * @returns `null` when the stream was closed and everything has been taken
   */
  getData(maxBytes?: number): Promise<Bytes | null> {
    return this.#outgoing.get(maxBytes);
  }

  /** Like `getData`, without waiting. @throws WouldBlock nothing has been sent */
  getDataNowait(maxBytes?: number): Bytes | null {
    return this.#outgoing.getNowait(maxBytes);
  }

  #exclusively(body: () => Promise<void>): Promise<void> {
    return quietIfCancelled(this.#runExclusively(body));
  }

  async #runExclusively(body: () => Promise<void>): Promise<void> {
    this.#checkOpen();
    if (this.#isBusy) throw new BusyResourceError();
    this.#isBusy = true;
    try {
      await checkpoint();
      this.#checkOpen();
      await body();
    } finally {
      this.#isBusy = false;
    }
  }

  #checkOpen(): void {
    if (this.#outgoing.isClosed) throw new ClosedResourceError();
  }
}

export interface MemoryReceiveStreamHooks {
  readonly receiveSomeHook?: AsyncHook | undefined;
  readonly closeHook?: (() => void) | undefined;
}

/** A stream that gives what the test puts in. */
export class MemoryReceiveStream implements ReceiveStream {
  /** Called by every `receiveSome` before it looks for data. */
  receiveSomeHook: AsyncHook | undefined;
  /** Called by every `close` and `abort`. Must not throw. */
  closeHook: (() => void) | undefined;
  readonly #incoming = new MemoryByteQueue();
  #isOpen = true;
  #isBusy = false;

  constructor(hooks: MemoryReceiveStreamHooks = {}) {
    this.receiveSomeHook = hooks.receiveSomeHook;
    this.closeHook = hooks.closeHook;
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    return quietIfCancelled(this.#receive(maxBytes));
  }

  async #receive(maxBytes: number | undefined): Promise<Bytes | null> {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#isBusy) throw new BusyResourceError();
    this.#isBusy = true;
    try {
      await checkpoint();
      this.#checkOpen();
      await this.receiveSomeHook?.();
      this.#checkOpen();
      const data = await this.#incoming.get(maxBytes);
      this.#checkOpen();
      return data;
    } finally {
      this.#isBusy = false;
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  async close(): Promise<void> {
    this.abort();
  }

  /** Drops what was not received. */
  abort(): void {
    this.#isOpen = false;
    this.#incoming.closeAndWipe();
    this.closeHook?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Lets the stream receive `data`. @throws ClosedResourceError after `putEof`, or after the stream was closed */
  putData(data: Uint8Array): void {
    this.#incoming.put(data);
  }

  /** Lets the stream receive the end of file, after all data. Idempotent. */
  putEof(): void {
    this.#incoming.close();
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new ClosedResourceError('this stream was closed while the call was waiting');
  }
}

/**
 * Moves what was sent into one stream to another: its bytes if there are any, else its end if it was closed.
 *
 * @param maxBytes move no more than this; default: all
 * @returns whether there was anything to move
 * @throws BrokenResourceError the receiving stream was closed
 */
export function memoryStreamPump(from: MemorySendStream, to: MemoryReceiveStream, maxBytes?: number): boolean {
  let data: Bytes | null;
  try {
    data = from.getDataNowait(maxBytes);
  } catch (error) {
    if (error instanceof WouldBlock) return false;
    throw error;
  }
  if (data === null) {
    to.putEof();
    return true;
  }
  try {
    to.putData(data);
  } catch (error) {
    if (!(error instanceof ClosedResourceError)) throw error;
    throw new BrokenResourceError('the receiver was closed', { cause: error });
  }
  return true;
}

/** One of two streams in memory that are connected to each other. Both halves, with their hooks, are in reach. */
export type MemoryStream = StapledStream<MemorySendStream, MemoryReceiveStream>;

export interface MemoryStreamOptions {
  /** Bytes of room in each direction; an integer, 1 or more. A send waits while there is no room. Default: unlimited. */
  readonly capacityBytes?: number | undefined;
}

/** Two streams connected to each other. With a capacity they push back, and have no hooks. */
export function memoryStreamPair(): [MemoryStream, MemoryStream];
export function memoryStreamPair(options: MemoryStreamOptions): [StapledStream, StapledStream];
export function memoryStreamPair(options: MemoryStreamOptions = {}): [StapledStream, StapledStream] {
  if (options.capacityBytes !== undefined) return pipePair(checkCapacity(options.capacityBytes));
  const [sendA, receiveB] = memoryStreamOneWayPair();
  const [sendB, receiveA] = memoryStreamOneWayPair();
  return [new StapledStream(sendA, receiveA), new StapledStream(sendB, receiveB)];
}

/** One direction: what is sent into the first stream is received from the second. */
export function memoryStreamOneWayPair(): [MemorySendStream, MemoryReceiveStream];
export function memoryStreamOneWayPair(options: MemoryStreamOptions): [SendStream, ReceiveStream];
export function memoryStreamOneWayPair(options: MemoryStreamOptions = {}): [SendStream, ReceiveStream] {
  if (options.capacityBytes !== undefined) return pipe(checkCapacity(options.capacityBytes));
  const send = new MemorySendStream();
  const receive = new MemoryReceiveStream();
  send.sendAllHook = async () => {
    memoryStreamPump(send, receive);
  };
  send.closeHook = () => {
    try {
      // The first time moves what is left, if a hook had held it back; the second time the end.
      memoryStreamPump(send, receive);
      memoryStreamPump(send, receive);
    } catch (error) {
      // Nobody is there to receive the rest, and closing is no occasion to say so.
      if (!(error instanceof BrokenResourceError)) throw error;
    }
  };
  return [send, receive];
}

function checkCapacity(capacityBytes: number): number {
  const wrong = wrongCount('capacityBytes', capacityBytes, 1);
  if (wrong !== undefined) throw wrong;
  return capacityBytes;
}
