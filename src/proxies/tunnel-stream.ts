/**
 * The stream behind a proxy's yes: everything goes through the connection to the proxy as it is.
 *
 * The handshakes take exactly their own bytes off the connection (message-decoder.ts), so nothing is buffered here and an
 * operation costs a call. The wrapper exists for what is known about the connection. `remoteAddress` and `localAddress` are
 * passed on: they are the hop's, and the only ones there are. What else the layers below could tell is true of the way to
 * the proxy and not of the way to the target, above all that it is encrypted; so a tunnel does not name what it wraps, and
 * over it `tlsVersion` is unknown until somebody does TLS with the target.
 */
import { attributeOf, attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { tunnelTarget } from '../core/connector.ts';
import type { ConnectTarget } from '../core/connector.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { sendEofThrough } from '../streams/half-close.ts';
import type { SendEofOf } from '../streams/half-close.ts';
import { receiveInto } from '../streams/receive-into.ts';

export class TunnelStream<S extends Stream = Stream> implements Stream {
  /** The connection to the proxy. */
  readonly stream: S;
  readonly target: ConnectTarget;
  /** Half-closes the connection to the proxy; there if it can do that. */
  readonly sendEof: SendEofOf<S>;

  /** Owns `stream` from now on. */
  constructor(stream: S, target: ConnectTarget) {
    this.stream = stream;
    this.target = target;
    this.sendEof = sendEofThrough(stream, (below) => below.sendEof());
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === tunnelTarget) return this.target;
    return key === remoteAddress || key === localAddress ? attributeOf(this.stream, key) : undefined;
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
