/**
 * One TLS connection of `node:tls`, as a machine: records in, plaintext and events out, no transport, no promise.
 *
 *     feed(records) ──▶ node:tls ──▶ onPlaintext, onSecure, onCloseNotify, onFailure
 *     write(data)   ──▶ node:tls ──▶ onRecords
 *
 * Everything that a call causes is reported before it returns, with two exceptions that Node makes: the failure of a
 * handshake is told a tick later (its alert is among the records before that), and `onWritten` comes in a later turn. What
 * the events mean for a stream is decided elsewhere.
 *
 * Plaintext does not go through the Readable side of the TLSSocket: it lands in the shared read buffer and is copied out
 * once (platform/accelerated-reads.ts, which works on every socket that Node has, this one too).
 */
import type { TLSSocket } from 'node:tls';

import type { Bytes } from '../../core/bytes.ts';
import { attachReadSink } from '../../platform/accelerated-reads.ts';
import type { ReadSink } from '../../platform/accelerated-reads.ts';
import { copyOut } from '../../sockets/chunk-pool.ts';
import { EngineTransport } from './engine-transport.ts';

/** What the owner of an engine is told. */
export interface EngineUser {
  /** Records to be sent to the peer, in order. */
  onRecords(records: readonly Uint8Array[]): void;
  /** The handshake is complete as far as TLS goes; who the peer is has not been judged. */
  onSecure(): void;
  onPlaintext(chunk: Bytes): void;
  /** The peer has ended its direction properly. */
  onCloseNotify(): void;
  /** Nothing that is fed will be heard any more; a failure follows, unless it was asked for. */
  onDeaf(): void;
  /** TLS is over: a fatal alert from either side, or a record that is none. */
  onFailure(error: Error): void;
  /** What was last given to `write` is encrypted and was reported by `onRecords`; another write may follow. */
  onWritten(): void;
}

/** Makes the TLSSocket over a transport; it may fail at once, in which case it is destroyed or throws. */
export type SocketMaker = (transport: EngineTransport, engine: TlsEngine) => TLSSocket | undefined;

export class TlsEngine implements ReadSink {
  readonly #user: EngineUser;
  readonly #transport: EngineTransport;
  #socket: TLSSocket | undefined;
  #isOver = false;

  constructor(user: EngineUser) {
    this.#user = user;
    this.#transport = new EngineTransport(this);
  }

  /** Begins the handshake. @param make client-engine.ts or server-engine.ts */
  start(make: SocketMaker): void {
    const socket = make(this.#transport, this);
    if (socket !== undefined) this.useSocket(socket);
    // A setting that OpenSSL cannot satisfy ends it before there was anybody to tell.
    if (socket?.destroyed === true) this.onDestroy(socket.errored);
  }

  /** The TLSSocket; there after `onSecure`. */
  get socket(): TLSSocket {
    return this.#socket as TLSSocket;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  feed(records: Bytes): void {
    if (!this.#isOver) this.#transport.feed(records);
  }

  /** Encrypts; `onWritten` follows, and until then there must be no other write. The memory is free again then. */
  write(data: Uint8Array | readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (socket === undefined || this.#isOver) return;
    if (data instanceof Uint8Array) {
      socket.write(data, this.#onWritten);
      return;
    }
    const pieces = data.filter(({ length }) => length > 0);
    const last = pieces.pop();
    if (last === undefined) return;
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.write(last, this.#onWritten);
    socket.uncork();
  }

  /** Ends this side's direction with a close_notify. @param ended called when it was reported by `onRecords` */
  sendCloseNotify(ended: () => void): void {
    if (this.#socket === undefined || this.#isOver) ended();
    else this.#socket.end(ended);
  }

  /** Lets go of everything. Nothing is reported any more. Idempotent. */
  destroy(): void {
    this.#isOver = true;
    this.#release();
  }

  // For the makers of sockets

  useSocket(socket: TLSSocket): void {
    if (this.#socket !== undefined) return;
    this.#socket = socket;
    attachReadSink(socket, this);
  }

  onSecure(): void {
    if (!this.#isOver) this.#user.onSecure();
  }

  onFailure(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#user.onFailure(error);
    this.#release();
  }

  // For the transport

  onRecords(records: Uint8Array[]): void {
    if (!this.#isOver) this.#user.onRecords(records);
  }

  onDestroyed(): void {
    this.#user.onDeaf();
  }

  // For the reads of the socket

  onLentBytes(lent: Uint8Array, length: number): boolean {
    if (!this.#isOver) this.#user.onPlaintext(copyOut(lent, 0, length));
    return true;
  }

  onOwnBytes(chunk: Bytes): boolean {
    if (!this.#isOver) this.#user.onPlaintext(chunk);
    return true;
  }

  onEndOfFile(): void {
    if (!this.#isOver) this.#user.onCloseNotify();
  }

  onDestroy(error: Error | null): void {
    if (error !== null) this.onFailure(error);
  }

  onWriteFailure(error: Error): void {
    this.onFailure(error);
  }

  #release(): void {
    if (this.#socket === undefined) this.#transport.close();
    else this.#socket.destroy();
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (!error && !this.#isOver) this.#user.onWritten();
  };
}
