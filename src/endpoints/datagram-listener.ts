/**
 * The peers of one UDP socket as connections: the first datagram of an address that is not known is a connection, which
 * gets what comes from there until it is closed or has been silent for long enough (see DatagramStream).
 *
 * Anybody can make such connections with forged addresses, so everything is bounded: the peers there are, the ones nobody
 * has accepted, and what waits for each of them. What is beyond is dropped, and told.
 */
import type { InetAddress } from '../core/address.ts';
import { socketAddressKey } from '../core/address.ts';
import type { AttributeKey } from '../core/attributes.ts';
import { attributes } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import type { Channel } from '../core/channel.ts';
import { BusyResourceError, ClosedResourceError, EndOfChannel, WouldBlock } from '../core/errors.ts';
import { localAddress } from '../core/network.ts';
import type { Datagram, UdpSocket } from '../core/network.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { report } from '../observe/report.ts';
import { runDetached } from '../tasks/environment.ts';
import { openMemoryChannel } from '../tasks/memory-channel.ts';
import type { MemoryReceiveChannel, MemorySendChannel } from '../tasks/memory-channel.ts';
import { DatagramStream } from './datagram-stream.ts';
import type { EndpointListener } from './scheme.ts';

/** Datagrams that wait for one peer's handler. */
const QUEUE = 64;

export interface DatagramListenerOptions {
  readonly idleMs: number;
  readonly maxDatagramBytes: number;
  /** Most peers that nobody has accepted. */
  readonly acceptQueue: number;
  /** Most peers in all. */
  readonly maxConnections: number;
}

export class DatagramListener implements EndpointListener {
  readonly address: InetAddress;
  readonly #socket: UdpSocket;
  readonly #options: DatagramListenerOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #offer: MemorySendChannel<HalfCloseableStream>;
  readonly #take: MemoryReceiveChannel<HalfCloseableStream>;
  readonly #unclaimed = new Set<HalfCloseableStream>();
  #isAccepting = false;
  #isOpen = true;
  #refused = 0;

  /** Owns `socket`. */
  constructor(socket: UdpSocket, options: DatagramListenerOptions) {
    this.address = socket.address;
    this.#socket = socket;
    this.#options = options;
    [this.#offer, this.#take] = openMemoryChannel<HalfCloseableStream>(options.acceptQueue);
    runDetached(() => socket.onDatagram((datagram) => this.#receive(datagram)));
  }

  async accept(): Promise<HalfCloseableStream> {
    if (this.#isAccepting) throw new BusyResourceError('another call is already accepting');
    this.#isAccepting = true;
    try {
      const stream = await this.#take.receive();
      this.#unclaimed.delete(stream);
      return stream;
    } catch (error) {
      throw error instanceof EndOfChannel ? new ClosedResourceError() : error;
    } finally {
      this.#isAccepting = false;
    }
  }

  /** No new peers. The socket stays until the last of those there are is closed. */
  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const stream of this.#unclaimed) stream.abort();
    this.#take.abort();
    this.#offer.abort();
    this.#closeIfUnused();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    return key === localAddress ? this.address : undefined;
  }

  #receive({ data, address }: Datagram): void {
    const known = this.#peers.get(socketAddressKey(address));
    if (known !== undefined) {
      known.push(data);
    } else if (this.#isOpen) {
      const peer = this.#welcome(address);
      peer?.push(data);
    }
  }

  #welcome(address: InetAddress): Peer | undefined {
    const { maxConnections, acceptQueue, idleMs, maxDatagramBytes } = this.#options;
    if (this.#peers.size >= maxConnections) return this.#refuse('maxConnections');
    if (this.#offer.statistics().currentBufferUsed >= acceptQueue) return this.#refuse('acceptQueue');
    const key = socketAddressKey(address);
    const peer = new Peer(this.#socket, address, () => {
      this.#peers.delete(key);
      this.#closeIfUnused();
    });
    this.#peers.set(key, peer);
    const stream = new DatagramStream({
      ...{ channel: peer, localAddress: this.address, remoteAddress: address },
      ...{ idleMs, maxDatagramBytes, endsWhenIdle: 'always' },
    });
    this.#unclaimed.add(stream);
    this.#offer.sendNowait(stream);
    return peer;
  }

  #refuse(reason: 'maxConnections' | 'acceptQueue'): undefined {
    const refused = ++this.#refused;
    if ((refused & (refused - 1)) === 0) report({ kind: 'accept-refused', address: this.address, reason, refused });
  }

  #closeIfUnused(): void {
    if (!this.#isOpen && this.#peers.size === 0) this.#socket.abort();
  }
}

/** What one address sends and is sent. */
class Peer implements Channel<Uint8Array, Bytes> {
  readonly #socket: UdpSocket;
  readonly #address: InetAddress;
  readonly #onClose: () => void;
  readonly #in: MemorySendChannel<Bytes>;
  readonly #out: MemoryReceiveChannel<Bytes>;
  #isOpen = true;
  #dropped = 0;

  constructor(socket: UdpSocket, address: InetAddress, onClose: () => void) {
    this.#socket = socket;
    this.#address = address;
    this.#onClose = onClose;
    [this.#in, this.#out] = openMemoryChannel<Bytes>(QUEUE);
  }

  push(data: Bytes): void {
    try {
      this.#in.sendNowait(data);
    } catch (error) {
      if (!(error instanceof WouldBlock)) throw error;
      const dropped = ++this.#dropped;
      if ((dropped & (dropped - 1)) !== 0) return;
      report({ kind: 'datagram-dropped', address: this.#address, reason: 'the queue of this peer is full', dropped });
    }
  }

  send(data: Uint8Array): Promise<void> {
    if (!this.#isOpen) return Promise.reject(new ClosedResourceError());
    return this.#socket.send({ data, address: this.#address });
  }

  receive(): Promise<Bytes> {
    return this.#out.receive();
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return this.#out[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#out.abort();
    this.#in.abort();
    this.#onClose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
