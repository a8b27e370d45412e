/**
 * The strict link: `node:tls` over any stream, with the transport's end of file held back.
 *
 * When Node owns the socket, it takes the end of the transport for the end of the data, and a connection that was cut off
 * looks complete. Here the engine never hears of the transport's end, so its end of data is the peer's close_notify and
 * nothing else, on TLS 1.2 and 1.3; and a transport that ends without one is a failure, told apart from every other.
 *
 * A server's session tickets, which nobody has asked for, wait for the first data or the end: a client that only sends and
 * then closes would answer them with a reset, which can destroy what it had sent (trio #819); and one send does for both.
 */
import type { TLSSocket } from 'node:tls';

import type { Bytes } from '../../core/bytes.ts';
import type { Stream } from '../../core/stream.ts';
import type { Identity } from '../../trust/identity.ts';
import type { ServerSettings } from '../../trust/settings.ts';
import { openClientSocket } from '../engine/client-engine.ts';
import type { ClientHandshake, ClientObservations } from '../engine/client-engine.ts';
import { openServerSocket } from '../engine/server-engine.ts';
import type { ServerObservations } from '../engine/server-engine.ts';
import { TlsEngine } from '../engine/tls-engine.ts';
import type { EngineUser } from '../engine/tls-engine.ts';
import { ClientHelloReader } from './client-hello.ts';
import { InboundRecords } from './inbound-records.ts';
import type { InboundRecordsUser } from './inbound-records.ts';
import type { Link, LinkUser } from './link.ts';
import { OutboundRecords } from './outbound-records.ts';
import type { OutboundRecordsUser } from './outbound-records.ts';

export class StrictLink implements Link, EngineUser, InboundRecordsUser, OutboundRecordsUser {
  readonly #user: LinkUser;
  readonly #engine: TlsEngine;
  readonly #inbound: InboundRecords;
  readonly #outbound: OutboundRecords;
  #isServer = false;
  #hello: ClientHelloReader | undefined;
  #isOver = false;
  #gaveRecords = false;
  isEncrypting = false;

  constructor(transport: Stream, user: LinkUser) {
    this.#user = user;
    this.#engine = new TlsEngine(this);
    this.#inbound = new InboundRecords(transport, this);
    this.#outbound = new OutboundRecords(transport, this);
  }

  startClient(handshake: ClientHandshake, observations: ClientObservations): void {
    if (this.#isOver) return;
    this.#engine.start((transport, engine) => openClientSocket(transport, engine, handshake, observations));
  }

  readServerName(): void {
    this.#hello = new ClientHelloReader();
  }

  startServer(settings: ServerSettings, identity: Identity | undefined, observations: ServerObservations): void {
    if (this.#isOver) return;
    this.#isServer = true;
    this.#engine.start((transport, engine) => {
      openServerSocket(transport, engine, settings, identity, observations);
      return undefined;
    });
    const hello = this.#hello;
    if (hello === undefined) return;
    this.#hello = undefined;
    this.#engine.feed(hello.taken);
    this.resume();
  }

  get socket(): TLSSocket {
    return this.#engine.socket;
  }

  resume(): void {
    this.#inbound.resume();
  }

  pause(): void {
    this.#inbound.pause();
  }

  write(data: Uint8Array | readonly Uint8Array[]): boolean {
    this.isEncrypting = true;
    // None come out while the engine is still busy with records of its own, such as the end of the handshake.
    this.#gaveRecords = false;
    this.#engine.write(data);
    this.#outbound.letGo();
    return this.#gaveRecords;
  }

  get isDrained(): boolean {
    return this.#outbound.isDrained;
  }

  transportMightNotBlock(): Promise<void> {
    return this.#outbound.mightNotBlock();
  }

  sendCloseNotify(ended: () => void): void {
    this.#engine.sendCloseNotify(() => {
      this.#outbound.letGo();
      ended();
    });
  }

  trailing(): Bytes {
    return this.#inbound.rest();
  }

  release(): void {
    this.#isOver = true;
    this.#engine.destroy();
    this.#inbound.stop();
    this.#outbound.release();
  }

  // What the engine says

  onRecords(records: readonly Uint8Array[]): void {
    this.#gaveRecords = true;
    this.#outbound.push(records);
  }

  onSecure(): void {
    const version = this.#engine.socket.getProtocol();
    if (version === 'TLSv1.2') this.#inbound.alertsAreVisible();
    else if (this.#isServer) this.#outbound.hold();
    this.#user.onSecure();
  }

  onPlaintext(chunk: Bytes): void {
    this.#user.onPlaintext(chunk);
  }

  onCloseNotify(): void {
    this.#inbound.stop();
    this.#user.onCloseNotify();
  }

  onDeaf(): void {
    // Else a flood would be received until the failure is told.
    this.#inbound.stop();
  }

  onWritten(): void {
    this.isEncrypting = false;
    this.#user.onProgress();
  }

  onFailure(error: Error): void {
    this.#inbound.stop();
    this.#outbound.letGo();
    if (!this.#isOver) this.#user.onFailure({ kind: 'engine', error });
  }

  // What the transport says

  feed(records: Bytes): void {
    if (this.#hello === undefined) {
      this.#engine.feed(records);
      return;
    }
    const name = this.#hello.add(records);
    if (name === undefined) return;
    this.pause();
    this.#user.onServerName(name);
  }

  onDrained(): void {
    this.#user.onProgress();
  }

  onEndOfFile(): void {
    if (!this.#isOver) this.#user.onFailure({ kind: 'truncated' });
  }

  onReceiveFailure(error: unknown): void {
    if (!this.#isOver) this.#user.onFailure({ kind: 'transport', direction: 'receive', error });
  }

  onSendFailure(error: unknown): void {
    if (!this.#isOver) this.#user.onFailure({ kind: 'transport', direction: 'send', error });
  }
}
