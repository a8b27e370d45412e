/**
 * One end of a simulated TCP connection.
 *
 * A byte stream does not show what a link loses, only how long it takes: a segment that is lost is sent again, after 200 ms or
 * more and then twice as long each time, and what came after it waits at the receiver until the gap is filled. So loss,
 * reordering and a short partition are delays here, a long partition is ETIMEDOUT. Flow control is real: a receiver that
 * does not receive holds the sender back, at 64 KiB in its queue and 64 KiB at the sender.
 *
 * A close sends what was accepted and then the end of file, in the background; what still arrives after it is answered with
 * a reset, as every system does. An abort is a reset at once. A reset may get lost as well; then the other side hears of it
 * when it sends again.
 */
import type { InetAddress } from '../../core/address.ts';
import { attributes } from '../../core/attributes.ts';
import type { AttributeKey } from '../../core/attributes.ts';
import type { Bytes } from '../../core/bytes.ts';
import { BusyResourceError, ClosedResourceError } from '../../core/errors.ts';
import { localAddress, remoteAddress } from '../../core/network.ts';
import type { SocketStream } from '../../core/network.ts';
import { broken, repeatable } from '../../sockets/socket-failure.ts';
import { checkKeepAlive } from '../../sockets/socket-options.ts';
import { iterateChunks } from '../../streams/chunk-iterator.ts';
import {
  DEFAULT_MAX_BYTES,
  lengthOf,
  lostMemory,
  piecesOf,
  wrongBuffer,
  wrongData,
  wrongMaxBytes,
} from '../../streams/stream-arguments.ts';
import { cancelRequested, completed, refusal, Waiter } from '../../tasks/waiter.ts';
import { ByteQueue } from '../byte-queue.ts';
import { systemFailure } from './fabric.ts';
import type { Segments } from './segments.ts';

/** Accepted from the program and not yet on its way. */
const SEND_BUFFER_BYTES = 65_536;
/** On its way, or arrived and not yet taken. */
const WINDOW_BYTES = 65_536;

interface Segment {
  readonly sequence: number;
  /** `null`: the end of file. */
  readonly bytes: Bytes | null;
}

export class SimulatedTcpStream implements SocketStream {
  readonly localAddress: InetAddress;
  readonly remoteAddress: InetAddress;
  bytesReceived = 0;
  bytesSent = 0;
  /** The other end; set once, when there is one. */
  peer: SimulatedTcpStream | undefined;
  readonly #segments: Segments;
  readonly #onGone: () => void;

  /** `gone`: nothing is sent or taken any more, and what arrives is answered by a reset. */
  #life: 'open' | 'closed' | 'gone' = 'open';
  #wasEnded = false;

  readonly #outgoing = new ByteQueue();
  #inWindow = 0;
  #nextSequence = 0;
  #eof: 'no' | 'asked' | 'sent' = 'no';
  #sendFailure: Error | undefined;
  readonly #sender: Waiter<void>;
  readonly #writable = new Waiter<void>('virtual');

  readonly #incoming = new ByteQueue();
  /** Arrived before what comes before it. */
  readonly #early = new Map<number, Segment>();
  #expected = 0;
  #receiveEnd: 'end of file' | Error | undefined;
  readonly #receiver = new Waiter<Bytes | number | null>('virtual');
  #wanted: number | Uint8Array = 0;
  #credit = 0;

  /** @param onGone called when the port of this end is free again */
  constructor(segments: Segments, local: InetAddress, remote: InetAddress, onGone: () => void) {
    this.#segments = segments;
    this.localAddress = local;
    this.remoteAddress = remote;
    this.#onGone = onGone;
    this.#sender = new Waiter<void>('virtual', () => {
      this.#outgoing.truncate(SEND_BUFFER_BYTES);
    });
  }

  // Sending

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    const refused = this.#refuseSend() ?? refusal();
    if (refused !== undefined) return refused;
    if (this.#sendFailure !== undefined) return repeatable(broken(this.#sendFailure));
    if (lengthOf(data) === 0) return completed(undefined);
    this.#outgoing.push(piecesOf(data));
    this.#pump();
    return this.#outgoing.size <= SEND_BUFFER_BYTES ? completed(undefined) : this.#sender.wait();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    if (this.#life !== 'open') return repeatable(new ClosedResourceError());
    if (this.#isSendBusy) return Promise.reject(new BusyResourceError('another call is already sending'));
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#sendFailure !== undefined) return repeatable(broken(this.#sendFailure));
    return this.#outgoing.size < SEND_BUFFER_BYTES ? completed(undefined) : this.#writable.wait();
  }

  sendEof(): Promise<void> {
    if (this.#life !== 'open') return this.#wasEnded ? completed(undefined) : repeatable(new ClosedResourceError());
    if (this.#isSendBusy) return Promise.reject(new BusyResourceError('another call is already sending'));
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#wasEnded) return completed(undefined);
    if (this.#sendFailure !== undefined) return repeatable(broken(this.#sendFailure));
    this.#wasEnded = true;
    this.#askEof();
    return completed(undefined);
  }

  get #isSendBusy(): boolean {
    return this.#sender.pending || this.#writable.pending;
  }

  #refuseSend(): Promise<never> | undefined {
    if (this.#life !== 'open') return repeatable(new ClosedResourceError());
    if (this.#wasEnded) return repeatable(new ClosedResourceError('sendEof() was called: nothing more can be sent'));
    if (this.#isSendBusy) return Promise.reject(new BusyResourceError('another call is already sending'));
    return undefined;
  }

  #askEof(): void {
    if (this.#eof === 'no') this.#eof = 'asked';
    this.#pump();
  }

  /** Sends what the window lets out. */
  #pump(): void {
    if (this.#life === 'gone' || this.#sendFailure !== undefined) return;
    while (this.#outgoing.size > 0 && this.#inWindow < WINDOW_BYTES) {
      const bytes = this.#outgoing.take(Math.min(this.#segments.maxBytes, WINDOW_BYTES - this.#inWindow));
      this.#inWindow += bytes.length;
      this.bytesSent += bytes.length;
      this.#transmit(bytes);
    }
    if (this.#outgoing.size <= SEND_BUFFER_BYTES) this.#sender.resolve();
    if (this.#outgoing.size < SEND_BUFFER_BYTES) this.#writable.resolve();
    if (this.#outgoing.size > 0 || this.#eof !== 'asked') return;
    this.#eof = 'sent';
    this.#transmit(null);
    this.#retireIfDone();
  }

  #transmit(bytes: Bytes | null): void {
    const segment = { sequence: this.#nextSequence++, bytes };
    this.#segments.sendReliably(bytes === null ? 'FIN' : 'data', bytes?.length ?? 0, {
      isWanted: () => this.#sendFailure === undefined,
      arrived: () => this.peer?.arrive(segment),
      givenUp: (code) => this.fail(code),
    });
  }

  // Receiving

  receiveSome(maxBytes?: number): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive(maxBytes ?? DEFAULT_MAX_BYTES) as Promise<Bytes | null>;
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const wrong = wrongBuffer(buffer);
    if (wrong !== undefined) return Promise.reject(wrong);
    return this.#receive(buffer) as Promise<number | null>;
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  #receive(wanted: number | Uint8Array): Promise<Bytes | number | null> {
    if (this.#life !== 'open') return repeatable(new ClosedResourceError());
    if (this.#receiver.pending) return Promise.reject(new BusyResourceError('another call is already receiving'));
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#incoming.size > 0) return completed(this.#take(wanted));
    const end = this.#receiveEnd;
    if (end instanceof Error) return repeatable(broken(end));
    if (end !== undefined) return completed(null);
    this.#wanted = wanted;
    return this.#receiver.wait();
  }

  #take(wanted: number | Uint8Array): Bytes | number {
    const taken = typeof wanted === 'number' ? this.#incoming.take(wanted) : this.#incoming.takeInto(wanted);
    this.#giveCredit(typeof taken === 'number' ? taken : taken.length);
    return taken;
  }

  /** Tells the sender, one latency later, that there is room again. */
  #giveCredit(bytes: number): void {
    if (this.#credit === 0) {
      this.#segments.acknowledge(() => {
        const credit = this.#credit;
        this.#credit = 0;
        this.peer?.acknowledged(credit);
      });
    }
    this.#credit += bytes;
  }

  #wake(): void {
    if (!this.#receiver.pending) return;
    if (this.#incoming.size > 0) {
      const wanted = this.#wanted;
      if (typeof wanted !== 'number' && wanted.length === 0) this.#receiver.reject(lostMemory());
      else this.#receiver.resolve(this.#take(wanted));
    } else if (this.#receiveEnd instanceof Error) {
      this.#receiver.rejectRepeatable(broken(this.#receiveEnd));
    } else if (this.#receiveEnd !== undefined) {
      this.#receiver.resolve(null);
    }
  }

  // The other end

  arrive(segment: Segment): void {
    if (this.#life === 'gone') {
      this.#segments.sendReset(() => this.peer?.fail('ECONNRESET'));
      return;
    }
    this.#early.set(segment.sequence, segment);
    for (let next = this.#early.get(this.#expected); next !== undefined; next = this.#early.get(this.#expected)) {
      this.#early.delete(this.#expected++);
      if (next.bytes === null) {
        this.#receiveEnd ??= 'end of file';
      } else if (this.#life === 'closed') {
        // Nobody will receive it, and the sender must not think so.
        this.#die();
        this.#segments.sendReset(() => this.peer?.fail('ECONNRESET'));
        return;
      } else {
        this.bytesReceived += next.bytes.length;
        this.#incoming.push([next.bytes]);
      }
      this.#wake();
    }
    this.#retireIfDone();
  }

  acknowledged(bytes: number): void {
    this.#inWindow -= bytes;
    this.#pump();
  }

  /** The connection is lost; what has arrived can still be received. */
  fail(code: string): void {
    if (this.#life === 'gone') return;
    const error = systemFailure('read', code, this.remoteAddress);
    this.#sendFailure ??= error;
    if (this.#receiveEnd !== 'end of file') this.#receiveEnd ??= error;
    this.#outgoing.clear();
    this.#early.clear();
    this.#sender.rejectRepeatable(broken(error));
    this.#writable.rejectRepeatable(broken(error));
    this.#wake();
    if (this.#life === 'closed') this.#die();
  }

  // Its life

  close(): Promise<void> {
    if (this.#life !== 'open') return completed(undefined);
    if (cancelRequested()) {
      this.abort();
      return Promise.resolve();
    }
    this.#shut();
    if (this.#sendFailure === undefined) this.#askEof();
    else this.#die();
    return Promise.resolve();
  }

  abort(): void {
    if (this.#life === 'gone') return;
    const isOver = this.#isOver;
    if (this.#life === 'open') this.#shut();
    this.#die();
    if (!isOver && this.#sendFailure === undefined) this.#segments.sendReset(() => this.peer?.fail('ECONNRESET'));
    this.#sendFailure ??= systemFailure('write', 'EPIPE', this.remoteAddress);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #shut(): void {
    this.#life = 'closed';
    // A send that waits is cut off; what was accepted goes out.
    if (this.#sender.pending) this.#outgoing.truncate(SEND_BUFFER_BYTES);
    const closed = new ClosedResourceError();
    this.#sender.rejectRepeatable(closed);
    this.#writable.rejectRepeatable(closed);
    this.#receiver.rejectRepeatable(closed);
    this.#incoming.clear();
  }

  /** Both sides have said that they are done. */
  get #isOver(): boolean {
    return this.#eof === 'sent' && this.#receiveEnd === 'end of file';
  }

  #retireIfDone(): void {
    if (this.#life === 'closed' && this.#isOver) this.#die();
  }

  #die(): void {
    if (this.#life === 'gone') return;
    this.#life = 'gone';
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#early.clear();
    this.#onGone();
  }

  // Facts and options

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === localAddress) return this.localAddress;
    return key === remoteAddress ? this.remoteAddress : undefined;
  }

  setNoDelay(on: boolean): void {
    if (typeof on !== 'boolean') throw new TypeError('noDelay is true or false');
  }

  setKeepAlive(idleMs: number | null): void {
    checkKeepAlive(idleMs);
  }
}
