/**
 * Between a loop that makes connections ready and the one call that accepts them: for listeners that do something with each
 * connection first, a handshake or the reading of a header.
 *
 *     loop ── deliver, fail ──▶ ready connections, at most one failure ──▶ accept()
 *       ▲                                                                    │
 *       └───────── waitForRoom ◀── a place is free, or the failure was heard ┘
 *
 * A failure of what is below is told once, to whoever accepts, after the connections that came before it; until then the loop
 * waits, for it would only fail again. The owner counts what is under way and decides how much is too much.
 */
import { BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { AsyncResource } from '../core/resource.ts';
import { pass, quietIfCancelled, refusal, Waiter } from '../tasks/waiter.ts';

export class AcceptQueue<S extends AsyncResource> {
  readonly #acceptor = new Waiter<S>();
  readonly #room = new Waiter<void>('virtual');
  readonly #ready: S[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;
  #accepted = 0;

  /** Connections that wait for `accept`. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Connections that `accept` has given out. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Whether there is a failure that nobody has heard of yet. */
  get hasFailure(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * The next connection.
   *
   * @param onWait called when the caller has begun to wait for one
   * @throws what was given to `fail`; ClosedResourceError after `close`; BusyResourceError another call is accepting
   */
  accept(onWait?: () => void): Promise<S> {
    if (this.#isClosed) return Promise.reject(new ClosedResourceError());
    if (this.#acceptor.pending) return Promise.reject(new BusyResourceError('another call is already accepting'));
    if (this.#ready.length === 0 && this.#failure === undefined) {
      const refused = refusal();
      if (refused !== undefined) return refused;
      const accepted = this.#acceptor.wait();
      onWait?.();
      // Somebody hears of the next failure, so the loop may go on.
      this.#room.resolve();
      return accepted;
    }
    const gate = pass();
    if (gate !== undefined) return quietIfCancelled(gate.then(() => this.accept(onWait)));
    return this.#take();
  }

  /** Gives a connection to who accepts, or keeps it. */
  deliver(stream: S): void {
    if (!this.#acceptor.pending) {
      this.#ready.push(stream);
      return;
    }
    this.#accepted++;
    this.#acceptor.resolve(stream);
  }

  /** Gives a failure of the inner listener to `accept`, now or when it is called. */
  fail(error: unknown): void {
    if (this.#acceptor.pending) this.#acceptor.reject(error);
    else this.#failure = { error };
  }

  /** For the loop: until `makeRoom`, an `accept`, or `close`. Look again afterwards. */
  waitForRoom(): Promise<void> {
    return this.#room.wait();
  }

  makeRoom(): void {
    this.#room.resolve();
  }

  /** Aborts what nobody accepted, and wakes the loop and who accepts. */
  close(): void {
    this.#isClosed = true;
    this.#room.resolve();
    for (const stream of this.#ready.splice(0)) stream.abort();
    this.#acceptor.rejectRepeatable(new ClosedResourceError());
  }

  #take(): Promise<S> {
    const stream = this.#ready.shift();
    const failure = this.#failure;
    if (stream === undefined) this.#failure = undefined;
    this.#room.resolve();
    if (stream === undefined) return Promise.reject(failure?.error as Error);
    this.#accepted++;
    return Promise.resolve(stream);
  }
}
