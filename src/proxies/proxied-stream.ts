/**
 * A connection that came through a balancer and said whose it is. Bytes pass through; the addresses are those of the header
 * where it gives some, and what the layers below know otherwise is passed on.
 */
import { attributeKey, attributeOf, attributes, wrapped } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import { unmapInetAddress } from '../core/address.ts';
import type { SocketAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import type { ProxyHeader } from '../protocols/proxy-header/header.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { sendEofThrough } from '../streams/half-close.ts';
import type { SendEofOf } from '../streams/half-close.ts';
import { receiveInto } from '../streams/receive-into.ts';

/** The PROXY header that a connection began with: its TLVs, for one. */
export const proxyHeader: AttributeKey<ProxyHeader> = attributeKey('proxyHeader');

export class ProxiedStream<S extends Stream = Stream> implements Stream {
  /** The connection from the balancer. */
  readonly stream: S;
  readonly header: ProxyHeader;
  /** Half-closes the stream below; there if it can do that. */
  readonly sendEof: SendEofOf<S>;

  /** Owns `stream`, from which the header has been read. */
  constructor(stream: S, header: ProxyHeader) {
    this.stream = stream;
    this.header = header;
    this.sendEof = sendEofThrough(stream, (below) => below.sendEof());
  }

  get [wrapped](): S {
    return this.stream;
  }

  /** The client; the balancer where the header does not say, as for its own health checks. */
  get remoteAddress(): SocketAddress | undefined {
    return plain(this.header.source) ?? attributeOf(this.stream, remoteAddress);
  }

  /** What the client connected to. */
  get localAddress(): SocketAddress | undefined {
    return plain(this.header.destination) ?? attributeOf(this.stream, localAddress);
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === proxyHeader) return this.header;
    if (key === remoteAddress) return plain(this.header.source);
    return key === localAddress ? plain(this.header.destination) : undefined;
  }

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.stream.sendAll(data);
  }

  waitSendAllMightNotBlock(): Promise<void> {
    return this.stream.waitSendAllMightNotBlock();
  }

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    return this.stream.receiveSome(maxBytes);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return receiveInto(this.stream, buffer);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  close(): Promise<void> {
    return this.stream.close();
  }

  abort(): void {
    this.stream.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** HAProxy writes an IPv4 client of an IPv6 service as IPv4-mapped; a list of IPv4 addresses must know it all the same. */
function plain(address: SocketAddress | undefined): SocketAddress | undefined {
  return address === undefined || address.family === 'unix' ? address : unmapInetAddress(address);
}
