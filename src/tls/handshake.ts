/**
 * The handshake: run once, in the background, and waited for by whoever needs it.
 *
 *     new ──begin──▶ running ──▶ done      the peer was judged, the facts are there, data may pass
 *                       └──────▶ failed    for good, with the first reason
 *
 * It begins with the first operation that needs it, or with `doHandshake()`. It does not run in the scope of the caller
 * that happened to be first: that caller may be cancelled, and the others go on (Trio's stream is broken then, and its
 * concurrent waiters are never woken, D1). What ends it from outside is its own deadline, which also cuts off a verifier
 * that hangs, and `close()` or `abort()` of the stream.
 *
 * Between the end of TLS's handshake and the verdict of the verifier nothing is received and nothing sent. A refused peer
 * gets no alert (Node can send none here): the transport is cut off, which a strict peer sees as a truncation.
 */
import { BrokenResourceError, CertificateError, ClosedResourceError, NeedHandshakeError } from '../core/errors.ts';
import { currentEnvironment, runDetached } from '../tasks/environment.ts';
import { Waiter } from '../tasks/waiter.ts';
import { engineError } from './engine/engine-error.ts';
import type { HandshakeFacts } from './handshake-facts.ts';
import type { Link, LinkFailure } from './link/link.ts';
import type { Role } from './roles.ts';

type State =
  | { readonly kind: 'new' }
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly facts: HandshakeFacts }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface HandshakeUser {
  onHandshakeDone(facts: HandshakeFacts): void;
  /** @param cutOff the transport must not look as if it had been ended: the peer is refused, or too slow */
  onHandshakeFailed(error: unknown, cutOff: boolean): void;
}

export class Handshake {
  readonly #role: Role;
  readonly #link: Link;
  readonly #user: HandshakeUser;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<Waiter<void>>();
  readonly #secure = new Waiter<void>('virtual');
  #state: State = { kind: 'new' };
  #stopTimer: (() => void) | undefined;
  #wasTold = false;

  constructor(role: Role, link: Link, user: HandshakeUser, timeoutMs: number) {
    this.#role = role;
    this.#link = link;
    this.#user = user;
    this.#timeoutMs = timeoutMs;
  }

  get kind(): State['kind'] {
    return this.#state.kind;
  }

  /** @throws NeedHandshakeError it is not done */
  get facts(): HandshakeFacts {
    if (this.#state.kind !== 'done') throw new NeedHandshakeError();
    return this.#state.facts;
  }

  /** Until it is done; begins it if it has not begun. Cancelling the wait leaves it running. */
  async wait(): Promise<void> {
    if (this.#state.kind === 'new') this.#begin();
    if (this.#state.kind === 'running') {
      const waiter = new Waiter<void>('virtual');
      this.#waiting.add(waiter);
      try {
        await waiter.wait();
      } finally {
        this.#waiting.delete(waiter);
      }
    }
    if (this.#state.kind === 'failed') throw this.#failure(this.#state.error);
  }

  /** The stream was closed: whoever waits hears `error`, and nothing goes on. */
  giveUp(error: Error): void {
    if (this.#state.kind === 'done' || this.#state.kind === 'failed') return;
    this.#end({ kind: 'failed', error });
    this.#secure.resolve();
  }

  // What the link says

  onServerName(name: string | null): void {
    runDetached(() => this.#role.onServerName(this.#link, name)).catch((error: unknown) => this.#fail(error, true));
  }

  onSecure(): void {
    this.#link.pause();
    this.#secure.resolve();
  }

  onLinkFailure(failure: LinkFailure): void {
    this.#fail(toError(failure), false);
  }

  #begin(): void {
    this.#state = { kind: 'running' };
    const { clock } = currentEnvironment();
    if (this.#timeoutMs !== Infinity)
      this.#stopTimer = clock.setTimer(clock.now() + this.#timeoutMs, () => {
        this.#fail(new BrokenResourceError(`the TLS handshake was not done after ${this.#timeoutMs} ms`), true);
      });
    runDetached(() => this.#run()).then(
      (facts) => {
        if (facts === undefined || this.#state.kind !== 'running') return;
        this.#user.onHandshakeDone(facts);
        this.#end({ kind: 'done', facts });
      },
      (error: unknown) => this.#fail(error, true),
    );
  }

  async #run(): Promise<HandshakeFacts | undefined> {
    const secure = this.#secure.wait();
    await this.#role.start(this.#link);
    this.#link.resume();
    await secure;
    if (this.#state.kind !== 'running') return undefined;
    return await this.#role.judge(this.#link);
  }

  #fail(error: unknown, cutOff: boolean): void {
    if (this.#state.kind !== 'running') return;
    this.#user.onHandshakeFailed(error, cutOff);
    this.#end({ kind: 'failed', error });
    this.#secure.resolve();
  }

  #end(state: State): void {
    this.#state = state;
    this.#stopTimer?.();
    for (const waiter of this.#waiting) waiter.resolve();
  }

  /** The first to hear gets the error as it was; later ones that the stream is broken, and why. */
  #failure(error: unknown): unknown {
    if (!this.#wasTold) {
      this.#wasTold = true;
      return error;
    }
    if (error instanceof CertificateError || error instanceof ClosedResourceError) return error;
    return new BrokenResourceError('the TLS handshake failed', { cause: error });
  }
}

function toError(failure: LinkFailure): unknown {
  switch (failure.kind) {
    case 'truncated':
      return new BrokenResourceError('the peer closed the connection during the TLS handshake');
    case 'transport':
      return failure.error;
    case 'engine':
      return engineError('the TLS handshake failed', failure.error);
  }
}
