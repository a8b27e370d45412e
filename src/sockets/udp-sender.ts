/**
 * The sending direction of a UDP socket.
 *
 * The system takes nearly every datagram at once, and says so at once; then a send is one call without a wait. Where its
 * buffer is full, libuv queues the datagram and the send waits until it is gone. So that a program which does not await
 * its sends cannot fill memory, no more than MAX_QUEUED datagrams are given to libuv; further sends wait their turn here.
 *
 * Sends of any number of tasks may be under way: a datagram goes whole, so there is nothing to mix up.
 */
import { DatagramTooLargeError, WouldBlock } from '../core/errors.ts';
import { completed, quietIfCancelled, refusal, Waiter } from '../tasks/waiter.ts';
import { WaitQueue } from '../tasks/wait-queue.ts';
import { datagramFailure, MAX_IPV4_BYTES, MAX_IPV6_BYTES } from './datagram-failure.ts';
import { repeatable } from './socket-failure.ts';
import type { UdpCarrier } from './udp-carrier.ts';

/** Most datagrams that libuv holds for a socket. */
const MAX_QUEUED = 64;

export interface UdpSenderOptions {
  readonly waitKind: 'external' | 'virtual';
  /** The network told something that no call waits for. */
  onLateError(error: Error): void;
}

export class UdpSender {
  readonly #carrier: UdpCarrier;
  readonly #options: UdpSenderOptions;
  readonly #turns = new WaitQueue<void>();
  readonly #waiting = new Set<Waiter<void>>();
  #queued = 0;
  #end: (() => Error) | undefined;
  datagramsSent = 0;
  bytesSent = 0;

  constructor(carrier: UdpCarrier, options: UdpSenderOptions) {
    this.#carrier = carrier;
    this.#options = options;
  }

  get end(): (() => Error) | undefined {
    return this.#end;
  }

  /** @param host as the carrier takes it; `undefined` to the peer of a connected one */
  send(data: Uint8Array, port: number, host: string | undefined): Promise<void> {
    if (this.#end !== undefined) return repeatable(this.#end());
    const refused = refusal();
    if (refused !== undefined) return refused;
    if (this.#queued >= MAX_QUEUED) return quietIfCancelled(this.#sendInTurn(data, port, host));
    const result = this.#carrier.send(data, port, host);
    if (result === undefined) {
      this.#count(data.length);
      return completed(undefined);
    }
    if (result instanceof Error) return Promise.reject(this.#failure(result, data, port, host));
    const waiter = new Waiter<void>(this.#options.waitKind, () => {
      this.#waiting.delete(waiter);
    });
    const sent = waiter.wait();
    this.#waiting.add(waiter);
    this.#queued++;
    result.settle = (error) => {
      this.#settled(error, data.length);
      this.#waiting.delete(waiter);
      if (error === undefined) waiter.resolve();
      else waiter.reject(this.#failure(error, data, port, host));
    };
    return sent;
  }

  sendNowait(data: Uint8Array, port: number, host: string | undefined): void {
    if (this.#end !== undefined) throw this.#end();
    if (this.#queued >= MAX_QUEUED) throw new WouldBlock('the socket has enough to send');
    const result = this.#carrier.send(data, port, host);
    if (result === undefined) {
      this.#count(data.length);
    } else if (result instanceof Error) {
      throw this.#failure(result, data, port, host);
    } else {
      this.#queued++;
      result.settle = (error) => {
        this.#settled(error, data.length);
        if (error !== undefined && this.#end === undefined) this.#options.onLateError(error);
      };
    }
  }

  /** Ends every send, those that wait as well. */
  finish(makeError: () => Error): void {
    if (this.#end !== undefined) return;
    this.#end = makeError;
    for (const waiter of this.#waiting) waiter.rejectRepeatable(makeError());
    this.#waiting.clear();
    this.#turns.rejectWhere(() => true, makeError);
  }

  async #sendInTurn(data: Uint8Array, port: number, host: string | undefined): Promise<void> {
    await this.#turns.wait(undefined);
    await this.send(data, port, host);
  }

  #settled(error: Error | undefined, bytes: number): void {
    this.#queued--;
    if (error === undefined) this.#count(bytes);
    this.#turns.take()?.waiter.resolve();
  }

  #count(bytes: number): void {
    this.datagramsSent++;
    this.bytesSent += bytes;
  }

  #failure(cause: Error, data: Uint8Array, port: number, host: string | undefined): Error {
    return datagramFailure(cause, whereTo(this.#carrier, port, host), data.length);
  }
}

/** What is wrong with the data of a datagram, if anything; `host` it goes to, as the system has it. */
export function wrongDatagramData(data: Uint8Array, host: string): Error | undefined {
  if (!(data instanceof Uint8Array)) return new TypeError('the data of a datagram is a Uint8Array; encode text first');
  if (data.length <= MAX_IPV4_BYTES) return undefined;
  const maxBytes = host.includes(':') && !host.startsWith('::ffff:') ? MAX_IPV6_BYTES : MAX_IPV4_BYTES;
  return data.length > maxBytes ? new DatagramTooLargeError(data.length, maxBytes) : undefined;
}

function whereTo(carrier: UdpCarrier, port: number, host: string | undefined): string {
  const { peer } = carrier;
  const to = host ?? peer?.host ?? '';
  return `datagram to ${to.includes(':') ? `[${to}]` : to}:${host === undefined ? (peer?.port ?? 0) : port}`;
}
