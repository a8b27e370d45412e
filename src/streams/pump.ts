/**
 * Moving bytes from one stream to another: one direction until its end (`pump`), or both (`relayStreams`).
 *
 * A pump receives, sends, and receives again only when that is sent; so it never holds more than one chunk, and a slow
 * receiver slows the sender down. An idle pump holds no memory: it waits with `receiveSome`. While chunks come large it uses
 * one buffer of its own instead (`receiveInto`), which saves an allocation of that size per chunk.
 *
 * In a relay each end of file travels on: what one side has ended, the other is told by `sendEof`, while the opposite
 * direction goes on for as long as it likes. A stream that cannot be half-closed is closed instead, which ends the relay.
 *
 * A side that breaks for receiving, or a cancellation, aborts both. A side that no longer takes what it is sent may still
 * have something to say (a server that has answered and closed, a command like `head -1`): its own direction goes on to
 * its end, and only then the relay fails.
 */
import { BrokenResourceError, ClosedResourceError } from '../core/errors.ts';
import type { ReceiveStream, SendStream, Stream } from '../core/stream.ts';
import { gather } from '../tasks/gather.ts';
import { openNursery } from '../tasks/nursery.ts';
import type { Nursery } from '../tasks/nursery.ts';
import { isHalfCloseable } from './half-close.ts';

/** A chunk of at least this size calls for the buffer; smaller ones give it back. */
const LARGE_CHUNK_BYTES = 16_384;
const BUFFER_BYTES = 65_536;

export interface PumpOptions {
  /** Called after so many bytes were sent on. */
  readonly onBytes?: ((count: number) => void) | undefined;
  /** Passes the end of file on: half-closes `sink`, or closes it where it cannot be half-closed. Default `true`. */
  readonly halfClose?: boolean | undefined;
}

/**
 * Sends everything that `source` gives to `sink`, until its end of file. Closes neither, apart from `halfClose`.
 *
 * Cancelled or failed, it may have received a chunk that was not sent, or not wholly.
 *
 * @returns how many bytes were moved
 * @throws what receiving or sending throws
 */
export async function pump(source: ReceiveStream, sink: SendStream, options: PumpOptions = {}): Promise<number> {
  const { onBytes, halfClose = true } = options;
  let total = 0;
  const chunks = new ChunkReader(source);
  for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
    await sink.sendAll(chunk);
    total += chunk.length;
    onBytes?.(chunk.length);
  }
  if (halfClose) await (isHalfCloseable(sink) ? sink.sendEof() : sink.close());
  return total;
}

export interface RelayOptions {
  /** Called after so many bytes were sent on, from `a` to `b` or from `b` to `a`. */
  readonly onBytes?: ((direction: Direction, count: number) => void) | undefined;
}

export interface RelayResult {
  readonly bytesAToB: number;
  readonly bytesBToA: number;
}

/**
 * Connects two streams with each other until both directions have ended, then closes both. Owns them: whatever happens,
 * both are closed when it returns.
 *
 * @throws what receiving or sending throws; `BrokenResourceError` for a side that stopped taking bytes, after the other
 *   direction has ended
 */
export async function relayStreams(a: Stream, b: Stream, options: RelayOptions = {}): Promise<RelayResult> {
  const { onBytes } = options;
  const moved = { 'a to b': 0, 'b to a': 0 };
  const refusals: BrokenResourceError[] = [];
  /** One side was closed because it cannot be half-closed, so the opposite direction ends with it. */
  let isEnding = false;
  const relay = async (nursery: Nursery, direction: Direction, source: Stream, sink: Stream): Promise<void> => {
    const chunks = new ChunkReader(source);
    try {
      for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
        await sending(sink.sendAll(chunk));
        moved[direction] += chunk.length;
        onBytes?.(direction, chunk.length);
      }
      if (isHalfCloseable(sink)) {
        await sending(sink.sendEof());
      } else {
        isEnding = true;
        await sending(sink.close());
        nursery.cancelScope.cancel('the side that cannot be half-closed was closed');
      }
    } catch (error) {
      if (error instanceof SinkBroke) refusals.push(error.reason);
      else if (!(isEnding && error instanceof ClosedResourceError)) throw error;
    }
  };
  try {
    await openNursery(async (nursery) => {
      nursery.startSoon(relay, nursery, 'a to b', a, b);
      nursery.startSoon(relay, nursery, 'b to a', b, a);
      await Promise.resolve();
    });
    await gather([() => a.close(), () => b.close()]);
  } finally {
    // After a graceful close these do nothing.
    a.abort();
    b.abort();
  }
  const [first] = refusals;
  if (first !== undefined) throw first;
  return { bytesAToB: moved['a to b'], bytesBToA: moved['b to a'] };
}

type Direction = 'a to b' | 'b to a';

/** Tells a side that broke for sending from one that broke for receiving. Never leaves this file. */
class SinkBroke extends Error {
  readonly reason: BrokenResourceError;

  constructor(reason: BrokenResourceError) {
    super(reason.message);
    this.reason = reason;
  }
}

async function sending(sent: Promise<void>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    throw error instanceof BrokenResourceError ? new SinkBroke(error) : error;
  }
}

/** Receives chunk after chunk in the manner that suits their size. A chunk is good until the next one is asked for. */
class ChunkReader {
  readonly #source: ReceiveStream;
  #buffer: Uint8Array | undefined;

  constructor(source: ReceiveStream) {
    this.#source = source;
  }

  async next(): Promise<Uint8Array | null> {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#source.receiveInto === undefined) {
      const chunk = await this.#source.receiveSome();
      if (chunk !== null && chunk.length >= LARGE_CHUNK_BYTES && this.#source.receiveInto !== undefined)
        this.#buffer = new Uint8Array(BUFFER_BYTES);
      return chunk;
    }
    const length = await this.#source.receiveInto(buffer);
    if (length === null) return null;
    if (length < LARGE_CHUNK_BYTES) this.#buffer = undefined;
    return buffer.subarray(0, length);
  }
}
