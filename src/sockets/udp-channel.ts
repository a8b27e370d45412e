/**
 * A UDP socket connected to one peer, as a channel of bytes.
 *
 * The kernel lets nobody else's datagrams in, sends without looking an address up (1.5 times as many a second), and, since
 * it knows whom an ICMP message concerns, tells it. So "nobody listens there" is known here, a moment after a send; it is
 * thrown by the next call, `send` or `receive`, whichever comes first, and once: the channel goes on, because the peer
 * may be there again at the next datagram.
 */
import { formatSocketAddress, sameSocketAddress } from '../core/address.ts';
import type { InetAddress } from '../core/address.ts';
import { attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, ClosedResourceError } from '../core/errors.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { UdpChannel, UdpQueueOptions, UdpStatistics } from '../core/network.ts';
import { report } from '../observe/report.ts';
import { refusal } from '../tasks/waiter.ts';
import { datagramFailure } from './datagram-failure.ts';
import { UdpAddresses } from './udp-addresses.ts';
import type { UdpCarrier, UdpSink } from './udp-carrier.ts';
import { UdpReceiveQueue } from './udp-receive-queue.ts';
import { UdpSender, wrongDatagramData } from './udp-sender.ts';
import { RECEIVE_QUEUE, RECEIVE_QUEUE_BYTES, statisticsOf } from './udp-socket.ts';

export interface UdpChannelOptions extends UdpQueueOptions {
  /** What ends a wait on the carrier, for virtual time. Default `external`. */
  readonly waitKind?: 'external' | 'virtual' | undefined;
}

/** A channel over a connected carrier, which it owns. Options are checked already. */
export function udpChannelOn(carrier: UdpCarrier, options: UdpChannelOptions): UdpChannel {
  if (carrier.peer === undefined) throw new TypeError('this carrier is not connected');
  return new CarriedUdpChannel(carrier, carrier.peer, options);
}

class CarriedUdpChannel implements UdpChannel, UdpSink {
  readonly localAddress: InetAddress;
  readonly remoteAddress: InetAddress;
  readonly #carrier: UdpCarrier;
  readonly #addresses: UdpAddresses;
  readonly #sender: UdpSender;
  readonly #queue: UdpReceiveQueue<Bytes>;
  #onNotice: ((error: Error) => void) | undefined;
  #errors = 0;

  constructor(carrier: UdpCarrier, peer: InetAddress, options: UdpChannelOptions) {
    const { waitKind = 'external' } = options;
    this.#carrier = carrier;
    this.localAddress = carrier.address;
    this.remoteAddress = peer;
    this.#addresses = new UdpAddresses(carrier.family);
    this.#sender = new UdpSender(carrier, { waitKind, onLateError: (error) => this.onError(error) });
    this.#queue = new UdpReceiveQueue({
      maxDatagrams: options.receiveQueue ?? RECEIVE_QUEUE,
      maxBytes: options.receiveQueueBytes ?? RECEIVE_QUEUE_BYTES,
      waitKind,
      address: carrier.address,
    });
    carrier.attach(this);
  }

  // Receiving

  receive(): Promise<Bytes> {
    return this.#queue.receive();
  }

  onDatagram(handler: ((data: Bytes) => void) | null, onError?: (error: Error) => void): void {
    if (onError !== undefined && typeof onError !== 'function') throw new TypeError('onError is a function');
    this.#queue.setHandler(handler, (error) => this.#reportHandlerError(error));
    this.#onNotice = handler === null ? undefined : onError;
  }

  /** Until the channel is closed, here or by the system. */
  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return this.#queue.iterate();
  }

  onArrival(data: Bytes, host: string, port: number): void {
    // Between its bind and its connect the kernel lets anybody in.
    const from = this.#addresses.peer(host, port);
    if (from.port === this.remoteAddress.port && sameSocketAddress(from, this.remoteAddress)) {
      this.#queue.push(data, data.length);
    }
  }

  onError(cause: Error): void {
    this.#errors++;
    const error = datagramFailure(cause, `datagrams to ${formatSocketAddress(this.remoteAddress)}`);
    const listener = this.#onNotice;
    if (listener === undefined) {
      this.#queue.notify(error);
      return;
    }
    try {
      listener(error);
    } catch (thrown) {
      this.#reportHandlerError(thrown);
    }
  }

  onClosed(): void {
    const end = (): Error => new BrokenResourceError('the socket was closed by somebody else');
    this.#sender.finish(end);
    this.#queue.fail(end);
  }

  #reportHandlerError(error: unknown): void {
    report({ kind: 'handler-error', error, remoteAddress: this.remoteAddress });
  }

  // Sending

  send(data: Uint8Array): Promise<void> {
    const wrong = wrongDatagramData(data, this.remoteAddress.host);
    if (wrong !== undefined) return Promise.reject(wrong);
    const notice = this.#noticeToThrow();
    if (notice !== undefined) return notice;
    return this.#sender.send(data, 0, undefined);
  }

  sendNowait(data: Uint8Array): void {
    const wrong = wrongDatagramData(data, this.remoteAddress.host);
    if (wrong !== undefined) throw wrong;
    const notice = this.#sender.end === undefined ? this.#queue.takeNotice() : undefined;
    if (notice !== undefined) throw notice;
    this.#sender.sendNowait(data, 0, undefined);
  }

  #noticeToThrow(): Promise<never> | undefined {
    if (!this.#queue.hasNotice || this.#sender.end !== undefined) return undefined;
    return refusal() ?? Promise.reject(this.#queue.takeNotice() as Error);
  }

  // The rest of its life

  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  /** Drops what is queued in either direction. UDP has nothing to tell the peer. */
  abort(): void {
    this.#sender.finish(() => new ClosedResourceError());
    this.#queue.close();
    this.#carrier.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === localAddress) return this.localAddress;
    return key === remoteAddress ? this.remoteAddress : undefined;
  }

  statistics(): UdpStatistics {
    return statisticsOf(this.#sender, this.#queue, this.#errors);
  }

  setTtl(hops: number): void {
    this.#open.setTtl(hops);
  }

  setMulticastTtl(hops: number): void {
    this.#open.setMulticastTtl(hops);
  }

  setMulticastLoopback(on: boolean): void {
    this.#open.setMulticastLoopback(on);
  }

  setMulticastInterface(address: string): void {
    this.#open.setMulticastInterface(address);
  }

  setBroadcast(on: boolean): void {
    this.#open.setBroadcast(on);
  }

  get receiveBufferBytes(): number {
    return this.#open.receiveBufferBytes;
  }

  get sendBufferBytes(): number {
    return this.#open.sendBufferBytes;
  }

  setReceiveBufferBytes(bytes: number): void {
    this.#open.setReceiveBufferBytes(bytes);
  }

  setSendBufferBytes(bytes: number): void {
    this.#open.setSendBufferBytes(bytes);
  }

  get #open(): UdpCarrier {
    const end = this.#sender.end;
    if (end !== undefined) throw end();
    return this.#carrier;
  }
}
