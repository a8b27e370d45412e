/**
 * The transport over any stream: the state machine between a source that pushes and a protocol that is told.
 *
 *     open ──close()──▶ closing ──everything out──▶ lost
 *       │ │                │ abort(), failure, nothing moves
 *       │ └──abort(), failure, exception──▶ lost      detached: the stream was given back
 *
 * `lost` is entered once, by `#lose`, and `connectionLost` is called from a microtask of its own, so never inside a call of the program's.
 * From `closing` on the protocol gets no data. Reading has its own side state, because it can pause and end while the rest goes on.
 *
 * What a protocol throws is caught where it is called, in `#call`, and nowhere else.
 *
 * Longer than most, because reading, writing and the end share the one state above: apart, each would have to ask the others.
 */
import { attributeOf } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, ClosedResourceError, MisuseError } from '../core/errors.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { copyOut } from '../sockets/chunk-pool.ts';
import { quietly } from '../sockets/socket-failure.ts';
import { BufferedStream } from '../streams/buffered-stream.ts';
import { isHalfCloseable } from '../streams/half-close.ts';
import { pushSourceOf } from '../streams/push-source.ts';
import type { PushSink, PushSource } from '../streams/push-source.ts';
import { lengthOf, wrongData } from '../streams/stream-arguments.ts';
import type { Detached } from '../tasks/detached.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { completed, quietIfCancelled, Waiter } from '../tasks/waiter.ts';
import { startTls } from '../tls/start-tls.ts';
import type { StartTlsClientOptions, StartTlsServerOptions } from '../tls/start-tls.ts';
import type { ClientContext, ServerContext } from '../trust/context.ts';
import type { ErrorSink } from './error-sink.ts';
import type { ExtraInfo, Protocol, Transport, WriteBufferLimits } from './protocol.ts';
import { PullPump } from './pull-pump.ts';
import { WriteLimits } from './write-limits.ts';

export interface StreamTransportOptions {
  /** Runs callbacks in the surroundings of the connection's owner. */
  readonly run: Detached;
  /** Hears what the protocol throws. */
  readonly onError: ErrorSink;
  readonly closeTimeoutMs: number;
  readonly maxWriteBufferBytes: number;
  /** Called last, after `connectionLost`. */
  readonly onEnd?: ((error: Error | null) => void) | undefined;
}

type Phase = 'open' | 'closing' | 'lost' | 'detached';

const DONE: Promise<void> = Promise.resolve();

export class StreamTransport implements Transport, PushSink {
  readonly #stream: Stream;
  readonly #source: PushSource;
  readonly #options: StreamTransportOptions;
  readonly #limits = new WriteLimits();
  #protocol: Protocol;
  #phase: Phase = 'open';
  #reading: 'reading' | 'paused' | 'ended' = 'paused';
  /** Arrived while reading was paused. */
  #held: Bytes[] = [];
  #isEndHeld = false;
  /** `connectionMade` has returned. */
  #hasBegun = false;
  /** A method of the protocol that takes data is running. */
  #isDelivering = false;
  #hasEnded = false;
  #stopTimer: (() => void) | undefined;
  /** What the stream became part of: TLS that is being begun, then its transport. */
  #successor: { abort(): void } | undefined;
  /** Of `writeEof()`, once it was called. */
  #eof: Promise<void> | undefined;
  #failure: Error | undefined;
  /** All bytes ever given to the source; with what it has not sent, the progress of every write. */
  #givenBytes = 0;
  readonly #writes: { readonly end: number; readonly waiter: Waiter<void> }[] = [];
  readonly #ends: Waiter<void>[] = [];

  constructor(stream: Stream, protocol: Protocol, options: StreamTransportOptions) {
    this.#stream = stream;
    this.#protocol = protocol;
    this.#options = options;
    this.#source = pushSourceOf(stream) ?? new PullPump(stream);
  }

  /** Begins: `connectionMade`, unless the protocol knows, then reading. */
  begin(isKnown = false): void {
    this.#source.pushTo(this);
    this.#reading = 'reading';
    if (!isKnown) this.#call(() => this.#protocol.connectionMade?.(this));
    this.#hasBegun = true;
    this.#continue();
  }

  // Writing

  write(data: Uint8Array): Promise<void> {
    if (!(data instanceof Uint8Array))
      return Promise.reject(new TypeError('only bytes can be written; encode text first'));
    return this.#write(data, data.length);
  }

  writeLines(pieces: readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(pieces);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#write(pieces, lengthOf(pieces));
  }

  #write(data: Uint8Array | readonly Uint8Array[], length: number): Promise<void> {
    if (this.#phase !== 'open' || this.#eof !== undefined || this.#failure !== undefined) {
      return quietly(Promise.reject(this.#whyNotWrite()));
    }
    if (length === 0) return DONE;
    this.#givenBytes += length;
    if (this.#source.writeNow(data)) return completed(undefined);
    if (this.#source.unsentBytes > this.#options.maxWriteBufferBytes) {
      const { maxWriteBufferBytes } = this.#options;
      this.#lose(
        new BrokenResourceError(
          `the peer is too slow: more than maxWriteBufferBytes = ${maxWriteBufferBytes} are waiting`,
        ),
      );
      return quietly(Promise.reject(this.#whyNotWrite()));
    }
    if (this.#limits.mustPause(this.#source.unsentBytes)) this.#call(() => this.#protocol.pauseWriting?.());
    return this.#untilWritten();
  }

  flush(): Promise<void> {
    if (this.#failure !== undefined) return quietly(Promise.reject(this.#whyNotWrite()));
    return this.#source.unsentBytes === 0 ? completed(undefined) : this.#untilWritten();
  }

  #whyNotWrite(): Error {
    if (this.#failure !== undefined) return new BrokenResourceError(this.#failure.message, { cause: this.#failure });
    if (this.#phase === 'detached') return new ClosedResourceError('the stream was detached from this transport');
    if (this.#phase === 'open') return new ClosedResourceError('writeEof() was called: nothing more can be written');
    return new ClosedResourceError('the transport was closed');
  }

  /** Resolves when everything that was given so far has gone. */
  #untilWritten(): Promise<void> {
    const waiter = new Waiter<void>();
    const written = waiter.wait();
    if (waiter.pending) this.#writes.push({ end: this.#givenBytes, waiter });
    return quietly(written);
  }

  onWritten(): void {
    const { unsentBytes } = this.#source;
    const gone = this.#givenBytes - unsentBytes;
    for (let first = this.#writes[0]; first !== undefined && first.end <= gone; first = this.#writes[0]) {
      this.#writes.shift();
      first.waiter.resolve();
    }
    if (this.#phase === 'open' && this.#limits.mayResume(unsentBytes))
      this.#call(() => this.#protocol.resumeWriting?.());
  }

  onWriteFailure(error: Error): void {
    this.#failure ??= error;
    this.#rejectWrites();
    // What the peer sent before comes first, if anybody reads it.
    if (this.#phase === 'closing' || this.#reading !== 'reading') this.#lose(error);
  }

  #rejectWrites(): void {
    for (const { waiter } of this.#writes.splice(0)) waiter.rejectRepeatable(this.#whyNotWrite());
  }

  writeEof(): Promise<void> {
    if (this.#eof !== undefined) return this.#eof;
    if (!this.canWriteEof()) return Promise.reject(new MisuseError('this stream cannot end one direction alone'));
    if (this.#phase !== 'open' || this.#failure !== undefined) return quietly(Promise.reject(this.#whyNotWrite()));
    this.#eof = quietly(this.#options.run(() => this.#sendEof()));
    return this.#eof;
  }

  canWriteEof(): boolean {
    return isHalfCloseable(this.#stream);
  }

  async #sendEof(): Promise<void> {
    if (this.#source.unsentBytes > 0) await this.#untilWritten();
    try {
      if (isHalfCloseable(this.#stream)) await this.#stream.sendEof();
    } catch (error) {
      this.onWriteFailure(error as Error);
      throw error;
    }
  }

  setWriteBufferLimits(limits: WriteBufferLimits): void {
    this.#limits.set(limits);
    if (this.#phase !== 'open') return;
    const { unsentBytes } = this.#source;
    if (this.#limits.mustPause(unsentBytes)) this.#call(() => this.#protocol.pauseWriting?.());
    else if (this.#limits.mayResume(unsentBytes)) this.#call(() => this.#protocol.resumeWriting?.());
  }

  getWriteBufferLimits(): { readonly high: number; readonly low: number } {
    return { high: this.#limits.high, low: this.#limits.low };
  }

  getWriteBufferSize(): number {
    return this.#source.unsentBytes;
  }

  // Reading

  onLentBytes(buffer: Uint8Array, length: number): boolean {
    if (this.#mayDeliver() && this.#protocol.getBuffer !== undefined) return this.#fill(buffer.subarray(0, length));
    return this.onOwnBytes(copyOut(buffer, 0, length));
  }

  onOwnBytes(chunk: Bytes): boolean {
    if (this.#mayDeliver()) return this.#deliver(chunk);
    // Closed: nobody wants it. Paused, or about to be detached: somebody will.
    if (this.#phase === 'open' || this.#phase === 'detached') this.#held.push(chunk);
    return false;
  }

  #mayDeliver(): boolean {
    return this.#phase === 'open' && this.#reading === 'reading';
  }

  /** @returns whether to go on */
  #deliver(chunk: Bytes): boolean {
    if (this.#protocol.getBuffer !== undefined) return this.#fill(chunk);
    this.#isDelivering = true;
    this.#call(() => this.#protocol.dataReceived?.(chunk));
    this.#isDelivering = false;
    return this.#mayDeliver();
  }

  /** Copies bytes into the protocol's memory, piece by piece. */
  #fill(bytes: Uint8Array): boolean {
    this.#isDelivering = true;
    for (let rest = bytes; rest.length > 0;) {
      if (!this.#mayDeliver()) {
        if (this.#phase === 'open' || this.#phase === 'detached') this.#held.push(rest.slice());
        break;
      }
      const pending = rest;
      this.#call(() => {
        const memory = this.#protocol.getBuffer?.(pending.length);
        if (memory === undefined || memory.length === 0) throw new MisuseError('getBuffer() gave no memory');
        const piece = pending.subarray(0, memory.length);
        memory.set(piece);
        rest = pending.subarray(piece.length);
        this.#protocol.bufferUpdated?.(piece.length);
      });
    }
    this.#isDelivering = false;
    return this.#mayDeliver();
  }

  onEndOfFile(): void {
    if (this.#phase !== 'open') return;
    if (this.#reading === 'paused') {
      this.#isEndHeld = true;
      return;
    }
    this.#reading = 'ended';
    if (this.#failure !== undefined) {
      this.#lose(this.#failure);
      return;
    }
    this.#call(() => {
      const keepsOpen = this.#protocol.eofReceived?.();
      if (keepsOpen !== true) void this.close();
    });
  }

  pauseReading(): void {
    if (this.#reading === 'reading') this.#reading = 'paused';
  }

  resumeReading(): void {
    if (this.#reading !== 'paused' || this.#phase !== 'open') return;
    this.#reading = 'reading';
    this.#continue();
  }

  isReading(): boolean {
    return this.#mayDeliver();
  }

  /** Hands over what was held back, then lets the source push. */
  #continue(): void {
    // The outermost delivery goes on by itself when it returns.
    if (this.#isDelivering || !this.#hasBegun) return;
    while (this.#mayDeliver()) {
      const chunk = this.#held.shift();
      if (chunk === undefined) break;
      this.#deliver(chunk);
    }
    if (!this.#mayDeliver()) return;
    if (this.#isEndHeld) this.onEndOfFile();
    else this.#source.resume();
  }

  // The end

  close(): Promise<void> {
    if (this.#successor instanceof StreamTransport) return this.#successor.close();
    if (this.#phase === 'open') {
      this.#phase = 'closing';
      this.#held = [];
      void this.#options.run(() => this.#closeGently());
    }
    return this.#untilEnd();
  }

  abort(): void {
    this.#successor?.abort();
    if (this.#phase !== 'open' && this.#phase !== 'closing') return;
    this.#lose(null);
  }

  isClosing(): boolean {
    return this.#phase !== 'open';
  }

  /** Never rejects. */
  async #closeGently(): Promise<void> {
    try {
      if (this.#source.unsentBytes > 0) {
        this.#watchProgress();
        await this.#untilWritten();
      }
      await this.#eof;
      if (this.#isLost()) return;
      this.#source.pushTo(null);
      await this.#stream.close();
      this.#lose(null);
    } catch (error) {
      this.#lose(error instanceof ClosedResourceError ? null : (error as Error));
    }
  }

  /** While closing: whoever takes nothing for a while is cut off. */
  #watchProgress(): void {
    const { clock } = currentEnvironment();
    const { unsentBytes } = this.#source;
    const { closeTimeoutMs } = this.#options;
    if (closeTimeoutMs === Infinity) return;
    this.#stopTimer = clock.setTimer(clock.now() + closeTimeoutMs, () => {
      if (this.#source.unsentBytes < unsentBytes) this.#watchProgress();
      else this.#lose(new BrokenResourceError(`the peer took nothing for ${closeTimeoutMs} ms after close()`));
    });
  }

  onBroken(error: Error | null): void {
    this.#lose(error);
  }

  #isLost(): boolean {
    return this.#phase === 'lost';
  }

  #lose(error: Error | null): void {
    if (this.#phase === 'lost' || this.#phase === 'detached') return;
    this.#phase = 'lost';
    this.#held = [];
    this.#stopTimer?.();
    this.#source.pushTo(null);
    this.#stream.abort();
    this.#failure ??= error ?? undefined;
    this.#rejectWrites();
    queueMicrotask(() => this.#tellEnd(error));
  }

  #tellEnd(error: Error | null): void {
    this.#options.run(() => {
      try {
        this.#protocol.connectionLost?.(error);
      } catch (thrown) {
        this.#options.onError(thrown, this);
      }
    });
    this.#options.onEnd?.(error);
    for (const end of this.#ends.splice(0)) end.resolve();
    this.#hasEnded = true;
  }

  #untilEnd(): Promise<void> {
    if (this.#hasEnded) return completed(undefined);
    const waiter = new Waiter<void>();
    const ended = waiter.wait();
    if (waiter.pending) this.#ends.push(waiter);
    return quietly(ended);
  }

  /** Calls a method of the protocol; what it throws ends this connection. */
  #call(method: () => unknown): void {
    try {
      this.#options.run(method);
    } catch (thrown) {
      this.#options.onError(thrown, this);
      this.#lose(
        thrown instanceof Error ? thrown : new MisuseError('a callback threw what is no Error', { cause: thrown }),
      );
    }
  }

  // Facts, and the other face

  getExtraInfo<K extends keyof ExtraInfo>(name: K): ExtraInfo[K];
  getExtraInfo<T>(key: AttributeKey<T>): T | undefined;
  getExtraInfo(key: keyof ExtraInfo | AttributeKey<unknown>): unknown {
    if (typeof key === 'object') return attributeOf(this.#stream, key);
    return attributeOf(this.#stream, key === 'peername' ? remoteAddress : localAddress);
  }

  setProtocol(protocol: Protocol): void {
    this.#protocol = protocol;
  }

  getProtocol(): Protocol {
    return this.#protocol;
  }

  async detach(): Promise<{ readonly stream: Stream; readonly rest: Bytes }> {
    const released = await this.#release();
    this.#hasEnded = true;
    this.#options.onEnd?.(null);
    for (const end of this.#ends.splice(0)) end.resolve();
    return released;
  }

  async #release(): Promise<{ readonly stream: Stream; readonly rest: Bytes }> {
    if (this.#phase !== 'open') throw this.#whyNotWrite();
    this.#phase = 'detached';
    if (this.#source.unsentBytes > 0) await this.#untilWritten();
    this.#source.pushTo(null);
    const late = await this.#source.released?.();
    if (late !== undefined) this.#held.push(late);
    return { stream: this.#stream, rest: concat(this.#held.splice(0)) };
  }

  startTls(context: ClientContext, options: StartTlsClientOptions): Promise<Transport>;
  startTls(context: ServerContext, options?: StartTlsServerOptions): Promise<Transport>;
  startTls(
    context: ClientContext | ServerContext,
    options: StartTlsClientOptions | StartTlsServerOptions = {},
  ): Promise<Transport> {
    return quietIfCancelled(this.beginTls(context, options, new Uint8Array(0)));
  }

  /** @param early bytes that were received in clear and that the protocol has not made use of */
  async beginTls(
    context: ClientContext | ServerContext,
    options: StartTlsClientOptions | StartTlsServerOptions,
    early: Uint8Array,
  ): Promise<Transport> {
    const { stream, rest } = await this.#release();
    try {
      const buffered = new BufferedStream(stream);
      buffered.unread(rest);
      buffered.unread(early);
      this.#successor = buffered;
      // Nothing came early: TLS is run on the stream itself, which costs less.
      const below = buffered.bufferedBytes === 0 ? buffered.detach().stream : buffered;
      this.#successor = below;
      const tls = await this.#options.run(() =>
        startTls(below, context as ClientContext, options as StartTlsClientOptions),
      );
      const transport = new StreamTransport(tls, this.#protocol, this.#options);
      transport.setWriteBufferLimits(this.getWriteBufferLimits());
      this.#successor = transport;
      transport.begin(true);
      return transport;
    } catch (error) {
      stream.abort();
      queueMicrotask(() => this.#tellEnd(error as Error));
      throw error;
    }
  }

  /** Runs something on the protocol's behalf: what it throws ends this connection. */
  guard(body: () => void): void {
    if (this.#phase === 'open') this.#call(body);
  }
}

/** Begins TLS on a transport of this library. */
export function upgrade(
  transport: Transport,
  context: ClientContext | ServerContext,
  options: StartTlsClientOptions | StartTlsServerOptions,
  early: Uint8Array,
): Promise<Transport> {
  if (!(transport instanceof StreamTransport)) throw new MisuseError('TLS can only be begun on a transport of bowline');
  return quietIfCancelled(transport.beginTls(context, options, early));
}

function concat(chunks: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(lengthOf(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
