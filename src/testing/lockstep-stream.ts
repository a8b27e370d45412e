/**
 * Lockstep streams: no buffer at all. `sendAll` returns when the receiver has taken every byte, and
 * `waitSendAllMightNotBlock` when a receiver is waiting. The harshest transport that keeps to the contract: whatever
 * relies on some buffering below it, knowingly or not, deadlocks here.
 *
 * A cancelled `sendAll` withdraws what was not yet received, so the receiver got an exact prefix and the stream stays
 * usable. Closing the sending end, gracefully or not, cuts off a send that is under way in the same manner, and the
 * receiver sees the end of file after that prefix.
 *
 * Source: Trio `lockstep_stream_pair`, whose cancelled sends leave their bytes in the pipe.
 */
import type { ReceiveStream, SendStream } from '../core/stream.ts';
import type { StapledStream } from '../streams/stapled-stream.ts';
import { pipe, pipePair } from './pipe-streams.ts';

/** Two streams in lockstep with each other. */
export function lockstepStreamPair(): [StapledStream, StapledStream] {
  return pipePair(0);
}

/** One direction: what is sent into the first stream is received from the second. */
export function lockstepStreamOneWayPair(): [SendStream, ReceiveStream] {
  return pipe(0);
}
