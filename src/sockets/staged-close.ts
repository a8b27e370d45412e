/**
 * Closing a TCP connection so that what was sent arrives.
 *
 * When a socket is closed while the peer is still sending, the kernel answers with RST, and an RST that overtakes what
 * the peer has not read yet destroys it: a server that answers early and closes loses its answer (RFC 9112 §9.6,
 * RFC 1122 §4.2.2.13, Trio #412). So a close goes in stages:
 *
 *     flush    what an earlier, cancelled send left in the queue goes out
 *     finish   FIN; `close()` of the stream resolves here: everything is with the kernel
 *     linger   what the peer still sends is read and thrown away, until its end of file
 *     done     the descriptor is closed
 *
 * Where the peer's end of file has been read and nothing is queued there is nothing to lose, and the descriptor is closed
 * at once. Flush and finish together, and then the linger, take at most LINGER_MS each, and LINGER_BYTES are read at
 * most: a peer that neither reads, nor stops sending, nor closes is cut off. Lingering is not awaited by anyone (the
 * peer may be waiting for this very task), so a closed socket can hold its descriptor for that long.
 */
import type { Socket } from 'node:net';

import type { Bytes } from '../core/bytes.ts';
import { replaceReadSink, startReading } from '../platform/accelerated-reads.ts';
import type { ReadSink } from '../platform/accelerated-reads.ts';
import { Waiter } from '../tasks/waiter.ts';

/** Longest time for the stages before and after the FIN, each. nginx lingers 5 s between two reads, 30 s in all. */
const LINGER_MS = 2000;
/** Most that is thrown away for one connection. */
const LINGER_BYTES = 1_048_576;

const NOTHING = new Uint8Array(0);

type Stage = 'flush' | 'finish' | 'linger' | 'done';

export class StagedClose implements ReadSink {
  readonly #socket: Socket;
  readonly #finished: Waiter<void>;
  #stage: Stage = 'flush';
  #peerEnded: boolean;
  #thrownAwayBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Takes the socket over; `peerEnded`: its end of file was read. */
  constructor(socket: Socket, peerEnded: boolean) {
    this.#socket = socket;
    this.#peerEnded = peerEnded;
    this.#finished = new Waiter<void>('external', () => {
      this.abort();
      return false;
    });
  }

  /** Begins. Resolves when the FIN is with the kernel or the socket is gone; cancelled, it aborts and resolves. */
  run(): Promise<void> {
    const socket = this.#socket;
    if (this.#peerEnded && socket.writableLength === 0) {
      this.#end();
      return Promise.resolve();
    }
    const finished = this.#finished.wait();
    if (!this.#finished.pending) {
      finished.catch(ignore);
      this.abort();
      return Promise.resolve();
    }
    replaceReadSink(socket, this);
    this.#restartTimer();
    if (!this.#peerEnded) startReading(socket);
    // An empty write is called back when everything before it is with the kernel. The FIN is not asked for earlier: once
    // it is, the socket cannot be reset any more, and a cut-off stream would look complete to the peer.
    if (socket.writableLength === 0 || socket.writableEnded) this.#sendFin();
    else socket.write(NOTHING, (error) => (error ? this.#end() : this.#sendFin()));
    return finished;
  }

  /** Cuts the close short: before the FIN with an RST. A socket that lingers is left to it. */
  abort(): void {
    if (this.#stage === 'flush') destroyByReset(this.#socket);
    else if (this.#stage === 'finish') this.#socket.destroy();
    else return;
    this.#end();
  }

  onLentBytes(_lent: Uint8Array, length: number): boolean {
    return this.#throwAway(length);
  }

  onOwnBytes(chunk: Bytes): boolean {
    return this.#throwAway(chunk.length);
  }

  onEndOfFile(): void {
    this.#peerEnded = true;
    if (this.#stage === 'linger') this.#end();
  }

  onDestroy(): void {
    this.#end();
  }

  onWriteFailure(): void {
    this.#end();
  }

  #sendFin(): void {
    if (this.#stage !== 'flush') return;
    this.#stage = 'finish';
    if (this.#socket.writableFinished) this.#linger();
    else this.#socket.end((error?: Error | null) => (error ? this.#end() : this.#linger()));
  }

  #linger(): void {
    if (this.#stage !== 'finish') return;
    this.#stage = 'linger';
    this.#finished.resolve();
    if (this.#peerEnded) this.#end();
    else this.#restartTimer();
  }

  #throwAway(length: number): boolean {
    this.#thrownAwayBytes += length;
    if (this.#thrownAwayBytes <= LINGER_BYTES) return true;
    this.#cutOff();
    return false;
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cutOff(), LINGER_MS);
  }

  #cutOff(): void {
    if (this.#stage === 'flush') destroyByReset(this.#socket);
    this.#end();
  }

  #end(): void {
    if (this.#stage === 'done') return;
    this.#stage = 'done';
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#finished.resolve();
  }
}

/** Destroys a socket so that the peer sees an error and not an end of file, where the transport has such a thing. */
export function destroyByReset(socket: Socket): void {
  // After end() libuv refuses a reset, and Node would lose the handle (libuv uv_tcp_close_reset: EINVAL while shutting down).
  if (socket.writableEnded || socket.destroyed || socket.remoteFamily === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

function ignore(): void {
  // The close goes on as an abort; there is nothing to report.
}
