/**
 * Memory channels: a queue between tasks, with an end to send into and an end to receive from.
 *
 * Each end can be cloned, and the channel ends when all clones of one end are closed: closing the last sender lets the
 * receivers drain what is buffered and then see EndOfChannel; closing the last receiver discards the buffer, and whoever
 * sends gets BrokenResourceError. A capacity of 0 makes every `send` wait until its value has been received.
 *
 * Both operations are atomic: a cancelled `send` sent nothing, a cancelled `receive` took nothing. What was sent while
 * someone waited belongs to that one, and a slot that gets free belongs to the longest waiting sender, so nobody can be
 * overtaken. Invariants: receivers wait only while the buffer is empty and no sender waits; senders wait only while the
 * buffer is full.
 *
 * Source: Trio `open_memory_channel`.
 */
import type { ReceiveChannel, SendChannel } from '../core/channel.ts';
import { BrokenResourceError, ClosedResourceError, EndOfChannel, WouldBlock } from '../core/errors.ts';
import { Fifo } from './fifo.ts';
import { completed, refusal } from './waiter.ts';
import { WaitQueue } from './wait-queue.ts';

export interface MemoryChannelStatistics {
  readonly currentBufferUsed: number;
  /** The highest `currentBufferUsed` there has been. */
  readonly peakBufferUsed: number;
  readonly maxBufferSize: number;
  readonly openSendChannels: number;
  readonly openReceiveChannels: number;
  readonly tasksWaitingSend: number;
  readonly tasksWaitingReceive: number;
}

/**
 * Opens a channel.
 *
 * @param capacity how many values may be buffered; an integer, 0 or more, or Infinity
 */
export function openMemoryChannel<T>(capacity: number): [MemorySendChannel<T>, MemoryReceiveChannel<T>] {
  if (typeof capacity !== 'number') throw new TypeError(`capacity is a number, not ${typeof capacity}`);
  if (capacity !== Infinity && (!Number.isInteger(capacity) || capacity < 0)) {
    throw new RangeError(`capacity is an integer, 0 or more, or Infinity, not ${capacity}`);
  }
  const queue: SharedQueue<T> = {
    capacity,
    buffer: new Fifo<T>(),
    peak: 0,
    openSenders: 0,
    openReceivers: 0,
    sending: new WaitQueue<void, PendingSend<T>>(),
    receiving: new WaitQueue<T, object>(),
  };
  return [new MemorySendChannel(queue), new MemoryReceiveChannel(queue)];
}

interface PendingSend<T> {
  readonly value: T;
  readonly handle: object;
}

/** What all handles of a channel share. */
interface SharedQueue<T> {
  readonly capacity: number;
  readonly buffer: Fifo<T>;
  peak: number;
  openSenders: number;
  openReceivers: number;
  readonly sending: WaitQueue<void, PendingSend<T>>;
  readonly receiving: WaitQueue<T, object>;
}

/** The end to send into. Made by `openMemoryChannel`. Any number of tasks may send at a time; they are served in order. */
export class MemorySendChannel<T> implements SendChannel<T>, Disposable {
  readonly #queue: SharedQueue<T>;
  #closed = false;

  constructor(queue: SharedQueue<T>) {
    this.#queue = queue;
    queue.openSenders++;
  }

  /**
   * Sends a value, waiting while the buffer is full.
   *
   * @throws ClosedResourceError this handle was closed, before or while waiting
   * @throws BrokenResourceError all receiving handles were closed
   * @throws Cancelled the scope is cancelled; the value was not sent
   */
  send(value: T): Promise<void> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    const failure = this.#failure();
    if (failure !== undefined) return Promise.reject(failure);
    if (this.#offer(value)) return completed(undefined);
    return this.#queue.sending.wait({ value, handle: this });
  }

  /**
   * Sends a value if that needs no waiting.
   *
   * @throws WouldBlock the buffer is full, or of size 0 and nobody is receiving; otherwise as `send`
   */
  sendNowait(value: T): void {
    const failure = this.#failure();
    if (failure !== undefined) throw failure;
    if (!this.#offer(value)) throw new WouldBlock('the channel is full');
  }

  /** Another handle of the same end, to be closed on its own. */
  clone(): MemorySendChannel<T> {
    if (this.#closed) throw new ClosedResourceError('this handle of the channel was closed');
    return new MemorySendChannel(this.#queue);
  }

  statistics(): MemoryChannelStatistics {
    return statisticsOf(this.#queue);
  }

  /** Closes this handle. Never waits; only those who wait on this handle get ClosedResourceError. */
  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    const queue = this.#queue;
    queue.openSenders--;
    queue.sending.rejectWhere(({ handle }) => handle === this, closedMeanwhile);
    // Receivers that wait have seen the buffer empty.
    if (queue.openSenders === 0) queue.receiving.rejectWhere(always, () => new EndOfChannel());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.abort();
  }

  #failure(): Error | undefined {
    if (this.#closed) return new ClosedResourceError('this handle of the channel was closed');
    return this.#queue.openReceivers === 0 ? nobodyReceives() : undefined;
  }

  #offer(value: T): boolean {
    const queue = this.#queue;
    const receiver = queue.receiving.take();
    if (receiver !== undefined) {
      receiver.waiter.resolve(value);
      return true;
    }
    if (queue.buffer.size >= queue.capacity) return false;
    queue.buffer.push(value);
    queue.peak = Math.max(queue.peak, queue.buffer.size);
    return true;
  }
}

/** The end to receive from. Made by `openMemoryChannel`. Any number of tasks may receive at a time; each value goes to one. */
export class MemoryReceiveChannel<T> implements ReceiveChannel<T>, Disposable {
  readonly #queue: SharedQueue<T>;
  #closed = false;

  constructor(queue: SharedQueue<T>) {
    this.#queue = queue;
    queue.openReceivers++;
  }

  /**
   * Takes the oldest value, waiting for one if there is none.
   *
   * @throws EndOfChannel all sending handles were closed and everything was received
   * @throws ClosedResourceError this handle was closed, before or while waiting
   * @throws Cancelled the scope is cancelled; no value was taken
   */
  receive(): Promise<T> {
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#closed) return Promise.reject(new ClosedResourceError('this handle of the channel was closed'));
    const queue = this.#queue;
    if (queue.sending.size === 0) {
      if (queue.buffer.size > 0) return completed(queue.buffer.shift());
    } else {
      const taken = takeOldest(queue);
      if (taken !== undefined) return completed(taken.value);
    }
    if (queue.openSenders === 0) return Promise.reject(new EndOfChannel());
    return queue.receiving.wait(this);
  }

  /**
   * Takes the oldest value if there is one.
   *
   * @throws WouldBlock there is none; otherwise as `receive`
   */
  receiveNowait(): T {
    if (this.#closed) throw new ClosedResourceError('this handle of the channel was closed');
    const taken = takeOldest(this.#queue);
    if (taken !== undefined) return taken.value;
    if (this.#queue.openSenders === 0) throw new EndOfChannel();
    throw new WouldBlock('the channel is empty');
  }

  /** Another handle of the same end, to be closed on its own. */
  clone(): MemoryReceiveChannel<T> {
    if (this.#closed) throw new ClosedResourceError('this handle of the channel was closed');
    return new MemoryReceiveChannel(this.#queue);
  }

  statistics(): MemoryChannelStatistics {
    return statisticsOf(this.#queue);
  }

  /** Closes this handle. Never waits; only those who wait on this handle get ClosedResourceError. */
  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    const queue = this.#queue;
    queue.openReceivers--;
    queue.receiving.rejectWhere((handle) => handle === this, closedMeanwhile);
    if (queue.openReceivers > 0) return;
    queue.buffer.clear();
    queue.sending.rejectWhere(always, nobodyReceives);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.abort();
  }

  /** Iterates until the end of the channel. Any number of loops may share the values; leaving one does not close anything. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () =>
        this.receive().then(
          (value): IteratorResult<T, undefined> => ({ done: false, value }),
          (error: unknown): IteratorResult<T, undefined> => {
            if (error instanceof EndOfChannel) return { done: true, value: undefined };
            throw error;
          },
        ),
    };
  }
}

/** Takes from the buffer, and lets the longest waiting sender fill the slot; without a buffer, takes from that sender. */
function takeOldest<T>(queue: SharedQueue<T>): { readonly value: T } | undefined {
  const { buffer } = queue;
  const sender = queue.sending.take();
  sender?.waiter.resolve();
  if (buffer.size === 0) return sender === undefined ? undefined : { value: sender.item.value };
  const value = buffer.shift();
  if (sender !== undefined) buffer.push(sender.item.value);
  return { value };
}

function statisticsOf(queue: SharedQueue<unknown>): MemoryChannelStatistics {
  return {
    currentBufferUsed: queue.buffer.size,
    peakBufferUsed: queue.peak,
    maxBufferSize: queue.capacity,
    openSendChannels: queue.openSenders,
    openReceiveChannels: queue.openReceivers,
    tasksWaitingSend: queue.sending.size,
    tasksWaitingReceive: queue.receiving.size,
  };
}

function closedMeanwhile(): Error {
  return new ClosedResourceError('this handle of the channel was closed while the call was waiting');
}

function nobodyReceives(): Error {
  return new BrokenResourceError('nobody receives from this channel any more');
}

function always(): boolean {
  return true;
}
