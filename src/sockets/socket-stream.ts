/**
 * A TCP or Unix connection over a `net.Socket`.
 *
 * Node pushes, bowline pulls. Reading starts with the first receive. What arrives while someone waits goes straight from
 * the shared read buffer (platform/accelerated-reads.ts) to that caller: copied once, or into the caller's own memory with
 * `receiveInto`. What arrives while nobody waits is queued, and at QUEUE_BYTES reading stops until the queue has been
 * taken, so that the kernel's window holds the peer back. End of file and failure come after the queue.
 *
 * Sending hands the bytes to `socket.write` without a callback. libuv writes at once as much as the kernel takes, and if
 * that was all the send is done: no event, no extra promise. Otherwise the send waits until the queue is empty. A send
 * that is cancelled leaves up to a slice (256 KiB) in the queue, because libuv has pointers to it and cannot give them back:
 * those bytes go out unless the stream is aborted, and the next send waits for them. Pieces of up to 4 KiB were copied;
 * larger memory must not be changed until `waitSendAllMightNotBlock` has returned.
 *
 * The two directions fail apart: after a failed write what the peer had sent before is still there to be received. Only
 * then does the failure show on the receiving side, also if the kernel reports a clean end, because a peer that resets
 * has not said that its data is complete.
 *
 * Hot paths have no async functions, closures, listeners or timers: one Waiter per direction, made when first needed,
 * which the socket's callbacks settle. What an idle stream costs is in bench/RESULTS.md.
 *
 * This file is longer than most, because both directions are one object: a server has ten thousand of them.
 *
 * Source: Trio `SocketStream` for the behaviour, with a staged close (staged-close.ts) where Trio's is a bare close().
 */
import type { Socket } from 'node:net';

import type { SocketAddress } from '../core/address.ts';
import { attributes } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { Bytes } from '../core/bytes.ts';
import { BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import { localAddress, remoteAddress } from '../core/network.ts';
import type { SocketStream } from '../core/network.ts';
import { attachReadSink, replaceReadSink, startReading } from '../platform/accelerated-reads.ts';
import type { ReadPath, ReadSink } from '../platform/accelerated-reads.ts';
import { iterateChunks } from '../streams/chunk-iterator.ts';
import { handOver } from '../streams/hand-over.ts';
import { pushSource } from '../streams/push-source.ts';
import type { PushSink, PushSource } from '../streams/push-source.ts';
import {
  DEFAULT_MAX_BYTES,
  lengthOf,
  lostMemory,
  wrongBuffer,
  wrongData,
  wrongMaxBytes,
} from '../streams/stream-arguments.ts';
import { pass, Waiter } from '../tasks/waiter.ts';
import { copyOut } from './chunk-pool.ts';
import { fromNodeAddress } from './node-address.ts';
import { broken, quietly, repeatable } from './socket-failure.ts';
import { checkKeepAlive, toKeepAliveDelay } from './socket-options.ts';
import { SLICE_BYTES, sliceData, writePieces } from './socket-write.ts';
import { destroyByReset, StagedClose } from './staged-close.ts';
import { wakeSoon } from './wake-list.ts';
import type { Wakeable } from './wake-list.ts';

/** Reading stops when this much is queued unclaimed, and goes on when half of it has been taken. */
const QUEUE_BYTES = 65_536;

/** The same for chunks: a peer that sends single bytes fills memory with the objects around them, 200 bytes each. */
const QUEUE_CHUNKS = 1024;

/** Smaller chunks than this wait for the other reads of the turn, see wake-list.ts. */
const WAKE_TOGETHER_BYTES = 8192;

const NOTHING = new Uint8Array(0);

/** What an operation returns that is done at once. */
const DONE: Promise<void> = Promise.resolve();

export interface AdoptOptions {
  /** What the stream says of its peer where the system does not know, as with Unix sockets. */
  readonly remoteAddress?: SocketAddress | undefined;
  readonly localAddress?: SocketAddress | undefined;
}

/**
 * Makes a stream of a connected `net.Socket`, which it owns from now on. Nothing may have been read from the socket yet, so
 * take it where it is connected: in the 'connection' handler of a server made with `pauseOnConnect: true`, or a client's
 * 'connect' handler after `pause()`. Make both with `allowHalfOpen: true`, or a peer's end of file ends your sending too.
 *
 * @throws TypeError not a net.Socket
 * @throws ClosedResourceError the socket is destroyed, or not connected yet
 */
export function adoptSocket(socket: Socket, options?: AdoptOptions): SocketStream {
  return adoptSocketOn(undefined, socket, options);
}

/** For tests of the slower read paths. */
export function adoptSocketOn(path: ReadPath | undefined, socket: Socket, options?: AdoptOptions): SocketStream {
  if (typeof (socket as Partial<Socket> | null)?.resetAndDestroy !== 'function') {
    throw new TypeError('only a connected net.Socket can be made a SocketStream');
  }
  if (socket.destroyed || socket.connecting || socket.pending) {
    throw new ClosedResourceError(`this socket is ${socket.destroyed ? 'destroyed' : 'not connected'}`);
  }
  return new NodeSocketStream(path, socket, options);
}

class NodeSocketStream implements SocketStream, ReadSink, Wakeable, PushSource {
  readonly #socket: Socket;
  #isOpen = true;
  #close: StagedClose | undefined;
  /** What is known of the addresses beyond what the socket says. */
  readonly #known: AdoptOptions | undefined;

  #receiver: Waiter<Bytes | number | null> | undefined;
  /** What the caller that waits wants: at most so many bytes of its own, or bytes in its memory. */
  #wanted: number | Uint8Array = 0;
  /** Arrived and not yet taken, in order; `undefined` when empty. */
  #queue: Bytes[] | undefined;
  #queuedBytes = 0;
  #isReading = false;
  /** How receiving ends when the queue has been taken. */
  #receiveEnd: 'end of file' | Error | undefined;

  #sender: Waiter<void> | undefined;
  /** `busy`: a send is between two waits. `ended`: by `sendEof`. */
  #sending: 'open' | 'busy' | 'ended' = 'open';
  #sendFailure: Error | undefined;
  /** The socket will call back when its queue is empty. */
  #awaitsDrain = false;
  #hearsDrain = false;

  /** Who gets what arrives in place of the queue; see push-source.ts. */
  #push: PushSink | undefined;
  /** The sink has not said stop. */
  #isPushing = false;

  constructor(path: ReadPath | undefined, socket: Socket, options: AdoptOptions | undefined, from?: NodeSocketStream) {
    this.#known = options;
    if (from === undefined) this.#socket = attachReadSink(socket, this, path);
    else {
      this.#socket = socket;
      this.#takeOver(from);
    }
    // The socket remembers who the peer is once it was asked, and after a reset the system cannot tell any more.
    void this.#socket.remoteAddress;
  }

  // Receiving

  receiveSome(maxBytes?: number | null): Promise<Bytes | null> {
    const wrong = wrongMaxBytes(maxBytes);
    if (wrong !== undefined) return Promise.reject(wrong);
    const limit = maxBytes ?? DEFAULT_MAX_BYTES;
    if (!this.#isOpen) return repeatable(new ClosedResourceError());
    if (this.#receiver?.pending === true)
      return Promise.reject(new BusyResourceError('another call is already receiving'));
    if (this.#mustWaitToReceive()) {
      this.#wanted = limit;
      return this.#waitToReceive() as Promise<Bytes | null>;
    }
    const gate = pass();
    if (gate !== undefined) return quietly(gate.then(() => this.receiveSome(maxBytes)));
    if (this.#queuedBytes === 0) return this.#endOfReceiving();
    return Promise.resolve(this.#take(limit));
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const wrong = wrongBuffer(buffer);
    if (wrong !== undefined) return Promise.reject(wrong);
    if (!this.#isOpen) return repeatable(new ClosedResourceError());
    if (this.#receiver?.pending === true)
      return Promise.reject(new BusyResourceError('another call is already receiving'));
    if (this.#mustWaitToReceive()) {
      this.#wanted = buffer;
      return this.#waitToReceive() as Promise<number | null>;
    }
    const gate = pass();
    if (gate !== undefined) return quietly(gate.then(() => this.receiveInto(buffer)));
    if (this.#queuedBytes === 0) return this.#endOfReceiving();
    const chunk = this.#take(buffer.length);
    buffer.set(chunk);
    return Promise.resolve(chunk.length);
  }

  [Symbol.asyncIterator](): AsyncIterator<Bytes, undefined> {
    return iterateChunks(this);
  }

  #mustWaitToReceive(): boolean {
    return this.#queuedBytes === 0 && this.#receiveEnd === undefined;
  }

  #waitToReceive(): Promise<Bytes | number | null> {
    if (!this.#isReading) this.#read();
    return (this.#receiver ??= new Waiter<Bytes | number | null>()).wait();
  }

  #endOfReceiving(): Promise<null> {
    const end = this.#receiveEnd;
    return end instanceof Error ? repeatable(broken(end)) : Promise.resolve(null);
  }

  /** The next bytes of the queue, which is not empty; at most `limit` of them. */
  #take(limit: number): Bytes {
    const queue = this.#queue as Bytes[];
    let chunk = queue[0] as Bytes;
    if (chunk.length > limit) {
      queue[0] = chunk.subarray(limit);
      chunk = chunk.subarray(0, limit);
    } else if (queue.length === 1) {
      this.#queue = undefined;
    } else {
      queue.shift();
    }
    this.#queuedBytes -= chunk.length;
    if (!this.#isReading && this.#queuedBytes <= QUEUE_BYTES / 2 && queue.length <= QUEUE_CHUNKS / 2) this.#read();
    return chunk;
  }

  #enqueue(chunk: Bytes): boolean {
    if (this.#queue === undefined) this.#queue = [chunk];
    else this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#isReading = this.#queuedBytes < QUEUE_BYTES && this.#queue.length < QUEUE_CHUNKS;
    return this.#isReading;
  }

  #read(): void {
    if (this.#receiveEnd !== undefined) return;
    this.#isReading = true;
    startReading(this.#socket);
  }

  onLentBytes(lent: Uint8Array, length: number): boolean {
    if (this.#push !== undefined) {
      if (this.#mustQueueForPush(length)) return this.#wakeWith(copyOut(lent, 0, length));
      return (this.#isReading = this.#isPushing = this.#push.onLentBytes(lent, length));
    }
    const receiver = this.#receiver;
    if (receiver === undefined || !receiver.pending) return this.#enqueue(copyOut(lent, 0, length));
    const wanted = this.#wanted;
    const limit = typeof wanted === 'number' ? wanted : wanted.length;
    if (length < WAKE_TOGETHER_BYTES || this.#queuedBytes > 0 || limit === 0) {
      return this.#wakeWith(copyOut(lent, 0, length));
    }
    const taken = length < limit ? length : limit;
    // Before the receiver hears of it: then the queue is right when its next call comes.
    const goOn = taken === length ? true : this.#enqueue(copyOut(lent, taken, length));
    if (typeof wanted === 'number') {
      receiver.resolve(copyOut(lent, 0, taken));
    } else {
      wanted.set(taken === lent.length ? lent : lent.subarray(0, taken));
      receiver.resolve(taken);
    }
    return goOn;
  }

  onOwnBytes(chunk: Bytes): boolean {
    if (this.#push !== undefined) {
      if (this.#mustQueueForPush(chunk.length)) return this.#wakeWith(chunk);
      return (this.#isReading = this.#isPushing = this.#push.onOwnBytes(chunk));
    }
    const receiver = this.#receiver;
    if (receiver === undefined || !receiver.pending) return this.#enqueue(chunk);
    if (chunk.length < WAKE_TOGETHER_BYTES || this.#queuedBytes > 0) return this.#wakeWith(chunk);
    const wanted = this.#wanted;
    if (typeof wanted !== 'number' || chunk.length > wanted) return this.onLentBytes(chunk, chunk.length);
    receiver.resolve(chunk);
    return true;
  }

  /** Queues a chunk that somebody waits for. */
  #wakeWith(chunk: Bytes): boolean {
    const isFirst = this.#queuedBytes === 0;
    this.#enqueue(chunk);
    if (isFirst) wakeSoon(this);
    return this.#isReading;
  }

  /** For the wake list. By now the receiver may be gone, and another may have taken the bytes. */
  wake(): void {
    if (this.#push !== undefined) {
      if (this.#isPushing && this.#queue !== undefined) this.resume();
      return;
    }
    const receiver = this.#receiver;
    if (this.#queuedBytes === 0 || receiver === undefined || !receiver.pending) return;
    const wanted = this.#wanted;
    if (typeof wanted === 'number') {
      receiver.resolve(this.#take(wanted));
    } else if (wanted.length === 0) {
      receiver.reject(lostMemory());
    } else {
      const chunk = this.#take(wanted.length);
      wanted.set(chunk);
      receiver.resolve(chunk.length);
    }
  }

  onEndOfFile(): void {
    const end = this.#sendFailure ?? 'end of file';
    this.#receiveEnd = end;
    if (this.#push !== undefined) {
      if (this.#queuedBytes === 0) this.#pushEnd(this.#push, end);
      return;
    }
    // Who waits will be woken with what is queued, and hear of the end in its next call.
    if (this.#queuedBytes > 0) return;
    if (end instanceof Error) this.#receiver?.rejectRepeatable(broken(end));
    else this.#receiver?.resolve(null);
  }

  // Sending

  sendAll(data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const wrong = wrongData(data);
    if (wrong !== undefined) return Promise.reject(wrong);
    const refusal = this.#refuseSend();
    if (refusal !== undefined) return refusal;
    const gate = pass();
    if (gate !== undefined) return quietly(this.#sendLater(gate, data));
    if (this.#sendFailure !== undefined) return repeatable(broken(this.#sendFailure));
    const socket = this.#socket;
    if (socket.writableLength > 0 || lengthOf(data) > SLICE_BYTES) return quietly(this.#sendLater(undefined, data));
    writePieces(socket, data);
    if (socket.writableLength === 0 && socket.errored === null) return DONE;
    return this.#flush();
  }

  waitSendAllMightNotBlock(): Promise<void> {
    if (!this.#isOpen) return repeatable(new ClosedResourceError());
    if (this.#isSendBusy()) return Promise.reject(new BusyResourceError('another call is already sending'));
    if (this.#sending === 'ended') return pass() ?? DONE;
    if (this.#sendFailure !== undefined) return repeatable(broken(this.#sendFailure));
    return this.#socket.writableLength > 0 ? this.#flush() : (pass() ?? DONE);
  }

  sendEof(): Promise<void> {
    if (!this.#isOpen) return this.#sending === 'ended' ? DONE : repeatable(new ClosedResourceError());
    if (this.#isSendBusy()) return Promise.reject(new BusyResourceError('another call is already sending'));
    if (this.#sending === 'ended') return pass() ?? DONE;
    if (this.#sendFailure !== undefined) return repeatable(broken(this.#sendFailure));
    const sender = (this.#sender ??= new Waiter<void>());
    const sent = sender.wait();
    if (!sender.pending) return sent;
    this.#sending = 'ended';
    this.#socket.end((error?: Error | null) => {
      if (error) this.onWriteFailure(error);
      else sender.resolve();
    });
    return sent;
  }

  #isSendBusy(): boolean {
    return this.#sending === 'busy' || this.#sender?.pending === true;
  }

  #refuseSend(): Promise<never> | undefined {
    if (!this.#isOpen) return repeatable(new ClosedResourceError());
    if (this.#sending === 'ended')
      return repeatable(new ClosedResourceError('sendEof() was called: nothing more can be sent'));
    if (this.#isSendBusy()) return Promise.reject(new BusyResourceError('another call is already sending'));
    return undefined;
  }

  /** The send that takes several waits: a turn of the event loop, what an earlier send left behind, slice after slice. */
  async #sendLater(gate: Promise<void> | undefined, data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    this.#sending = 'busy';
    try {
      await gate;
      for (const slice of sliceData(data)) {
        this.#checkCanSend();
        while (this.#socket.writableLength > 0) {
          await this.#flush();
          this.#checkCanSend();
        }
        writePieces(this.#socket, slice);
        // Also when the kernel takes everything at once: others get their turn, and a cancel is noticed.
        if (slice !== data) await pass();
      }
      if (this.#socket.writableLength > 0 || this.#socket.errored !== null) await this.#flush();
    } finally {
      this.#sending = 'open';
    }
  }

  #checkCanSend(): void {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#sendFailure !== undefined) throw broken(this.#sendFailure);
  }

  /** Waits until everything written is with the kernel. */
  #flush(): Promise<void> {
    const socket = this.#socket;
    if (socket.errored !== null) {
      this.#sendFailure ??= socket.errored;
      return repeatable(broken(this.#sendFailure));
    }
    this.#awaitDrain();
    return (this.#sender ??= new Waiter<void>()).wait();
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    // 'drain' comes only when the queue had passed the socket's mark; an empty write at its end is called back always.
    if (this.#socket.writableNeedDrain) this.#hearDrain();
    else this.#socket.write(NOTHING, () => this.#onDrain());
  }

  /** One listener for good: adding and removing one for each wait costs more than the wait. */
  #hearDrain(): void {
    if (this.#hearsDrain) return;
    this.#hearsDrain = true;
    this.#socket.on('drain', () => this.#onDrain());
  }

  #onDrain(): void {
    this.#awaitsDrain = false;
    if (this.#push !== undefined && this.#isOpen && this.#socket.errored === null) {
      if (this.#socket.writableLength > 0) this.#awaitDrain();
      this.#push.onWritten();
    }
    // While the end is being sent, the waiter waits for that.
    if (this.#sending !== 'ended' && this.#socket.errored === null) this.#sender?.resolve();
  }

  onWriteFailure(error: Error): void {
    this.#sendFailure ??= error;
    this.#sender?.rejectRepeatable(broken(this.#sendFailure));
    this.#push?.onWriteFailure(broken(this.#sendFailure));
  }

  // Pushing

  get [pushSource](): PushSource {
    return this;
  }

  pushTo(sink: PushSink | null): void {
    if (sink === null) {
      this.#push = undefined;
      return;
    }
    if (!this.#isOpen || this.#sending === 'ended') throw new ClosedResourceError();
    if (this.#receiver?.pending === true || this.#isSendBusy()) throw new BusyResourceError();
    this.#push = sink;
  }

  resume(): void {
    this.#isPushing = true;
    // What was queued before comes first; the sink may say stop at every chunk, or go.
    for (let push = this.#push; push !== undefined && this.#queue !== undefined; push = this.#push) {
      const chunk = this.#queue.shift() as Bytes;
      if (this.#queue.length === 0) this.#queue = undefined;
      this.#queuedBytes -= chunk.length;
      if (!push.onOwnBytes(chunk)) {
        this.#isPushing = false;
        return;
      }
    }
    if (this.#push === undefined) return;
    if (this.#receiveEnd !== undefined) this.#pushEnd(this.#push, this.#receiveEnd);
    else if (!this.#isReading) this.#read();
  }

  /** Small chunks wait for the other reads of the turn, as those for a receiver do; and nothing overtakes them. */
  #mustQueueForPush(length: number): boolean {
    return length < WAKE_TOGETHER_BYTES || this.#queuedBytes > 0 || !this.#isPushing;
  }

  writeNow(data: Uint8Array | readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    // Not copied: who pushes bytes leaves them alone until they are gone.
    if (data instanceof Uint8Array) socket.write(data);
    else writePieces(socket, data);
    if (socket.writableLength === 0 && socket.errored === null) return true;
    if (socket.errored === null) this.#awaitDrain();
    return false;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  #pushEnd(push: PushSink, end: 'end of file' | Error): void {
    if (end instanceof Error) push.onBroken(broken(end));
    else push.onEndOfFile();
  }

  // A new owner

  [handOver](): SocketStream {
    if (!this.#isOpen) throw new ClosedResourceError();
    if (this.#receiver?.pending === true || this.#isSendBusy() || this.#push !== undefined)
      throw new BusyResourceError('a call is using this stream');
    return new NodeSocketStream(undefined, this.#socket, this.#known, this);
  }

  #takeOver(from: NodeSocketStream): void {
    this.#queue = from.#queue;
    this.#queuedBytes = from.#queuedBytes;
    this.#isReading = from.#isReading;
    this.#receiveEnd = from.#receiveEnd;
    this.#sending = from.#sending;
    this.#sendFailure = from.#sendFailure;
    replaceReadSink(this.#socket, this);
    from.#shut();
  }

  // The end

  close(): Promise<void> {
    if (!this.#isOpen) return DONE;
    this.#shut();
    if (this.#socket.destroyed) return DONE;
    if (this.#sendFailure !== undefined) {
      this.#socket.destroy();
      return DONE;
    }
    this.#close = new StagedClose(this.#socket, this.#receiveEnd === 'end of file');
    return this.#close.run();
  }

  abort(): void {
    if (!this.#isOpen) {
      this.#close?.abort();
      return;
    }
    this.#shut();
    destroyByReset(this.#socket);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closed for this program: wakes everybody. */
  #shut(): void {
    this.#isOpen = false;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    this.#wanted = 0;
    // Only where somebody waits: an error that nobody hears costs as much as a system call.
    if (this.#receiver?.pending === true) this.#receiver.rejectRepeatable(new ClosedResourceError());
    if (this.#sender?.pending === true) this.#sender.rejectRepeatable(new ClosedResourceError());
    const push = this.#push;
    this.#push = undefined;
    push?.onBroken(null);
  }

  onDestroy(error: Error | null): void {
    if (!this.#isOpen) return;
    if (error === null) {
      // Somebody else who has the socket destroyed it.
      this.#shut();
      return;
    }
    this.#receiveEnd ??= error;
    this.#sendFailure ??= error;
    this.#sender?.rejectRepeatable(broken(error));
    if (this.#queuedBytes > 0) return;
    this.#receiver?.rejectRepeatable(broken(error));
    this.#push?.onBroken(broken(error));
  }

  // Facts and options

  get remoteAddress(): SocketAddress | undefined {
    const { remoteAddress: host, remotePort } = this.#socket;
    return this.#known?.remoteAddress ?? fromNodeAddress(host, remotePort);
  }

  get localAddress(): SocketAddress | undefined {
    const { localAddress: host, localPort } = this.#socket;
    return this.#known?.localAddress ?? fromNodeAddress(host, localPort);
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten;
  }

  setNoDelay(on: boolean): void {
    if (typeof on !== 'boolean') throw new TypeError('noDelay is true or false');
    this.#socket.setNoDelay(on);
  }

  setKeepAlive(idleMs: number | null): void {
    checkKeepAlive(idleMs);
    if (idleMs === null) this.#socket.setKeepAlive(false);
    else this.#socket.setKeepAlive(true, toKeepAliveDelay(idleMs));
  }

  [attributes](key: AttributeKey<unknown>): unknown {
    if (key === remoteAddress) return this.remoteAddress;
    return key === localAddress ? this.localAddress : undefined;
  }
}
