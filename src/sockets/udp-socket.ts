/**
 * A UDP socket as a channel of datagrams, over a carrier.
 *
 * UDP promises little and this adds nothing to it: one send is one datagram, an empty one included; what is received is what
 * was sent, or nothing; a full queue drops and counts. What is added is the rest of a program's life: every wait can be
 * cancelled, errors have types, and no error of the network ends the socket. A socket that talks to anybody must not fail
 * because of one of them, so what belongs to no call of its own is counted and reported; one that is connected to a
 * peer (udp-channel.ts) throws it.
 *
 * Only the carrier's own end (its descriptor closed by somebody else) is final: then everything is a BrokenResourceError,
 * after the queue.
 */
import type { InetAddress } from '../core/address.ts';
import { attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import { BrokenResourceError, ClosedResourceError, WouldBlock } from '../core/errors.ts';
import { formatHostPort } from '../core/host-port.ts';
import { isMulticastIp, ipVersion } from '../core/ip-address.ts';
import { localAddress } from '../core/network.ts';
import type {
  Datagram,
  DatagramTarget,
  GroupOptions,
  OutgoingDatagram,
  Resolver,
  UdpNameOptions,
  UdpQueueOptions,
  UdpSocket,
  UdpStatistics,
} from '../core/network.ts';
import type { Bytes } from '../core/bytes.ts';
import { report } from '../observe/report.ts';
import { currentTime } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { resolveHost } from './resolve-host.ts';
import { UdpAddresses } from './udp-addresses.ts';
import type { UdpCarrier, UdpSink } from './udp-carrier.ts';
import { UdpReceiveQueue } from './udp-receive-queue.ts';
import type { ReceiveCounters } from './udp-receive-queue.ts';
import { UdpSender, wrongDatagramData } from './udp-sender.ts';

export interface UdpSocketOptions extends UdpQueueOptions, UdpNameOptions {
  /** The network's; asked where there is no `resolve`. */
  readonly lookup: Resolver;
  /** What ends a wait on the carrier, for virtual time. Default `external`. */
  readonly waitKind?: 'external' | 'virtual' | undefined;
}

export const RECEIVE_QUEUE = 1024;
export const RECEIVE_QUEUE_BYTES = 1_048_576;
const NAME_CACHE_MS = 60_000;

/** A socket over `carrier`, which it owns. Options are checked already. */
export function udpSocketOn(carrier: UdpCarrier, options: UdpSocketOptions): UdpSocket {
  return new CarriedUdpSocket(carrier, options);
}

class CarriedUdpSocket implements UdpSocket, UdpSink {
  readonly address: InetAddress;
  readonly #carrier: UdpCarrier;
  readonly #addresses: UdpAddresses;
  readonly #sender: UdpSender;
  readonly #queue: UdpReceiveQueue<Datagram>;
  readonly #names: Pick<UdpSocketOptions, 'lookup' | 'resolve'>;
  readonly #nameCacheMs: number;
  #errors = 0;

  constructor(carrier: UdpCarrier, options: UdpSocketOptions) {
    const { waitKind = 'external' } = options;
    this.#carrier = carrier;
    this.address = carrier.address;
    this.#addresses = new UdpAddresses(carrier.family);
    this.#names = options;
    this.#nameCacheMs = options.nameCacheMs ?? NAME_CACHE_MS;
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

  receive(): Promise<Datagram> {
    return this.#queue.receive();
  }

  onDatagram(handler: ((datagram: Datagram) => void) | null): void {
    this.#queue.setHandler(handler, reportHandlerError);
  }

  /** Until the socket is closed, here or by the system. */
  [Symbol.asyncIterator](): AsyncIterator<Datagram, undefined> {
    return this.#queue.iterate();
  }

  onArrival(data: Bytes, host: string, port: number): void {
    this.#queue.push({ data, address: this.#addresses.peer(host, port) }, data.length);
  }

  onError(error: Error): void {
    const errors = ++this.#errors;
    // The first, then at every doubling.
    if ((errors & (errors - 1)) === 0) report({ kind: 'datagram-error', address: this.address, error, errors });
  }

  onClosed(): void {
    const end = (): Error => new BrokenResourceError('the socket was closed by somebody else');
    this.#sender.finish(end);
    this.#queue.fail(end);
  }

  // Sending

  send(datagram: OutgoingDatagram): Promise<void> {
    let host: string | undefined;
    try {
      host = this.#check(datagram);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const { data, address } = datagram;
    if (host === undefined) return quietIfCancelled(this.#sendToName(data, address));
    return this.#sender.send(data, address.port, host);
  }

  sendNowait(datagram: OutgoingDatagram): void {
    const host = this.#check(datagram);
    const { data, address } = datagram;
    if (host === undefined) throw new WouldBlock(`the name ${address.host} has to be looked up first`);
    this.#sender.sendNowait(data, address.port, host);
  }

  /** @returns the host for the system, `undefined` for a name that has to be looked up */
  #check(datagram: OutgoingDatagram): string | undefined {
    const { data, address } = datagram;
    const host = this.#addresses.hostFor(address, currentTime);
    const wrong = wrongDatagramData(data, host ?? '');
    if (wrong !== undefined) throw wrong;
    return host;
  }

  async #sendToName(data: Uint8Array, { host: name, port }: DatagramTarget): Promise<void> {
    const end = this.#sender.end;
    if (end !== undefined) throw end();
    const { resolve, lookup } = this.#names;
    const found = await resolveHost(name, resolve, { lookup }, formatHostPort({ host: name, port }));
    const host = this.#addresses.rememberName(name, found, currentTime() + this.#nameCacheMs);
    await this.#sender.send(data, port, host);
  }

  // The rest of its life

  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  /** Drops what is queued in either direction. */
  abort(): void {
    this.#sender.finish(() => new ClosedResourceError());
    this.#queue.close();
    this.#carrier.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }

  statistics(): UdpStatistics {
    return statisticsOf(this.#sender, this.#queue, this.#errors);
  }

  joinGroup(group: string, options: GroupOptions = {}): void {
    checkGroup(group);
    this.#open.joinGroup(group, options);
  }

  leaveGroup(group: string, options: GroupOptions = {}): void {
    checkGroup(group);
    this.#open.leaveGroup(group, options);
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

function reportHandlerError(error: unknown, { address }: Datagram): void {
  report({ kind: 'handler-error', error, remoteAddress: address });
}

/** The two directions' counters as one record. */
export function statisticsOf(sender: UdpSender, queue: ReceiveCounters, errors: number): UdpStatistics {
  const { datagramsReceived, bytesReceived, datagramsDropped, queuedDatagrams, queuedBytes } = queue;
  const { datagramsSent, bytesSent } = sender;
  return {
    datagramsReceived,
    bytesReceived,
    datagramsSent,
    bytesSent,
    datagramsDropped,
    errors,
    queuedDatagrams,
    queuedBytes,
  };
}

function checkGroup(group: string): void {
  if (typeof group !== 'string') throw new TypeError('a group is a multicast address, as text');
  if (ipVersion(group) === 0 || !isMulticastIp(group))
    throw new RangeError(`not a multicast address: ${JSON.stringify(group)}`);
}
