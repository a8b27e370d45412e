/**
 * A bowline stream as the socket that Node's libraries expect: a Duplex with the members of `net.Socket`.
 *
 * An HTTP agent, a database driver or an SSH client that takes "a socket or any Duplex" takes this, and so runs over TLS in
 * a proxy in a subprocess, or over memory. What such libraries rely on beyond a Duplex, seen by running them:
 *
 *     bytes arrive in a later turn, never inside `write`      a read is a promise, so they do
 *     errors are emitted, never thrown, and 'close' follows   all operations answer through callbacks
 *     setTimeout really fires, setNoDelay and the like exist  below
 *     connect() is called and 'connect' comes later           it does, although the stream has long been connected
 *     the end of the peer ends the socket (allowHalfOpen off) Node's default, and clients without an 'end' handler need it
 *
 * Reads follow the demand of the Readable: one receive at a time, and none while its buffer is full. Writes that are queued
 * meanwhile go out as one `sendAll([…])`. Destroying closes the stream, gracefully unless there was an error or
 * `resetAndDestroy` was called: the write under way still goes out. If that takes longer than two seconds, it becomes
 * an abort.
 *
 * The Duplex outlives the scope it is made in, as a socket would: whoever gets it has to end or destroy it.
 */
import { Duplex } from 'node:stream';

import { attributeOf, wrapped } from '../core/attributes.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Stream } from '../core/stream.ts';
import { isHalfCloseable } from '../streams/half-close.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { captureDetached } from '../tasks/detached.ts';
import type { Detached } from '../tasks/detached.ts';
import { InactivityTimer } from './inactivity-timer.ts';
import { toNodeError } from './node-error.ts';
import { findTuning } from './socket-tuning.ts';
import type { SocketTuning } from './socket-tuning.ts';

/** How long `destroy()` waits for a graceful close before it aborts. */
const CLOSE_MS = 2_000;
/** What 0 means to Node: the system's own, which on Linux is two hours. */
const SYSTEM_KEEP_ALIVE_MS = 7_200_000;
/** As much as one receive gives. */
const HIGH_WATER_MARK_BYTES = 65_536;

export interface ToNodeDuplexOptions {
  /**
   * Whether sending may go on after the peer's end of file. `false`, Node's default for sockets: 'end' ends the sending
   * side too, and 'close' follows. Set it for a peer that half-closes and still wants an answer.
   */
  readonly allowHalfOpen?: boolean | undefined;
}

/** A Duplex with the members of `net.Socket` that libraries use. */
export interface SocketDuplex extends Duplex {
  readonly connecting: boolean;
  readonly pending: boolean;
  readonly readyState: 'open' | 'readOnly' | 'writeOnly' | 'closed';
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: 'IPv4' | 'IPv6' | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: 'IPv4' | 'IPv6' | undefined;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** What `setTimeout` was last given; `undefined` or 0: off. */
  readonly timeout: number | undefined;
  address(): { address: string; family: string; port: number } | Record<string, never>;
  /** Is connected already: emits 'connect' and 'ready' in a later turn, whatever the arguments; a function is a listener. */
  connect(...args: readonly unknown[]): this;
  /** Emits 'timeout' whenever nothing was read or written for so long; does nothing else. 0 turns it off. */
  setTimeout(timeoutMs: number, callback?: () => void): this;
  /** Has an effect where a TCP stream is somewhere below. */
  setNoDelay(noDelay?: boolean): this;
  setKeepAlive(enable?: boolean, initialDelayMs?: number): this;
  /** Nothing: whether the process stays alive is decided by what is below. */
  ref(): this;
  unref(): this;
  /** Ends, then destroys when everything is out. */
  destroySoon(): void;
  /** Destroys so that the peer sees a reset and no end of file, where the transport has such a thing. */
  resetAndDestroy(): this;
}

/**
 * Makes a socket of a stream and owns it from now on: nothing else may use the stream.
 *
 * Half-closing (`end()`) passes on to streams that have `sendEof`; one that has not is closed when the socket is destroyed.
 */
export function toNodeDuplex(stream: Stream, options: ToNodeDuplexOptions = {}): SocketDuplex {
  const { allowHalfOpen = false } = options;
  if (typeof allowHalfOpen !== 'boolean') throw new TypeError('allowHalfOpen is true or false');
  if (typeof (stream as Partial<Stream> | null)?.receiveSome !== 'function') throw new TypeError('not a stream');
  return new StreamDuplex(stream, allowHalfOpen);
}

/** Whether it came from here. */
export function isStreamDuplex(duplex: Duplex): boolean {
  return duplex instanceof StreamDuplex;
}

type Callback = (error?: Error | null) => void;

class StreamDuplex extends Duplex implements SocketDuplex {
  readonly connecting = false;
  readonly pending = false;
  readonly #stream: Stream;
  readonly #detached: Detached = captureDetached();
  readonly #idle: InactivityTimer;
  #tuning: SocketTuning | undefined;
  #isReceiving = false;
  #bytesRead = 0;
  #bytesSent = 0;
  #isReset = false;
  /** The last write; never rejects. */
  #sending: Promise<void> | undefined;

  constructor(stream: Stream, allowHalfOpen: boolean) {
    super({
      allowHalfOpen,
      readableHighWaterMark: HIGH_WATER_MARK_BYTES,
      writableHighWaterMark: HIGH_WATER_MARK_BYTES,
    });
    this.#stream = stream;
    this.#idle = this.#detached(() => new InactivityTimer(() => this.emit('timeout')));
  }

  get [wrapped](): Stream {
    return this.#stream;
  }

  // What Duplex asks for

  override _read(): void {
    if (this.#isReceiving) return;
    this.#isReceiving = true;
    // An exception of a 'data' listener belongs to the program: it must not be taken for an error of the stream.
    void this.#detached(() => this.#stream.receiveSome()).then(this.#onReceived, this.#onReceiveFailed);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send(chunk, chunk.length, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    const pieces = chunks.map(({ chunk }) => chunk);
    let length = 0;
    for (const piece of pieces) length += piece.length;
    this.#send(pieces, length, callback);
  }

  override _final(callback: Callback): void {
    if (!isHalfCloseable(this.#stream)) {
      callback();
      return;
    }
    const stream = this.#stream;
    this.#detached(() => stream.sendEof()).then(
      () => callback(),
      (error: unknown) => callback(toNodeError(error, 'shutdown')),
    );
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#idle.stop();
    const finish = (): void => callback(error);
    if (error !== null || this.#isReset) {
      this.#stream.abort();
      process.nextTick(finish);
      return;
    }
    void this.#detached(() => this.#closeGently()).then(finish);
  }

  #send(data: Uint8Array | readonly Uint8Array[], length: number, callback: Callback): void {
    this.#idle.touch();
    this.#sending = this.#detached(() => this.#stream.sendAll(data)).then(
      () => {
        this.#bytesSent += length;
        this.#idle.touch();
        callback();
      },
      (error: unknown) => callback(toNodeError(error, 'write')),
    );
  }

  /** `net.Socket` would have given the write under way to the kernel by now, so that has to be through first. */
  async #closeGently(): Promise<void> {
    const { clock } = currentEnvironment();
    const stopTimer = clock.setTimer(clock.now() + CLOSE_MS, () => this.#stream.abort());
    try {
      await this.#sending;
      await this.#stream.close();
    } catch {
      // The other side has all that it will get.
      this.#stream.abort();
    } finally {
      stopTimer();
    }
  }

  readonly #onReceived = (chunk: Bytes | null): void => {
    this.#isReceiving = false;
    if (this.destroyed) return;
    if (chunk === null) {
      this.push(null);
      // Without a reader of the end nothing would ever see it.
      if (this.readableLength === 0) this.read(0);
      return;
    }
    this.#idle.touch();
    this.#bytesRead += chunk.length;
    this.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
  };

  readonly #onReceiveFailed = (error: unknown): void => {
    this.#isReceiving = false;
    if (!this.destroyed) this.destroy(toNodeError(error, 'read'));
  };

  // What libraries use of net.Socket

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get remoteAddress(): string | undefined {
    return hostOf(this.#inet(remoteAddress));
  }

  get remotePort(): number | undefined {
    return this.#inet(remoteAddress)?.port;
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    return familyOf(this.#inet(remoteAddress));
  }

  get localAddress(): string | undefined {
    return hostOf(this.#inet(localAddress));
  }

  get localPort(): number | undefined {
    return this.#inet(localAddress)?.port;
  }

  get localFamily(): 'IPv4' | 'IPv6' | undefined {
    return familyOf(this.#inet(localAddress));
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Counts what is still queued, as Node's does. */
  get bytesWritten(): number {
    return this.#bytesSent + this.writableLength;
  }

  get timeout(): number | undefined {
    return this.#idle.timeoutMs;
  }

  address(): { address: string; family: string; port: number } | Record<string, never> {
    const address = this.#inet(localAddress);
    if (address === undefined) return {};
    return { address: hostOf(address) as string, family: familyOf(address) as string, port: address.port };
  }

  connect(...args: readonly unknown[]): this {
    const listener = args.findLast((arg) => typeof arg === 'function');
    if (listener !== undefined) this.once('connect', listener as () => void);
    setImmediate(() => {
      if (this.destroyed) return;
      this.emit('connect');
      this.emit('ready');
    });
    return this;
  }

  setTimeout(timeoutMs: number, callback?: () => void): this {
    this.#idle.set(timeoutMs);
    if (callback !== undefined) {
      if (timeoutMs === 0) this.off('timeout', callback);
      else this.once('timeout', callback);
    }
    return this;
  }

  setNoDelay(noDelay = true): this {
    (this.#tuning ??= findTuning(this.#stream)).setNoDelay(Boolean(noDelay));
    return this;
  }

  setKeepAlive(enable = false, initialDelayMs = 0): this {
    (this.#tuning ??= findTuning(this.#stream)).setKeepAlive(enable ? initialDelayMs || SYSTEM_KEEP_ALIVE_MS : null);
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    this.#isReset = true;
    return this.destroy();
  }

  #inet(key: typeof remoteAddress): InetAddress | undefined {
    const address = attributeOf(this.#stream, key);
    return address === undefined || address.family === 'unix' ? undefined : address;
  }
}

function hostOf(address: InetAddress | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.scopeId === undefined ? address.host : `${address.host}%${address.scopeId}`;
}

function familyOf(address: InetAddress | undefined): 'IPv4' | 'IPv6' | undefined {
  return address === undefined ? undefined : address.family === 4 ? 'IPv4' : 'IPv6';
}
