/**
 * From datagrams that are pushed to datagrams that are taken.
 *
 * A datagram nobody waits for is queued, up to a count and a number of bytes; beyond, the newest is dropped and counted, as
 * the kernel does with its own buffer. Dropping is no error, it is what UDP does to a reader that is slow; but it is told,
 * with the counter, to whoever asked for reports.
 *
 * libuv reads up to 32 datagrams in a row, each with a callback and, after it, a run of the promise jobs. A reader woken by
 * the first one would go back and forth with it 32 times; so it is woken after the reads of this turn (`setImmediate`),
 * and takes the rest from the queue without a wait. A datagram that comes alone would only be late for that; so after a
 * turn with a single one the next few wake their reader at once (the rule of wake-list.ts, for one socket).
 */
import type { SocketAddress } from '../core/address.ts';
import { BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import { report } from '../observe/report.ts';
import { currentEnvironment, runIn } from '../tasks/environment.ts';
import { Fifo } from '../tasks/fifo.ts';
import { completed, quietIfCancelled, refusal, Waiter } from '../tasks/waiter.ts';
import { repeatable } from './socket-failure.ts';

/** What a queued datagram weighs besides its bytes: the objects around it. */
const OVERHEAD_BYTES = 256;

/** How many readers are woken at once after one whose datagram came alone. */
const AT_ONCE = 15;

export interface ReceiveQueueOptions {
  readonly maxDatagrams: number;
  readonly maxBytes: number;
  /** `virtual`: nothing is read in turns, so readers are woken at once. */
  readonly waitKind: 'external' | 'virtual';
  /** For reports. */
  readonly address: SocketAddress;
}

export interface ReceiveCounters {
  readonly datagramsReceived: number;
  readonly bytesReceived: number;
  readonly datagramsDropped: number;
  readonly queuedDatagrams: number;
  readonly queuedBytes: number;
}

interface Received<T> {
  readonly item: T;
  readonly bytes: number;
}

export class UdpReceiveQueue<T> implements ReceiveCounters {
  readonly #options: ReceiveQueueOptions;
  readonly #queue = new Fifo<Received<T>>();
  readonly #receiver: Waiter<T>;
  #queuedBytes = 0;
  #handler: ((item: T) => void) | undefined;
  /** To be told by the next call, once. */
  #notice: Error | undefined;
  /** How every call ends from now on. */
  #end: (() => Error) | undefined;
  #leftAtOnce: number;
  #isWakePlanned = false;
  datagramsReceived = 0;
  bytesReceived = 0;
  datagramsDropped = 0;

  constructor(options: ReceiveQueueOptions) {
    this.#options = options;
    this.#receiver = new Waiter<T>(options.waitKind);
    this.#leftAtOnce = options.waitKind === 'virtual' ? Infinity : AT_ONCE;
  }

  get queuedDatagrams(): number {
    return this.#queue.size;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get hasNotice(): boolean {
    return this.#notice !== undefined;
  }

  receive(): Promise<T> {
    const end = this.#end;
    if (end !== undefined && (this.#queue.size === 0 || end === closed)) return repeatable(end());
    if (this.#handler !== undefined) return Promise.reject(busyWithHandler());
    if (this.#receiver.pending) return Promise.reject(new BusyResourceError('another call is already receiving'));
    if (this.#queue.size === 0 && this.#notice === undefined) return this.#receiver.wait();
    const refused = refusal();
    if (refused !== undefined) return refused;
    const notice = this.takeNotice();
    return notice === undefined ? completed(this.#take()) : Promise.reject(notice);
  }

  /** An endless iteration: it throws where `receive` does, and leaving it closes nothing. */
  iterate(): AsyncIterator<T, undefined> {
    return {
      next: () =>
        quietIfCancelled(this.receive().then((value): IteratorResult<T, undefined> => ({ done: false, value }))),
    };
  }

  /** A datagram has arrived. */
  push(item: T, bytes: number): void {
    if (this.#end !== undefined) return;
    if (this.#handler !== undefined) {
      this.#count(bytes);
      this.#handler(item);
      return;
    }
    const { maxDatagrams, maxBytes } = this.#options;
    if (this.#queue.size >= maxDatagrams || this.#queuedBytes + bytes + OVERHEAD_BYTES > maxBytes) {
      // One that is larger than the queue is let in where it is alone, or it could never be received.
      if (this.#queue.size > 0) {
        this.#drop();
        return;
      }
    }
    this.#count(bytes);
    this.#queue.push({ item, bytes });
    this.#queuedBytes += bytes + OVERHEAD_BYTES;
    if (this.#receiver.pending && !this.#isWakePlanned) this.#wakeSoon();
  }

  /** Tells the receiver that waits, or else the next call. The first of several counts: they are about the same thing. */
  notify(notice: Error): void {
    if (this.#end !== undefined) return;
    // Not awaited by anybody, this must not end the process: it is news of the network, and the socket goes on.
    if (this.#receiver.pending && this.#queue.size === 0) this.#receiver.rejectRepeatable(notice);
    else this.#notice ??= notice;
  }

  takeNotice(): Error | undefined {
    const notice = this.#notice;
    this.#notice = undefined;
    return notice;
  }

  /** Every item goes to `handler` from now on, in the surroundings of whoever sets it. */
  setHandler(handler: ((item: T) => void) | null, onError: (error: unknown, item: T) => void): void {
    if (handler !== null && typeof handler !== 'function')
      throw new TypeError('a datagram handler is a function or null');
    if (this.#end !== undefined) throw this.#end();
    if (this.#receiver.pending) throw new BusyResourceError('a call is already receiving');
    if (handler === null) {
      this.#handler = undefined;
      return;
    }
    const environment = currentEnvironment();
    const guarded = (item: T): void => {
      try {
        handler(item);
      } catch (error) {
        onError(error, item);
      }
    };
    const inPlace = environment.node === null ? guarded : (item: T): void => runIn(environment, guarded, item);
    this.#handler = inPlace;
    while (this.#queue.size > 0 && this.#handler === inPlace) inPlace(this.#take());
  }

  /** Nothing can be received any more, not even what is queued. */
  close(): void {
    this.#end = closed;
    this.#handler = undefined;
    this.#queue.clear();
    this.#queuedBytes = 0;
    this.#receiver.rejectRepeatable(closed());
  }

  /** Nothing arrives any more; what is queued can be taken. */
  fail(makeError: () => Error): void {
    if (this.#end !== undefined) return;
    this.#end = makeError;
    this.#handler = undefined;
    if (this.#queue.size === 0) this.#receiver.rejectRepeatable(makeError());
  }

  #count(bytes: number): void {
    this.datagramsReceived++;
    this.bytesReceived += bytes;
  }

  #take(): T {
    const { item, bytes } = this.#queue.shift();
    this.#queuedBytes -= bytes + OVERHEAD_BYTES;
    return item;
  }

  #wakeSoon(): void {
    if (this.#leftAtOnce > 0) {
      this.#leftAtOnce--;
      this.#receiver.resolve(this.#take());
    } else {
      this.#isWakePlanned = true;
      setImmediate(this.#wake);
    }
  }

  readonly #wake = (): void => {
    this.#isWakePlanned = false;
    if (this.#queue.size === 0 || !this.#receiver.pending) return;
    if (this.#queue.size === 1) this.#leftAtOnce = AT_ONCE;
    this.#receiver.resolve(this.#take());
  };

  #drop(): void {
    const dropped = ++this.datagramsDropped;
    // The first, then at every doubling.
    if ((dropped & (dropped - 1)) !== 0) return;
    const { address } = this.#options;
    report({ kind: 'datagram-dropped', address, reason: 'the receive queue is full', dropped });
  }
}

function closed(): Error {
  return new ClosedResourceError();
}

function busyWithHandler(): Error {
  return new BusyResourceError('the datagrams go to the handler that was given to onDatagram()');
}
