/**
 * How a secured stream ends.
 *
 *     open ──close()──▶ closing: handshake if there was none, the send under way, close_notify, the transport ──▶ closed
 *       └───abort()──▶ closed                │ after CLOSE_GRACE_MS, or cancelled: abort ─────────────────────────▲
 *
 * A close_notify says "that was all". So it is sent after everything that a caller has begun to send, and not at all where
 * that cannot be finished: then the transport is aborted, and the peer sees what is true, a connection that was cut off.
 * The peer's own close_notify is not waited for (RFC 8446 §6.1). New calls are refused from the beginning, and whoever is
 * receiving is woken; nothing can hang here, neither on a peer that does not read nor on one that says nothing.
 */
import { BrokenResourceError, ClosedResourceError } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { cancelRequested } from '../tasks/waiter.ts';
import type { SecureHalves } from './secure-halves.ts';

/** Longest time for everything before the close of the transport, and for that again. */
const CLOSE_GRACE_MS = 2000;

export class Closing {
  readonly #halves: SecureHalves;
  readonly #transport: Stream;
  readonly #httpsCompatible: boolean;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #isClosingTransport = false;
  #done: Promise<void> | undefined;

  constructor(halves: SecureHalves, transport: Stream, httpsCompatible: boolean) {
    this.#halves = halves;
    this.#transport = transport;
    this.#httpsCompatible = httpsCompatible;
  }

  /** New calls are refused. */
  get isClosed(): boolean {
    return this.#state !== 'open';
  }

  close(): Promise<void> {
    if (this.#state === 'closed') return this.#done ?? Promise.resolve();
    if (cancelRequested()) {
      this.abort();
      return Promise.resolve();
    }
    return (this.#done ??= this.#close());
  }

  abort(): void {
    if (this.#state === 'closed') {
      if (this.#isClosingTransport) this.#transport.abort();
      return;
    }
    this.#state = 'closed';
    this.#halves.abort(new ClosedResourceError());
  }

  /** The stream is at its end, and the transport goes back to its owner. */
  giveBack(): void {
    this.#state = 'closed';
    this.#halves.letGo(new ClosedResourceError());
  }

  async #close(): Promise<void> {
    this.#state = 'closing';
    try {
      await this.#within(CLOSE_GRACE_MS, () => this.#sayGoodbye());
    } catch (error) {
      const wasAborted = this.#wasAborted;
      this.abort();
      if (wasAborted || cancelRequested()) return;
      throw error;
    }
    if (this.#wasAborted) return;
    this.#state = 'closed';
    this.#halves.letGo(new ClosedResourceError());
    this.#isClosingTransport = true;
    try {
      await this.#within(CLOSE_GRACE_MS, () => this.#transport.close());
    } finally {
      this.#isClosingTransport = false;
    }
  }

  /** Everything that is to be sent before the transport is closed. */
  async #sayGoodbye(): Promise<void> {
    const { handshake, inbound, sender } = this.#halves;
    inbound.abort();
    sender.close();
    if (!this.#httpsCompatible && (handshake.kind === 'new' || handshake.kind === 'running')) await handshake.wait();
    await sender.untilIdle();
    if (this.#httpsCompatible || handshake.kind !== 'done' || sender.isBroken) return;
    try {
      await sender.sendEnd();
    } catch (error) {
      // The peer was gone before we were.
      if (!(error instanceof BrokenResourceError)) throw error;
    }
  }

  async #within(ms: number, operation: () => Promise<void>): Promise<void> {
    const { clock } = currentEnvironment();
    const stopTimer = clock.setTimer(clock.now() + ms, () => this.abort());
    try {
      await operation();
    } finally {
      stopTimer();
    }
  }

  /** Ended from elsewhere while `close()` was waiting. */
  get #wasAborted(): boolean {
    return this.#state === 'closed';
  }
}
