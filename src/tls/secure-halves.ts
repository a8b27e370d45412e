/**
 * The two directions of a secured stream, and what each event of the link means to them.
 *
 *     event                            receiving                        sending
 *     close_notify                     end of file                      goes on
 *     transport ended without one      broken (httpsCompatible: end)    broken
 *     transport cannot receive         broken                           goes on
 *     transport cannot send            goes on                          broken
 *     fatal alert, or a bad record     broken                           broken
 *     the handshake failed             broken                           broken
 *
 * Every failure is for good and keeps its first cause. Before the handshake is done all of them are failures of the
 * handshake; data that came early (in a record with the end of the handshake) waits in the queue, which nobody can reach.
 */
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import { InboundQueue } from '../streams/inbound-queue.ts';
import type { InboundSource } from '../streams/inbound-queue.ts';
import { engineError } from './engine/engine-error.ts';
import { Handshake } from './handshake.ts';
import type { HandshakeUser } from './handshake.ts';
import type { Link, LinkFailure, LinkUser } from './link/link.ts';
import { PlaintextSender } from './plaintext-sender.ts';
import type { Role } from './roles.ts';

export interface HalvesOptions {
  readonly transport: Stream;
  readonly role: Role;
  readonly httpsCompatible: boolean;
  readonly handshakeTimeoutMs: number;
  readonly makeLink: (user: LinkUser) => Link;
  /** The handshake is done, and data may pass. */
  readonly onOpen: () => void;
}

const TRUNCATED =
  'the peer closed the connection without close_notify: what was received may have been cut short (RFC 8446 §6.1)';

export class SecureHalves implements LinkUser, HandshakeUser, InboundSource {
  readonly inbound: InboundQueue;
  readonly sender: PlaintextSender;
  readonly handshake: Handshake;
  readonly link: Link;
  /** Of the source of the inbound queue. */
  readonly ownsChunks = true;
  /** The transport ended without a close_notify; not set where that could let out data of a peer that was not judged. */
  isTruncated = false;
  readonly #transport: Stream;
  readonly #httpsCompatible: boolean;
  readonly #onOpen: () => void;

  constructor(options: HalvesOptions) {
    this.#transport = options.transport;
    this.#httpsCompatible = options.httpsCompatible;
    this.#onOpen = options.onOpen;
    this.link = options.makeLink(this);
    this.inbound = new InboundQueue(this);
    this.sender = new PlaintextSender(this.link);
    this.handshake = new Handshake(options.role, this.link, this, options.handshakeTimeoutMs);
  }

  /** Cuts everything off, the transport included. */
  abort(error: Error): void {
    this.letGo(error);
    this.#transport.abort();
  }

  /** Ends everything but the transport. */
  letGo(error: Error): void {
    this.handshake.giveUp(error);
    this.inbound.abort();
    this.sender.abort();
    this.link.release();
  }

  // What the link says

  onServerName(name: string | null): void {
    this.handshake.onServerName(name);
  }

  onSecure(): void {
    this.handshake.onSecure();
  }

  onPlaintext(chunk: Bytes): void {
    this.inbound.push(chunk);
  }

  onCloseNotify(): void {
    if (this.handshake.kind === 'done') this.inbound.end();
    else this.onFailure({ kind: 'truncated' });
  }

  onProgress(): void {
    this.sender.onProgress();
  }

  onFailure(failure: LinkFailure): void {
    if (failure.kind === 'truncated' && !this.inbound.hasUnread) this.isTruncated = true;
    if (this.handshake.kind !== 'done') this.handshake.onLinkFailure(failure);
    else this.#break(failure);
  }

  // What the handshake says

  onHandshakeDone(): void {
    this.#onOpen();
  }

  onHandshakeFailed(error: unknown, cutOff: boolean): void {
    if (this.isTruncated && this.#httpsCompatible) this.inbound.end();
    else this.inbound.fail('the TLS handshake failed', error);
    this.sender.fail('the TLS handshake failed', error);
    if (!cutOff) return;
    this.link.release();
    this.#transport.abort();
  }

  // What the queue of received plaintext says

  resume(): void {
    if (this.handshake.kind === 'done') this.link.resume();
  }

  pause(): void {
    if (this.handshake.kind === 'done') this.link.pause();
  }

  release(): void {
    // The link is let go of when the whole stream is; until then it may have an alert or a close_notify to send.
  }

  #break(failure: LinkFailure): void {
    switch (failure.kind) {
      case 'truncated': {
        const cause = new BrokenResourceError(TRUNCATED);
        if (this.#httpsCompatible) this.inbound.end();
        else this.inbound.fail(TRUNCATED, cause);
        this.sender.fail(TRUNCATED, cause);
        return;
      }
      case 'transport':
        if (failure.direction === 'receive') this.inbound.fail('the transport below TLS failed', failure.error);
        else this.sender.fail('the transport below TLS failed', failure.error, failure.error);
        return;
      case 'engine': {
        const { message, cause } = engineError('TLS ended', failure.error);
        this.inbound.fail(message, cause);
        this.sender.fail(message, cause);
      }
    }
  }
}
