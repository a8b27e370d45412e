/**
 * Streams that can push: what arrives goes straight from the read callback to a sink, without a promise per chunk.
 *
 * Pulling costs a promise and a wake-up for every chunk, which is most of what a small request costs beside its system calls. Callback
 * protocols (bowline/callbacks) have no use for the promise, so they ask a stream for this capability and pull only where it has none.
 * It is internal: a stream that has it answers under the symbol `pushSource`, and a wrapper has it only if it says so itself.
 *
 * While a sink is attached nobody else may receive or send; closing and aborting stay with the stream.
 */
import type { Bytes } from '../core/bytes.ts';

/** Takes what a stream pushes. No method may throw, and each may be called inside any method of the source. */
export interface PushSink {
  /** Bytes at the start of `buffer`, which is only lent. @returns whether to go on */
  onLentBytes(buffer: Uint8Array, length: number): boolean;
  /** Bytes to keep. @returns whether to go on */
  onOwnBytes(chunk: Bytes): boolean;
  /** At most once, and nothing is received afterwards. */
  onEndOfFile(): void;
  /** The stream is of no use any more. @param error a BrokenResourceError, or `null` if somebody here aborted it */
  onBroken(error: Error | null): void;
  /** Nothing more can be sent; what the peer sent before may still come. */
  onWriteFailure(error: Error): void;
  /** Some of what was written has gone: look at `unsentBytes`. Comes again until all has. */
  onWritten(): void;
}

export interface PushSource {
  /**
   * Attaches a sink, or with `null` gives the stream back to its other methods. Nothing is pushed before `resume`.
   *
   * @throws BusyResourceError a call is receiving or sending
   * @throws ClosedResourceError the stream was closed
   */
  pushTo(sink: PushSink | null): void;
  /** Pushes from now on, until the sink says stop. What was received earlier comes within this call. */
  resume(): void;
  /** Hands bytes to the system in order. @returns whether all that was written is there already; else `onWritten` follows */
  writeNow(data: Uint8Array | readonly Uint8Array[]): boolean;
  /** After `pushTo(null)`: resolves when the stream is free, with what still came meanwhile. Absent: it is free at once. */
  released?(): Promise<Bytes | undefined>;
  /** Bytes that were written and are not with the system. */
  readonly unsentBytes: number;
}

export const pushSource: unique symbol = Symbol('bowline.pushSource');

/** The push capability of a stream, if it has one. */
export function pushSourceOf(stream: object): PushSource | undefined {
  return (stream as { readonly [pushSource]?: PushSource })[pushSource];
}
