/**
 * The callback face of channels of messages: UDP sockets, connected or not, DTLS associations, anything that keeps boundaries.
 *
 *     connectionMade ──▶ (datagramReceived | errorReceived)* ──▶ connectionLost
 *
 * One `sendTo` is one datagram, an empty one too, and they leave in order. What goes wrong with one datagram is told to `errorReceived`, and
 * the endpoint lives on. Where the system cannot take a datagram at once it waits in a queue, whose bytes (8 more for each datagram) are
 * what `pauseWriting` and `resumeWriting` go by.
 *
 * Source: PEP 3156 datagram protocols; asyncio, which drops empty datagrams without a word before 3.13.
 */
import { attributeOf } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Channel } from '../core/channel.ts';
import {
  BrokenResourceError,
  ClosedResourceError,
  DatagramError,
  EndOfChannel,
  MisuseError,
  WouldBlock,
} from '../core/errors.ts';
import type { Datagram, OutgoingDatagram } from '../core/network.ts';
import { quietly } from '../sockets/socket-failure.ts';
import { openUdpChannel, openUdpSocket } from '../sockets/udp.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { captureDetached } from '../tasks/detached.ts';
import type { Detached } from '../tasks/detached.ts';
import { runDetached } from '../tasks/environment.ts';
import { Fifo } from '../tasks/fifo.ts';
import { completed, quietIfCancelled, Waiter } from '../tasks/waiter.ts';
import { checkFactory } from './connect.ts';
import { errorSink } from './error-sink.ts';
import type { ErrorSink } from './error-sink.ts';
import type { WriteBufferLimits } from './protocol.ts';
import { WriteLimits } from './write-limits.ts';

/** What a queued datagram counts for beyond its bytes. */
const OVERHEAD_BYTES = 8;

export interface DatagramProtocol {
  connectionMade?(transport: DatagramTransport): void;
  /** @param address who sent it; `undefined` on a channel that does not say, as DTLS's */
  datagramReceived?(data: Bytes, address: InetAddress | undefined): void;
  /** A datagram could not be sent, or the network said so of an earlier one. The endpoint lives on. */
  errorReceived?(error: Error): void;
  connectionLost?(error: Error | null): void;
  pauseWriting?(): void;
  resumeWriting?(): void;
}

export interface DatagramTransport {
  /**
   * Sends one datagram. Needs no awaiting; do not change the memory before the promise resolves. A rejection that nobody awaits does no
   * harm.
   *
   * @param address where to; not on a connected endpoint, unless it is the peer's
   * @throws TypeError not bytes, or no address where one is needed
   * @throws MisuseError an address on a connected endpoint
   * @throws ClosedResourceError the endpoint was closed
   * @throws DatagramError the system refused it; `errorReceived` is told too
   */
  sendTo(data: Uint8Array, address?: { readonly host: string; readonly port: number }): Promise<void>;
  /** Sends what is queued, then closes; `connectionLost(null)` follows. Idempotent. */
  close(): void;
  abort(): void;
  isClosing(): boolean;
  setWriteBufferLimits(limits: WriteBufferLimits): void;
  getWriteBufferSize(): number;
  getExtraInfo<T>(key: AttributeKey<T>): T | undefined;
}

/** Channels that an endpoint runs over: with an address on each datagram, or with one peer. */
type PlainChannel = Channel<Uint8Array, Bytes>;
type AddressedChannel = Channel<OutgoingDatagram, Datagram>;

/** What UDP can do beyond a channel. */
interface Fast {
  sendNowait?(value: unknown): void;
  onDatagram?(handler: ((value: never) => void) | null, onError?: (error: Error) => void): void;
}

export type DatagramTarget =
  /** Bound to a local address; host `null` or absent: every interface. */
  | { readonly local: { readonly host?: string | null | undefined; readonly port?: number | undefined } }
  /** Connected to one peer. */
  | { readonly remote: { readonly host: string; readonly port: number } }
  /** A channel of datagrams with addresses, such as a UdpSocket. */
  | { readonly socket: AddressedChannel }
  /** A channel to one peer, such as a DtlsChannel. */
  | { readonly channel: PlainChannel };

export interface DatagramOptions {
  /** Hears what callbacks throw; they end the endpoint in any case. Default: a `handler-error` report. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly writeBufferLimits?: WriteBufferLimits | undefined;
}

/**
 * Opens an endpoint for datagrams and runs a protocol over it.
 *
 * @returns after `connectionMade`
 * @throws what the opener throws, and what the factory throws; nothing is left open then
 */
export function createDatagramEndpoint<P extends DatagramProtocol>(
  factory: () => P,
  target: DatagramTarget,
  options: DatagramOptions = {},
): Promise<{ readonly transport: DatagramTransport; readonly protocol: P }> {
  return quietIfCancelled(create(factory, target, options));
}

async function create<P extends DatagramProtocol>(
  factory: () => P,
  target: DatagramTarget,
  options: DatagramOptions,
): Promise<{ readonly transport: DatagramTransport; readonly protocol: P }> {
  checkFactory(factory);
  const onError = errorSink(options.onError);
  const limits = new WriteLimits();
  if (options.writeBufferLimits !== undefined) limits.set(options.writeBufferLimits);
  const { channel, isConnected } = await open(target);
  const run = captureDetached();
  let protocol: P;
  try {
    protocol = run(factory);
  } catch (error) {
    channel.abort();
    throw error;
  }
  const transport = new ChannelTransport(channel, isConnected, protocol, { run, onError, limits });
  transport.begin();
  return { transport, protocol };
}

async function open(
  target: DatagramTarget,
): Promise<{ readonly channel: Channel<never, unknown>; readonly isConnected: boolean }> {
  if ('socket' in target) return { channel: target.socket, isConnected: false };
  if ('channel' in target) return { channel: target.channel, isConnected: true };
  if ('remote' in target) {
    const { host, port } = target.remote;
    return { channel: await openUdpChannel(host, port), isConnected: true };
  }
  return { channel: await openUdpSocket(target.local), isConnected: false };
}

interface Settings {
  readonly run: Detached;
  readonly onError: ErrorSink;
  readonly limits: WriteLimits;
}

interface Queued {
  readonly value: unknown;
  readonly bytes: number;
  readonly waiter: Waiter<void>;
}

class ChannelTransport implements DatagramTransport {
  readonly #channel: Channel<unknown, unknown> & Fast;
  readonly #isConnected: boolean;
  readonly #protocol: DatagramProtocol;
  readonly #settings: Settings;
  readonly #receiving = new CancelScope();
  readonly #queue = new Fifo<Queued>();
  #queuedBytes = 0;
  #isSending = false;
  #phase: 'open' | 'closing' | 'lost' = 'open';

  constructor(channel: Channel<never, unknown>, isConnected: boolean, protocol: DatagramProtocol, settings: Settings) {
    this.#channel = channel as Channel<unknown, unknown> & Fast;
    this.#isConnected = isConnected;
    this.#protocol = protocol;
    this.#settings = settings;
  }

  begin(): void {
    this.#call(() => this.#protocol.connectionMade?.(this));
    if (this.#phase !== 'open') return;
    if (this.#channel.onDatagram !== undefined) {
      this.#channel.onDatagram(
        (value) => this.#deliver(value),
        (error) => this.#onDatagramError(error),
      );
    } else {
      void runDetached(() => this.#receiving.run(() => this.#receive()));
    }
  }

  // Sending

  sendTo(data: Uint8Array, address?: { readonly host: string; readonly port: number }): Promise<void> {
    const wrong = this.#wrongSend(data, address);
    if (wrong !== undefined) return quietly(Promise.reject(wrong));
    const value = this.#isConnected ? data : { data, address };
    if (this.#queue.size === 0 && !this.#isSending && this.#channel.sendNowait !== undefined) {
      try {
        this.#channel.sendNowait(value);
        return completed(undefined);
      } catch (error) {
        // A name that has to be looked up first cannot go at once either.
        if (!(error instanceof WouldBlock) && !(error instanceof TypeError) && !(error instanceof MisuseError)) {
          queueMicrotask(() => this.#onDatagramError(error as Error));
          return quietly(Promise.reject(error));
        }
      }
    }
    return this.#enqueue(value, data.length + OVERHEAD_BYTES);
  }

  #wrongSend(data: Uint8Array, address: unknown): Error | undefined {
    if (!(data instanceof Uint8Array)) return new TypeError('only bytes can be sent; encode text first');
    if (this.#isConnected && address !== undefined)
      return new MisuseError('this endpoint is connected: it sends to its peer only');
    if (!this.#isConnected && address === undefined)
      return new TypeError('this endpoint is not connected: say where to send');
    return this.#phase === 'open' ? undefined : new ClosedResourceError('the endpoint was closed');
  }

  #enqueue(value: unknown, bytes: number): Promise<void> {
    const waiter = new Waiter<void>();
    const sent = quietly(waiter.wait());
    if (!waiter.pending) return sent;
    this.#queue.push({ value, bytes, waiter });
    this.#queuedBytes += bytes;
    if (this.#settings.limits.mustPause(this.#queuedBytes)) this.#call(() => this.#protocol.pauseWriting?.());
    if (!this.#isSending) void runDetached(() => this.#send());
    return sent;
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.size > 0) {
      const { value, bytes, waiter } = this.#queue.shift();
      try {
        await this.#channel.send(value);
        waiter.resolve();
      } catch (error) {
        waiter.rejectRepeatable(error);
        if (error instanceof BrokenResourceError || error instanceof ClosedResourceError) {
          this.#lose(error instanceof ClosedResourceError ? null : error);
          break;
        }
        this.#onDatagramError(error as Error);
      }
      this.#queuedBytes -= bytes;
      if (this.#settings.limits.mayResume(this.#queuedBytes) && this.#phase === 'open') {
        this.#call(() => this.#protocol.resumeWriting?.());
      }
    }
    this.#isSending = false;
    if (this.#phase === 'closing') this.#finish();
  }

  setWriteBufferLimits(limits: WriteBufferLimits): void {
    this.#settings.limits.set(limits);
  }

  getWriteBufferSize(): number {
    return this.#queuedBytes;
  }

  // Receiving

  /** Never rejects. */
  async #receive(): Promise<void> {
    while (this.#phase === 'open') {
      try {
        this.#deliver(await this.#channel.receive());
      } catch (error) {
        if (this.#receiving.cancelCalled || this.#isLost()) return;
        if (error instanceof DatagramError) this.#onDatagramError(error);
        else
          this.#lose(error instanceof EndOfChannel || error instanceof ClosedResourceError ? null : (error as Error));
      }
    }
  }

  #deliver(value: unknown): void {
    if (this.#phase !== 'open') return;
    const { data, address } = this.#isConnected ? { data: value as Bytes, address: undefined } : (value as Datagram);
    this.#call(() => this.#protocol.datagramReceived?.(data, address));
  }

  #onDatagramError(error: Error): void {
    if (!this.#isLost()) this.#call(() => this.#protocol.errorReceived?.(error));
  }

  // The end

  close(): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    this.#receiving.cancel();
    if (!this.#isSending) this.#finish();
  }

  #finish(): void {
    void runDetached(() => this.#channel.close()).then(
      () => this.#lose(null),
      (error: unknown) => this.#lose(error as Error),
    );
  }

  abort(): void {
    this.#lose(null);
  }

  isClosing(): boolean {
    return this.#phase !== 'open';
  }

  #isLost(): boolean {
    return this.#phase === 'lost';
  }

  #lose(error: Error | null): void {
    if (this.#phase === 'lost') return;
    this.#phase = 'lost';
    this.#receiving.cancel();
    this.#channel.abort();
    while (this.#queue.size > 0)
      this.#queue.shift().waiter.rejectRepeatable(new ClosedResourceError('the endpoint was closed'));
    queueMicrotask(() => {
      try {
        this.#settings.run(() => this.#protocol.connectionLost?.(error));
      } catch (thrown) {
        this.#settings.onError(thrown, this.#asked);
      }
    });
  }

  /** What a callback throws ends this endpoint. */
  #call(method: () => unknown): void {
    try {
      this.#settings.run(method);
    } catch (thrown) {
      this.#settings.onError(thrown, this.#asked);
      this.#lose(
        thrown instanceof Error ? thrown : new MisuseError('a callback threw what is no Error', { cause: thrown }),
      );
    }
  }

  get #asked(): { getExtraInfo(): undefined } {
    return { getExtraInfo: () => undefined };
  }

  getExtraInfo<T>(key: AttributeKey<T>): T | undefined {
    return attributeOf(this.#channel, key);
  }
}
