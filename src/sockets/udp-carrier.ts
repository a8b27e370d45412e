/**
 * What a UDP socket stands on: Node's dgram (udp-dgram.ts), or a simulated network (bowline/testing).
 *
 * The carrier moves datagrams and does nothing else: queues, waits, limits, typed errors and addresses belong to the socket
 * above it (udp-socket.ts), so they are the same everywhere.
 */
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import type { GroupOptions, UdpOptions } from '../core/network.ts';
import type { QueuedSend } from '../platform/datagram-handle.ts';

/** What happens on a carrier. None of the methods may throw. */
export interface UdpSink {
  /** @param host of the sender as the system writes it: a zone at its end, or IPv4 within IPv6 */
  onArrival(data: Bytes, host: string, port: number): void;
  /** The system told an error, most often an ICMP message to an earlier datagram; the carrier goes on. */
  onError(error: Error): void;
  /** The carrier was closed, and not by `close()`. */
  onClosed(): void;
}

export interface UdpCarrier extends UdpOptions {
  readonly address: InetAddress;
  /** Of the socket: one of IPv6 may carry IPv4 inside. */
  readonly family: 4 | 6;
  /** The one peer, for a connected one. */
  readonly peer: InetAddress | undefined;
  /** Begins to receive. Called once. */
  attach(sink: UdpSink): void;
  /** @returns `undefined`: sent. An error: not sent. Else it is queued, to be settled later */
  send(data: Uint8Array, port: number, host: string | undefined): undefined | Error | QueuedSend;
  /** Drops what is queued. Idempotent. */
  close(): void;
  joinGroup(group: string, options: GroupOptions): void;
  leaveGroup(group: string, options: GroupOptions): void;
}
