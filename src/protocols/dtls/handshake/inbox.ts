/**
 * Handshake messages in order out of fragments in disorder (RFC 6347 §4.2.2).
 *
 * A message is known by its message_seq. The inbox waits for one number and keeps fragments of that and the few after it;
 * older ones are what the peer sends again, which its sender must know about, because it may mean that our flight was
 * lost. What is kept is bounded by messages and bytes, whatever lengths are announced.
 *
 * A message that is complete is looked at with `next` and taken with `advance`, or thrown away with `discard` where it
 * could not be parsed: the number stays awaited, and retransmission brings the message again. So one damaged fragment
 * does not end a handshake (dimpl#144, #151).
 *
 * A fragment counts only in the epoch where its message belongs: Finished in epoch 1, all others of the first handshake in
 * epoch 0. So a clear Finished is no Finished.
 */
import { messageType } from './message-type.ts';
import { GapList } from './gap-list.ts';
import type { HandshakeFragment, HandshakeMessage } from './fragment.ts';
import { MAX_MESSAGE_BYTES } from './fragment.ts';

/** How far ahead of the awaited message fragments are kept (BoringSSL keeps seven messages). */
const WINDOW_MESSAGES = 8;
/** Fragments of all messages together. */
const MAX_HELD_BYTES = 2 * MAX_MESSAGE_BYTES;
/** Pieces cost more than their bytes; the smallest sensible MTU still makes pieces larger than this. */
const PIECE_COST_BYTES = 64;

export type FragmentVerdict =
  /** Kept, or known already. */
  | 'taken'
  /** Of a message that was dealt with: the peer sends again. */
  | 'repeated'
  /** Too far ahead, in the wrong epoch, contradicting what came before, or no room. */
  | 'dropped';

interface Incoming {
  readonly type: number;
  readonly length: number;
  readonly gaps: GapList;
  /** What it takes of the room. */
  cost: number;
}

export class HandshakeInbox {
  #awaited: number;
  readonly #incoming = new Map<number, Incoming>();
  #held = 0;

  /** @param firstMessageSeq number of the first message to come */
  constructor(firstMessageSeq: number) {
    this.#awaited = firstMessageSeq;
  }

  /** Number of the message that comes next. */
  get awaited(): number {
    return this.#awaited;
  }

  /** Bytes held, with what a piece costs beside its bytes. */
  get heldBytes(): number {
    return this.#held;
  }

  receive(fragment: HandshakeFragment, epoch: 0 | 1): FragmentVerdict {
    const { messageSeq, type, length } = fragment;
    if ((type === messageType.finished) !== (epoch === 1)) return 'dropped';
    if (messageSeq < this.#awaited) return 'repeated';
    if (messageSeq >= this.#awaited + WINDOW_MESSAGES) return 'dropped';
    const incoming = this.#incoming.get(messageSeq) ?? { type, length, gaps: new GapList(length), cost: 0 };
    if (incoming.type !== type || incoming.length !== length) return 'dropped';
    const missing = incoming.gaps.missingIn(fragment.offset, fragment.bytes.length);
    if (missing > 0) {
      const cost = missing + PIECE_COST_BYTES;
      if (this.#held + cost > MAX_HELD_BYTES) return 'dropped';
      incoming.gaps.add(fragment.offset, fragment.bytes);
      incoming.cost += cost;
      this.#held += cost;
    }
    this.#incoming.set(messageSeq, incoming);
    return 'taken';
  }

  /** The awaited message, if it is complete. */
  next(): HandshakeMessage | null {
    const incoming = this.#incoming.get(this.#awaited);
    if (incoming?.gaps.isComplete !== true) return null;
    return { type: incoming.type, messageSeq: this.#awaited, body: incoming.gaps.take() };
  }

  /** The awaited message was dealt with: the next one is awaited. */
  advance(): void {
    this.discard();
    this.#awaited += 1;
  }

  /** Throws the awaited message away; it is awaited still. */
  discard(): void {
    this.#held -= this.#incoming.get(this.#awaited)?.cost ?? 0;
    this.#incoming.delete(this.#awaited);
  }

  /** Forgets everything and awaits this number: after HelloVerifyRequest. */
  restartAt(messageSeq: number): void {
    this.#incoming.clear();
    this.#held = 0;
    this.#awaited = messageSeq;
  }
}
