/**
 * The diagnostics channels `bowline.connect` and `bowline.accept`: every connection that was made, tried or accepted.
 *
 * Made for tracing tools, so they must cost nothing where nobody listens: a message is put together only after
 * `hasSubscribers` said that somebody does.
 */
import { channel } from 'node:diagnostics_channel';

import type { SocketAddress } from '../core/address.ts';

/** Message of `bowline.connect`: an attempt to connect has ended. */
export interface ConnectMessage {
  /** What was asked for, without secrets: `example.org:443`, `unix:/run/x`. */
  readonly target: string;
  /** From the call to its end. */
  readonly durationMs: number;
  /** Where it led to; absent where it failed. */
  readonly remoteAddress?: SocketAddress | undefined;
  readonly localAddress?: SocketAddress | undefined;
  /** Why it failed. */
  readonly error?: unknown;
}

/** Message of `bowline.accept`: a connection was handed to the program. */
export interface AcceptMessage {
  readonly localAddress: SocketAddress | undefined;
  readonly remoteAddress: SocketAddress | undefined;
}

/** @param make puts the message together; called only where somebody listens */
export function publishConnect(make: () => ConnectMessage): void {
  if (connects.hasSubscribers) connects.publish(make());
}

/** @param stream asked for its addresses only where somebody listens; no closure, for every accept comes here */
export function publishAccept(stream: AcceptMessage): void {
  if (!accepts.hasSubscribers) return;
  const { localAddress, remoteAddress } = stream;
  accepts.publish({ localAddress, remoteAddress } satisfies AcceptMessage);
}

const connects = channel('bowline.connect');
const accepts = channel('bowline.accept');
